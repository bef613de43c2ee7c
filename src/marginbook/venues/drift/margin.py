"""Margin requirement and total collateral of every pool, in one context.

    spot deposit      value · asset weight, at the lower of price and average where strict
    spot borrow       value · liability weight, at the higher one; the quote asset counts in full
    open spot orders  the worse of all bids or all asks filled
    perp              |worst base| · price · quote price · ratio + 0.01 per open order,
                      worst base: all asks filled, or all bids if that is worth more
    profit            (base · price + quote) · weight · quote price, a profit at the lower quote price, at most 100 for
                      initial margin; a loss in full, at the higher one
    isolated          deposit + profit against the position's own requirement
    liquidatable      total collateral < requirement
    being liquidated  until total collateral + 2 % of what is negative in it >= requirement + 2 % of the liabilities

Initial margin is strict and knows the user's own ratios. Source: `math/margin.rs`, `state/margin_calculation.rs`,
`state/user.rs` at 0ae3e3b1 (2026-04-01). Settlement of expired markets and fuel are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.exact import mul_div_floor, mul_div_trunc
from marginbook.venues.drift.account import CROSS, Book, Perp, Spot, base_value
from marginbook.venues.drift.parameters import Parameters
from marginbook.venues.drift.units import (
    AVERAGE,
    BASE,
    PRICE,
    QUOTE,
    QUOTE_DECIMALS,
    VENUE,
    WEIGHT,
    StrictPrice,
    price_of,
    raw,
    strict_token_value,
    token_value,
)
from marginbook.venues.drift.weights import (
    MarginKind,
    asset_weight,
    liability_weight,
    margin_ratio,
    profit_weight,
    scaled_initial_weight,
)

OPEN_ORDER = 10_000
"""Requirement [10^-6 quote] of an open order."""
PROFIT_MOST = 100 * QUOTE
"""Most profit of a position that counts for initial margin."""


@dataclass(frozen=True, slots=True)
class Context:
    """How margin is worked out."""

    kind: MarginKind
    strict: bool = False
    buffer: int = 0  # [10^-4]


@dataclass(slots=True)
class Calculation:
    """Sums of one pool [10^-6 quote]."""

    total_collateral: int = 0
    requirement: int = 0
    collateral_buffer: int = 0  # at most 0
    requirement_buffer: int = 0
    assets: int = 0  # unweighted
    liabilities: int = 0  # unweighted, borrows
    notional: int = 0
    profit: int = 0  # of perps, unweighted
    parts: dict[str, tuple[int, int]] = field(default_factory=dict)  # market -> (collateral, requirement)

    @property
    def buffered_collateral(self) -> int:
        """Total collateral with the buffer."""
        return self.total_collateral + self.collateral_buffer

    @property
    def buffered_requirement(self) -> int:
        """Requirement with the buffer."""
        return self.requirement + self.requirement_buffer

    @property
    def shortage(self) -> int:
        """What is lacking to leave a liquidation."""
        return max(0, self.buffered_requirement - self.buffered_collateral)

    def collateral(self, name: str, value: int, buffer: int) -> None:
        """Add weighted collateral, which may be a loss."""
        self.total_collateral += value
        if value < 0:
            self.collateral_buffer += mul_div_trunc(value, buffer, WEIGHT)
        held, asked = self.parts.get(name, (0, 0))
        self.parts[name] = (held + value, asked)

    def require(self, name: str, requirement: int, liability: int, buffer: int) -> None:
        """Add a requirement, and the buffer on the liability behind it."""
        self.requirement += requirement
        self.requirement_buffer += mul_div_floor(liability, buffer, WEIGHT)
        held, asked = self.parts.get(name, (0, 0))
        self.parts[name] = (held, asked + requirement)


class Prices:
    """Prices by name, with those that stand in for quotes."""

    def __init__(self, market: Market, strict: bool, instead: Mapping[str, int]) -> None:
        self.market, self.strict, self.instead = market, strict, instead

    def current(self, name: str) -> int:
        """The oracle price [10^-6]."""
        return self.instead.get(name) or price_of(self.market, name)

    def strictly(self, name: str) -> StrictPrice:
        """The oracle price, with its average where that counts."""
        return StrictPrice(self.current(name), price_of(self.market, name, AVERAGE) if self.strict else None)


@dataclass(frozen=True, slots=True)
class Filled:
    """A spot position with its bids or its asks filled."""

    amount: int  # [token units]
    orders_value: int
    value: int
    weighted: int

    @property
    def free(self) -> int:
        """What it adds to free collateral."""
        return self.weighted + self.orders_value


def worst_base(perp: Perp, price: int) -> tuple[int, int]:
    """Base after all asks, or all bids if those are worth more, and its value [10^-6].

    Selling a contract that pays between 0 and 1 risks 1 − price.
    """

    def liability(base: int) -> int:
        if perp.terms.prediction:
            return mul_div_floor(abs(base), max(0, PRICE - price) if base < 0 else price, BASE)
        return abs(base_value(base, price))

    asks, bids = perp.base + perp.asks, perp.base + perp.bids
    return (asks, liability(asks)) if liability(asks) >= liability(bids) else (bids, liability(bids))


def is_high_leverage(mode: str, kind: MarginKind) -> bool:
    """Whether a user's mode changes this ratio."""
    return mode == "high_leverage" or (kind == "maintenance" and mode == "high_leverage_maintenance")


