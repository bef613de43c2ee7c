"""Laws of the two contract rule sets and of generic lending, on drawn accounts."""

from dataclasses import replace
from decimal import Decimal as D
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from marginbook.domain.account import Account, Position
from marginbook.domain.legs import Leg, PoolLegs
from marginbook.domain.market import Market, Quote
from marginbook.exact import CONTEXT
from marginbook.testing.strategies import binance_usdm, generic_derivatives, generic_lending
from marginbook.testing.vectors import Setting
from marginbook.units import parse_time
from marginbook.venues import binance_usdm as usdm
from marginbook.venues.brackets import bracket_table, maintenance_amounts
from marginbook.venues.registry import rule_set

UNIT = D("0.00000001")
quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
EVERY = (binance_usdm(), generic_derivatives(), generic_lending())
every_rule_set = pytest.mark.parametrize("draws", EVERY, ids=("binance", "derivatives", "lending"))


def factor_of(leg: Leg, market: Market) -> float:
    value = 1.0
    for how, venue, name, kind in leg.factor:
        if how == "quote":
            value *= float(market.price(venue, name, kind))
        elif how == "inverse":
            value /= float(market.price(venue, name, kind))
        else:
            value *= market.indices[venue, name, "funding"].value_raw / 1e27
    return value


def evaluated(pool: PoolLegs, market: Market) -> tuple[float, float, float]:
    """(support, demand, allowance) in plain float64, summed in the order of the legs."""
    support, demand, gross = pool.constants.support, pool.constants.demand, 0.0
    for leg in pool.legs:
        factor = factor_of(leg, market)
        notional = leg.size * factor
        support += leg.slopes.support * factor
        demand += leg.slopes.demand * factor
        gross += abs(leg.slopes.support * factor) + notional
        if leg.table is not None:
            rate, cum = next((r, c) for floor, r, c in reversed(leg.table) if notional >= floor)
            demand += rate * notional - cum
    return support, demand, pool.absolute + pool.relative * gross


def at_the_border(setting: Setting, pool: str, units: int) -> Setting:
    """The same account with the pool's money changed so that support − demand is `units` of the smallest money unit."""
    found = setting.call("risk")[pool]
    gap = CONTEXT.subtract(found.support, found.demand)
    change = CONTEXT.subtract(units * UNIT, gap)
    account = setting.account
    if pool.startswith("cross:"):
        currency = pool.removeprefix("cross:")
        wallet = {**account.wallet, currency: CONTEXT.add(account.wallet.get(currency, D(0)), change)}
        return replace(setting, account=replace(account, wallet=wallet))
    if pool == "main":
        worth = CONTEXT.divide(change, setting.market.price("generic", "D", "oracle")).quantize(UNIT)
        debt = [replace(d, amount=d.amount - worth) if d.asset == "D" else d for d in account.debt if d.amount]
        assume(any(d.asset == "D" for d in debt) and all(d.amount >= 0 for d in debt))
        return replace(setting, account=replace(account, debt=tuple(debt)))
    positions = [
        replace(p, isolated_wallet=CONTEXT.add(p.isolated_wallet or D(0), change))
        if pool == f"isolated:{p.market}:{p.side}" and p.mode == "isolated"
        else p
        for p in account.positions
    ]
    return replace(setting, account=replace(account, positions=tuple(positions)))


def check_envelope(setting: Setting) -> None:
    exact = setting.call("risk")
    lowered = rule_set(setting.account.rules).module.lower(setting.account, setting.market, setting.parameters)
    assert [pool.pool for pool in lowered.pools] == list(exact)
    for pool in lowered.pools:
        support, demand, allowance = evaluated(pool, setting.market)
        found = exact[pool.pool]
        assert abs(Fraction(support) - Fraction(found.support)) <= Fraction(allowance)
        assert abs(Fraction(demand) - Fraction(found.demand)) <= Fraction(allowance)
        if abs(support - demand) > 2 * allowance and demand > allowance:
            assert setting.call("is_liquidatable", pool.pool) == (support < demand)


@every_rule_set
@quick
@given(data=st.data())
def test_float_legs_stay_within_their_allowance_and_decide_alike_outside_it(draws: object, data: st.DataObject) -> None:
    check_envelope(data.draw(draws))  # type: ignore[arg-type]


