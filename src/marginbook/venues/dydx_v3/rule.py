"""A book's account as a StarkEx position: sums, quantities, prices, plan and explanation.

`wallet.USDC` is the position's collateral balance with its sign; entries are for reading only. Funding indices are the
system's own: `funding_index_raw` [32.32 USDC units per synthetic unit] in the state of a market and, as cached, among
the details of a position; while a market's index is not given, nothing is due.

Sums are exact decimals: TV and TR are binary fractions, a .64 number has 64 decimals.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.domain.node import Node
from marginbook.domain.risk import Flow, LiquidationPrice, Plan, Quantities, Risk
from marginbook.exact import ZERO, from_raw, in_exact_context, to_raw_exact, to_raw_floor
from marginbook.venues.common.amounts import price_that_pays
from marginbook.venues.common.fields import detail_raw
from marginbook.venues.common.search import borders_around
from marginbook.venues.common.views import derivative_quantities
from marginbook.venues.dydx_v3.fixed_point import (
    AMOUNT_BOUND,
    BALANCE_BOUND,
    COLLATERAL_DECIMALS,
    PRICE_BOUND,
    Asset,
    Status,
    funded_collateral,
    internal_price,
    least_collateral,
    status,
)
from marginbook.venues.dydx_v3.parameters import RULES, Parameters, Terms

VENUE = "dydx"
KIND = "oracle"
CURRENCY = "USDC"
POOL = "cross:USDC"
PRICE_PLACES = 8
EXTERNAL_PLACES = 18
BINARY_PLACES = 32
INDEX = "funding_index_raw"


def from_binary(value: int, places: int) -> Decimal:
    """value · 2^-places · 10^-6 USDC, exactly: 2^-n = 5^n · 10^-n.

    >>> from_binary(3 * 2**32, 32)
    Decimal('0.00000300000000000000000000000000000000')
    """
    return from_raw(value * 5**places, places + COLLATERAL_DECIMALS)


@dataclass(frozen=True, slots=True)
class Held:
    """A StarkEx position before prices: collateral and positions with what a book fixes beside them."""

    collateral: int  # [USDC units], funding not applied
    positions: tuple[Position, ...]
    fixed_support: Decimal = ZERO
    fixed_demand: Decimal = ZERO


def held_by(account: Account) -> Held:
    """The account's only pool; BadInput for what StarkEx does not know."""
    place = f"account {account.id}"
    for currency, amount in account.wallet.items():
        if currency != CURRENCY and amount:
            raise BadInput("unsupported_collateral", f"{place}.wallet.{currency}", amount, "USDC only")
    for name, other in (("collateral", account.collateral), ("debt", account.debt)):
        if other:
            raise BadInput("unsupported_holding", f"{place}.{name}", len(other), "USDC and positions")
    seen: set[str] = set()
    for number, position in enumerate(account.positions):
        here = f"{place}.position[{number}]"
        if (position.mode or account.mode) == "isolated":
            raise BadInput("unsupported_mode", f"{here}.mode", "isolated", "cross: a position has one collateral")
        if position.quantity < 0 or position.market in seen:
            raise BadInput("bad_position", here, position.quantity, "one position per market, its quantity at least 0")
        seen.add(position.market)
    fixed = account.fixed
    return Held(
        usdc_units(account.wallet.get(CURRENCY, ZERO), f"{place}.wallet.{CURRENCY}"),
        account.positions,
        fixed.support if fixed else ZERO,
        fixed.demand if fixed else ZERO,
    )


def usdc_moved(amount: Decimal, place: str) -> int:
    """USDC that is paid in or out, in units of 10^-6, which may be more than a balance holds; BadInput beyond 2^64."""
    try:
        found = to_raw_exact(amount, COLLATERAL_DECIMALS)
    except ValueError:
        raise BadInput("bad_amount", place, amount, "at most 6 decimals") from None
    if abs(found) >= AMOUNT_BOUND:
        raise BadInput("out_of_range", place, amount, "an amount below 2^64 units")
    return found


def usdc_units(amount: Decimal, place: str) -> int:
    """A USDC balance in units of 10^-6; BadInput beyond 6 decimals or the system's range."""
    return _in_range(usdc_moved(amount, place), -BALANCE_BOUND, place)


def _in_range(balance: int, least: int, place: str) -> int:
    if not least <= balance < BALANCE_BOUND:
        raise BadInput("out_of_range", place, balance, f"a balance from {least} to 2^63 − 1")
    return balance


def funded(collateral: int, assets: Iterable[Asset]) -> int:
    """Collateral after funding; BadInput where that leaves the range: the system cannot touch such a position."""
    return _in_range(funded_collateral(collateral, assets), -BALANCE_BOUND, f"wallet.{CURRENCY} after funding")


