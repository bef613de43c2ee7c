"""The other side of a bankrupt position: who may be closed against it, and in which order.

Linear contracts: profit = side · quantity · (mark − entry), in the settlement currency. A score says how early a winner
is closed (`rankings` has the venues' own); `rank` sorts by it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from marginbook.domain.account import Side
from marginbook.exact import ZERO, divide, in_exact_context

INFINITY = Decimal("Infinity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Winner:
    """One position that deleveraging may reduce. `equity` counts the unrealised profit at the mark that is passed on.

    `wallet` is the balance without unrealised profit; None: equity less this position's profit, which is right where
    the account holds nothing else.
    """

    account: str
    side: Side
    quantity: Decimal  # [base units] positive
    entry: Decimal  # [quote per base]
    equity: Decimal  # [settlement currency] account value; the position's own margin where it is isolated
    maintenance: Decimal = ZERO  # [settlement currency] maintenance margin of the same pool
    wallet: Decimal | None = None  # [settlement currency]

    @property
    def sign(self) -> int:
        """+1 for a long, −1 for a short."""
        return 1 if self.side == "long" else -1


Score = Callable[[Winner, Decimal], Decimal]
"""(winner, mark) → how early it is closed: the higher, the earlier."""


@in_exact_context
def profit(winner: Winner, mark: Decimal) -> Decimal:
    """Unrealised profit [settlement currency] at `mark`.

    >>> profit(Winner(account="a", side="short", quantity=Decimal(2), entry=Decimal(10), equity=Decimal(9)), Decimal(7))
    Decimal('6')
    """
    return winner.sign * winner.quantity * (mark - winner.entry)


@in_exact_context
def effective_leverage(winner: Winner, mark: Decimal) -> Decimal:
    """Notional over equity at `mark`; infinite where no equity is left.

    >>> effective_leverage(
    ...     Winner(account="a", side="long", quantity=Decimal(3), entry=Decimal(9), equity=Decimal(4)), Decimal(10)
    ... )
    Decimal('7.5')
    """
    return divide(winner.quantity * mark, winner.equity) if winner.equity > 0 else INFINITY


@in_exact_context
def bankruptcy_price(winner: Winner, mark: Decimal) -> Decimal:
    """The price at which nothing of the equity is left: mark − side · equity / quantity, at least 0.

    >>> bankruptcy_price(
    ...     Winner(account="a", side="short", quantity=Decimal(4), entry=Decimal(9), equity=Decimal(10)), Decimal(8)
    ... )
    Decimal('10.5')
    """
    return max(ZERO, mark - winner.sign * divide(winner.equity, winner.quantity))


def rank(winners: Sequence[Winner], mark: Decimal, score: Score) -> list[Winner]:
    """The winners, first to be closed first: highest score, then by account id, so that a replay has the same order.

    >>> pair = [Winner(account=n, side="long", quantity=Decimal(1), entry=Decimal(9), equity=Decimal(e))
    ...         for n, e in (("calm", 10), ("keen", 2))]
    >>> [winner.account for winner in rank(pair, Decimal(10), effective_leverage)]
    ['keen', 'calm']
    """
    scores = {id(winner): score(winner, mark) for winner in winners}
    return sorted(winners, key=lambda winner: (-scores[id(winner)], winner.account))
