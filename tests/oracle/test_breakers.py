"""Circuit breakers: no broken price liquidates or shields anyone in silence; each border one unit either side."""

from collections.abc import Callable
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginbook.domain.account import Account, Position
from marginbook.domain.market import Market, Quote
from marginbook.oracle.breakers import (
    YEAR,
    Decision,
    confidence_gate,
    deviation_bound,
    frozen_pause,
    growth_cap,
    in_turn,
    last_price_protected,
    plain,
    platform_lock,
    sequencer_grace,
    stale_pause,
    step_limit,
)
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

BREAKERS: dict[str, Callable[[D | None], Decision]] = {
    "deviation_bound": lambda price: deviation_bound(price, D(100), D("0.1")),
    "step_limit": lambda price: step_limit(price, D(100), D("0.1")),
    "growth_cap": lambda price: growth_cap(price, D(100), D("0.1"), 0, YEAR),
    "stale_pause": lambda price: stale_pause(price, 0, 60, 60),
    "frozen_pause": lambda price: frozen_pause(price, 0, 60, 60),
    "confidence_gate": lambda price: confidence_gate(price, D("0.5"), D("0.01")),
    "sequencer_grace": lambda price: sequencer_grace(price, True, 0, 3601, 3600),
    "platform_lock": lambda price: platform_lock(price, D(100), D("0.1")),
    "last_price_protected": lambda price: last_price_protected(price, None, D(100), D("0.1")),
    "plain": plain,
    "in_turn": lambda price: in_turn(price, [plain]),
}
BROKEN = (None, D(0), D(-100), D("NaN"), D("Infinity"), D("-Infinity"), D("sNaN"))


@pytest.mark.parametrize("name", BREAKERS)
@pytest.mark.parametrize("price", BROKEN, ids=str)
def test_a_price_that_is_none_judges_nobody_and_says_so(name: str, price: D | None) -> None:
    found = BREAKERS[name](price)
    assert found.price is None
    assert not found.allow_liquidation
    assert found.reason


@pytest.mark.parametrize("name", BREAKERS)
def test_a_sound_price_passes_untouched_and_unremarked(name: str) -> None:
    assert BREAKERS[name](D(100)) == Decision(D(100), True)


@given(st.decimals("0.000001", "10000000", places=6), st.sampled_from(sorted(BREAKERS)))
def test_nothing_is_changed_or_paused_in_silence(price: D, name: str) -> None:
    found = BREAKERS[name](price)
    assert found.price is not None
    assert found.price > 0
    assert (found.price == price and found.allow_liquidation) == (not found.reason)


def test_deviation() -> None:
    for price, used, allowed in (
        ("90", "90", True),
        ("89.99", "90", False),
        ("110", "110", True),
        ("110.01", "110", False),
    ):
        found = deviation_bound(D(price), D(100), D("0.1"))
        assert (found.price, found.allow_liquidation) == (D(used), allowed)
    for reference in BROKEN:
        assert not deviation_bound(D(100), reference, D("0.1")).allow_liquidation


def test_steps() -> None:
    assert step_limit(D(90), D(100), D("0.1")) == Decision(D(90), True)
    limited = step_limit(D("89.99"), D(100), D("0.1"))
    assert (limited.price, limited.allow_liquidation) == (D(90), True)
    assert not step_limit(D(90), None, D("0.1")).allow_liquidation
    price = D(100)
    for _ in range(3):
        price = step_limit(D(1), price, D("0.1")).price or price
    assert price == D("72.9"), "a crash arrives, in steps"


