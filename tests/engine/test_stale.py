"""A stale market neither liquidates nor shields anyone."""

from dataclasses import replace
from random import Random

import pytest
from small_book import BTC, SECOND, USDC, WETH, D, Source, borrower, market, of_type, start, trader

from marginbook.domain.events import AccountSnapshot, PriceFrame, Stamp
from marginbook.domain.legs import Leg, PoolLegs, Sums
from marginbook.domain.market import Quote
from marginbook.engine.apply import apply, fold, opening
from marginbook.engine.doubts import value_in
from marginbook.engine.outputs import LiquidationIntent, Undecided
from marginbook.engine.state import Policy
from marginbook.oracle.staleness import Verdict, interval, verdict
from marginbook.testing.laws import settings
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

AGE = 10 * SECOND
AUTHORITY = Policy(mode="authority", stale_band=D("0.05"))


def clock(at):
    return PriceFrame(stamp=Stamp(source="clock", time=at * SECOND), prices={})


def stale_only(*keys):
    """Quotes of which only these get stale."""
    quotes = market().quotes
    return replace(market(), quotes={k: replace(q, max_age=AGE if k in keys else None) for k, q in quotes.items()})


def test_an_account_near_its_border_is_undecided_once_its_price_is_stale():
    state, _ = start(trader(wallet="5000"), policy=AUTHORITY, quotes=stale_only(BTC))
    state, outputs = apply(state, clock(10))
    assert outputs == ()
    state, outputs = apply(state, clock(11))
    (told,) = outputs
    assert (told.zone, told.prices, told.resolved) == ("safe", ("generic:BTC:mark",), False)
    state, outputs = apply(state, clock(12))
    assert outputs == ()
    state, outputs = apply(state, Source().prices(13, BTC="60000"))
    assert [o.resolved for o in of_type(outputs, Undecided)] == [True]
    assert not state.undecided


def test_a_stale_price_does_not_liquidate():
    """A deposit is withdrawn while the price is stale: the venue's decision is reported, nobody acts on it."""
    state, _ = start(trader(wallet="5000"), policy=AUTHORITY, quotes=stale_only(BTC))
    source = Source()
    state, outputs = fold(state, [clock(11), source.pay(12, "ann", "-2500", kind="correction")])
    assert state.zones["ann", "cross:USD"].label == "liquidation"
    assert not of_type(outputs, LiquidationIntent)
    assert state.undecided
    state, outputs = apply(state, source.prices(13, BTC="59999"))
    assert len(of_type(outputs, LiquidationIntent)) == 1


def test_a_stale_price_does_not_shield():
    """Liquidatable over all of the interval: the stale price changes nothing about it."""
    state, _ = start(trader(wallet="5000"), policy=AUTHORITY, quotes=stale_only(BTC))
    source = Source()
    state, outputs = fold(state, [clock(11), source.pay(12, "ann", "-8000", kind="correction")])
    assert len(of_type(outputs, LiquidationIntent)) == 1
    assert not state.undecided


def test_one_stale_dollar_does_not_shield_ten_million():
    """A pool with a little of a stale asset is decided by the rest of it."""
    rich = trader(
        "rich", wallet="500000", positions=(("BTC", "long", "100", "60000"), ("ETH", "long", "0.001", "3000"))
    )
    state, _ = start(rich, policy=AUTHORITY, quotes=stale_only(("generic", "ETH", "mark")))
    state, outputs = fold(state, [clock(11), Source().prices(12, BTC="52000")])
    assert not of_type(outputs, Undecided)
    assert len(of_type(outputs, LiquidationIntent)) == 1


def test_other_accounts_are_not_touched():
    others = (borrower(debt="23000"), trader("eve", wallet="1580", positions=(("ETH", "long", "10", "3000"),)))
    state, _ = start(*others, policy=AUTHORITY, quotes=stale_only(BTC))
    state, outputs = fold(state, [clock(11), Source().prices(12, ETH="2990", WETH="2800")])
    assert not of_type(outputs, Undecided)
    assert {o.account for o in of_type(outputs, LiquidationIntent)} == {"bob", "eve"}


def test_collateral_and_debt_in_one_stale_asset_move_together():
    """10 million of it against 9.9 million of it at a threshold of 0.9 is liquidatable at every price of it."""
    loop = borrower(debt="9900000")
    loop = replace(loop, collateral=(replace(loop.collateral[0], asset="USDC", amount=D(10_000_000)),))
    state, _ = start(policy=AUTHORITY, quotes=stale_only(USDC))
    event = AccountSnapshot(stamp=Stamp(source="x", time=12 * SECOND), account=loop)
    state, outputs = fold(state, [clock(11), event])
    assert not of_type(outputs, Undecided)
    assert len(of_type(outputs, LiquidationIntent)) == 1


def test_a_price_that_was_always_stale_is_found_at_the_opening():
    quotes = stale_only(BTC)
    old = {**quotes.quotes, BTC: Quote(D(60000), time=-20 * SECOND, max_age=AGE)}
    _, outputs = start(trader(wallet="5000"), policy=AUTHORITY, quotes=replace(quotes, quotes=old))
    assert [o.prices for o in of_type(outputs, Undecided)] == [("generic:BTC:mark",)]


