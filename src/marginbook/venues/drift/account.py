"""An account's holdings as the program's integers, checked.

Deposits are the wallet and `collateral`, borrows a negative wallet or `debt`, as amounts or as scaled balances; the
quote asset (USDC) counts in full. A perp position is cross, or isolated with its own deposit of the quote asset
(`isolated_wallet`). Details, all optional:

    account.margin_mode               "high_leverage" | "high_leverage_maintenance"
    account.max_margin_ratio          the user's own least initial ratio
    account.being_liquidated          "true": until the requirement with the buffer is met again
    account.last_active_slot          slot of the user's last action, for the ramps of fee and percentage
    account.liquidation_margin_freed  [quote] freed by this liquidation so far
    position.quote_asset_amount       [quote] signed, with fees; default: −side · quantity · entry, cut toward zero
    position.max_margin_ratio         the user's own least initial ratio of this market
    position.being_liquidated         "true": of an isolated position
    position.funding_index_raw        cumulative funding at its last settlement [10^-18 quote per base] (default 0)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from marginbook.domain.account import Account, Collateral, Debt, Order, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.exact import CONTEXT, ZERO, div_trunc, mul_div_ceil, mul_div_floor, mul_div_trunc
from marginbook.venues.common.fields import detail
from marginbook.venues.drift.parameters import Parameters, PerpTerms, SpotTerms
from marginbook.venues.drift.units import (
    BASE,
    BASE_DECIMALS,
    FUNDING_DECIMALS,
    PRICE,
    QUOTE_DECIMALS,
    VENUE,
    raw,
)

CROSS = "cross"
MODES = ("default", "high_leverage", "high_leverage_maintenance")
INDEX_TO_FUNDING = 10 ** (18 - FUNDING_DECIMALS)
FUNDING_BUFFER = 1000
RAY_TO_INTEREST = 10**17


@dataclass(frozen=True, slots=True)
class Perp:
    """A perp position with its open orders."""

    pool: str
    market: str
    base: int  # signed [10^-9]
    quote: int  # signed [10^-6], funding up to now in it
    bids: int  # [10^-9]
    asks: int  # at most 0 [10^-9]
    orders: int
    deposit: int | None  # [10^-6] of an isolated position
    own_ratio: int  # the user's least initial ratio [10^-4]
    being_liquidated: bool
    terms: PerpTerms


@dataclass(frozen=True, slots=True)
class Spot:
    """A deposit (amount above 0) or a borrow, with open orders in the asset."""

    asset: str
    amount: int  # [token units]
    bids: int
    asks: int
    orders: int
    is_quote: bool
    terms: SpotTerms


@dataclass(frozen=True, slots=True)
class Book:
    """All that an account holds."""

    perps: tuple[Perp, ...]
    spots: tuple[Spot, ...]
    mode: str
    own_ratio: int  # [10^-4]
    being_liquidated: bool
    fixed_support: int  # [10^-6]
    fixed_demand: int


def funding_due(base: int, index: int, settled: int) -> int:
    """Funding [10^-6] that a position receives between two cumulative rates [10^-9]; longs pay when it rises.

    Long 2 base, 1.5 quote per base: −3.

    >>> funding_due(2 * 10**9, 1_500_000_000, 0)
    -3000000
    """
    delta = index - settled
    magnitude = div_trunc(mul_div_floor(abs(delta), abs(base), PRICE), FUNDING_BUFFER)
    signed = -magnitude if (base > 0) == (delta > 0) else magnitude
    return div_trunc(signed, FUNDING_BUFFER)


def funding_index(market: Market, name: str, long: bool) -> int | None:
    """Cumulative funding of a side [10^-9]: the state `funding_long_raw` or `funding_short_raw`, or the one index."""
    own = market.state.get((VENUE, name, "funding_long_raw" if long else "funding_short_raw"))
    if own is not None:
        return int(own)
    index = market.indices.get((VENUE, name, "funding"))
    return None if index is None else div_trunc(index.value_raw, INDEX_TO_FUNDING)


def flagged(details: Mapping[str, str], name: str, place: str) -> bool:
    """A detail that is true or false."""
    found = details.get(name, "false")
    if found not in ("true", "false"):
        raise BadInput("bad_detail", f"{place}.details.{name}", found, "true or false")
    return found == "true"


def _ratio(details: Mapping[str, str], place: str) -> int:
    ratio = detail(details, "max_margin_ratio", place, ZERO)
    if ratio < 0:
        raise BadInput("bad_detail", f"{place}.details.max_margin_ratio", ratio, "at least 0")
    return raw(ratio, 4, f"{place}.details.max_margin_ratio")


def pool_of(account: Account, position: Position) -> str:
    """The pool that a position's margin comes from."""
    isolated = (position.mode or account.mode) == "isolated"
    return f"isolated:{position.market}:{position.side}" if isolated else CROSS


