"""Loans of an account as legs for the float64 kernel, with an allowance that covers every rounding of the exact rule.

Each collateral is a leg of its asset's mid price with support slope amount·LTV, the debt a leg of its asset's price,
times the vault's accumulator where it is stored as of the account's own. Where the oracle has two sides, the initial
sums are legs of bid and ask. While a liquidation LTV ramps down the pool is opaque: time moves it. The envelope bounds
|kernel − exact| by (u = 2^-53), n collaterals, amounts in tokens:

1. Float64: terms are products of at most five rounded numbers, n + 1 are summed: (20 + 2n)u of the gross, and of a
   constant debt.
2. Values: the price is cut at 18 decimals, amount·10^-18; a value and its support lose one unit of account each.
3. A debt that grows: its floor of 2^-31 units and its rounding up to whole units are at most 1.5 units, 1.5 / units of
   what it was when it was stored, as accumulators only grow.
"""

from marginbook.domain.account import Account
from marginbook.domain.legs import IDENTITY_TABLE, Factor, Leg, Legs, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.exact import RAY
from marginbook.units import seconds
from marginbook.venues.euler.holdings import PREFIX, VENUE, Holding, holdings_of, loan_of
from marginbook.venues.euler.math import DEBT_SHIFT, SCALE
from marginbook.venues.euler.parameters import Parameters
from marginbook.venues.euler.vault import Loan

U = 2.0**-53


def lower(account: Account, market: Market, parameters: Parameters) -> Legs:
    """A pool per vault; family `loop` where all of the collateral follows the debt's asset."""
    return Legs(tuple(_lower_pool(account, h, market, parameters) for h in holdings_of(account, parameters)))


def _lower_pool(account: Account, h: Holding, market: Market, parameters: Parameters) -> PoolLegs:
    loan = loan_of(account, h, market, _present(h, market, parameters), {})
    unit = 10.0**-h.terms.unit_decimals
    absolute, relative = 2.0 * unit, (20 + 2 * len(loan.balances)) * U
    constants, legs = Sums(), []
    for name in loan.balances:
        legs += _lower_collateral(h, loan, name)
        tokens = loan.units(name) / 10 ** h.terms.collaterals[name].decimals
        absolute += 2e-18 * tokens + 3.0 * unit
    if h.debt is not None and loan.owed:
        grows = h.debt.amount is None
        tokens = loan.owed / 2**DEBT_SHIFT / 10**h.terms.decimals / (loan.user_accumulator / RAY)
        factor: Factor = (("borrow", VENUE, h.vault, ""),) if grows else ()
        if grows:
            relative += 1.5 / (loan.owed / 2**DEBT_SHIFT)
        if h.terms.asset == h.terms.unit and not grows:
            constants = Sums(liabilities=tokens, margin_balance=-tokens, demand_initial=tokens, demand=tokens)
            absolute += 8 * U * tokens
        else:
            legs += _lower_debt(h, tokens, factor)
        absolute += 2e-18 * tokens
    ramps = any(
        terms.ramp_end > seconds(parameters.at) and terms.liquidation_ltv < terms.initial_liquidation_ltv
        for name, terms in h.terms.collaterals.items()
        if loan.balances.get(name)
    )
    held = [name for name, balance in loan.balances.items() if balance]
    follows = (h.terms.collaterals[name].correlated for name in held)
    inputs = tuple(dict.fromkeys(leg.factor for leg in legs))
    return PoolLegs(
        pool=PREFIX + h.name,
        constants=constants,
        legs=tuple(legs),
        absolute=absolute * (1 + 1e-9),
        relative=relative,
        liquidatable_at_equality=True,
        family="loop" if loan.owed and held and all(follows) else "lending",
        opaque=ramps,
        inputs=inputs if ramps else (),
    )


def _present(h: Holding, market: Market, parameters: Parameters) -> int:
    """A time at which the vault's accumulator is not older than it was stored [µs]."""
    index = market.indices.get((VENUE, h.vault, "borrow"))
    return parameters.at if index is None else max(parameters.at, index.time * 10**6)


def _lower_collateral(h: Holding, loan: Loan, name: str) -> list[Leg]:
    terms = h.terms.collaterals[name]
    tokens = loan.units(name) / 10**terms.decimals
    if not tokens:
        return []
    support = tokens * (loan.ltv(name, liquidation=True) / SCALE)
    initial = tokens * (loan.ltv(name, liquidation=False) / SCALE)
    mid: Factor = (("quote", VENUE, terms.asset, "oracle"),)
    if not h.terms.two_sided:
        return [Leg(name, mid, Sums(tokens, 0.0, tokens, initial, 0.0, support, 0.0))]
    bid: Factor = (("quote", VENUE, terms.asset, "min"),)
    return [
        Leg(name, mid, Sums(tokens, 0.0, tokens, 0.0, 0.0, support, 0.0)),
        Leg(name, bid, Sums(support_initial=initial)),
    ]


def _lower_debt(h: Holding, tokens: float, growth: Factor) -> list[Leg]:
    """The debt at mid price, and, where the oracle has two sides, at the ask for the initial sum."""
    asset, priced = h.terms.asset, h.terms.asset != h.terms.unit
    mid: Factor = ((("quote", VENUE, asset, "oracle"),) if priced else ()) + growth
    one_sided = not (h.terms.two_sided and priced)
    slopes = Sums(liabilities=tokens, margin_balance=-tokens)
    rate = 1.0 if one_sided else 0.0
    legs = [Leg(asset, mid, slopes, size=tokens, table=IDENTITY_TABLE, initial_rate=rate, side=1)]
    if not one_sided:
        ask: Factor = (("quote", VENUE, asset, "max"), *growth)
        legs.append(Leg(asset, ask, Sums(demand_initial=tokens)))
    return legs
