"""Margin models side by side: known coverage, no look-ahead, every model by hand on one row, the page."""

from decimal import Decimal
from html.parser import HTMLParser
from math import exp, expm1, sqrt
from pathlib import Path

import numpy as np
import pytest

from marginbook.connectors.price_series import read_price_series
from marginbook.domain.errors import BadInput
from marginbook.risk_models.dynamic import Policy, margin_path
from marginbook.risk_models.parametric import normal_factor
from marginbook.risk_models.volatility import ewma
from marginbook.simulate.backtest_report import page
from marginbook.simulate.backtests import AGE_DECAY, HOUR, MODELS, Choice, Comparison, answer, compare, exceedances
from marginbook.units import parse_time

DAY = 24 * HOUR
NORMAL = normal_factor(Decimal("0.99"), "value_at_risk")


def walk(rows: int, seed: int = 1, sigma: float = 0.01, storm: bool = False) -> np.ndarray:
    random = np.random.default_rng(seed)
    level = sigma * np.exp(np.sin(np.arange(rows) / 150)) if storm else sigma
    return 100 * np.exp(np.cumsum(level * random.standard_normal(rows)))


def daily(prices: np.ndarray, **choice: object) -> Comparison:
    return compare(np.arange(len(prices)) * DAY, prices, Choice(**choice))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def calm() -> Comparison:
    return daily(walk(4000))


@pytest.mark.parametrize("model", ["historical", "age-weighted", "filtered", "normal"])
def test_right_models_cover_as_often_as_they_should(calm: Comparison, model: str) -> None:
    found = next(t for t in calm.tested if t.model == model)
    for side in (found.long, found.short):
        assert side.periods == 4000 - 1 - 365
        assert 15 <= side.exceeded <= 60, "1 % of 3634 is 36"
        assert side.kupiec.p_value > 0.001


def test_volatility_that_moves_needs_a_model_that_follows() -> None:
    found = {t.model: t for t in daily(walk(4000, storm=True)).tested}
    assert found["historical"].long.conditional.p_value < found["filtered"].long.conditional.p_value
    assert found["normal"].movement.peak_to_trough < found["filtered"].movement.peak_to_trough
    plain = found["ewma"]
    for name in ("ewma-buffer", "ewma-stressed", "ewma-long-run"):
        assert found[name].long.exceeded <= plain.long.exceeded
        assert found[name].movement.cost > plain.movement.cost
        assert found[name].movement.peak_to_trough < plain.movement.peak_to_trough


def test_every_rate_by_hand_at_one_row() -> None:
    prices, hours, window = walk(1200, storm=True), 6, 600
    choice = Choice(horizon=Decimal(hours), window=Decimal(window) / 24, confidence=Decimal("0.95"))
    found = compare(np.arange(1200) * HOUR, prices, choice)
    at = 30
    t = window + at * hours
    assert found.times[at] == t * HOUR
    assert found.change[at] == pytest.approx(prices[t + hours] / prices[t] - 1)
    x = [float(np.log(prices[s + hours] / prices[s])) for s in range(t - window, t - hours + 1)]
    k = 30  # ⌈595 · 0.05⌉
    rate = {tested.model: (tested.long_rate[at], tested.short_rate[at]) for tested in found.tested}
    assert rate["historical"] == pytest.approx((-expm1(sorted(x)[k - 1]), expm1(sorted(x)[-k])))

    age = AGE_DECAY ** (1 / 24)
    weights = [age ** (len(x) - 1 - i) for i in range(len(x))]
    reached, worst = 0.0, 0.0
    for value, weight in sorted(zip(x, weights, strict=True)):
        reached, worst = reached + weight / sum(weights), value
        if reached >= 0.05:
            break
    assert rate["age-weighted"][0] == pytest.approx(1 - exp(worst))

    returns = np.diff(np.log(prices))
    sigma = ewma(returns, 0.94 ** (1 / 24))[:, 0]
    scaled = sorted(value / sigma[s] * sigma[t] for s, value in zip(range(t - window, t), x, strict=False))
    assert rate["filtered"] == pytest.approx((-expm1(scaled[k - 1]), expm1(scaled[-k])))

    z = normal_factor(Decimal("0.95"), "value_at_risk") * sqrt(hours)
    assert rate["normal"][0] == pytest.approx(z * sqrt(float((returns[t - window : t] ** 2).mean())))
    assert rate["ewma"] == pytest.approx((z * sigma[t], z * sigma[t]))
    assert rate["ewma-stressed"][0] == pytest.approx(0.75 * z * sigma[t] + 0.25 * z * sigma[:window].max())
    long_run = z * sqrt(float((returns[:t] ** 2).mean()))
    assert rate["ewma-long-run"][0] == pytest.approx(max(z * sigma[t], long_run))
    policy = Policy(Decimal("0.95"), hours, 0.94 ** (1 / 24), tool="buffer", rebuild=1.01 ** (1 / 24) - 1)
    assert rate["ewma-buffer"][0] == pytest.approx(margin_path(prices, policy).rate[t])


@pytest.mark.parametrize("model", MODELS)
def test_no_rate_knows_a_later_price(model: str) -> None:
    prices = walk(700)
    later = prices.copy()
    later[600:] *= np.linspace(2, 3, 100)
    before, after = (daily(series, models=(model,)).tested[0] for series in (prices, later))
    known = 600 - 365
    assert np.array_equal(before.long_rate[:known], after.long_rate[:known])
    assert np.array_equal(before.short_rate[:known], after.short_rate[:known])