def book_of(account: Account, market: Market, parameters: Parameters) -> Book:
    """The account's holdings; BadInput for what the venue has not."""
    place = f"account {account.id}"
    mode = account.details.get("margin_mode", "default")
    if mode not in MODES:
        raise BadInput("bad_detail", f"{place}.details.margin_mode", mode, " or ".join(MODES))
    seen: dict[str, list[Order]] = {}
    for order in account.orders:
        seen.setdefault(order.market, []).append(order)
    amounts = balances(account, market, parameters)
    spots = tuple(
        _spot(account, name, amounts.get(name, 0), seen.pop(name, []), parameters)
        for name in dict.fromkeys([*amounts, *(name for name in seen if name in parameters.assets)])
    )
    perps: list[Perp] = []
    for position in account.positions:
        if any(perp.market == position.market for perp in perps):
            raise BadInput("duplicate_position", f"{place}.position", position.market, "one position per market")
        perps.append(_perp(account, position, seen.pop(position.market, []), market, parameters))
    perps += [_ordered(name, orders, place, parameters) for name, orders in seen.items()]
    fixed = account.fixed
    return Book(
        tuple(perps),
        tuple(spot for spot in spots if spot.amount or spot.orders),
        mode,
        _ratio(account.details, place),
        flagged(account.details, "being_liquidated", place),
        raw(fixed.support, QUOTE_DECIMALS, f"{place}.fixed.support") if fixed else 0,
        raw(fixed.demand, QUOTE_DECIMALS, f"{place}.fixed.demand") if fixed else 0,
    )


def balances(account: Account, market: Market, parameters: Parameters) -> dict[str, int]:
    """Signed token units by asset: deposits less borrows."""
    place = f"account {account.id}"
    found: dict[str, int] = {}
    for asset, amount in account.wallet.items():
        found[asset] = raw(amount, parameters.asset(asset).decimals, f"{place}.wallet.{asset}")
    for held in account.collateral:
        units = token_units(held, market, parameters, f"{place}.collateral.{held.asset}")
        found[held.asset] = found.get(held.asset, 0) + units
    for owed in account.debt:
        units = token_units(owed, market, parameters, f"{place}.debt.{owed.asset}")
        found[owed.asset] = found.get(owed.asset, 0) - units
    return found


def token_units(holding: Collateral | Debt, market: Market, parameters: Parameters, place: str) -> int:
    """Token units of a deposit, cut, or of a borrow, rounded up, where only the scaled balance [10^-9] is known.

    units = scaled · interest [10^-10] / 10^(19 − decimals); the cumulative interest is the index [ray], cut.
    """
    decimals = parameters.asset(holding.asset).decimals
    if holding.amount is not None:
        if holding.amount < 0:
            raise BadInput("bad_amount", place, holding.amount, "at least 0")
        return raw(holding.amount, decimals, place)
    if holding.scaled_raw is None or holding.scaled_raw < 0:
        raise BadInput("bad_amount", place, holding.scaled_raw, "an amount, or scaled_raw of at least 0")
    index = holding.index_raw
    if index is None:
        stored = market.indices.get((VENUE, holding.asset, index_kind(holding)))
        if stored is None:
            raise BadInput("missing_index", f"indices.{VENUE}.{holding.asset}", "nothing", f"{index_kind(holding)}_raw")
        index = stored.value_raw
    divide = mul_div_floor if isinstance(holding, Collateral) else mul_div_ceil
    return divide(holding.scaled_raw, div_trunc(index, RAY_TO_INTEREST), 10 ** (19 - decimals))


