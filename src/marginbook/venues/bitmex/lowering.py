"""BitMEX's pools as legs: linear (or inverse) support, constant demand."""

from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.legs import Leg, Legs, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.exact import (
    ZERO,
    from_raw,
    in_exact_context,
)
from marginbook.venues.bitmex.margins import margins
from marginbook.venues.bitmex.parameters import Bitmex
from marginbook.venues.bitmex.risk import pool_of, pools
from marginbook.venues.contracts.lowering import lower_funding
from marginbook.venues.statements.functions import UNIT_ROUNDOFF
from marginbook.venues.statements.positions import cross_holdings


@in_exact_context
def lower(account: Account, market: Market, parameters: Bitmex) -> Legs:
    """Every pool as legs."""
    return Legs(tuple(_lower_pool(account, pool, market, parameters) for pool in pools(account, parameters)))


def _lower_pool(account: Account, pool: str, market: Market, parameters: Bitmex) -> PoolLegs:
    held = [
        holding
        for holding in cross_holdings(account, parameters, isolated_too=True)
        if pool_of(account, holding, parameters) == pool
    ]
    isolated = not pool.startswith("cross:")
    places = parameters.decimals
    known, demand, initial, legs = ZERO, ZERO, ZERO, []
    if not isolated:
        known = account.wallet.get("XBT" if parameters.inverse else "USDT", ZERO)
        if account.fixed is not None:
            known, demand = known + account.fixed.support, demand + account.fixed.demand
    gross, units = abs(known), 0.0
    for holding in held:
        found = margins(holding, account, market, parameters)
        at_entry = from_raw(found.cost, places) * (holding.position.sign * (-1 if parameters.inverse else 1))
        own = from_raw(found.margin, places) if isolated else ZERO
        known += own - at_entry
        gross += abs(at_entry) + own
        demand += from_raw(found.maint, places)
        initial += from_raw(found.posted, places)
        each = parameters.inverse and parameters.row(holding.position.market).values_of == "contract"
        units += float(holding.position.quantity) + 1.0 if each else 1.0
        slope = float(holding.slope)
        how: Any = "inverse" if parameters.inverse else "quote"
        factor = ((how, "bitmex", holding.position.market, "mark"),)
        slopes = Sums(slope, 0.0, slope, slope, 0.0, slope, 0.0)
        legs.append(Leg(holding.position.market, factor, slopes, size=float(holding.size)))
        funding, settled = lower_funding(holding, market, "bitmex")
        legs += funding
        known += settled
        gross += abs(settled)
    relative = (len(legs) + 8) * 2 * UNIT_ROUNDOFF
    constant = float(known)
    return PoolLegs(
        pool=pool,
        constants=Sums(constant, 0.0, constant, constant, float(initial), constant, float(demand)),
        legs=tuple(legs),
        absolute=relative * float(gross + demand) + units * 10.0**-places,
        relative=relative,
        liquidatable_at_equality=True,
        family="derivatives",
    )
