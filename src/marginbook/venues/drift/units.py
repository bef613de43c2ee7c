"""The program's integers: prices and quote 10^-6, base 10^-9, weights and ratios 10^-4, fees and size factors 10^-6.

Rust's integer division cuts toward zero; token values of debts are rounded away from zero instead. A strict price is
the worse of the oracle price and its 5-minute average.
"""

from dataclasses import dataclass
from decimal import Decimal

from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.exact import div_floor, to_raw_exact, to_raw_floor

VENUE = "drift"
KIND = "oracle"
AVERAGE = "twap"
PRICE = 10**6
QUOTE = 10**6
BASE = 10**9
WEIGHT = 10**4
FEE = 10**6
PERCENTAGE = 10**6
FUNDING_DECIMALS = 9
PRICE_DECIMALS = QUOTE_DECIMALS = 6
BASE_DECIMALS = 9
FEE_TO_WEIGHT = 100
"""Fee units in a unit of margin ratio."""


def raw(value: Decimal, decimals: int, place: str) -> int:
    """A decimal as the program's integer; BadInput if a digit would be lost.

    >>> raw(Decimal("0.25"), BASE_DECIMALS, "docs")
    250000000
    """
    try:
        return to_raw_exact(value, decimals)
    except ValueError:
        raise BadInput("too_many_decimals", place, value, f"at most {decimals} decimals") from None


def price_of(market: Market, name: str, kind: str = KIND) -> int:
    """A price [10^-6]; further decimals are cut, and what is left must be above 0."""
    quoted = market.price(VENUE, name, kind)
    price = to_raw_floor(quoted, PRICE_DECIMALS)
    if price <= 0:
        raise BadInput("bad_price", f"prices.{VENUE}.{name}", quoted, "at least 0.000001")
    return price


@dataclass(frozen=True, slots=True)
class StrictPrice:
    """A price, and its average where the worse of both counts."""

    current: int
    average: int | None = None

    @property
    def least(self) -> int:
        """The lower one: what an asset is worth."""
        return self.current if self.average is None else min(self.current, self.average)

    @property
    def most(self) -> int:
        """The higher one: what a debt is worth."""
        return self.current if self.average is None else max(self.current, self.average)


def token_value(amount: int, decimals: int, price: int) -> int:
    """Value [10^-6 quote] of a signed token amount, toward minus infinity.

    >>> token_value(-1, 9, 150_000_000), token_value(10**9, 9, 150_000_000)
    (-1, 150000000)
    """
    return div_floor(amount * price, 10**decimals)


def strict_token_value(amount: int, decimals: int, price: StrictPrice) -> int:
    """The same at a strict price: assets at the lower, debts at the higher one."""
    return token_value(amount, decimals, price.least if amount > 0 else price.most)
