"""Vaults of an account as legs for the float64 kernel, with an allowance that covers every rounding of the exact rule.

Collateral is a leg of its oracle price with support slope ink / (par·mat), debt a leg of the vault type's rate, or a
constant where its amount or index is stated. The envelope bounds |kernel − exact| by (u = 2^-53):

1. Float64: terms are products of at most five rounded numbers, at most two are summed: 22u of the gross, and of a
   constant.
2. Support: the price is cut at 18 decimals, ink·10^-18 / (par·mat) at most; the two quotients of spot lose 10^-27 each,
   the first divided by mat: ink·(1 + 1/mat)·10^-27, less than the same where par·mat is below 10^9.
"""

from marginbook.domain.account import Account
from marginbook.domain.legs import IDENTITY_TABLE, Factor, Leg, Legs, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.exact import RAY, WAD
from marginbook.venues.maker.holdings import DEBT, VENUE, Vault, vaults_of
from marginbook.venues.maker.parameters import Parameters

ROUNDOFF = 22 * 2.0**-53


def lower(account: Account, market: Market, parameters: Parameters) -> Legs:
    """A pool of at most two legs per vault."""
    return Legs(tuple(_lower_vault(v, market, parameters) for v in vaults_of(account, market, parameters, 0)))


def _lower_vault(v: Vault, market: Market, parameters: Parameters) -> PoolLegs:
    absolute, legs, constants = 0.0, [], Sums()
    if v.urn.ink:
        amount, par, mat = v.urn.ink / WAD, parameters.par / RAY, v.ilk.mat / RAY
        value, support = amount / par, amount / par / mat
        factor: Factor = (("quote", VENUE, v.ilk.collateral, "oracle"),)
        legs.append(Leg(v.ilk.collateral, factor, Sums(value, 0.0, value, support, 0.0, support, 0.0)))
        absolute += 2e-18 * support + 2e-27 * amount * (1 + 1 / mat)
    if v.urn.art:
        art = v.urn.art / WAD
        if v.debt is not None and v.debt.amount is None and v.debt.index_raw is None:
            factor = (("borrow", VENUE, v.ilk.name, ""),)
            slopes = Sums(liabilities=art, margin_balance=-art)
            legs.append(Leg(DEBT, factor, slopes, size=art, table=IDENTITY_TABLE, initial_rate=1.0, side=1))
        else:
            debt = art * (v.rate / RAY)
            absolute += ROUNDOFF * debt
            constants = Sums(liabilities=debt, margin_balance=-debt, demand_initial=debt, demand=debt)
    return PoolLegs(
        pool=v.pool,
        constants=constants,
        legs=tuple(legs),
        absolute=absolute,
        relative=ROUNDOFF,
        liquidatable_at_equality=False,
        family="lending",
    )