def net_profit(market: Market, name: str) -> int:
    """Net unsettled profit of all users of a market [10^-6]; the state `net_user_pnl`, default 0."""
    value = Decimal(market.state.get((VENUE, name, "net_user_pnl"), 0))
    return raw(value, QUOTE_DECIMALS, f"state.{VENUE}.{name}.net_user_pnl")


def add_perp(found: Calculation, perp: Perp, book: Book, context: Context, prices: Prices, quote: StrictPrice) -> None:
    """A perp position's requirement and weighted profit, and the deposit of an isolated one."""
    terms, price = perp.terms, prices.current(perp.market)
    profit = base_value(perp.base, price) + perp.quote
    size, liability = worst_base(perp, price)
    liability = mul_div_floor(liability, quote.most, PRICE)
    own = max(book.own_ratio, perp.own_ratio) if context.kind == "initial" else 0
    ratio = max(own, margin_ratio(terms, abs(size), context.kind, is_high_leverage(book.mode, context.kind)))
    requirement = mul_div_floor(liability, ratio, WEIGHT) + OPEN_ORDER * perp.orders
    weight = profit_weight(terms, profit, context.kind, net_profit(prices.market, perp.market))
    counted = profit if weight == WEIGHT else mul_div_trunc(profit, weight, WEIGHT)
    if profit:
        counted = mul_div_trunc(counted, quote.least if profit > 0 else quote.most, PRICE)
    if context.kind == "initial":
        counted = min(counted, PROFIT_MOST)
    if perp.deposit is not None:
        value = strict_token_value(perp.deposit, 6, quote)
        found.total_collateral += value
        found.assets += value
    found.collateral(perp.market, counted, context.buffer)
    found.require(perp.market, requirement, liability, context.buffer)
    found.profit += mul_div_trunc(profit, quote.current, PRICE)
    found.assets += mul_div_trunc(profit, quote.current, PRICE)
    found.notional += abs(base_value(perp.base, price))


def _weighted(spot: Spot, amount: int, value: int, kind: MarginKind, prices: Prices) -> int:
    if value > 0:
        initial = None
        if kind != "maintenance" and spot.terms.scale_initial_asset_weight_start:
            deposits = prices.market.state.get((VENUE, spot.asset, "deposits"))
            if deposits is None:
                raise BadInput("missing_state", f"state.{VENUE}.{spot.asset}.deposits", "nothing", "all deposits")
            units = raw(Decimal(deposits), spot.terms.decimals, f"state.{VENUE}.{spot.asset}.deposits")
            initial = scaled_initial_weight(spot.terms, units, prices.current(spot.asset))
        return mul_div_trunc(value, asset_weight(spot.terms, abs(amount), kind, initial), WEIGHT)
    if value < 0:
        return mul_div_trunc(value, liability_weight(spot.terms, abs(amount), kind), WEIGHT)
    return 0


