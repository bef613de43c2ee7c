"""A trove as legs for the float64 kernel, with an allowance that covers every rounding of the exact rule.

ETH is a leg of its oracle price with support slope collateral, the demand MCR·debt a constant. That is the whole rule
unless recovery mode can liquidate the trove above MCR, which needs all of: totals known, d ≤ stability pool, more than
one trove, and c·D < C·d. (Otherwise ⌊c·p/d⌋ ≥ ⌊C·p/D⌋ at every price p, and the clause never holds.) None of the four
depends on a price, so that they are decided here; a trove that meets them all is opaque, its only input the price.
The envelope bounds |kernel − exact| by (u = 2^-53): terms are products of at most three rounded numbers, at most two
are summed: 8u of the gross, and of the constant; the price is cut at 18 decimals: collateral·10^-18.

`demand_initial` of the legs is that of normal mode.
"""

from marginbook.domain.account import Account
from marginbook.domain.legs import Factor, Leg, Legs, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.exact import WAD
from marginbook.venues.liquity.holdings import ASSET, POOL, USER, VENUE, system_of
from marginbook.venues.liquity.parameters import Parameters
from marginbook.venues.liquity.risk import is_exposed

ROUNDOFF = 8 * 2.0**-53
PRICE: Factor = (("quote", VENUE, ASSET, "oracle"),)


def lower(account: Account, market: Market, parameters: Parameters) -> Legs:
    """One pool of one leg; none for an account that holds nothing."""
    s = system_of(account, market, parameters, 0, 0)
    if not s.troves:
        return Legs(())
    raw_collateral, raw_debt = s.whole(USER)
    collateral, debt = raw_collateral / WAD, raw_debt / WAD
    demand = debt * (s.terms.mcr / WAD)
    legs = (
        [Leg(ASSET, PRICE, Sums(collateral, 0.0, collateral, collateral, 0.0, collateral, 0.0))] if collateral else []
    )
    opaque = is_exposed(s)
    pool = PoolLegs(
        pool=POOL,
        constants=Sums(liabilities=debt, margin_balance=-debt, demand_initial=demand, demand=demand),
        legs=tuple(legs),
        absolute=2e-18 * collateral + ROUNDOFF * demand,
        relative=ROUNDOFF,
        liquidatable_at_equality=False,
        family="lending",
        opaque=opaque,
        inputs=(PRICE,) if opaque else (),
    )
    return Legs((pool,))
