"""Deleveraging as it is executed: ranked winners are closed against the bankrupt position, at its bankruptcy price.

    fill_i       = min(quantity_i, what is left) in the order of the ranking, or by another allocator
    realised_i   = side_i · fill_i · (price − entry_i)
    given up_i   = side_i · fill_i · (mark − price)             less than the mark would have paid

Each fill is a trade between two accounts: quantity and consideration change hands, so both add up to zero over the
parties, to the unit. Where the price is the bankruptcy price, the sum of what is given up is the bankrupt account's
deficit: its equity at the mark, with the other sign. Sources: the venues' help pages named in `rankings`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from marginbook.domain.account import Side
from marginbook.domain.errors import BadInput
from marginbook.domain.risk import Flow
from marginbook.exact import ZERO, in_exact_context
from marginbook.liquidation.allocators import Allocator, in_turn
from marginbook.liquidation.winners import Winner


@dataclass(frozen=True, slots=True)
class Closing:
    """What deleveraging does to one winner."""

    account: str
    quantity: Decimal  # [base units] closed
    realised: Decimal  # [settlement currency] profit on what was closed
    given_up: Decimal  # [settlement currency] against the mark; negative: gained


@dataclass(frozen=True, slots=True)
class Deleveraging:
    """All closings of one bankrupt position, and the quantity that no winner was left for."""

    price: Decimal  # [quote per base]
    closings: tuple[Closing, ...]
    left: Decimal  # [base units]

    def flows(self, market: str, currency: str, side: Side) -> tuple[Flow, ...]:
        """Who gets what: `side` is the bankrupt position's. Sums to zero in both assets.

        >>> win = Winner(account="w", side="short", quantity=Decimal(2), entry=Decimal(12), equity=Decimal(9))
        >>> done = deleverage("long", Decimal(1), Decimal(10), Decimal(9), [win])
        >>> [(flow.party, flow.asset, int(flow.amount)) for flow in done.flows("BTC", "USD", "long")]
        [('account', 'BTC', -1), ('counterparties', 'BTC', 1), ('account', 'USD', 10), ('counterparties', 'USD', -10)]
        """
        sign = 1 if side == "long" else -1
        closed = sign * sum((closing.quantity for closing in self.closings), ZERO)
        return (
            Flow("account", market, -closed),
            Flow("counterparties", market, closed),
            Flow("account", currency, closed * self.price),
            Flow("counterparties", currency, -closed * self.price),
        )


@in_exact_context
def deleverage(
    side: Side,
    quantity: Decimal,
    price: Decimal,
    mark: Decimal,
    ranked: Sequence[Winner],
    allocator: Allocator = in_turn,
) -> Deleveraging:
    """Close `quantity` of a bankrupt position of `side` at `price` against `ranked` winners.

    `allocator` shares the quantity out over theirs: in turn, as venues do, or `allocate` for pro-rata by contracts.
    BadInput where a winner is on the bankrupt position's own side.

    BitMEX's example: a short of 20 contracts with bankruptcy price 650 takes 10 from account 2 and 10 from account 5.

    >>> queue = [Winner(account=a, side="long", quantity=Decimal(q), entry=Decimal(600), equity=Decimal(999))
    ...          for a, q in (("2", 10), ("5", 20), ("4", 30))]
    >>> done = deleverage("short", Decimal(20), Decimal(650), Decimal(655), queue)
    >>> [(closing.account, int(closing.quantity), int(closing.given_up)) for closing in done.closings], int(done.left)
    ([('2', 10, 50), ('5', 10, 50)], 0)
    """
    for winner in ranked:
        if winner.side == side:
            raise BadInput("same_side", f"winner {winner.account}", winner.side, f"the side that a {side} trades with")
    shares = allocator(quantity, [winner.quantity for winner in ranked])
    closings = tuple(
        _closing(winner, share, price, mark) for winner, share in zip(ranked, shares, strict=True) if share > 0
    )
    return Deleveraging(price, closings, quantity - sum((closing.quantity for closing in closings), ZERO))


def _closing(winner: Winner, quantity: Decimal, price: Decimal, mark: Decimal) -> Closing:
    signed = winner.sign * quantity
    return Closing(winner.account, quantity, signed * (price - winner.entry), signed * (mark - price))
