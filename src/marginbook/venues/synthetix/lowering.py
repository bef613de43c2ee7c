"""Perps v3 as legs for the float64 kernel, with the bound of its error.

A position is a leg of its price: support slope size − |size| · locked_oi_ratio · interest per dollar, demand by the
maintenance ratio, which depends on the size only. Funding is a leg of the market's index where there is one. A synth is
a leg of its price with its discount, which depends on the amount only. What |kernel − exact| may be (u = 2^-53):

1. Cut products: at most ten of 10^-18 per leg, one of them times the ratio, and one price cut times the size.
2. The reward lies between a least and a greatest number of snxUSD; the kernel takes the middle, and half the width is
   allowed. With snxUSD alone the least is min(max(cost + profit, share of the collateral + cost), cap).
3. Float64: (n + 8) · 4u of the gross, of the constants, and of demand, which is at most the greatest ratio · gross.

Where the state makes funding or interest move with the clock, the pool is opaque: evaluated exactly at every price.
"""

from marginbook.domain.account import Account
from marginbook.domain.legs import Factor, Leg, Legs, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.exact import WAD
from marginbook.venues.synthetix.account import POOL, Book, Holding, Synth, book_of
from marginbook.venues.synthetix.funding import moves_with_time
from marginbook.venues.synthetix.interest import interest_per_dollar
from marginbook.venues.synthetix.margins import keeper_reward, liquidation_windows, required_margins
from marginbook.venues.synthetix.parameters import SYSTEM, Parameters
from marginbook.venues.synthetix.risk import costs_of
from marginbook.venues.synthetix.wad import KIND, VENUE, div, mul, state_seconds, state_wad

ROUNDOFF = 2.0**-53
CUT = 1e-17  # [snxUSD] ten products of a leg
FUNDING_TO_RAY = 10**9


def lower(account: Account, market: Market, parameters: Parameters) -> Legs:
    """The account's one pool."""
    book = book_of(account, parameters)
    counts = not (book.flagged and book.holdings)
    clock = state_seconds(market, SYSTEM, "interest_time") is not None
    clock = clock or any(moves_with_time(market, held.market) for held in book.holdings)
    legs: list[Leg] = []
    support, demand = book.usd, book.fixed_demand
    gross = abs(book.usd) + book.debt + abs(book.fixed_support) + book.fixed_demand
    absolute, ratio, initial = 0.0, 1.0, 0
    for held in book.holdings:
        leg, known, allowed = _lower_holding(held, market, counts)
        legs.append(leg)
        key = (VENUE, held.market, "funding")
        if key in market.indices and counts:
            slope = -held.size / WAD * FUNDING_TO_RAY
            factor: Factor = (("funding", VENUE, held.market, ""),)
            legs.append(Leg(held.market, factor, Sums(slope, 0.0, slope, slope, 0.0, slope, 0.0)))
            known -= mul(held.size, held.funding)
        elif counts:
            known += mul(held.size, state_wad(market, held.market, "funding_value", 0) - held.funding)
        support += known
        demand += held.terms.minimum_position_margin
        initial += held.terms.minimum_position_margin
        gross += abs(known) + held.terms.minimum_position_margin
        absolute += allowed
        asked = required_margins(held.terms, held.size, WAD)
        ratio = max(ratio, asked.initial_ratio / WAD, asked.maintenance_ratio / WAD)
    for synth in book.synths:
        legs.append(_lower_synth(synth, counts))
        absolute += CUT + synth.amount / WAD * 1e-18
    least, most = _lower_reward(book, market, parameters)
    relative = (len(legs) + 8) * 4 * ROUNDOFF * ratio
    owed = book.debt if not book.holdings else 0
    support += book.fixed_support - (book.debt - owed)
    fixed = support / WAD if counts else 0.0
    reward = (least + most) / (2 * WAD)
    constant = Sums(
        assets=(support + book.debt - owed) / WAD if counts else 0.0,
        liabilities=book.debt / WAD if counts else 0.0,
        margin_balance=fixed,
        support_initial=fixed,
        demand_initial=(initial + book.fixed_demand + owed) / WAD + reward,
        support=fixed,
        demand=(demand + owed) / WAD + reward,
    )
    pool = PoolLegs(
        pool=POOL,
        constants=constant,
        legs=tuple(legs),
        absolute=absolute + (most - least) / (2 * WAD) + CUT + relative * (gross / WAD + abs(reward)),
        relative=relative,
        liquidatable_at_equality=False,
        family="derivatives",
        opaque=clock,
        timed=clock,
        inputs=tuple(leg.factor for leg in legs) if clock else (),
    )
    return Legs((pool,))


def _lower_holding(held: Holding, market: Market, counts: bool) -> tuple[Leg, int, float]:
    """The leg of a position's price, its constant [wad] without funding, and what its cuts may add up to."""
    required = required_margins(held.terms, held.size, WAD)
    interest = mul(held.terms.locked_oi_ratio, interest_per_dollar(market, 0) - held.interest)
    slope = (held.size - abs(held.size) * interest / WAD) / WAD if counts else 0.0
    size, rate = abs(held.size) / WAD, required.maintenance_ratio / WAD
    leg = Leg(
        market=held.market,
        factor=(("quote", VENUE, held.market, KIND),),
        slopes=Sums(slope, 0.0, slope, slope, 0.0, slope, 0.0),
        size=size,
        table=((0.0, rate, 0.0),),
        initial_rate=required.initial_ratio / WAD if counts else rate,
        side=1 if held.size > 0 else -1,
    )
    locked = abs(interest_per_dollar(market, 0) - held.interest) / WAD
    allowed = (CUT + size * 1e-18) * (2.0 + rate + locked) + size * 1e-18 * locked
    return leg, -mul(held.size, held.entry) if counts else 0, allowed


def _lower_synth(synth: Synth, counts: bool) -> Leg:
    terms, discount = synth.terms, 0
    if terms.spot_skew_scale:
        impact = mul(div(synth.amount, terms.spot_skew_scale), terms.discount_scalar)
        discount = min(max(impact, terms.lower_limit_discount), terms.upper_limit_discount)
    amount = synth.amount / WAD if counts else 0.0
    worth = amount * ((WAD - discount) / WAD)
    factor: Factor = (("quote", VENUE, synth.asset, KIND),)
    return Leg(synth.asset, factor, Sums(amount, 0.0, worth, worth, 0.0, worth, 0.0))


def _lower_reward(book: Book, market: Market, parameters: Parameters) -> tuple[int, int]:
    """Least and greatest reward [wad] at any prices."""
    if not book.holdings and not book.debt:
        return 0, 0
    guards, costs = parameters.guards, costs_of(market)
    share = mul(book.usd, guards.collateral_reward_ratio) if guards.collateral_reward or not book.holdings else 0
    cost = costs.flag + (costs.liquidate if guards.first_window_cost or not book.holdings else 0)
    least = keeper_reward(guards, share, cost, book.usd)
    most = guards.max_keeper_reward
    if not book.synths:
        if book.usd:
            most = min(mul(book.usd, guards.max_keeper_scaling_ratio), most)
        if not book.holdings:
            most = least
    elif not book.usd:
        least = 0
    windows = max((liquidation_windows(held.terms, held.size) for held in book.holdings), default=0)
    later = keeper_reward(guards, 0, costs.liquidate, 0) * (windows - 1) if windows else 0
    return least + later, most + later