def test_a_jump_of_the_table_is_in_the_allowance() -> None:
    """0.29 · 100 is 28.999999999999996 in float64: the bracket below the one that begins at 29."""
    rows = [["0", "29", "0.01"], ["29", "Infinity", "0.02", "", "-5"]]
    check_envelope(small_position("0.29", "100", "100", rows))


def test_a_border_beside_the_first_ticks_belongs_to_one_direction_only() -> None:
    """10 long from 0.25 with a wallet of 1.075: 0.15 is the border at 5 %, between the first two ticks of 0.1."""
    parameters = usdm.parameters("usdm", 0, {"XUSDT": {"maintenance_rate": "0.05", "tick": "0.1"}})
    held = Position(market="XUSDT", side="long", quantity=D(10), entry=D("0.25"))
    account = Account(id="a", rules="binance/usdm", wallet={"USDT": D("1.075")}, positions=(held,))
    found = usdm.liquidation_prices(account, Market(), parameters, 0)
    assert [(price.price, price.when) for price in found if price.source == "exact"] == [(D("0.1"), "at_or_below")]


def test_a_jump_may_itself_be_the_liquidation_price() -> None:
    """130 − (P − 900) covers 1 % of P below 1,000; from there on 5 % are asked."""
    rows = [["0", "1000", "0.01"], ["1000", "Infinity", "0.05", "", "0"]]
    setting = small_position("1", "900", "900", rows, wallet="130", side="short")
    exact, displayed = setting.call("liquidation_prices")
    assert (exact.price, exact.when, displayed.price) == (1000, "at_or_above", 1000)


def small_position(
    quantity: str, entry: str, mark: str, rows: list[list[str]], wallet: str = "3", side: Any = "long"
) -> Setting:
    position = Position(market="XUSDT", side=side, quantity=D(quantity), entry=D(entry), leverage=D(1))
    account = Account(id="a", rules="binance/usdm", wallet={"USDT": D(wallet)}, positions=(position,))
    parameters = usdm.parameters("usdm", parse_time("2026-10-01"), {"XUSDT": {"brackets": rows}})
    return Setting(account, Market(quotes={("binance", "XUSDT", "mark"): Quote(D(mark))}), parameters, 0)


@every_rule_set
@quick
@given(data=st.data(), units=st.integers(-2, 2))
def test_the_same_within_two_units_of_the_border(draws: object, data: st.DataObject, units: int) -> None:
    setting: Setting = data.draw(draws)  # type: ignore[arg-type]
    check_border(setting, data.draw(st.sampled_from(sorted(setting.call("risk")))), units)


def check_border(setting: Setting, pool: str, units: int) -> None:
    bordering = at_the_border(setting, pool, units)
    check_envelope(bordering)
    found = bordering.call("risk")[pool]
    # 1 / price of an inverse contract has 128 digits: "exactly on the border" cannot be built for it.
    inverse = pool != "main" and any(terms.inverse for terms in bordering.parameters.terms.values())
    if found.demand > 0 and pool != "main" and (units or not inverse):
        inclusive = bordering.parameters.at_equality
        assert bordering.call("is_liquidatable", pool) == (units <= 0 if inclusive else units < 0)


def with_price(setting: Setting, name: str, price: D) -> Setting:
    rules = rule_set(setting.account.rules)
    return replace(setting, market=setting.market.with_prices({(rules.venue, name, rules.price_kind): price}))


@every_rule_set
@settings(quick, max_examples=40)
@given(data=st.data())
def test_at_the_liquidation_price_it_is_liquidatable_and_one_step_safer_it_is_not(
    draws: object, data: st.DataObject
) -> None:
    setting: Setting = data.draw(draws)  # type: ignore[arg-type]
    check_liquidation_prices(setting)


def check_liquidation_prices(setting: Setting) -> None:
    for found in setting.call("liquidation_prices"):
        if found.source == "venue_displayed":
            continue
        step = tick_of(setting, found.market)
        assert found.price % step == 0
        safer = found.price + (step if found.when == "at_or_below" else -step)
        assert with_price(setting, found.market, found.price).call("is_liquidatable", found.pool)
        if safer > 0:
            assert not with_price(setting, found.market, safer).call("is_liquidatable", found.pool)


