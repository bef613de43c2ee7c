"""Laws that every rule set keeps, tried on random accounts (`testing/worlds`): one conformance suite for all venues.

A law takes a `Setting` and says what is broken, or nothing. A rule set that breaks one for a reason declares it in the
`DEVIATIONS` of its worlds; a declared deviation must be real, so a law that is kept after all is a failure too.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, replace
from decimal import Decimal
from random import Random

from marginbook.book.factors import cut_price
from marginbook.domain.legs import Factor, Leg, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.domain.risk import LiquidationPrice, Risk
from marginbook.exact import CONTEXT, ONE, ZERO, divide, in_exact_context
from marginbook.liquidation.acts import action, after
from marginbook.liquidation.deficits import balances
from marginbook.liquidation.stages import Scene
from marginbook.testing.vectors import Setting
from marginbook.testing.worlds import module_of
from marginbook.venues.common.views import in_units, is_breached
from marginbook.venues.registry import rule_set
from marginbook.venues.rules import RuleSet

UNIT = Decimal("0.00000001")
FEW_UNITS = 4 * UNIT
"""Roundings of the numbers in an identity."""
DEMAND_INITIAL, DEMAND = 4, 6  # in `Sums`
SHOWN_WITHIN = Decimal("0.000001")
"""Of sums that decide nothing: what they may be off beside the allowance."""
SHOWN_MOVES = ((ONE, ONE), (Decimal("0.9"), Decimal("1.06")), (Decimal("1.12"), Decimal("0.97")))
"""Prices by which `shown_sums_follow` asks again: of every other market, and of the rest."""


def settings(rules: str, count: int, seed: int = 1) -> Iterator[Setting]:
    """`count` random accounts of `rules`, the same for the same seed."""
    random = Random(f"{rules} {seed}")
    for _ in range(count):
        yield module_of(rules).world(rules, random)


def deviations(rules: str) -> Mapping[str, str]:
    """Law -> why `rules` breaks it."""
    found: Mapping[str, Mapping[str, str]] = getattr(module_of(rules), "DEVIATIONS", {})
    return found.get(rules, {})


def violations(rules: str, law: str, count: int, seed: int = 1) -> list[str]:
    """What `count` random accounts break."""
    found = (LAWS[law](setting) for setting in settings(rules, count, seed))
    return [text for text in found if text]


def identities(setting: Setting) -> str | None:
    """free = balance − initial, headroom = balance − maintenance, both within the rounding of printed numbers."""
    for pool, found in setting.call("quantities").items():
        for asked, left in (("initial_margin", "free_margin"), ("maintenance_margin", "headroom")):
            needed, rest = getattr(found, asked), getattr(found, left)
            if found.margin_balance is None or needed is None or rest is None:
                continue
            gap = CONTEXT.subtract(CONTEXT.subtract(found.margin_balance, needed), rest)
            if abs(gap) > FEW_UNITS:
                return f"{pool}: margin_balance − {asked} − {left} = {gap}"
    return None


def pools_agree(setting: Setting) -> str | None:
    """risk, quantities and lower speak of the same pools."""
    rules, parameters = _rules(setting), setting.parameters
    lowered = {p.pool for p in rules.module.lower(setting.account, setting.market, parameters).pools}
    sums, views = set(setting.call("risk")), set(setting.call("quantities"))
    return None if sums == views == lowered else f"risk {sums}, quantities {views}, lower {lowered}"


def decision_follows_the_sums(setting: Setting) -> str | None:
    """Liquidatable exactly where demand > 0 and support is below (or at) it, apart from the declared allowance."""
    for pool, legs, sums in _lowered(setting):
        decided = setting.call("is_liquidatable", pool)
        gap = CONTEXT.subtract(sums.support, sums.demand)
        if abs(gap) <= Decimal(_allowance(legs, setting.market, setting)):
            continue
        if decided != is_breached(sums.support, sums.demand, legs.liquidatable_at_equality):
            return f"{pool}: decided {decided} at support {sums.support}, demand {sums.demand}"
    return None


def kernel_stays_in_its_envelope(setting: Setting) -> str | None:
    """|kernel − exact| ≤ allowance, for support, demand and equity (assets − liabilities, which tells bankruptcy)."""
    for pool, legs, sums in _lowered(setting):
        if legs.opaque:
            if not legs.inputs:
                return f"{pool}: opaque without inputs"
            continue
        ours, gross = kernel_sums(legs, setting)
        allowed = Decimal(legs.absolute + legs.relative * gross)
        owned = CONTEXT.subtract(sums.assets, sums.liabilities)
        for name, kernel, exact in (
            ("support", ours.support, sums.support),
            ("demand", ours.demand, sums.demand),
            ("equity", ours.assets - ours.liabilities, owned),
        ):
            if abs(CONTEXT.subtract(Decimal(kernel), exact)) > allowed:
                return f"{pool}: kernel {name} {kernel!r}, exact {exact}, allowed {allowed:.3e}"
    return None


def shown_sums_follow(setting: Setting) -> str | None:
    """The kernel's other sums follow the prices as the exact ones do, within the allowance and `SHOWN_WITHIN`.

    They are what pages of a book show: margin balance, and what is free for opening (initial support − demand; legs
    have kinks in the demand only, so that the two alone may differ). Legs are those of the prices before.
    """
    rules, names = _rules(setting), sorted({name for _, name, _ in setting.market.quotes})
    lowered = rules.module.lower(setting.account, setting.market, setting.parameters).pools
    for factors in SHOWN_MOVES:
        by_name = {name: factors[n % 2] for n, name in enumerate(names)}
        prices = {key: CONTEXT.multiply(q.price, by_name[key[1]]) for key, q in setting.market.quotes.items()}
        now = replace(setting, market=setting.market.with_prices(prices))
        exact = now.call("risk")
        for legs in (legs for legs in lowered if not legs.opaque):
            sums, (ours, gross) = in_units(exact[legs.pool], rules.risk_scale), kernel_sums(legs, now)
            free = CONTEXT.subtract(sums.support_initial, sums.demand_initial)
            most = max(abs(sums.margin_balance), abs(sums.support_initial), abs(sums.demand_initial))
            allowed = CONTEXT.add(2 * Decimal(legs.absolute + legs.relative * gross), SHOWN_WITHIN * most)
            for name, kernel, shown in (
                ("margin_balance", ours.margin_balance, sums.margin_balance),
                ("free for opening", ours.support_initial - ours.demand_initial, free),
            ):
                if abs(CONTEXT.subtract(Decimal(kernel), shown)) > allowed:
                    at = f"prices by {factors[0]} and {factors[1]}"
                    return f"{legs.pool}, {at}: kernel {name} {kernel!r}, exact {shown}, allowed {allowed:.3e}"
    return None


def liquidation_price_is_the_edge(setting: Setting) -> str | None:
    """At an exact liquidation price the pool is liquidatable, one step nearer to safety it is not."""
    step_of = getattr(module_of(setting.account.rules), "step", None)
    for price in setting.call("liquidation_prices"):
        if price.source != "exact":
            continue
        step = UNIT if step_of is None else step_of(setting, price.market)
        nearer = price.price + step if price.when == "at_or_below" else price.price - step
        if not _liquidatable_at(setting, price, price.price):
            return f"{price.pool} {price.market}: not liquidatable at {price.price}"
        if nearer > 0 and _liquidatable_at(setting, price, nearer):
            return f"{price.pool} {price.market}: liquidatable at {nearer} already, {price.when} {price.price}"
    return None


def liquidation_conserves_value(setting: Setting) -> str | None:
    """In every asset, what the account loses is what liquidator, fund, protocol and pool gain."""
    for pool in setting.call("risk"):
        liquidatable = setting.call("is_liquidatable", pool)
        plan = setting.call("plan_liquidation", pool)
        if not liquidatable:
            if plan.reason is None:
                return f"{pool}: a plan for a pool that is not liquidatable"
            continue
        if plan.reason is not None:
            continue
        if not plan.flows:
            return f"{pool}: a plan without flows"
        if plan.close_least > plan.close_most:
            return f"{pool}: at least {plan.close_least}, at most {plan.close_most}"
        totals: dict[str, Decimal] = {}
        for flow in plan.flows:
            totals[flow.asset] = CONTEXT.add(totals.get(flow.asset, ZERO), flow.amount)
        for asset, total in totals.items():
            if total:
                return f"{pool}: flows of {asset} sum to {total}"
    return None


@in_exact_context
def a_planned_call_is_what_happens(setting: Setting) -> str | None:
    """Lending: applied as it is, the largest call of the plan changes the account by its flows.

    A debt that is gone was received. Of accounts that state amounts; within two last units of the asset, or what two
    of the debt's stand for.
    """
    account, rules = setting.account, _rules(setting)
    amounts = [held.amount for held in account.collateral] + [owed.amount for owed in account.debt]
    if rules.family != "lending" or None in amounts:
        return None
    for pool in setting.call("risk"):
        plan = setting.call("plan_liquidation", pool)
        if plan.reason is not None or plan.market in {position.market for position in account.positions}:
            continue
        scene = Scene(account=account, pool=pool, market=setting.market, parameters=setting.parameters, at=setting.at)
        call = action(scene, "liquidation", plan.market, plan.close_most, plan.collateral)
        before, now = balances(account), balances(after(scene, [call]).account)
        for asset in sorted({*before, *now, *(flow.asset for flow in plan.flows)}):
            told = sum((f.amount for f in plan.flows if (f.party, f.asset) == ("account", asset)), ZERO)
            happened = now.get(asset, ZERO) - before.get(asset, ZERO)
            share = max(ONE, divide(abs(told), plan.close_most))
            if abs(told - happened) > 2 * max(_last_unit(told), _last_unit(plan.close_most) * share):
                return f"{pool}: {asset} flows {told}, balances {happened}"
    return None


def explanation_ends_in_the_headroom(setting: Setting) -> str | None:
    """The root of `explain` is support − demand of all pools, where they are in one currency."""
    if len({found.currency for found in setting.call("quantities").values()}) > 1:
        return None
    total = ZERO
    for _, _, sums in _lowered(setting):
        total = CONTEXT.add(total, CONTEXT.subtract(sums.support, sums.demand))
    root = setting.call("explain")
    if abs(CONTEXT.subtract(root.value, total)) > FEW_UNITS:
        return f"explained {root.value}, support − demand {total}"
    return None


def sums_are_additive(setting: Setting) -> str | None:
    """Every holding adds to the sums: the whole is its parts, positions apart from each other, within 1e-8 each."""
    account = setting.account
    if len(account.positions) < 2 or account.orders or account.position_mode == "hedge":
        return None
    whole = _money(setting)
    first = replace(setting, account=replace(account, positions=account.positions[:1]))
    rest = replace(
        setting,
        account=replace(account, positions=account.positions[1:], wallet={}, collateral=(), debt=(), fixed=None),
    )
    parts = [CONTEXT.add(a, b) for a, b in zip(_money(first), _money(rest), strict=True)]
    for name, one, other in zip(("support", "demand"), whole, parts, strict=True):
        if abs(CONTEXT.subtract(one, other)) > FEW_UNITS:
            return f"{name} {one} of the whole, {other} of its parts"
    return None


def longs_are_monotone(setting: Setting) -> str | None:
    """An account of longs alone that is safe stays safe when prices rise; one of shorts alone when they fall."""
    sides = {position.side for position in setting.account.positions}
    if len(sides) != 1 or setting.account.orders or setting.account.collateral or setting.account.debt:
        return None
    factor = Decimal("1.03") if sides == {"long"} else Decimal("0.97")
    moved = {key: CONTEXT.multiply(quote.price, factor) for key, quote in setting.market.quotes.items()}
    better = replace(setting, market=setting.market.with_prices(moved))
    for pool in setting.call("risk"):
        if better.call("is_liquidatable", pool) and not setting.call("is_liquidatable", pool):
            return f"{pool}: liquidatable after a move in its favour"
    return None


LAWS: dict[str, Callable[[Setting], str | None]] = {
    "identities": identities,
    "pools_agree": pools_agree,
    "decision_follows_the_sums": decision_follows_the_sums,
    "kernel_stays_in_its_envelope": kernel_stays_in_its_envelope,
    "shown_sums_follow": shown_sums_follow,
    "liquidation_price_is_the_edge": liquidation_price_is_the_edge,
    "liquidation_conserves_value": liquidation_conserves_value,
    "a_planned_call_is_what_happens": a_planned_call_is_what_happens,
    "explanation_ends_in_the_headroom": explanation_ends_in_the_headroom,
    "sums_are_additive": sums_are_additive,
    "longs_are_monotone": longs_are_monotone,
}


def kernel_sums(legs: PoolLegs, setting: Setting) -> tuple[Sums, float]:
    """(sums, gross) in plain float64, in the order of the legs; gross as the kernel has it."""
    total, gross = _leg_sums(legs.constants, legs.legs, setting)
    for one in legs.currencies:
        p = factor_value(one.factor, setting)
        cash = Sums(one.cash, 0.0, one.cash, one.cash, one.demand_initial, one.cash, one.demand)
        own, spread = _leg_sums(cash, one.legs, setting)
        x, short = own.support, max(0.0, -own.support)
        counted = min(rate * x * p + plus * p + plus_pool for rate, plus, plus_pool in one.lines)
        asked = one.initial_rate * own.demand_initial + one.initial_of_demand * own.demand
        total = Sums(
            assets=total.assets + (p * x if one.equity_whole else counted),
            liabilities=total.liabilities,
            margin_balance=total.margin_balance + counted,
            support_initial=total.support_initial + counted,
            demand_initial=total.demand_initial + p * (asked + one.borrow_initial_rate * short),
            support=total.support + counted,
            demand=total.demand + p * (one.demand_rate * own.demand + one.borrow_rate * short),
        )
        rates = (float(one.equity_whole), *(line[0] for line in one.lines), one.demand_rate + one.borrow_rate)
        gross += max(rates) * p * (spread + abs(one.cash) + one.demand) + p * one.absolute / (legs.relative or 1.0)
    return total, gross


def _leg_sums(constants: Sums, legs: tuple[Leg, ...], setting: Setting) -> tuple[Sums, float]:
    values, gross = list(astuple(constants)), 0.0
    for leg in legs:
        factor = factor_value(leg.factor, setting)
        notional, net = leg.size * factor, (leg.side or 1) * leg.size * factor
        slopes, steepest = leg.slopes, 0.0
        values = [value + slope * factor for value, slope in zip(values, astuple(slopes), strict=True)]
        values[DEMAND_INITIAL] += leg.initial_rate * max(abs(net + leg.bids), abs(net - leg.asks))
        if leg.table is not None:
            steepest = max(rate + abs(cum) / (floor or 1.0) for floor, rate, cum in leg.table)
        most = max(
            abs(slopes.assets) + abs(slopes.liabilities),
            abs(slopes.support),
            abs(slopes.demand) + steepest * leg.size,
        )
        gross += most * factor * (2.0 if leg.size else 1.0)
        if leg.table is not None:
            rate, cum = next((r, c) for floor, r, c in reversed(leg.table) if notional >= floor)
            values[DEMAND] += rate * notional - cum
    return Sums(*values), gross


def factor_value(factor: Factor, setting: Setting) -> float:
    """Π quote^±1 · Π index / 10^27, interest accrued to the setting's time."""
    accrued = getattr(_rules(setting).module, "accrued_index", None)
    value = 1.0
    for how, venue, name, kind in factor:
        if how == "quote":
            value *= _quote(setting, venue, name, kind)
        elif how == "inverse":
            value /= _quote(setting, venue, name, kind)
        else:
            index = setting.market.indices[venue, name, how]
            raw = accrued(index, how, setting.parameters, setting.at) if accrued else index.value_raw
            value *= raw / 1e27
    return value


