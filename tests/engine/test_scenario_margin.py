"""Scenario margin beside the engine: events in, zone changes out, and numbers that say how old they are."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from marginbook.book.scenario_accounts import ScenarioAccounts
from marginbook.book.scenario_model import Scan, ScenarioModel
from marginbook.domain.errors import BadInput
from marginbook.domain.events import AccountClosed, Fill, OrderChange, PriceFrame, Stamp, Transfer
from marginbook.engine.scenario_margin import Holdings, ScenarioMargin, Schedule
from marginbook.risk_models.option_arrays import FUTURE, Contracts

D = Decimal
KEY = ("made-up", "X", "index")
SECOND = 1_000_000


def margin(schedule: Schedule | None = None) -> ScenarioMargin:
    """A future of 10 units at 100 under moves of ± 10 %: requirement 100 a contract."""
    flat = np.zeros((1, 1))
    contracts = Contracts.of([FUTURE], 100.0, multiplier=10.0)
    model = ScenarioModel.of(["F"], [KEY], [0], contracts, Scan(np.array([[0.1, -0.1]]), flat, flat, np.ones(2)))
    return ScenarioMargin(ScenarioAccounts(model, {KEY: D(100)}), [Holdings("a", D(130))], schedule)


def fill(side: Any, quantity: str, price: str, number: int = 0, **more: Any) -> Fill:
    stamp = Stamp(source="test", source_sequence=number, time=SECOND)
    return Fill(stamp=stamp, account="a", market="F", side=side, quantity=D(quantity), price=D(price), **more)


def frame(price: str, seconds: int) -> PriceFrame:
    return PriceFrame(stamp=Stamp(time=seconds * SECOND), prices={KEY: D(price)})


def told(found: Any) -> list[tuple[str, str, str]]:
    return [(change.from_zone, change.to_zone, change.cause) for change in found]


def test_fills_prices_transfers_and_a_closing() -> None:
    desk = margin()
    assert told(desk.step(fill("buy", "1", "100"))) == []  # 130 against 100
    assert desk.holdings("a").cash == D(-870)
    assert told(desk.step(frame("97", 2))) == [("safe", "call", "price")]  # 100 against 97
    deposit = Transfer(stamp=Stamp(time=3 * SECOND), account="a", kind="deposit", asset="USD", amount=D(50))
    assert told(desk.step(deposit)) == [("call", "safe", "deposit")]
    (change,) = desk.step(frame("92", 4), sequence=7) or ()
    assert (change.account, change.pool, change.sequence, change.time) == ("a", "portfolio", 7, 4 * SECOND)
    assert told([change]) == [("safe", "call", "price")]  # 100 against 92
    assert desk.step(AccountClosed(stamp=Stamp(time=5 * SECOND), account="a")) == []
    assert desk.step(frame("1", 6)) == []
    assert "a" not in desk


def test_a_price_older_than_the_one_known_is_passed_over() -> None:
    desk = margin()
    desk.step(fill("buy", "1", "100"))
    desk.step(frame("100", 9))
    assert desk.step(frame("50", 8)) == []
    assert told(desk.step(frame("97", 9))) == [("safe", "call", "price")]


def test_a_round_trip_leaves_the_profit_less_the_fees() -> None:
    desk = margin()
    desk.step(fill("buy", "0.3", "100", 1, fee=D("0.5")))
    desk.step(fill("sell", "0.3", "101", 2, fee=D("0.5")))
    assert desk.holdings("a") == Holdings("a", D(132), {})


def test_a_numbered_event_that_comes_twice_counts_once() -> None:
    desk = margin()
    for _ in range(2):
        desk.step(fill("buy", "1", "100", 5))
    assert desk.holdings("a").quantities == {"F": D(1)}


def test_numbers_are_as_old_as_they_say_and_a_schedule_renews_them() -> None:
    desk = margin()
    desk.step(fill("buy", "0.5", "100"))
    desk.step(frame("99.5", 11))
    row = desk.row("a")
    assert (row["evaluated"], row["age_seconds"], row["support"]) == ("1970-01-01T00:00:01Z", "10", "130")
    assert (row["requirement"], row["headroom"], row["zone"]) == ("50", "80", "safe")
    assert 0 < D(row["band_used"]) < 1
    timed = margin(Schedule(age=5 * SECOND))
    timed.step(fill("buy", "0.5", "100"))
    timed.step(frame("99.5", 11))
    row = timed.row("a")
    assert (row["age_seconds"], row["support"], row["band_used"]) == ("0", "127.5", "0")


def test_what_is_not_meant_is_refused_and_changes_nothing() -> None:
    desk = margin()
    stamp = Stamp(time=SECOND)
    order = OrderChange(stamp=stamp, account="a", order_id="1", market="F", side="buy", quantity=D(1), price=D(1))
    with pytest.raises(BadInput, match="unsupported_event"):
        desk.step(order)
    for wrong in (fill("buy", "0", "100"), fill("buy", "-1", "100")):
        with pytest.raises(BadInput, match="bad_fill"):
            desk.step(wrong)
    with pytest.raises(BadInput, match="unknown_account"):
        desk.row("b")
    assert desk.holdings("a") == Holdings("a", D(130))
