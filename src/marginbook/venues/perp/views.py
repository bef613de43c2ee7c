"""Perpetual Protocol v2 accounts as legs for the float64 kernel, and the tree behind their headroom.

    support = wallet + owed PnL + fees + Σ open notional + Σ size · P + Σ collateral · ratio · p − Σ size · growth / …
    demand  = Σ |size| · P · mm ratio

Floors: the account value at 1e-6 of the settlement token; every product at 1e-18; a collateral's price at the decimals
of its feed, worth amount · 10^-decimals. Floats: with u = 2^-53 each of n terms carries at most 4u of itself and
summing n·u of the gross, so (n + 8)·2u of gross and constants.

For opening an unrealized profit does not count: it is initial demand of max(0, profit), a bend in one price. Of several
positions the largest has it, with the others at the prices of now.
"""

from dataclasses import dataclass

from marginbook.domain.account import Account
from marginbook.domain.legs import Factor, Leg, Legs, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.domain.node import Node
from marginbook.exact import ZERO, from_raw, in_exact_context
from marginbook.venues.common.bends import lower_bends
from marginbook.venues.perp.model import (
    DECIMALS,
    FUNDING_PERIOD,
    PREMIUM_SCALE,
    VENUE,
    Parameters,
    collateral_value,
    figures,
    funding_of,
    owed,
    positions_of,
    price_of,
    settlement_balance,
    value_of,
)

UNIT_ROUNDOFF = 2.0**-53
INDEX_SCALE = 10**27
"""The kernel reads index / 10^27."""


@in_exact_context
def lower(account: Account, market: Market, parameters: Parameters) -> Legs:
    """The account's one pool."""
    sums = [settlement_balance(account, parameters), owed(account, "owed_realized_pnl"), owed(account, "pending_fee")]
    cash, notionals, quote_debt = from_raw(sum(sums), DECIMALS), ZERO, ZERO
    gross = sum((abs(from_raw(one, DECIMALS)) for one in sums), ZERO)
    absolute = 10.0**-parameters.settlement_decimals
    mm_ratio, im_ratio = parameters.mm_ratio / 1e6, parameters.im_ratio / 1e6
    table = ((0.0, mm_ratio, 0.0),)
    initial = 0.0
    legs: list[Leg] = []
    profits = _lower_profits(account, market)
    for held in positions_of(account):
        notional = from_raw(held.open_notional + held.pooled.quote_gain, DECIMALS)
        notionals += notional
        gross += abs(notional)
        quote_debt -= from_raw(held.open_notional - held.pooled.quote_debt, DECIMALS)
        absolute += 4e-18
        quote: Factor = (("quote", VENUE, held.market, "oracle"),)
        alike = held.size == held.balance
        if held.size:
            slope = float(from_raw(held.size, DECIMALS))
            counted = 0.0 if profits.count_none and held.market != profits.bends else slope
            rate = im_ratio if alike and held.size < 0 else 0.0
            own = Leg(held.market, quote, Sums(slope, 0.0, slope, counted, 0.0, slope, 0.0), abs(slope), table, rate)
            sign = 1 if held.size > 0 else -1
            bends = [(-sign * profits.rest, 1.0, sign)] if held.market == profits.bends else []
            bent, constant = lower_bends(own, bends)
            legs += bent
            initial += constant
        if held.balance < 0 and not alike:
            slopes = Sums(demand_initial=-float(from_raw(held.balance, DECIMALS)) * im_ratio)
            legs.append(Leg(held.market, quote, slopes))
        cash -= from_raw(held.pooled.funding, DECIMALS) / FUNDING_PERIOD
        if held.balance and (VENUE, held.market, "funding") in market.indices:
            per_growth = from_raw(held.balance, DECIMALS) / PREMIUM_SCALE / FUNDING_PERIOD
            settled = per_growth * (held.position.funding_index_raw or 0)
            cash += settled
            gross += abs(settled)
            slope = -float(per_growth * INDEX_SCALE)
            slopes = Sums(slope, 0.0, slope, slope, 0.0, slope, 0.0)
            legs.append(Leg(held.market, (("funding", VENUE, held.market, ""),), slopes))
    for one in account.collateral:
        if one.enabled and one.amount:
            terms = parameters.collateral(one.asset)
            counted = float(one.amount) * (terms.collateral_ratio / 1e6)
            slopes = Sums(counted, 0.0, counted, counted, 0.0, counted, 0.0)
            legs.append(Leg(one.asset, (("quote", VENUE, one.asset, "oracle"),), slopes))
            absolute += float(one.amount) * 10.0**-terms.price_decimals + 4e-18
    relative = (len(legs) + 8) * 2 * UNIT_ROUNDOFF
    known, initial = float(cash + notionals), initial + float(max(ZERO, quote_debt)) * im_ratio
    pool = PoolLegs(
        pool=parameters.pool,
        constants=Sums(known, 0.0, known, known + profits.settled, initial, known, 0.0),
        legs=tuple(legs),
        absolute=absolute + relative * float(gross),
        relative=relative,
        liquidatable_at_equality=False,
        family="derivatives",
    )
    return Legs((pool,))


