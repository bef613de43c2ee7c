"""StarkEx positions as legs for the float64 kernel, with the bound of its error.

Support size · f and demand rate · size · f over the oracle price; where factors step with the value, a bracket per
segment without maintenance amount, whose jump at an edge is part of the allowance. With u = 2^-53, n legs and gross =
Σ |slope · f| + Σ notional, float64 errs by at most (n + 8)·2u of the gross and of the constants. The exact rule rounds
a price to 2^-32 USDC units per synthetic unit: half of that times the balance, 2^-33 · 10^(resolution − 6) · size USDC
per position, and cuts a price at 18 decimals before: less than 10^-18 · size. Funding is in the constants. Initial
margin, which decides nothing, is at the factor of now where factors step with the value.
"""

from marginbook.domain.account import Account, Position
from marginbook.domain.legs import Bracket, Leg, Legs, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.exact import from_raw, in_exact_context
from marginbook.venues.dydx_v3.fixed_point import COLLATERAL_DECIMALS, ONE, funded_collateral, risk_factor
from marginbook.venues.dydx_v3.parameters import Parameters, Terms
from marginbook.venues.dydx_v3.rule import KIND, POOL, VENUE, asset_of, held_by, synthetic_units

UNIT_ROUNDOFF = 2.0**-53


@in_exact_context
def lower(account: Account, market: Market, parameters: Parameters) -> Legs:
    """The account's one pool as legs."""
    held = held_by(account)
    legs: list[Leg] = []
    absolute = 0.0
    assets = []
    for position in held.positions:
        key = (VENUE, position.market, KIND)
        quoted = key in market.quotes
        assets.append(asset_of(position, market, parameters, None if quoted else position.entry))
        terms = parameters.terms_of(position.market)
        table, jump = _lower_segments(position, terms)
        size = float(position.quantity)
        slope = size if position.side == "long" else -size
        notional = size * float(market.quotes[key].price if quoted else position.entry)
        rate = next(rate for floor, rate, _ in reversed(table) if notional >= floor)
        legs.append(
            Leg(
                market=position.market,
                factor=(("quote", *key),),
                slopes=Sums(slope, 0.0, slope, slope, 0.0, slope, 0.0),
                size=size,
                table=table,
                initial_rate=max(rate, float(terms.initial_fraction or 0)),
                side=position.sign,
            )
        )
        absolute += jump + size * (2.0**-33 * 10.0 ** (terms.resolution - COLLATERAL_DECIMALS) + 1e-18)
    funded = from_raw(funded_collateral(held.collateral, assets), COLLATERAL_DECIMALS)
    support, demand = float(funded + held.fixed_support), float(held.fixed_demand)
    relative = (len(legs) + 8) * 2 * UNIT_ROUNDOFF
    pool = PoolLegs(
        pool=POOL,
        constants=Sums(support, 0.0, support, support, demand, support, demand),
        legs=tuple(legs),
        absolute=absolute + relative * (float(abs(funded) + abs(held.fixed_support)) + demand),
        relative=relative,
        liquidatable_at_equality=False,
        family="derivatives",
    )
    return Legs((pool,))


def _lower_segments(position: Position, terms: Terms) -> tuple[tuple[Bracket, ...], float]:
    """(brackets, largest jump [USDC]) of a position's risk factor."""
    if terms.by_balance:
        factor = risk_factor(terms.segments, abs(synthetic_units(position, terms)))
        return ((0.0, factor / ONE, 0.0),), 0.0
    rows: list[Bracket] = []
    floor, jump = 0.0, 0.0
    for bound, factor in terms.segments:
        rate = factor / ONE
        if rows:
            jump = max(jump, abs(rate - rows[-1][1]) * floor)
        rows.append((floor, rate, 0.0))
        floor = bound / ONE / 10.0**COLLATERAL_DECIMALS
    return tuple(rows), jump