def test_a_price_that_jumps_is_not_acted_on_until_the_next_one_confirms_it():
    state, _ = start(trader(), policy=AUTHORITY)
    source = Source()
    state, outputs = apply(state, source.prices(1, BTC="600"))
    assert state.zones["ann", "cross:USD"].label == "bankrupt"
    assert [o.prices for o in of_type(outputs, Undecided)] == [("generic:BTC:mark",)]
    assert not of_type(outputs, LiquidationIntent)
    confirmed, outputs = apply(state, source.prices(2, BTC="610"))
    assert [o.resolved for o in of_type(outputs, Undecided)] == [True]
    assert len(of_type(outputs, LiquidationIntent)) == 1
    assert not confirmed.suspect
    _, outputs = apply(state, source.prices(3, BTC="60000"))
    assert not of_type(outputs, LiquidationIntent)


def test_what_is_liquidatable_before_and_after_a_jump_is_not_shielded_by_it():
    state, _ = start(trader(), policy=AUTHORITY)
    source = Source()
    state, _ = apply(state, source.prices(1, BTC="25000"))
    state, outputs = fold(state, [source.prices(2, BTC="50000"), source.pay(3, "ann", "-1000", kind="correction")])
    assert len(of_type(outputs, LiquidationIntent)) == 1


def test_the_band_is_data_per_market():
    policy = replace(AUTHORITY, stale_bands={BTC: D("0.001")})
    state, _ = start(trader(wallet="5000"), policy=policy, quotes=stale_only(BTC, WETH))
    _, outputs = apply(state, clock(11))
    assert outputs == ()


def pool(*legs, constants=None, opaque=False, inputs=()):
    return PoolLegs(
        pool="p",
        constants=constants or Sums(support=100.0),
        legs=legs,
        absolute=0.0,
        relative=0.0,
        liquidatable_at_equality=False,
        family="derivatives",
        opaque=opaque,
        inputs=inputs,
    )


def leg(slope=0.0, size=0.0, table=None, how="quote", name="M"):
    return Leg(market=name, factor=((how, "v", name, "mark"),), slopes=Sums(support=slope), size=size, table=table)


KEY = ("v", "M", "mark")
TABLE = ((0.0, 0.1, 0.0), (100.0, 0.5, 40.0))


@pytest.mark.parametrize(
    ("legs", "bounds", "expected"),
    [
        ((leg(-1.0, 1.0, TABLE),), (10.0, 50.0), Verdict.NOT_LIQUIDATABLE),
        ((leg(-1.0, 1.0, TABLE),), (10.0, 99.0), Verdict.UNDECIDED),
        ((leg(-1.0, 1.0, TABLE),), (95.0, 99.0), Verdict.LIQUIDATABLE),
        ((leg(-200.0, 1.0, TABLE, "inverse"),), (1.9, 2.1), Verdict.UNDECIDED),
        ((leg(-190.0, 1.0, TABLE, "inverse"),), (2.0, 2.1), Verdict.NOT_LIQUIDATABLE),
        # below zero, but nothing is demanded: nothing to liquidate
        ((leg(-3.0),), (90.0, 110.0), Verdict.NOT_LIQUIDATABLE),
    ],
)
def test_bounds_of_a_pool(legs, bounds, expected):
    assert verdict(pool(*legs), lambda part: 1.0, {KEY: bounds}) is expected


@pytest.mark.parametrize(("support", "expected"), [(-21.0, Verdict.LIQUIDATABLE), (-19.0, Verdict.UNDECIDED)])
def test_a_bracket_floor_inside_the_interval_counts(support, expected):
    """Headroom rises by 2 to the floor at 100 and falls again: both ends show less than the middle."""
    tent = pool(leg(0.3, 1.0, TABLE), constants=Sums(support=support))
    assert verdict(tent, lambda part: 1.0, {KEY: (90.0, 110.0)}) is expected


def test_what_cannot_be_bounded_is_undecided():
    assert verdict(pool(opaque=True), lambda part: 1.0, {KEY: (1.0, 2.0)}) is Verdict.UNDECIDED


def test_prices_filed_under_another_name_than_the_rules_get_stale_too():
    """Quotes of `aave/2` lie under `aave-v2`."""
    since = parse_time("2022-01-01T00:00:00Z")
    prices = {"WETH": D("1"), "USDC": D("0.0005")}
    quotes = {("aave-v2", asset, "oracle"): Quote(price, time=since, max_age=AGE) for asset, price in prices.items()}
    account = replace(borrower(weth="1", debt="1600"), rules="aave/2", parameters=None)
    state, _ = opening((account,), replace(market(), quotes=quotes), at=since, overlays={}, policy=AUTHORITY)
    state, outputs = apply(state, clock(since // SECOND + 11))
    assert [told.account for told in of_type(outputs, Undecided)] == ["bob"]


@pytest.mark.parametrize("rules", ["binance/multi-assets", "binance/portfolio", "bybit/uta", "okx/multi-currency"])
def test_pools_of_several_currencies_are_decided_where_nothing_in_the_interval_says_otherwise(rules):
    random, decided = Random(rules), 0
    for setting in settings(rules, 60, 11):
        pools = rule_set(rules).module.lower(setting.account, setting.market, setting.parameters).pools
        pool = next((pool for pool in pools if pool.currencies), None)
        if pool is None:
            continue
        doubtful = random.sample(sorted(setting.market.quotes), random.randint(1, 2))
        band = random.choice((D("0.0001"), D("0.01")))
        bounds = {key: interval(setting.market.quotes[key].price, band) for key in doubtful}
        told = verdict(pool, value_in(setting.market), bounds)
        decided += told is not Verdict.UNDECIDED
        for _ in range(4):
            prices = {key: D(random.choice((*ends, random.uniform(*ends)))) for key, ends in bounds.items()}
            due = replace(setting, market=setting.market.with_prices(prices)).call("is_liquidatable", pool.pool)
            assert told is Verdict.UNDECIDED or due == (told is Verdict.LIQUIDATABLE)
    assert decided >= 8
