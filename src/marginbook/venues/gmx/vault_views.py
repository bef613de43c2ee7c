"""GMX v1 positions as legs for the float64 kernel, and the tree behind their headroom.

    support = collateral ∓ size + side · (size / average) · P                    P min for longs, max for shorts
    demand  = max(size / max leverage, margin fee + liquidation fee + size · (funding index − entry))

The maximum of a constant b and a line a + x in the funding index is b plus a table of x that is 0 below b − a. A profit
does not count for opening: it is initial demand of as much, with a bend at the average price. Cuts are whole 10^-30
USD, 1e-28 covers them; floats: (n + 8)·2u of gross and constants, u = 2^-53. Opaque where time decides: a small profit
may not count yet (`min_profit`), or funding grows with the clock (the token is whole).
"""

from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.legs import Factor, Leg, Legs, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.domain.node import Node
from marginbook.exact import from_raw, in_exact_context, mul_div_ceil
from marginbook.venues.common.bends import lower_bends
from marginbook.venues.gmx.vault import (
    BASIS_POINTS,
    Held,
    Parameters,
    margin_fee,
    positions_of,
    price_of,
    validate,
)
from marginbook.venues.gmx.vault_books import RATE, USD_DECIMALS, VENUE, is_whole

UNIT_ROUNDOFF = 2.0**-53
SMALL = 2.0**40
"""The funding leg's size is divided by it and its rates multiplied: funding is no notional. No digit is lost."""


@in_exact_context
def lower(account: Account, market: Market, parameters: Parameters) -> Legs:
    """Every position as a pool of legs."""
    return Legs(tuple(_lower_position(held, market) for held in positions_of(account, parameters).values()))


def _lower_position(held: Held, market: Market) -> PoolLegs:
    terms, name = held.terms, held.position.market
    sign = 1 if held.is_long else -1
    size, collateral = from_raw(held.size, USD_DECIMALS), from_raw(held.collateral, USD_DECIMALS)
    units = Decimal(held.size) / Decimal(held.average)
    slope = float(sign * units)
    constant = float(collateral - sign * size)
    by_leverage = from_raw(mul_div_ceil(held.size, BASIS_POINTS, terms.max_leverage), USD_DECIMALS)
    by_fees = from_raw(margin_fee(held.size, terms.margin_fee) + terms.liquidation_fee_usd, USD_DECIMALS)
    quote: Factor = (("quote", VENUE, name, "min" if held.is_long else "max"),)
    own = Leg(name, quote, Sums(slope, 0.0, slope, slope, 0.0, slope, 0.0), float(units))
    legs, initial = lower_bends(own, [(float(size), 1.0, sign)])
    gross = collateral + size + by_leverage + by_fees
    if (VENUE, held.token, "funding") in market.indices:
        settled = size * Decimal(held.position.funding_index_raw or 0) / RATE
        by_fees -= settled
        gross += abs(settled)
        room = max(float(by_leverage - by_fees), 0.0)
        row = (room / SMALL, SMALL, room)
        table = ((0.0, 0.0, 0.0), row) if room else ((0.0, SMALL, 0.0),)
        per_index = float(size * 10**27 / RATE) / SMALL
        owed = Leg(name, (("funding", VENUE, held.token, ""),), Sums(), per_index, table)
        bent, more = lower_bends(owed, [(room / SMALL, SMALL, 1)])
        legs += bent
        initial += more
        demand = by_leverage if room else by_fees
    else:
        demand = max(by_leverage, by_fees)
    relative = (len(legs) + 8) * 2 * UNIT_ROUNDOFF
    early = terms.min_profit > 0 and held.increased is not None
    timed = early or is_whole(market, held.token)
    return PoolLegs(
        pool=held.pool,
        constants=Sums(constant, 0.0, constant, constant, float(demand) + initial, constant, float(demand)),
        legs=tuple(legs),
        absolute=relative * float(gross) + float(units) * 1e-30 + 1e-28,
        relative=relative,
        liquidatable_at_equality=False,
        family="derivatives",
        opaque=timed,
        timed=timed,
        inputs=tuple(leg.factor for leg in legs) if timed else (),
    )


@in_exact_context
def explain(account: Account, market: Market, parameters: Parameters, at: int) -> Node:
    """Headroom = remaining collateral − the larger minimum, per position."""
    nodes = [_position(held, market, parameters, at) for held in positions_of(account, parameters).values()]
    if len(nodes) == 1:
        return nodes[0]
    total = sum((node.value for node in nodes), Decimal(0))
    return Node(
        quantity="headroom",
        value=total,
        unit="USD",
        formula="sum over positions",
        source=parameters.rules,
        inputs=tuple(nodes),
    )


def _position(held: Held, market: Market, parameters: Parameters, at: int) -> Node:
    found = validate(held, market, at)

    def usd(quantity: str, raw: int, formula: str, source: str, *inputs: Node) -> Node:
        value = from_raw(raw, USD_DECIMALS)
        return Node(quantity=quantity, value=value, unit="USD", formula=formula, source=source, inputs=inputs)

    price = usd("price", price_of(held, market), "", f"gmx:{held.position.market} {'min' if held.is_long else 'max'}")
    pnl = usd(
        "unrealized_pnl",
        found.delta.signed,
        "size · |average − price| / average, negative for a loss",
        parameters.rules,
        usd("size", held.size, "", "account"),
        usd("average", held.average, "", "account"),
        price,
    )
    support = usd(
        "margin_balance",
        found.remaining,
        "collateral + unrealized_pnl",
        parameters.rules,
        usd("collateral", held.collateral, "", "account"),
        pnl,
    )
    demand = usd(
        "maintenance_margin",
        found.demand,
        "max(fees + liquidation_fee, size / max_leverage)",
        parameters.source,
        usd("fees", found.fees, "margin fee + funding fee", parameters.source),
        usd("liquidation_fee", found.liquidation_fee, "", parameters.source),
        usd("size / max_leverage", found.for_leverage, "", parameters.source),
    )
    headroom = found.remaining - found.demand
    formula = "margin_balance − maintenance_margin"
    return usd(f"headroom {held.pool}", headroom, formula, parameters.rules, support, demand)