@dataclass(frozen=True, slots=True)
class _Profits:
    """How max(0, profit), which does not count for opening, is told by legs."""

    bends: str  # market of the largest position, which has the bend
    rest: float  # profit beside that position [USDC]
    count_none: bool  # whether there is a profit now: then the other positions do not move what counts
    settled: float  # their worth of now, which stays


def _lower_profits(account: Account, market: Market) -> _Profits:
    """Profits at the prices of now; a position without a price is worth its open notional."""
    worth: dict[str, float] = {}
    total = 0.0
    for held in positions_of(account):
        notional = held.open_notional + held.pooled.quote_gain
        known = (VENUE, held.market, "oracle") in market.quotes
        worth[held.market] = (value_of(held, market) if known else -notional) / 10.0**DECIMALS
        total += worth[held.market] + notional / 10.0**DECIMALS
    largest = max(worth, key=lambda name: abs(worth[name]), default="")
    own = worth.get(largest, 0.0)
    return _Profits(largest, total - own, total > 0.0, sum(worth.values()) - own if total > 0.0 else 0.0)


@in_exact_context
def explain(account: Account, market: Market, parameters: Parameters, at: int) -> Node:
    """Headroom = account value − requirement, down to sizes, prices and ratios."""
    found = figures(account, market, parameters)
    unit, rules = parameters.settlement, parameters.rules

    def money(quantity: str, raw: int, formula: str, source: str, *inputs: Node) -> Node:
        value = from_raw(raw, DECIMALS)
        return Node(quantity=quantity, value=value, unit=unit, formula=formula, source=source, inputs=inputs)

    values = []
    for held in positions_of(account):
        if held.size:
            price = money("price", price_of(market, held.market), "", f"perp:{held.market} oracle")
            size = Node(
                quantity="size", value=from_raw(held.size, DECIMALS), unit=held.market, formula="", source="account"
            )
            value = value_of(held, market)
            values.append(money(f"position_value {held.market}", value, "size · price", rules, size, price))
    notionals = [
        money(f"open_notional {held.market}", held.open_notional + held.pooled.quote_gain, "", "account")
        for held in positions_of(account)
    ]
    funding = sum(funding_of(held, market) for held in positions_of(account))
    collaterals = [
        money(
            f"collateral {one.asset}",
            collateral_value(one, account, market, parameters),
            "amount · price · ratio",
            rules,
        )
        for one in account.collateral
        if one.enabled
    ]
    support = money(
        "margin_balance",
        found.value,
        "wallet + owed_realized_pnl + pending_fee − funding + collateral + unrealized_pnl, floored at 1e-6",
        rules,
        money("wallet", settlement_balance(account, parameters), "", "account"),
        money("owed_realized_pnl", owed(account, "owed_realized_pnl"), "", "account"),
        money("pending_fee", owed(account, "pending_fee"), "", "account"),
        money("funding", funding, "size · growth of the premium", rules),
        *collaterals,
        money("unrealized_pnl", found.unrealized, "sum of position_value + open_notional", rules, *values, *notionals),
    )
    mm_ratio = Node(
        quantity="mm_ratio",
        value=from_raw(parameters.mm_ratio, 6),
        unit="fraction",
        formula="",
        source=parameters.source,
    )
    demand = money(
        "maintenance_margin",
        found.requirement(parameters.mm_ratio),
        "sum of |position_value| · mm_ratio",
        rules,
        money("sum of |position_value|", found.absolute, "", rules),
        mm_ratio,
    )
    headroom = found.value - found.requirement(parameters.mm_ratio)
    return money("headroom", headroom, "margin_balance − maintenance_margin", rules, support, demand)