def test_growth() -> None:
    assert growth_cap(D(105), D(100), D("0.1"), 0, YEAR // 2) == Decision(D(105), True)
    assert growth_cap(D("105.01"), D(100), D("0.1"), 0, YEAR // 2).price == 105
    assert growth_cap(D(50), D(100), D("0.1"), 0, YEAR) == Decision(D(50), True), "a slashed rate is not capped"
    assert growth_cap(D(101), D(100), D("0.1"), 10, 0).price == 100


@pytest.mark.parametrize(("time", "allowed"), [(0, True), (-1, False), (60, True), (61, False), (None, False)])
def test_ages(time: int | None, allowed: bool) -> None:
    found = stale_pause(D(100), time, 60, 60)
    assert found.allow_liquidation is allowed
    assert found.price == 100, "shown all the same"


@pytest.mark.parametrize(("changed", "allowed"), [(0, True), (-1, False), (None, False)])
def test_a_price_that_is_sent_again_and_again_without_moving(changed: int | None, allowed: bool) -> None:
    found = frozen_pause(D(100), changed, 60, 60)
    assert (found.price, found.allow_liquidation) == (D(100), allowed)
    assert bool(found.reason) is not allowed


@pytest.mark.parametrize(
    ("confidence", "allowed"), [("1", True), ("1.01", False), (None, False), ("-1", False), ("NaN", False)]
)
def test_confidences(confidence: str | None, allowed: bool) -> None:
    given_confidence = None if confidence is None else D(confidence)
    assert confidence_gate(D(100), given_confidence, D("0.01")).allow_liquidation is allowed


@pytest.mark.parametrize(
    ("up", "since", "allowed"), [(True, 0, False), (True, -1, True), (True, None, False), (False, -9999, False)]
)
def test_sequencers(up: bool, since: int | None, allowed: bool) -> None:
    assert sequencer_grace(D(100), up, since, 3600, 3600).allow_liquidation is allowed


def test_platform_locks() -> None:
    assert platform_lock(D(110), D(100), D("0.1")).allow_liquidation
    assert "locked" in platform_lock(D("110.01"), D(100), D("0.1")).reason
    assert "locked" in platform_lock(None, D(100), D("0.1")).reason
    assert "locked" in platform_lock(D(100), None, D("0.1")).reason


def test_last_prices() -> None:
    found = last_price_protected(None, D(95), D(100), D("0.05"))
    assert (found.price, found.allow_liquidation) == (D(95), True)
    far = last_price_protected(None, D("94.99"), D(100), D("0.05"))
    assert (far.price, far.allow_liquidation) == (D("94.99"), False)
    assert not last_price_protected(D(-1), D(95), None, D("0.05")).allow_liquidation


def test_several_breakers_must_all_allow_and_each_sees_the_last_ones_price() -> None:
    steps = [
        lambda price: step_limit(price, D(100), D("0.05")),
        lambda price: deviation_bound(price, D(96), D("0.01")),
        lambda price: stale_pause(price, 0, 0, 60),
    ]
    found = in_turn(D(50), steps)
    assert found.price == D("95.04")
    assert not found.allow_liquidation
    assert found.reason.count("; ") == 1


@pytest.mark.parametrize("price", [D(1), D("0.0001"), D("1000000000"), *BROKEN], ids=str)
def test_a_bad_tick_does_not_liquidate_a_sound_account(price: D | None) -> None:
    """A 2x long and a 2x short of binance/usdm at 60,000, judged through breakers: neither falls to one bad tick."""
    rules, at = rule_set("binance/usdm"), parse_time("2026-10-01")
    terms = rules.module.parameters(rules.version, at)
    last = D(60_000)
    found = in_turn(price, [lambda p: deviation_bound(p, last, D("0.1")), lambda p: stale_pause(p, at, at, 10)])
    assert not found.allow_liquidation
    assert found.reason
    for side in ("long", "short"):
        position = Position(market="BTCUSDT", side=side, quantity=D(1), entry=last, leverage=D(2))  # type: ignore[arg-type]
        account = Account(id="a", rules="binance/usdm", wallet={"USDT": D(30_000)}, positions=(position,))
        if found.price is not None:
            market = Market(quotes={("binance", "BTCUSDT", "mark"): Quote(found.price)})
            assert not rules.module.is_liquidatable(account, "cross:USDT", market, terms, at)
