"""What a rule set may look at besides the account: quotes by kind, growth indices and system state at one sequence."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal

from marginbook.domain.errors import BadInput

PriceKind = Literal["mark", "index", "last", "oracle", "min", "max", "twap"]
QuoteKey = tuple[str, str, str]  # (venue, market, kind)
IndexKey = tuple[str, str, str]  # (venue, asset, "supply" | "borrow" | "funding")
StateKey = tuple[str, str, str]  # (venue, market or asset, name)


@dataclass(frozen=True, slots=True)
class Quote:
    """A price with its origin."""

    price: Decimal  # [quote per base]
    time: int | None = None  # [µs UTC] the source's time
    sequence: int | None = None
    source: str | None = None
    max_age: int | None = None  # [µs]
    substituted: bool = False


@dataclass(frozen=True, slots=True)
class Index:
    """A growth index as last stored, and the rate at which it grows until it is stored again."""

    value_raw: int  # [ray] for lending, [quote per base · 10^-18] for funding
    rate_raw: int = 0  # [ray per year]
    time: int = 0  # [s UTC] of the last update


@dataclass(frozen=True, slots=True)
class Market:
    """All prices and indices at one sequence. Never mutated: `with_prices` returns another."""

    quotes: Mapping[QuoteKey, Quote] = field(default_factory=dict)
    indices: Mapping[IndexKey, Index] = field(default_factory=dict)
    state: Mapping[StateKey, int | Decimal] = field(default_factory=dict)
    rates: Mapping[str, Decimal] = field(default_factory=dict)  # [reporting currency per currency]
    sequence: int = 0
    as_of: int | None = None  # [µs UTC]

    def price(self, venue: str, market: str, kind: str) -> Decimal:
        """The quote of exactly this kind; a missing kind is an error, never silently another one."""
        try:
            return self.quotes[venue, market, kind].price
        except KeyError:
            raise BadInput("missing_price", f"prices.{venue}.{market}", "nothing", f"a {kind} price") from None

    def with_prices(self, changes: Mapping[QuoteKey, Decimal]) -> "Market":
        """The same market with some prices replaced, times and sources kept."""
        quotes = dict(self.quotes)
        for key, price in changes.items():
            old = quotes.get(key)
            quotes[key] = replace(old, price=price) if old else Quote(price)
        return replace(self, quotes=quotes)
