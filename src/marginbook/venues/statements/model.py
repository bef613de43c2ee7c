"""A statement of one pool: what backs it and what is asked of it, line by line, exact.

    support = Σ support lines,   demand = Σ demand lines,   headroom = support − demand

A rule set defines `Maker`: which pools an account has, the statement of a pool at a market's prices, and which prices
move it (`Mover`). Values are `Decimal` of 128 digits, so that quotients carry no visible error; a gap below 10^-80
counts as none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market, QuoteKey
from marginbook.domain.risk import MarginRatio
from marginbook.exact import ZERO
from marginbook.venues.common.search import HeldSide
from marginbook.venues.contracts.model import Holding
from marginbook.venues.contracts.sums import breached


@dataclass(frozen=True, slots=True)
class Line:
    """One addend, with how it came about; `market` and `side` where it is a position's."""

    name: str
    value: Decimal  # [currency of the statement]
    formula: str
    inputs: tuple[tuple[str, Decimal, str], ...] = ()  # (name, value, unit)
    market: str | None = None
    side: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One pool at one moment [currency]. What is None is the total of `support`."""

    currency: str
    support: tuple[Line, ...]
    demand: tuple[Line, ...]
    initial: Decimal  # required for what is open, orders included
    support_initial: Decimal | None = None  # what backs that
    assets: Decimal | None = None
    liabilities: Decimal = ZERO
    wallet: Decimal | None = None
    profit: Decimal | None = None
    notional: Decimal = ZERO  # gross
    margin_ratio: MarginRatio | None = None
    balance: Decimal | None = None  # margin balance
    debt: Decimal | None = None  # value of loans

    @property
    def supported(self) -> Decimal:
        """Total of the support lines."""
        return total(self.support)

    @property
    def demanded(self) -> Decimal:
        """Total of the demand lines."""
        return total(self.demand)


@dataclass(frozen=True, slots=True)
class Mover:
    """A market or asset whose price moves a pool; all of `keys` move together."""

    name: str
    keys: tuple[QuoteKey, ...]
    tick: Decimal
    anchor: Decimal  # [price] where to look from without a quote
    sides: tuple[HeldSide, HeldSide]  # which suffers from a fall, and from a rise


def profit_at(holding: Holding, price: Decimal) -> Decimal:
    """Profit of a contract at a price."""
    return holding.profit(holding.factor(price))


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """What a rule set says of its accounts; `parameters` is its own class."""

    rules: str
    at_equality: bool  # liquidatable at support = demand
    pools: Callable[[Account, Any], tuple[str, ...]]
    statement: Callable[[Account, str, Market, Any], Statement]
    movers: Callable[[Account, str, Any], tuple[Mover, ...]]
    realised: Callable[[Holding, Decimal], Decimal] = profit_at  # what the wallet gains by closing a holding at a price

    def is_breached(self, found: Statement) -> bool:
        """demand > 0, and support below it (or at it)."""
        return breached(found.supported, found.demanded, self.at_equality, True)

    def known(self, account: Account, pool: str, parameters: Any) -> None:
        """BadInput `unknown_pool` listing the account's pools, if `pool` is none of them."""
        pools = self.pools(account, parameters)
        if pool not in pools:
            raise BadInput("unknown_pool", f"account {account.id}", pool, "one of " + ", ".join(pools))


def total(lines: tuple[Line, ...]) -> Decimal:
    """Sum of the values of `lines`.

    >>> total((Line("a", Decimal(2), ""), Line("b", Decimal(3), "")))
    Decimal('5')
    """
    return sum((line.value for line in lines), ZERO)


def quoted(market: Market, venue: str, name: str, kind: str) -> Decimal:
    """The quote of exactly this kind; BadInput where it is missing or not above 0."""
    value = market.price(venue, name, kind)
    if value <= 0:
        raise BadInput("bad_price", f"prices.{venue}.{name}", value, "above 0")
    return value