def worst_fill(spot: Spot, context: Context, prices: Prices) -> Filled:
    """The position as it is, or with the worse side of its open orders filled (asks where both are equal)."""
    price, decimals = prices.strictly(spot.asset), spot.terms.decimals
    value = strict_token_value(spot.amount, decimals, price)
    if not spot.bids and not spot.asks:
        return Filled(spot.amount, 0, value, _weighted(spot, spot.amount, value, context.kind, prices))

    def filled(change: int) -> Filled:
        orders = token_value(-change, decimals, price.most)
        amount, after = spot.amount + change, value - orders
        return Filled(amount, orders, after, _weighted(spot, amount, after, context.kind, prices))

    bids, asks = filled(spot.bids), filled(spot.asks)
    return asks if asks.free <= bids.free else bids


def _own_weight(spot: Spot, filled: Filled, own: int, prices: Prices) -> int:
    """The weighted value where the user has a least ratio of their own."""
    if not own or not filled.weighted:
        return filled.weighted
    if filled.weighted < 0:
        weight = max(liability_weight(spot.terms, abs(filled.amount), "initial"), own + WEIGHT)
        return mul_div_trunc(filled.value, weight, WEIGHT)
    least = max(0, WEIGHT - own)
    return min(filled.weighted, mul_div_trunc(filled.value, least, WEIGHT))


def add_spot(found: Calculation, spot: Spot, book: Book, context: Context, prices: Prices) -> None:
    """A spot position's collateral or requirement, and those of its open orders."""
    price = prices.strictly(spot.asset)
    plain = token_value(spot.amount, spot.terms.decimals, price.current)
    found.assets += max(0, plain)
    found.liabilities += max(0, -plain)
    if spot.is_quote:
        value = strict_token_value(spot.amount, spot.terms.decimals, price)
        if value >= 0:
            found.collateral(spot.asset, value, context.buffer)
        else:
            found.require(spot.asset, -value, -value, context.buffer)
        return
    filled = worst_fill(spot, context, prices)
    weighted = _own_weight(spot, filled, book.own_ratio if context.kind == "initial" else 0, prices)
    found.require(spot.asset, OPEN_ORDER * spot.orders, 0, context.buffer)
    if filled.value > 0:
        found.collateral(spot.asset, weighted, context.buffer)
    elif filled.value < 0:
        found.require(spot.asset, -weighted, -filled.value, context.buffer)
    if filled.orders_value > 0:
        found.collateral(spot.asset, filled.orders_value, context.buffer)
    elif filled.orders_value < 0:
        found.require(spot.asset, -filled.orders_value, -filled.orders_value, context.buffer)


def calculate(
    book: Book, market: Market, parameters: Parameters, context: Context, instead: Mapping[str, int] | None = None
) -> dict[str, Calculation]:
    """Every pool of the account; `instead` [10^-6] stands in for quotes. BadInput for a missing price."""
    prices = Prices(market, context.strict, instead or {})
    pools = {CROSS: Calculation()} if _has_cross(book) else {}
    for spot in book.spots:
        add_spot(pools[CROSS], spot, book, context, prices)
    if book.perps:
        quote = prices.strictly(parameters.system.quote_asset)
        for perp in book.perps:
            add_perp(pools.setdefault(perp.pool, Calculation()), perp, book, context, prices, quote)
    if CROSS in pools:
        pools[CROSS].total_collateral += book.fixed_support
        pools[CROSS].assets += book.fixed_support
        pools[CROSS].requirement += book.fixed_demand
    return pools


def _has_cross(book: Book) -> bool:
    isolated = all(perp.pool != CROSS for perp in book.perps)
    return bool(book.spots or not isolated or not book.perps or book.fixed_support or book.fixed_demand)
