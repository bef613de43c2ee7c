"""Pushed, delayed, uncertain and voted prices: others' cases, then borders one unit either side."""

from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market, Quote
from marginbook.exact import from_raw
from marginbook.oracle.confidence import (
    UncertainPrice,
    checked,
    collateral_price,
    debt_price,
    from_answer,
)
from marginbook.oracle.delayed import (
    Delayed,
    Median,
    SignedQuote,
    forewarned,
    lead_time,
    poked,
    price_to_judge_by,
    started,
    voided,
    written_median,
)
from marginbook.oracle.mark import Window, average, basis, delivery_mark, delivery_price, perpetual_mark
from marginbook.oracle.push_feed import PushRule, read_at, updates, worst_stale_error
from marginbook.oracle.stake_median import ExchangePrice, consensus_price, is_written, validator_price, weighted_median
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

HOUR = 3_600_000_000


def test_api3s_printed_example() -> None:
    """23.01 on Tuesday noon; 23.02 next morning is below 23.2401, so it comes only with the heartbeat at noon."""
    rule = PushRule(D("0.01"), 24 * HOUR)
    ticks = [(0, D("23.01")), (23 * HOUR + HOUR // 4, D("23.02")), (24 * HOUR, D("23.02"))]
    assert [(found.price, found.sent) for found in updates(ticks, rule)] == [(D("23.01"), 0), (D("23.02"), 24 * HOUR)]
    assert len(updates([(0, D("23.01")), (1, D("23.2400"))], rule)) == 1
    assert updates([(0, D("23.01")), (1, D("23.2401"))], rule)[1].why == "deviation"
    assert len(updates([(0, D("23.01")), (24 * HOUR - 1, D("23.02"))], rule)) == 1


def test_an_update_is_read_only_once_it_is_included_and_none_is_sent_meanwhile() -> None:
    rule = PushRule(D("0.01"), HOUR, delay=10)
    ticks = [(0, D(100)), (5, D(90)), (10, D(80)), (14, D(80)), (15, D(80)), (25, D(80))]
    sent = updates(ticks, rule)
    assert [(found.price, found.sent, found.read) for found in sent] == [
        (D(100), 0, 0),
        (D(90), 5, 15),
        (D(80), 15, 25),
    ]
    assert [read_at(sent, at).price for at in (14, 15, 24, 25)] == [100, 90, 90, 80]  # type: ignore[union-attr]
    assert read_at(sent, -1) is None
    (_, beat) = updates([(0, D(100)), (HOUR, D(100))], rule)
    assert (beat.sent, beat.read, beat.why) == (HOUR, HOUR + 10, "heartbeat")
    worst = worst_stale_error(ticks, rule)
    assert (worst.error, worst.at) == (D("-0.2"), 10)


@given(st.lists(st.decimals("90", "110", places=2), min_size=1, max_size=40), st.sampled_from(("0.005", "0.02")))
def test_without_delay_a_reader_is_never_off_by_the_deviation(prices: list[D], deviation: str) -> None:
    ticks = list(enumerate(prices))
    worst = worst_stale_error(ticks, PushRule(D(deviation), HOUR))
    assert abs(worst.error) < D(deviation)


SIGNERS = ("a", "b", "c")


@pytest.mark.parametrize(
    ("quotes", "code"),
    [
        ([("a", 1, 9)], "no_quorum"),
        ([("a", 1, 9), ("b", 2, 9), ("a", 3, 9)], "unknown_signer"),
        ([("a", 1, 9), ("b", 2, 9), ("z", 3, 9)], "unknown_signer"),
        ([("a", 1, 9), ("b", 2, 5), ("c", 3, 9)], "stale_quote"),
        ([("a", 1, 9), ("b", -2, 9), ("c", 3, 9)], "bad_price"),
    ],
)
def test_a_median_that_the_contract_would_refuse(quotes: list[tuple[str, int, int]], code: str) -> None:
    with pytest.raises(BadInput, match=code):
        written_median(Median(7, 5), [SignedQuote(*quote) for quote in quotes], SIGNERS, 3, 10)
    with pytest.raises(BadInput, match="bad_quorum"):
        written_median(Median(), [], SIGNERS, 2, 10)


def test_the_security_modules_own_sequence() -> None:
    """osm.t.sol of makerdao/osm: created at 1; the source moves to 2, then 3; each counts one poke later."""
    module = started(1, 36_000)
    assert (module.current, module.following) == (1, 1)
    with pytest.raises(BadInput, match="too_early"):
        poked(module, 2, 39_599)
    module = poked(module, 2, 39_600)
    assert (module.current, module.following) == (1, 2)
    module = poked(module, 3, 43_205)
    assert (module.current, module.following, module.poked) == (2, 3, 43_200)
    module = poked(module, 3, 46_800)
    assert (module.current, module.following) == (3, 3)
    assert poked(module, None, 50_400) == module, "an empty source changes nothing"


def test_void_and_stop_leave_nothing_to_read_and_nothing_to_come() -> None:
    module = voided(Delayed(5, 6, 3600))
    assert lead_time(module, 3700) is None
    with pytest.raises(BadInput, match="missing_price"):
        price_to_judge_by(module)
    with pytest.raises(BadInput, match="stopped"):
        poked(module, 7, 9000)
    assert forewarned(module, ["a"], lambda account, price: True, 9000) == []
    assert price_to_judge_by(Delayed(5, 6, 3600, stopped=True)) == 5


def test_vaults_that_the_price_to_come_will_liquidate_are_known_an_hour_before() -> None:
    """Exact vaults of maker/dss: sound at 3,000, unsafe at 2,500, one at neither, one at both."""
    rules = rule_set("maker/dss")
    at = parse_time("2023-06-01")
    terms = rules.module.parameters(rules.version, at)
    vaults = {
        name: Account(
            id=name,
            rules="maker/dss",
            collateral=(Collateral(asset="ETH", amount=D(100), pool="ETH-A"),),
            debt=(Debt(asset="DAI", amount=D(debt), pool="ETH-A"),),
        )
        for name, debt in (("soon", "190000"), ("calm", "100000"), ("gone", "250000"))
    }

    def unsafe(name: str, price: int) -> bool:
        market = Market(quotes={("maker", "ETH", "oracle"): Quote(from_raw(price, 18))})
        return rules.module.is_liquidatable(vaults[name], "main:ETH-A", market, terms, at)

    module = Delayed(3000 * 10**18, 2500 * 10**18, poked=7200)
    found = forewarned(module, vaults, unsafe, 7300)
    assert [(warning.account, warning.at) for warning in found] == [("soon", 10_800)]
    assert lead_time(module, 7300) == 3500
    assert lead_time(module, 99_999) == 0


def test_pyths_printed_example() -> None:
    found = from_answer({"price": "12276250", "conf": "1500", "expo": -5, "publish_time": 1})
    assert (found.price, found.confidence, found.time) == (D("122.7625"), D("0.015"), 1_000_000)
    assert (collateral_price(found), debt_price(found)) == (D("122.7475"), D("122.7775"))
    assert collateral_price(UncertainPrice(1, 5, 0)) == 0
    assert (collateral_price(found, D(2)), debt_price(found, D(2))) == (D("122.7325"), D("122.7925"))


@pytest.mark.parametrize(
    ("price", "code"),
    [
        (UncertainPrice(0, 0, 0, 0), "bad_price"),
        (UncertainPrice(-1, 0, 0, 0), "bad_price"),
        (UncertainPrice(100, 2, 0, 0), "uncertain_price"),
        (UncertainPrice(100, 1, 0, None), "stale_price"),
        (UncertainPrice(100, 1, 0, -61), "stale_price"),
    ],
)
def test_an_uncertain_price_that_nobody_should_be_judged_by(price: UncertainPrice, code: str) -> None:
    with pytest.raises(BadInput, match=code):
        checked(price, at=0, max_age=60)
    good = UncertainPrice(100, 1, 0, -60)
    assert checked(good, at=0, max_age=60) is good


@pytest.mark.parametrize("answer", [{}, {"price": "x", "conf": 1, "expo": 1}, {"price": 1, "conf": -1, "expo": 0}])
def test_an_answer_that_is_no_price(answer: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        from_answer(answer)


@pytest.mark.parametrize(
    ("votes", "stakes", "expected"),
    [
        ({}, {"1": 100}, None),
        ({"1": 100}, {"1": 100}, 100),
        ({"1": 100}, {"1": 50, "2": 50}, None),
        ({"1": 100}, {"1": 68, "2": 32}, 100),
        ({"1": 100, "2": 200}, {"1": 50, "2": 50}, 100),
        ({"1": 100, "2": 200, "3": 300}, {"1": 33, "2": 33, "3": 33}, 200),
        ({"1": 200, "2": 400}, {"1": 33, "2": 33, "3": 33}, None),
    ],
)
def test_cases_of_the_stake_weighted_medians_own_tests(
    votes: dict[str, int], stakes: dict[str, int], expected: int | None
) -> None:
    """pkg/math/voteweighted/math_test.go of skip-mev/connect."""
    assert consensus_price(votes, stakes) == expected


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ([(100, 1)], 100),
        ([(100, 1), (100, 1)], 100),
        ([(100, 1), (200, 1)], 100),
        ([(100, 10), (200, 20)], 200),
        ([(100, 10), (200, 20), (300, 30)], 200),
    ],
)
def test_medians_by_stake(votes: list[tuple[int, int]], expected: int) -> None:
    assert weighted_median(votes) == expected


def test_two_thirds_are_667_of_1000_and_strangers_do_not_count() -> None:
    assert consensus_price({"1": 5}, {"1": 667, "2": 333}) == 5
    assert consensus_price({"1": 5}, {"1": 666, "2": 334}) is None
    assert consensus_price({"1": 5, "stranger": 9}, {"1": 667, "2": 333}) == 5


def test_fresh_exchanges_and_the_least_change() -> None:
    quotes = [ExchangePrice(6, 0), ExchangePrice(7, -10), ExchangePrice(0, 0), ExchangePrice(99, -11)]
    assert validator_price(quotes, 2, 0, 10) == 7
    assert validator_price(quotes, 3, 0, 10) is None
    assert validator_price([], 0, 0, 10) is None
    assert [is_written(1_000_000, new, 1000) for new in (1_000_999, 1_001_000, 999_000)] == [False, True, True]
    assert is_written(999, 999, 1000), "below 1,000 units the least change is rounded down to nothing"


def test_the_mark_is_the_middle_of_three() -> None:
    for contract, expected in (("90", "97"), ("98", "98"), ("120", "100.5")):
        found = perpetual_mark(D(100), D(-3), D(contract), D("0.01"), 4 * HOUR)
        assert found.price == D(expected)
    assert delivery_mark(D(100), D(-3)) == 97
    with pytest.raises(BadInput, match="time_to_funding"):
        perpetual_mark(D(100), D(0), D(100), D(0), 9 * HOUR)
    with pytest.raises(BadInput, match="crossed"):
        basis(D(2), D(1), D(1))


def test_a_mean_basis_takes_the_latest_value_known_at_each_instant() -> None:
    second = 1_000_000
    series = [(0, D(1)), (3 * second, D(4)), (9 * second, D(10))]
    assert average(series, Window(10 * second, second), 9 * second).value == D("3.7")  # 3 of 1, 6 of 4, 1 of 10
    short = average(series, Window(20 * second, second), 9 * second)
    assert (short.samples, short.missing) == (10, 10)
    with pytest.raises(BadInput, match="missing_price"):
        average(series, Window(second, second), -1)
    with pytest.raises(BadInput, match="bad_window"):
        average(series, Window(1, 2), 0)


def test_a_delivery_price_weighs_every_sample_alike() -> None:
    minute = 60_000_000
    index = [(n * minute, D(100 + n)) for n in range(31)]
    found = delivery_price(index, Window(30 * minute, minute), 30 * minute)
    assert (found.value, found.samples) == (D("115.5"), 30)