def test_tested_time_does_not_change_the_rates() -> None:
    prices = walk(900)
    whole = daily(prices, models=("filtered",))
    part = daily(prices, models=("filtered",), start=500 * DAY, end=600 * DAY)
    assert part.warnings == ("100 periods are too few for p-values and zones at 0.99",)
    assert part.times[0] == 500 * DAY
    assert part.times[-1] == 599 * DAY
    assert np.array_equal(part.tested[0].long_rate, whole.tested[0].long_rate[135:235])
    assert daily(prices, models=("ewma",), start=0).warnings == (
        "tested from 1971-01-01T00:00:00Z, after the first window",
    )


def test_gaps_keep_the_last_price_and_are_told() -> None:
    prices, times = walk(900), np.arange(900) * DAY
    kept = np.delete(np.arange(900), [500, 501])
    found = compare(times[kept], prices[kept], Choice(models=("historical",)))
    assert len(found.times) == 534
    assert found.warnings == ("2 of 900 rows without a price of their own: the last one is kept",)
    assert found.change[500 - 365] == 0.0
    assert found.change[501 - 365] == pytest.approx(prices[502] / prices[499] - 1)


def test_exceedances_are_those_counted(calm: Comparison) -> None:
    for tested, model in zip(calm.tested, answer(calm)["models"], strict=True):
        rows = exceedances(calm, tested)
        assert len(rows) == tested.long.exceeded + tested.short.exceeded
        assert max(row["loss"] - row["rate"] for row in rows) == max(tested.long.largest, tested.short.largest)
        assert model["exceedances"] == rows


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text, self.links, self.drawings = "", [], 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.drawings += tag == "svg"
        self.links += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("line", "path"), tag

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_whole_and_names_every_model(calm: Comparison) -> None:
    parser = _Parser()
    parser.feed(page(calm))
    assert parser.open == []
    assert not parser.links
    assert parser.drawings == 1 + len(MODELS)
    for name in MODELS:
        assert parser.text.count(name) >= 3
    assert "prefers-color-scheme:dark" in parser.text


@pytest.mark.parametrize(
    ("choice", "code"),
    [
        ({"models": ("garch",)}, "unknown_model"),
        ({"confidence": Decimal("1")}, "bad_choice"),
        ({"horizon": Decimal("nan")}, "bad_choice"),
        ({"window": Decimal("-1")}, "bad_choice"),
        ({"horizon": Decimal(1)}, "bad_horizon"),
        ({"window": Decimal(50)}, "bad_window"),
        ({"window": Decimal(999)}, "short_history"),
        ({"start": 400 * DAY, "end": 300 * DAY}, "short_history"),
    ],
)
def test_what_cannot_be_tested_is_named(choice: dict[str, object], code: str) -> None:
    with pytest.raises(BadInput) as bad:
        daily(walk(500), **choice)
    assert bad.value.problem.code == code


def test_two_crashes_on_real_prices(data: Path) -> None:
    file = data / "binance_spot_BTCUSDT_1h_2017-08_2022-10.csv.gz"
    if not file.exists():
        pytest.skip(f"no {file.name} in {data}: set MARGINBOOK_DATA to the folder that has it")
    series = read_price_series(file)
    start, end = parse_time("2020-01-01T00:00:00Z"), parse_time("2021-07-01T00:00:00Z")
    choice = Choice(start=start, end=end, models=("historical", "filtered", "ewma"))
    found = compare(series.times, series.prices, choice, series.name)
    for tested in found.tested:
        worst = {row["time"][:10] for row in exceedances(found, tested) if row["side"] == "long"}
        assert worst & {"2020-03-11", "2020-03-12"}, "March 2020 was beyond every model"
    movement = {tested.model: tested.movement.peak_to_trough for tested in found.tested}
    assert movement["historical"] < movement["ewma"]


def test_shortfalls_by_hand_and_what_they_say() -> None:
    prices = walk(1200)
    found = daily(prices, models=("historical", "age-weighted", "normal"), confidence=Decimal("0.95"))
    x = np.log(prices[1:] / prices[:-1])
    lost, beyond = -found.change, []
    for i in range(len(found.times)):
        worst = np.sort(-np.expm1(x[i : i + 365]))[::-1]  # 365 · 0.05 = 18.25 of them
        beyond.append(float(worst[:18].sum() + 0.25 * worst[18]) / 18.25)
    historical = found.tested[0]
    over = lost > historical.long_rate
    assert historical.long_shortfall is not None
    assert historical.long_shortfall.z2 == pytest.approx(1 - (lost / beyond)[over].sum() / (len(lost) * 0.05))
    assert set(found.critical) == {"normal", "t3"}
    for tested in found.tested:
        for side in (tested.long_shortfall, tested.short_shortfall):
            assert side is not None
            assert side.z2 > 2 * found.critical["t3"]
    told = answer(found)["models"][0]["long"]
    assert told["shortfall_z2"] == historical.long_shortfall.z2
    shaken = daily(np.where(np.arange(1200) % 40 == 39, 0.9, 1.0) * prices, models=("normal",))
    side = shaken.tested[0].long_shortfall
    assert side is not None
    assert side.z2 < shaken.critical["t3"]