def tick_of(setting: Setting, market: str) -> D:
    if setting.account.rules == "generic/lending":
        return UNIT
    return setting.parameters.terms_of(market).tick or UNIT


@every_rule_set
@settings(quick, max_examples=40)
@given(data=st.data())
def test_a_pool_changes_sides_only_at_its_liquidation_prices(draws: object, data: st.DataObject) -> None:
    """Prices on both sides of the market: if the answer differs, some liquidation price lies between them."""
    setting: Setting = data.draw(draws)  # type: ignore[arg-type]
    prices = setting.call("liquidation_prices")
    markets = sorted({m for _, m, _ in setting.market.quotes})
    name = data.draw(st.sampled_from(markets))
    low, high = sorted(data.draw(st.tuples(*[st.decimals("0.01", "1000000", places=2)] * 2)))
    for pool in setting.call("risk"):
        answers = {with_price(setting, name, p).call("is_liquidatable", pool) for p in (low, high)}
        if len(answers) == 2:
            step = tick_of(setting, name) if setting.account.rules != "generic/lending" else UNIT
            inside = [p for p in prices if p.pool == pool and p.market == name and low - step <= p.price <= high + step]
            assert inside, f"{pool} {name} changes between {low} and {high}"


@quick
@given(setting=binance_usdm(orders=False))
def test_support_and_demand_add_up_over_positions(setting: Setting) -> None:
    whole = setting.call("risk")
    if any(p.mode == "isolated" for p in setting.account.positions) or setting.account.fixed:
        return
    for name, risk in whole.items():
        currency = name.removeprefix("cross:")
        parts = []
        for position in setting.account.positions:
            if position.market.endswith(currency):
                alone = replace(setting.account, positions=(position,), wallet={currency: D(0)})
                parts.append(replace(setting, account=alone).call("risk")[name])
        wallet = setting.account.wallet[currency]
        assert sum(Fraction(p.support) for p in parts) + Fraction(wallet) == Fraction(risk.support)
        assert sum(Fraction(p.demand) for p in parts) == Fraction(risk.demand)
        assert sum(Fraction(p.demand_initial) for p in parts) - Fraction(risk.demand_initial) < Fraction(1, 10**50)


@quick
@given(
    market=st.sampled_from(("BTCUSDT", "ETHUSDT", "SOLUSDT", "DOGEUSDT")),
    notionals=st.tuples(*[st.decimals("0", "2000000000", places=4)] * 2),
)
def test_maintenance_grows_with_notional_and_never_faster_than_it(market: str, notionals: tuple[D, D]) -> None:
    table = usdm.parameters("usdm", parse_time("2026-10-01")).terms_of(market).table
    low, high = sorted(notionals)
    assert 0 <= table.maintenance(low) <= table.maintenance(high)
    assert table.maintenance(high) - table.maintenance(low) <= high - low


@quick
@given(
    steps=st.lists(st.tuples(st.integers(1, 10**6), st.decimals("0", "0.9", places=4)), min_size=1, max_size=8),
    edge=st.integers(0, 7),
)
def test_derived_amounts_make_any_table_continuous(steps: list[tuple[int, D]], edge: int) -> None:
    floors, floor = [], 0
    for width, rate in steps:
        floors.append((D(floor), rate))
        floor += width
    rows = [[f, None, r] for f, r in floors]
    for row, (following, _) in zip(rows, floors[1:], strict=False):
        row[1] = following
    table = bracket_table(rows, "drawn")
    assert [row.cum for row in table.rows] == maintenance_amounts(floors)
    assert table.jump_most == 0
    at = floors[edge % len(floors)][0]
    step = D("0.0001")
    assert abs(table.maintenance(at) - table.maintenance(max(D(0), at - step))) <= step


@pytest.mark.long
@every_rule_set
@settings(quick, max_examples=4000)
@given(data=st.data(), units=st.integers(-2, 2))
def test_borders_and_prices_over_a_long_budget(draws: object, data: st.DataObject, units: int) -> None:
    setting: Setting = data.draw(draws)  # type: ignore[arg-type]
    check_liquidation_prices(setting)
    for pool in setting.call("risk"):
        check_border(setting, pool, units)