def synthetic_units(position: Position, terms: Terms) -> int:
    """Signed balance of a position."""
    place = f"position {position.market}.quantity"
    try:
        found = to_raw_exact(position.quantity, terms.resolution)
    except ValueError:
        raise BadInput("bad_quantity", place, position.quantity, f"at most {terms.resolution} decimals") from None
    return _in_range(found, 0, place) * position.sign


def asset_of(position: Position, market: Market, parameters: Parameters, price: Decimal | None = None) -> Asset:
    """A position at the oracle price, or at `price`."""
    terms = parameters.terms_of(position.market)
    quoted = market.price(VENUE, position.market, KIND) if price is None else price
    internal = internal_price(to_raw_floor(quoted, EXTERNAL_PLACES), terms.resolution)
    if not 0 < internal < PRICE_BOUND:
        raise BadInput("bad_price", f"prices.{VENUE}.{position.market}", quoted, "a price that 32.32 can hold, above 0")
    index = market.state.get((VENUE, position.market, INDEX))
    cached = detail_raw(position.details, INDEX, f"position {position.market}", 0)
    return Asset(
        market=position.market,
        balance=synthetic_units(position, terms),
        price=internal,
        segments=terms.segments,
        by_balance=terms.by_balance,
        funding_delta=0 if index is None else int(index) - cached,
    )


@dataclass(frozen=True, slots=True)
class Valued:
    """The position at the oracle prices."""

    held: Held
    collateral: int  # funding applied
    assets: tuple[Asset, ...]

    @property
    def status(self) -> Status:
        """Total value and total risk, as the system sees them."""
        return status(self.collateral, self.assets)

    @property
    def support(self) -> Decimal:
        """Total value [USDC], with what the book fixes."""
        return from_binary(self.status.value, BINARY_PLACES) + self.held.fixed_support

    @property
    def demand(self) -> Decimal:
        """Total risk [USDC], with what the book fixes."""
        return from_binary(self.status.risk, 2 * BINARY_PLACES) + self.held.fixed_demand

    def is_short(self) -> bool:
        """TR > TV · 2^32."""
        return self.support < self.demand

    def is_liquidatable(self) -> bool:
        """Short of value, and anything at risk."""
        return self.demand > 0 and self.is_short()


def valued(account: Account, market: Market, parameters: Parameters) -> Valued:
    """The account at the oracle prices, funding applied."""
    held = held_by(account)
    assets = tuple(asset_of(position, market, parameters) for position in held.positions)
    return Valued(held, funded(held.collateral, assets), assets)


def _named(account: Account, pool: str) -> None:
    if pool != POOL:
        raise BadInput("unknown_pool", f"account {account.id}", pool, POOL)


@in_exact_context
def risk(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Risk[Decimal]]:
    """The seven sums [USDC]: support = total value, demand = total risk."""
    found = valued(account, market, parameters)
    owned = found.support
    return {POOL: Risk(owned, ZERO, owned, owned, _initial(found, parameters), owned, found.demand)}


def _initial(found: Valued, parameters: Parameters) -> Decimal:
    """Initial margin of the exchange, where the book states its fractions; else the risk."""
    total = found.held.fixed_demand
    for asset in found.assets:
        rate = parameters.terms_of(asset.market).initial_fraction
        own = from_binary(asset.risk, 2 * BINARY_PLACES)
        total += own if rate is None else max(own, from_binary(abs(asset.value), BINARY_PLACES) * rate)
    return total


