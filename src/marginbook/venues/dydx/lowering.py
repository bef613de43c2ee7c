"""Subaccounts as legs for the float64 kernel, with the bound of its error.

A position is one leg over its oracle price: support size · f, demand size · f · base fraction · maintenance fraction;
where the funding index is known, another over it. With u = 2^-53, n legs and gross = Σ |slope · f|, float64 errs by at
most (n + 8)·2u·gross, and by (n + 8)·2u of the constants. The exact rule departs from the line by less than

- one quote quantum of support and two of demand per position (notional cut, margin rounded up twice),
- size · 10^price_exponent per position where a price has more digits than the chain's, which are cut,
- one quote quantum of support for funding, settled with one floor.
"""

from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.legs import Leg, Legs, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.exact import from_raw, in_exact_context
from marginbook.venues.dydx.holdings import (
    INDEX_DECIMALS,
    KIND,
    VENUE,
    Pool,
    holding_of,
    index_raw,
    pools,
)
from marginbook.venues.dydx.parameters import Parameters
from marginbook.venues.dydx.quantums import MILLION, QUOTE_DECIMALS

UNIT_ROUNDOFF = 2.0**-53
INDEX_TO_RAY = 10 ** (27 - INDEX_DECIMALS)
QUANTUM = 1e-6  # [USDC]
ANY_PRICE = 1
"""Where a market has no quote yet: only the displayed initial rate depends on it."""


@in_exact_context
def lower(account: Account, market: Market, parameters: Parameters) -> Legs:
    """Every subaccount as legs."""
    return Legs(tuple(_lower_pool(pool, market, parameters) for pool in pools(account).values()))


def _lower_pool(pool: Pool, market: Market, parameters: Parameters) -> PoolLegs:
    legs: list[Leg] = []
    support = from_raw(pool.usdc + pool.fixed.collateral, QUOTE_DECIMALS)
    constants = abs(support)
    absolute = QUANTUM
    for position in pool.positions:
        terms = parameters.terms_of(position.market)
        quoted = (VENUE, position.market, KIND) in market.quotes
        held = holding_of(position, market, parameters, None if quoted else ANY_PRICE)
        size = float(position.quantity)
        slope = size if position.side == "long" else -size
        rate = terms.tier.initial_margin_ppm * terms.tier.maintenance_fraction_ppm / MILLION**2
        legs.append(
            Leg(
                market=position.market,
                factor=(("quote", VENUE, position.market, KIND),),
                slopes=Sums(slope, 0.0, slope, slope, 0.0, slope, 0.0),
                size=size,
                table=((0.0, rate, 0.0),),
                initial_rate=held.perpetual.initial_margin_ppm(held.custom_ppm) / MILLION,
                side=position.sign,
            )
        )
        absolute += 2 * QUANTUM + size * 10.0**terms.price_exponent
        balance = from_raw(held.quote_balance, QUOTE_DECIMALS)
        support += balance
        constants += abs(balance)
        if (VENUE, position.market, "funding") in market.indices:
            unit = float(-position.sign * position.quantity * INDEX_TO_RAY)
            legs.append(
                Leg(
                    market=position.market,
                    factor=(("funding", VENUE, position.market, ""),),
                    slopes=Sums(unit, 0.0, unit, unit, 0.0, unit, 0.0),
                )
            )
            settled = position.sign * position.quantity * from_raw(index_raw(held.funding_index, terms), INDEX_DECIMALS)
            support += settled
            constants += abs(settled)
    return _lower_sums(pool, legs, support, constants, absolute)


def _lower_sums(pool: Pool, legs: list[Leg], support: Decimal, constants: Decimal, absolute: float) -> PoolLegs:
    relative = (len(legs) + 8) * 2 * UNIT_ROUNDOFF
    known = float(support)
    demand = pool.fixed.maintenance / 10.0**QUOTE_DECIMALS
    return PoolLegs(
        pool=pool.name,
        constants=Sums(known, 0.0, known, known, demand, known, demand),
        legs=tuple(legs),
        absolute=absolute + relative * (float(constants) + demand),
        relative=relative,
        liquidatable_at_equality=False,
        family="derivatives",
    )
