"""Live scenario accounts: every zone change of an evaluation of all accounts at all frames, and no other."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from marginbook.book.scenario_accounts import Portfolio, ScenarioAccounts
from marginbook.book.scenario_holders import border_columns
from marginbook.book.scenario_model import Scan, ScenarioModel
from marginbook.domain.errors import BadInput
from marginbook.domain.market import QuoteKey
from marginbook.domain.zones import DERIVATIVES_BORDERS, Border, Zone
from marginbook.risk_models.option_arrays import CALL, FUTURE, PUT, Contracts
from marginbook.risk_models.reducers import Probabilities, Reducer, tail_mean, weighted_worst
from marginbook.testing.scenario_worlds import ScenarioWorld, scenario_world

D = Decimal
KEY = ("made-up", "X", "index")


class BruteForce:
    """Every account evaluated at every frame."""

    def __init__(self, world: ScenarioWorld) -> None:
        self.live = ScenarioAccounts(world.model, world.prices)
        self.live.put(world.portfolios, 0)

    def prices(self, changes: dict[QuoteKey, Decimal], at: int) -> list[Any]:
        before = {name: self.live.zone(name) for name in self.live.ids}
        self.live.prices(changes, at)
        self.live.evaluate(self.live.ids, at)
        return [(name, zone, self.live.zone(name)) for name, zone in before.items() if self.live.zone(name) is not zone]

    def zones(self) -> dict[str, Zone]:
        return {name: self.live.zone(name) for name in self.live.ids}


def walk(world: ScenarioWorld, frames: int, seed: int, step: float) -> Any:
    """Frames of one or more moved prices, jumps among them."""
    random = np.random.default_rng(seed)
    prices = dict(world.prices)
    for at in range(1, frames + 1):
        chosen = random.choice(len(prices), int(random.integers(1, len(prices) + 1)), replace=False)
        size = step * (30 if random.random() < 0.02 else 1)
        changes = {}
        for key in (list(prices)[n] for n in chosen):
            moved = float(prices[key]) * float(np.exp(random.normal(0, size)))
            prices[key] = changes[key] = D(repr(round(moved, 6)))
        yield at, changes


def compare(world: ScenarioWorld, frames: int, seed: int, step: float) -> tuple[int, int, int]:
    """(zone changes, accounts evaluated live, accounts times frames), the changes of every frame being equal."""
    live, brute = ScenarioAccounts(world.model, world.prices), BruteForce(world)
    live.put(world.portfolios, 0)
    begun, moves = live.evaluations, 0
    for at, changes in walk(world, frames, seed, step):
        found = [(move.account, move.before, move.after) for move in live.prices(changes, at)]
        expected = brute.prices(changes, at)
        assert found == expected, at
        moves += len(expected)
    assert {name: live.zone(name) for name in live.ids} == brute.zones()
    return moves, live.evaluations - begun, frames * len(world.portfolios)


REDUCERS: dict[str, Reducer | None] = {
    "worst": None,
    "weighted": weighted_worst([1.0, 0.5] * 8),
    "tail mean": tail_mean(16, D("0.8"), "acerbi_tasche"),
    "probabilities": Probabilities((1 / 16,) * 16, 0.2, True),
}


@pytest.mark.parametrize("name", REDUCERS)
def test_no_zone_change_is_missed_or_invented(name: str) -> None:
    world = scenario_world(5, 150, reducer=REDUCERS[name])
    moves, evaluated, all_of_them = compare(world, 80, 6, 0.002)
    assert moves > 30
    assert evaluated < all_of_them / 2


@pytest.mark.long
@pytest.mark.parametrize("seed", range(6))
def test_no_zone_change_is_missed_or_invented_on_long_walks(seed: int) -> None:
    world = scenario_world(seed, 600, underlyings=6, reducer=list(REDUCERS.values())[seed % 4])
    moves, evaluated, all_of_them = compare(world, 300, seed, 0.0005 * (1 + seed))
    assert moves > 100
    assert evaluated < all_of_them / 2


def future(cash: float, quantity: float = 1.0, **more: float) -> ScenarioAccounts:
    """One future at 100 under moves of ± 10 %: requirement 10 per contract, support cash + 100·quantity."""
    contracts = Contracts.of([FUTURE], 100.0)
    flat = np.zeros((1, 1))
    model = ScenarioModel.of(["F"], [KEY], [0], contracts, Scan(np.array([[0.1, -0.1]]), flat, flat, np.ones(2)))
    live = ScenarioAccounts(model, {KEY: D(100)}, DERIVATIVES_BORDERS)
    live.put([Portfolio("a", cash, {"F": quantity}, **more)], 0)
    return live


def test_a_future_by_hand() -> None:
    """Support P − 80, requirement P / 10: warning below 80 / 0.875, call below 90, liquidatable below 80 / 0.9."""
    live = future(-80.0)
    found = live.figures("a")
    assert (found.support, found.requirement, found.zone) == pytest.approx((20.0, 10.0, Zone.SAFE))
    assert live.prices({KEY: D("91.43")}, 1) == []
    assert [m.after for m in live.prices({KEY: D("91.42")}, 2)] == [Zone.WARNING]  # 80 / 0.875 = 91.428…
    assert live.prices({KEY: D("90.01")}, 3) == []
    assert [m.after for m in live.prices({KEY: D("89.99")}, 4)] == [Zone.CALL]
    assert live.prices({KEY: D("88.89")}, 5) == []
    assert [m.after for m in live.prices({KEY: D("88.88")}, 6)] == [Zone.LIQUIDATION]
    assert [m.after for m in live.prices({KEY: D("79.99")}, 7)] == [Zone.BANKRUPT]
    assert [m.after for m in live.prices({KEY: D("120")}, 8)] == [Zone.SAFE]


def test_an_account_is_not_touched_while_its_band_holds_and_says_how_old_it_is() -> None:
    live = future(-80.0)
    assert (live.evaluations, live.refreshes) == (1, 1)
    live.prices({KEY: D("99.9")}, 5_000_000)
    found = live.figures("a")
    assert (live.evaluations, live.refreshes) == (1, 1)
    assert (found.as_of, found.age, found.support) == (0, 5_000_000, 20.0)
    assert 0.0 < found.used < 1.0
    live.evaluate(["a"], 6_000_000)
    found = live.figures("a")
    assert (found.age, found.used, found.support) == (0, 0.0, pytest.approx(19.9))
    assert live.older_than(0, 10) == []
    live.prices({KEY: D("99.8")}, 8_000_000)
    assert live.older_than(1_000_000, 10) == ["a"]


def test_only_the_underlying_that_moved_is_refreshed_and_only_when_someone_needs_it() -> None:
    world = scenario_world(2, 40)
    live = ScenarioAccounts(world.model, world.prices)
    live.put([replace(portfolio, cash=portfolio.cash + 1e9) for portfolio in world.portfolios], 0)
    before = live.refreshes
    key = world.model.prices[1]
    live.prices({key: world.prices[key] * D("1.0001")}, 1)
    assert live.refreshes == before
    live.evaluate(live.ids, 2)
    assert live.refreshes == before + 1


def test_accounts_that_come_change_and_go() -> None:
    live = future(-80.0)
    assert [m.after for m in live.put([Portfolio("a", -80.0, {"F": 0.85})], 1)] == [Zone.LIQUIDATION]
    assert live.portfolio("a") == Portfolio("a", -80.0, {"F": 0.85})
    live.put([Portfolio("b", 10.0)], 2)
    live.remove("a")
    assert (live.ids, "a" in live, len(live)) == (["b"], False, 1)
    assert live.prices({KEY: D(50)}, 3) == []
    assert [m.account for m in live.put([Portfolio("a", -80.0, {"F": 1.0})], 4)] == ["a"]


def test_add_on_and_floor_are_part_of_the_requirement() -> None:
    assert future(-80.0, add_on=2.0).figures("a").requirement == pytest.approx(12.0)
    assert future(-80.0, floor=11.0).figures("a").requirement == 11.0
    live = future(-80.0, floor=11.0)
    assert [m.after for m in live.prices({KEY: D("90.9")}, 1)] == [Zone.LIQUIDATION]  # 10.9 against 11


def test_bankruptcy_is_seen_far_beyond_the_border_of_liquidation() -> None:
    live = future(-80.0, add_on=20.0)
    assert live.prices({KEY: D(81)}, 1) == []  # 1 against 28.1
    assert live.zone("a") is Zone.LIQUIDATION
    assert [m.after for m in live.prices({KEY: D("79.9")}, 2)] == [Zone.BANKRUPT]
    assert [m.after for m in live.prices({KEY: D("80.1")}, 3)] == [Zone.LIQUIDATION]


@pytest.mark.parametrize(("kind", "strike", "price"), [(CALL, 150.0, "200"), (PUT, 60.0, "30")])
def test_a_far_option_that_a_jump_brings_into_the_money_is_seen(kind: int, strike: float, price: str) -> None:
    """Its slope is nearly nothing where it stands, so that only the hull of prices bounds its band."""
    flat = np.zeros((1, 1))
    scan = Scan(np.array([[0.01, -0.01]]), flat, flat, np.ones(2))
    model = ScenarioModel.of(["O"], [KEY], [0], Contracts.of([kind], 100.0, strike, 0.02, 0.2), scan)
    live = ScenarioAccounts(model, {KEY: D(100)})
    live.put([Portfolio("a", 25.0, {"O": -1.0}, 1.0)], 0)
    assert live.zone("a") is Zone.SAFE
    assert [m.after for m in live.prices({KEY: D(price)}, 1)] == [Zone.BANKRUPT]


def test_new_volatilities_are_evaluated_for_everybody() -> None:
    contracts = Contracts.of([CALL], 100.0, 100.0, 0.5, 0.2)
    flat = np.zeros((1, 1))
    scan = Scan(np.array([[0.1, -0.1]]), flat, flat, np.ones(2))
    model = ScenarioModel.of(["C"], [KEY], [0], contracts, scan)
    live = ScenarioAccounts(model, {KEY: D(100)})
    live.put([Portfolio("a", 16.0, {"C": -1.0})], 0)
    assert live.zone("a") is Zone.SAFE
    wild = replace(model, contracts=Contracts.of([CALL], 100.0, 100.0, 0.5, 0.5))
    assert [m.after for m in live.remodelled(wild, 1)] == [Zone.LIQUIDATION]
    with pytest.raises(BadInput, match="other contracts"):
        live.remodelled(replace(model, names=("D",)), 2)


def test_bad_input_is_told() -> None:
    live = future(0.0)
    with pytest.raises(BadInput, match="unknown_contract"):
        live.put([Portfolio("x", 1.0, {"G": 1.0})], 1)
    with pytest.raises(BadInput, match="finite"):
        live.put([Portfolio("x", float("nan"))], 1)
    with pytest.raises(BadInput, match="bad_price"):
        live.prices({KEY: D(0)}, 1)
    with pytest.raises(BadInput, match="missing_price"):
        ScenarioAccounts(live.model, {})
    with pytest.raises(BadInput, match="worse zone"):
        border_columns([Border(Zone.WARNING, 90, 100, 88, 100), Border(Zone.CALL, 80, 100, 78, 100)])
    with pytest.raises(BadInput, match="before liquidation"):
        border_columns([Border(Zone.WARNING, 100, 100, 98, 100)])
    model = live.model
    for wrong in ({"reducer": tail_mean(16, D("0.5"), "inclusive")}, {"underlying": [1]}, {"names": ["A", "B"]}):
        given: dict[str, Any] = {"names": model.names, "underlying": [0], "reducer": None} | wrong
        with pytest.raises(BadInput):
            ScenarioModel.of(
                given["names"], model.prices, given["underlying"], model.contracts, model.scan, given["reducer"]
            )