def index_kind(holding: Collateral | Debt) -> Literal["supply", "borrow"]:
    """Which growth index a holding follows."""
    return "supply" if isinstance(holding, Collateral) else "borrow"


def _open(orders: list[Order], decimals: int, place: str) -> tuple[int, int]:
    """Bids and asks (at most 0) that may add to a position; reduce-only ones do not."""
    bids = asks = 0
    for order in orders:
        amount = raw(order.quantity, decimals, f"{place}.order {order.market}.quantity")
        if amount < 0:
            raise BadInput("negative_quantity", f"{place}.order {order.market}", order.quantity, "at least 0")
        if not order.reduce_only:
            bids, asks = (bids + amount, asks) if order.side == "buy" else (bids, asks - amount)
    return bids, asks


def _spot(account: Account, asset: str, amount: int, orders: list[Order], parameters: Parameters) -> Spot:
    terms, is_quote = parameters.asset(asset), asset == parameters.system.quote_asset
    bids, asks = _open(orders, terms.decimals, f"account {account.id}")
    if (amount < 0 or asks) and not is_quote and not terms.maintenance_liability_weight:
        raise BadInput("no_parameters", f"parameters.{asset}", "nothing", "weights of the asset as a liability")
    if is_quote and orders:
        raise BadInput("bad_order", f"account {account.id}.order", asset, "a market other than the quote asset")
    return Spot(asset, amount, bids, asks, len(orders), is_quote, terms)


def _perp(account: Account, position: Position, orders: list[Order], market: Market, parameters: Parameters) -> Perp:
    place = f"account {account.id}.position {position.market}"
    if position.quantity < 0:
        raise BadInput("negative_quantity", f"{place}.quantity", position.quantity, "at least 0; the side has the sign")
    base = position.sign * raw(position.quantity, BASE_DECIMALS, f"{place}.quantity")
    if "quote_asset_amount" in position.details:
        stated = detail(position.details, "quote_asset_amount", place)
        quote = raw(stated, QUOTE_DECIMALS, f"{place}.details.quote_asset_amount")
    else:
        if position.entry <= 0:
            raise BadInput("bad_price", f"{place}.entry", position.entry, "above 0")
        quote = -int(CONTEXT.multiply(position.entry * BASE_PER_QUOTE, Decimal(base)))
    index = funding_index(market, position.market, base > 0)
    if index is not None and base:
        quote += funding_due(base, index, div_trunc(position.funding_index_raw or 0, INDEX_TO_FUNDING))
    pool, deposit = pool_of(account, position), None
    if pool != CROSS:
        if position.isolated_wallet is None or position.isolated_wallet < 0:
            raise BadInput(
                "missing_isolated_wallet", f"{place}.isolated_wallet", position.isolated_wallet, "its own deposit"
            )
        deposit = raw(position.isolated_wallet, QUOTE_DECIMALS, f"{place}.isolated_wallet")
    bids, asks = _open(orders, BASE_DECIMALS, f"account {account.id}")
    return Perp(
        pool,
        position.market,
        base,
        quote,
        bids,
        asks,
        len(orders),
        deposit,
        _ratio(position.details, place),
        flagged(position.details, "being_liquidated", place),
        parameters.terms_of(position.market),
    )


def _ordered(name: str, orders: list[Order], place: str, parameters: Parameters) -> Perp:
    bids, asks = _open(orders, BASE_DECIMALS, place)
    return Perp(CROSS, name, 0, 0, bids, asks, len(orders), None, 0, False, parameters.terms_of(name))


def base_value(base: int, price: int) -> int:
    """Value [10^-6] of a signed base amount at a price, toward zero.

    >>> base_value(-1, 1_500_000), base_value(10**9, 1_500_000)
    (0, 1500000)
    """
    return mul_div_trunc(base, price, BASE)


BASE_PER_QUOTE = Decimal(10) ** (QUOTE_DECIMALS - BASE_DECIMALS)
"""Quote units per base unit at a price of 1."""
