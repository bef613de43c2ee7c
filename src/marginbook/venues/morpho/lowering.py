"""Markets of an account as legs for the float64 kernel, with an allowance that covers every rounding of the exact rule.

The collateral is a leg of the oracle price (or collateral's over loan's) with support slope collateral·LLTV; the debt
is a constant, or in shares a leg of the market's growth index: shares·(A + 1)/(S + 10^6)·f, with A and S the totals at
growth 1 and f the growth since. The envelope bounds |kernel − exact| by (u = 2^-53):

1. Float64: terms are products of at most six rounded numbers, at most three are summed: 22u of the gross, and of a
   constant debt.
2. Support: the price is cut at its last decimal, at most collateral / 10^36 loan units; two floors, one unit each.
3. Debt: the totals at f are A·f less two floors, plus the virtual asset, which does not grow: |error| ≤ f + 2 of
   (A + 1)·f, at most 3/(A + 1) of the debt as f ≥ 1; then one unit of rounding up.
4. Supply: with B and T the supplied assets and shares, its part of B + 1 + (1 − fee)·A·(f − 1), as the fee's new shares
   take exactly its part of the interest but for less than one share: the price of one, and four units.
"""

from marginbook.domain.account import Account
from marginbook.domain.legs import IDENTITY_TABLE, Factor, Leg, Legs, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.exact import WAD
from marginbook.venues.morpho.holdings import (
    USER,
    VENUE,
    Holding,
    holdings_of,
    is_scaled,
    price_names,
    stored,
)
from marginbook.venues.morpho.math import PRICE_SCALE, VIRTUAL_ASSETS, VIRTUAL_SHARES
from marginbook.venues.morpho.parameters import Parameters

ROUNDOFF = 22 * 2.0**-53


def lower(account: Account, market: Market, parameters: Parameters) -> Legs:
    """A pool of at most two legs per market; family `loop` where both sides follow one asset and something is owed."""
    return Legs(tuple(_lower_pool(account, h, market) for h in holdings_of(account, parameters)))


def _lower_pool(account: Account, h: Holding, market: Market) -> PoolLegs:
    m = stored(account, h, market, 0, 0)
    position, totals, fee = m.position(USER), m.totals, h.terms.fee / WAD
    unit = 10.0**-h.terms.loan_decimals
    moves = (VENUE, h.name, "borrow") in market.indices
    absolute, relative, legs = 4.0 * unit, ROUNDOFF, []
    debt = lent = grown = 0.0
    growth: Factor = (("borrow", VENUE, h.name, ""),)
    if position.collateral:
        amount = position.collateral / 10**h.terms.collateral_decimals
        support = amount * (h.terms.lltv / WAD)
        names = price_names(market, h.name, h.terms)
        factor: Factor = (("quote", VENUE, names[0], "oracle"),)
        if len(names) > 1:
            factor = (*factor, ("inverse", VENUE, names[1], "oracle"))
        legs.append(Leg(h.terms.collateral, factor, Sums(amount, 0.0, amount, support, 0.0, support, 0.0)))
        absolute += (position.collateral / PRICE_SCALE) * unit
    if position.supply_shares:
        share = position.supply_shares / (totals.supply_shares + VIRTUAL_SHARES)
        lent = share * (totals.supply_assets + VIRTUAL_ASSETS) * unit
        grown = share * (1.0 - fee) * totals.borrow_assets * unit
        absolute += 4.0 * unit + (1.0 + share) * (lent + grown) / (totals.supply_shares + VIRTUAL_SHARES)
    if position.borrow_shares:
        share = (totals.borrow_assets + VIRTUAL_ASSETS) / (totals.borrow_shares + VIRTUAL_SHARES)
        debt = position.borrow_shares * share * unit
    absolute += 4 * ROUNDOFF * (debt + lent + grown)
    if is_scaled(h) and moves:
        relative += 3.0 / (totals.borrow_assets + 1)
        legs.append(Leg(h.terms.loan, growth, Sums(assets=grown)))
        slopes = Sums(liabilities=debt, margin_balance=-debt)
        legs.append(Leg(h.terms.loan, growth, slopes, size=debt, table=IDENTITY_TABLE, initial_rate=1.0, side=1))
        constants = Sums(assets=lent - grown)
    else:
        constants = Sums(lent, debt, -debt, 0.0, debt, 0.0, debt)
    return PoolLegs(
        pool=h.pool,
        constants=constants,
        legs=tuple(legs),
        absolute=absolute * (1 + 1e-9),
        relative=relative,
        liquidatable_at_equality=False,
        family="loop" if h.terms.correlated and position.borrow_shares else "lending",
    )