@in_exact_context
def is_liquidatable(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> bool:
    """Total risk above total value."""
    _named(account, pool)
    return valued(account, market, parameters).is_liquidatable()


@in_exact_context
def quantities(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Quantities]:
    """Every number of the position; `venue.collateral_balance` is what the system stores, funding applied."""
    found = valued(account, market, parameters)
    owned = found.support
    cost = sum((p.sign * p.quantity * p.entry for p in account.positions), ZERO)
    values = [from_binary(asset.value, BINARY_PLACES) for asset in found.assets]
    profit = sum(values, ZERO) - cost
    sums = risk(account, market, parameters, at)[POOL]
    return {
        POOL: derivative_quantities(
            sums,
            CURRENCY,
            wallet_balance=owned - profit,
            unrealized_pnl=profit,
            notional=sum((abs(value) for value in values), ZERO),
            withdrawable=max(ZERO, owned - sums.demand_initial),
            venue={"collateral_balance": from_raw(found.collateral, COLLATERAL_DECIMALS)},
        )
    }


@in_exact_context
def liquidation_prices(account: Account, market: Market, parameters: Parameters, at: int) -> list[LiquidationPrice]:
    """Per position, the nearest oracle price of 8 decimals at which total risk exceeds total value."""
    found: list[LiquidationPrice] = []
    missing: list[BadInput] = []
    for number, position in enumerate(account.positions):
        if position.quantity:
            try:
                found += _prices_of(account, number, market, parameters)
            except BadInput as bad:
                missing.append(bad)
    if missing and not found:
        raise missing[0]
    return found


def _prices_of(account: Account, number: int, market: Market, parameters: Parameters) -> Iterator[LiquidationPrice]:
    held, position = held_by(account), account.positions[number]
    others = tuple(asset_of(p, market, parameters) for p in held.positions if p is not position)
    quote = market.quotes.get((VENUE, position.market, KIND))
    present = quote.price if quote else position.entry
    own = asset_of(position, market, parameters, present)
    collateral = funded(held.collateral, (*others, own))
    resolution = parameters.terms_of(position.market).resolution

    def at(price: int) -> Valued:
        internal = internal_price(price * 10 ** (EXTERNAL_PLACES - PRICE_PLACES), resolution)
        return Valued(held, collateral, (*others, replace(own, price=internal)))

    # Near zero a price is 0 in 32.32 and nothing is at risk: searched without that exception, then confirmed.
    below, above = borders_around(lambda price: at(price).is_short(), max(1, to_raw_floor(present, PRICE_PLACES)))
    for border, falls in ((below, True), (above, False)):
        if border is not None and at(border).is_liquidatable():
            yield LiquidationPrice(
                pool=POOL,
                market=position.market,
                side=position.side,
                price=from_raw(border, PRICE_PLACES),
                when="at_or_below" if falls else "at_or_above",
                source="exact",
            )


@in_exact_context
def plan_liquidation(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> Plan:
    """Closing the position with the most risk, of those that have one, at the worst price that the system accepts.

    Which position, how much and at what price is the operator's choice off chain; the system only asks that TV / TR
    does not fall. `price` brings exactly the least collateral; with a negative total value it is the one fair amount
    of a deleveraging.
    """
    _named(account, pool)
    found = valued(account, market, parameters)
    if not found.is_liquidatable():
        return Plan(pool=pool, market="", reason="total value covers total risk: nothing may be liquidated")
    at_risk = [asset for asset in found.assets if asset.balance]
    if not at_risk:
        return Plan(pool=pool, market="", reason="no position to close")
    before = found.status
    payments = [(held, least_collateral(before, -held.value, before.risk - held.risk)) for held in at_risk]
    possible = [(held, least) for held, least in payments if least * held.balance > 0]
    if not possible:
        return Plan(pool=pool, market="", reason="no position has a price above 0 that keeps value / risk")
    asset, least = max(possible, key=lambda pair: pair[0].risk)
    size = from_raw(asset.balance, parameters.terms_of(asset.market).resolution)
    received = from_raw(least, COLLATERAL_DECIMALS)
    return Plan(
        pool=pool,
        market=asset.market,
        close_least=abs(size),
        close_most=abs(size),
        price=price_that_pays(abs(received), abs(size), COLLATERAL_DECIMALS),
        bad_debt=max(ZERO, -found.support),
        flows=(
            Flow("account", CURRENCY, received),
            Flow("counterparties", CURRENCY, -received),
            Flow("account", asset.market, -size),
            Flow("counterparties", asset.market, size),
        ),
    )


@in_exact_context
def explain(account: Account, market: Market, parameters: Parameters, at: int) -> Node:
    """Headroom = total value − total risk, down to prices and factors."""
    found = valued(account, market, parameters)
    values = [_node("collateral_balance", from_raw(found.collateral, COLLATERAL_DECIMALS), "floor(after funding)")]
    risks = []
    for asset in found.assets:
        quoted = market.price(VENUE, asset.market, KIND)
        price = Node(quantity="price", value=quoted, unit="USDC per coin", formula="", source=f"{VENUE}:{asset.market}")
        value = from_binary(asset.value, BINARY_PLACES)
        values.append(_node(f"value {asset.market}", value, "price in 32.32 · balance", (price,)))
        factor = Node(
            quantity="risk_factor",
            value=from_raw(asset.factor * 5**BINARY_PLACES, BINARY_PLACES),
            unit="fraction",
            formula="",
            source=parameters.source,
        )
        own = from_binary(asset.risk, 2 * BINARY_PLACES)
        risks.append(_node(f"risk {asset.market}", own, "|value| · risk_factor", (price, factor)))
    if found.held.fixed_support:
        values.append(_node("fixed_support", found.held.fixed_support, ""))
    if found.held.fixed_demand:
        risks.append(_node("fixed_demand", found.held.fixed_demand, ""))
    total = _node("total_value", found.support, "collateral_balance + sum of values", tuple(values))
    needed = _node("total_risk", found.demand, "sum over positions", tuple(risks))
    gap = found.support - found.demand
    return _node(f"headroom {POOL}", gap, "total_value − total_risk", (total, needed))


def _node(quantity: str, value: Decimal, formula: str, inputs: tuple[Node, ...] = ()) -> Node:
    return Node(quantity=quantity, value=value, unit=CURRENCY, formula=formula, source=RULES, inputs=inputs)
