"""What both rule sets read from an account and a market, with the places of what is wrong.

A growth index of a book is a ray (10^27): an index or exchange rate of another scale is multiplied up to it, exactly.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import TypeVar

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.events import LendingAction
from marginbook.domain.market import Market
from marginbook.exact import to_raw_floor
from marginbook.venues.common.amounts import in_range, raw_amount
from marginbook.venues.common.views import INFINITY

VENUE = "compound"
USER = "account"
PRICE_DECIMALS = 8
PRICE_BELOW = Decimal(10) ** 12  # [quote currency]; `lower` relies on it
BALANCE_BITS = 128
DUST_BELOW = 1_000  # [token units]
DUST_DECIMALS = 18  # a debt of dust in a token of fewer decimals makes a pool opaque
ROUNDOFF = 2.0**-53

Holding = TypeVar("Holding", Collateral, Debt)


def price_raw(market: Market, key: str, place: str) -> int:
    """The oracle price with 8 decimals; further decimals are cut, as the feed would."""
    price = market.price(VENUE, key, "oracle")
    if not (price.is_finite() and Decimal(0) < price < PRICE_BELOW):
        raise BadInput("bad_price", f"{place}: prices.{VENUE}.{key}", price, "a positive price below 10^12")
    return to_raw_floor(price, PRICE_DECIMALS)


def action_units(event: LendingAction, decimals: int, place: str, all_of_it: int) -> int:
    """The event's amount in token units; infinity is `all_of_it`, where the protocol knows that."""
    if event.amount == INFINITY and event.kind in ("withdraw", "repay"):
        return all_of_it
    return raw_amount(event.amount, decimals, place)


def by_asset(account: Account, holdings: Iterable[Holding]) -> dict[str, Holding]:
    """Holdings by asset; BadInput where one stands twice."""
    found: dict[str, Holding] = {}
    for holding in holdings:
        if holding.asset in found:
            raise BadInput("duplicate_asset", f"account {account.id}", holding.asset, "each asset once per side")
        found[holding.asset] = holding
    return found


def scaled_raw(holding: Collateral | Debt, place: str) -> int:
    """The protocol's own integer balance."""
    if holding.scaled_raw is None:
        raise BadInput("missing_value", place, "nothing", "amount, or scaled_raw")
    return in_range(holding.scaled_raw, f"{place}.scaled_raw")


def index_raw(holding: Collateral | Debt, key: str, kind: str, market: Market, place: str) -> int:
    """The growth index [ray] of a scaled balance: its own, or the market's stored one."""
    if holding.index_raw is not None:
        if not 0 < holding.index_raw < 2**160:
            raise BadInput("bad_value", f"{place}.index_raw", holding.index_raw, "a positive ray")
        return holding.index_raw
    stored = market.indices.get((VENUE, key, kind))
    if stored is None:
        raise BadInput("missing_index", place, "nothing", f"index_raw, or the market's {kind} index of {key}")
    return stored.value_raw