def _quote(setting: Setting, venue: str, name: str, kind: str) -> float:
    places = _rules(setting).price_decimals
    price = setting.market.price(venue, name, kind)
    return float(price) if places is None else cut_price(price, places)


def _last_unit(amount: Decimal) -> Decimal:
    exponent = amount.as_tuple().exponent
    return ONE.scaleb(min(exponent, -6) if isinstance(exponent, int) else -6)


def _rules(setting: Setting) -> RuleSet:
    return rule_set(setting.account.rules)


def _lowered(setting: Setting) -> Iterator[tuple[str, PoolLegs, Risk[Decimal]]]:
    rules = _rules(setting)
    sums = setting.call("risk")
    for legs in rules.module.lower(setting.account, setting.market, setting.parameters).pools:
        yield legs.pool, legs, in_units(sums[legs.pool], rules.risk_scale)


def _allowance(legs: PoolLegs, market: Market, setting: Setting) -> float:
    return 2 * (legs.absolute + legs.relative * kernel_sums(legs, setting)[1])


def _liquidatable_at(setting: Setting, price: LiquidationPrice, value: Decimal) -> bool:
    venue = _rules(setting).venue
    keys = [key for key in setting.market.quotes if key[:2] == (venue, price.market)]
    keys = keys or [(venue, price.market, _rules(setting).price_kind)]
    market = setting.market.with_prices(dict.fromkeys(keys, value))
    return bool(replace(setting, market=market).call("is_liquidatable", price.pool))


def _money(setting: Setting) -> tuple[Decimal, Decimal]:
    rules = _rules(setting)
    sums = [in_units(found, rules.risk_scale) for found in setting.call("risk").values()]
    support, demand = ZERO, ZERO
    for found in sums:
        support, demand = CONTEXT.add(support, found.support), CONTEXT.add(demand, found.demand)
    return support, demand
