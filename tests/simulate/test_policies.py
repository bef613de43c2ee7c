"""Policies: exact values, bounded and monotone, run as dated parameter changes; searches over parameters."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.events import PriceFrame, Stamp
from marginbook.domain.market import Market, Quote
from marginbook.engine.replay import replay
from marginbook.simulate.histories import HOUR, History, history
from marginbook.simulate.parameter_changes import Change
from marginbook.simulate.path_kernel import BAD_DEBT, COLUMNS
from marginbook.simulate.policies import Policy, events, value, volatilities
from marginbook.simulate.search import best, parse_axis, search
from marginbook.simulate.sweeps import Results

LIMIT = Policy(
    base=Decimal("0.80"),
    least=Decimal("0.50"),
    most=Decimal("0.80"),
    step=Decimal("0.01"),
    rounding="down",
    per_volatility=Decimal("-0.2"),
    volatility_knee=Decimal("0.6"),
)
PENALTY = Policy(
    base=Decimal("0.05"),
    least=Decimal("0.05"),
    most=Decimal("0.15"),
    step=Decimal("0.005"),
    rounding="up",
    per_volatility=Decimal("0.02"),
    per_utilisation=Decimal("0.5"),
    utilisation_knee=Decimal("0.9"),
)
sigmas = st.decimals(0, 10, places=4)
shares = st.decimals(0, 1, places=4)


def test_values_by_hand_and_one_unit_either_side_of_a_step() -> None:
    """0.80 − 0.2·(0.65 − 0.6) = 0.79, on the grid; a little more volatility rounds down to 0.78."""
    assert value(LIMIT, Decimal("0.65")) == Decimal("0.79")
    assert value(LIMIT, Decimal("0.650001")) == Decimal("0.78")
    assert value(LIMIT, Decimal("0.649999")) == Decimal("0.79")
    assert value(PENALTY, Decimal("1"), Decimal("0.95")) == Decimal("0.095")  # 0.05 + 0.02 + 0.025
    assert value(PENALTY, Decimal("1.0001"), Decimal("0.95")) == Decimal("0.1")


@given(sigmas, sigmas, shares, shares)
def test_storms_tighten_limits_and_raise_penalties(a: Decimal, b: Decimal, u: Decimal, v: Decimal) -> None:
    low, high, less, more = min(a, b), max(a, b), min(u, v), max(u, v)
    assert LIMIT.least <= value(LIMIT, high) <= value(LIMIT, low) <= LIMIT.most
    assert PENALTY.least <= value(PENALTY, low, less) <= value(PENALTY, high, more) <= PENALTY.most


def test_a_policy_or_a_market_that_means_nothing_is_refused() -> None:
    with pytest.raises(BadInput, match="bad_policy"):
        Policy(base=Decimal(1), least=Decimal(2), most=Decimal(3), step=Decimal(1), rounding="up")
    with pytest.raises(BadInput, match="bad_policy"):
        value(LIMIT, Decimal(-1))
    with pytest.raises(BadInput, match="bad_policy"):
        value(PENALTY, Decimal(0), Decimal("1.1"))


def hourly(prices: list[float]) -> History:
    return history({("aave", "WETH", "oracle"): [(n * HOUR, price) for n, price in enumerate(prices)]}, ["ETH"])


def test_volatility_is_of_the_moves_so_far_only() -> None:
    calm, crash = [3000.0, 3003.0, 3000.0, 3003.0], [3000.0, 3003.0, 3000.0, 2400.0]
    assert volatilities(hourly(calm), "ETH")[:3] == volatilities(hourly(crash), "ETH")[:3]
    assert volatilities(hourly(crash), "ETH")[3] > 5 * volatilities(hourly(calm), "ETH")[3]
    steady = volatilities(hourly([3000.0 * 1.01**n for n in range(9)]), "ETH")
    assert float(steady[-1]) == pytest.approx(np.log(1.01) * np.sqrt(8760), abs=1e-6)


def test_a_policy_runs_in_a_replay_as_parameter_changes() -> None:
    """A loan of 22,000 on 10 ETH holds at 83 %; the fall to 2,900 tightens that to 75 %, and 21,750 is too little."""
    prices = [3000.0, 3000.0, 2900.0, 2900.0]
    tightening = Policy(
        base=Decimal("0.83"),
        least=Decimal("0.75"),
        most=Decimal("0.83"),
        step=Decimal("0.01"),
        rounding="down",
        per_volatility=Decimal(-5),
        volatility_knee=Decimal("0.1"),
    )
    start = 1_790_856_000_000_000
    found = hourly(prices)
    found = History(found.assets, found.times + start, found.prices, found.whole, found.spacing)
    made = events(
        tightening, found, "ETH", rules="aave/3.6", market="WETH", parameter="liquidation_threshold", name="mine"
    )
    assert [event.overlay["WETH"]["liquidation_threshold"] for event in made] == ["0.83", "0.75"]
    assert [event.stamp.time for event in made] == [start, start + 2 * HOUR]
    loan = Account(
        id="loan",
        rules="aave/3.6",
        parameters="mine",
        collateral=(Collateral(asset="WETH", amount=Decimal(10)),),
        debt=(Debt(asset="USDC", amount=Decimal(22_000)),),
    )
    quotes = {("aave", "WETH", "oracle"): Quote(Decimal(3000)), ("aave", "USDC", "oracle"): Quote(Decimal(1))}
    market = Market(quotes=quotes, as_of=start)
    frames = [
        PriceFrame(
            stamp=Stamp(source="prices", source_sequence=n + 1, time=start + n * HOUR),
            prices={("aave", "WETH", "oracle"): Decimal(str(price))},
        )
        for n, price in enumerate(prices)
    ]
    overlays = {"mine": {"WETH": {"ltv": "0.70"}}}
    ends = {}
    for name, happened in (("with", made), ("without", [])):
        ends[name] = replay([loan], market, overlays, frames, happened)["final"]["counts"]
    assert (ends["with"]["liquidation"], ends["without"]["liquidation"]) == (1, 0)


def results(bad_debt: float) -> Results:
    rows = np.zeros((100, COLUMNS))
    rows[-2:, BAD_DEBT] = bad_debt
    return Results(rows, np.zeros(1), "USD", 0)


def swept(changes: tuple[Change, ...]) -> Results:
    """Bad debt of 100 per hundredth of each parameter above 0.80, and a dear spot at (0.82, 0.80)."""
    values = [Decimal(change.value) for change in changes]
    spot = values == [Decimal("0.82"), Decimal("0.80")]
    return results(float(sum((each - Decimal("0.80")) * 10_000 for each in values)) + 1000 * spot)


def test_the_boldest_that_fits_with_everything_below_it() -> None:
    axes = [parse_axis(f"aave.{asset}.ltv=0.80:0.84:0.01") for asset in ("WETH", "WBTC")]
    trials, found = search(axes, swept, 300.0)
    assert len(trials) == 25
    assert found is not None
    assert [change.value for change in found.changes] == [
        "0.8",
        "0.83",
    ]  # (0.82, 0.81) is above the spot
    assert sum(trial.fits for trial in trials) == 9
    assert search(axes, swept, -1.0)[1] is None
    assert best([]) is None


def test_the_limit_is_on_the_quantile_asked_for() -> None:
    axis = [parse_axis("aave.WETH.ltv=0.81:0.81:1")]
    assert search(axis, lambda changes: results(500.0), 100.0, Fraction(98, 100))[1] is not None
    assert search(axis, lambda changes: results(500.0), 100.0, Fraction(99, 100))[1] is None
    assert search(axis, lambda changes: results(500.0), 500.0, Fraction(99, 100))[1] is not None


@pytest.mark.parametrize("text", ["aave.WETH.ltv=1", "aave.WETH.ltv=0:1", "aave.WETH.ltv=0:1:0", "aave.WETH.ltv=1:0:1"])
def test_an_axis_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="bad_search"):
        parse_axis(text)
