"""Calibration: every estimate by hand, known parameters found again, repair of a matrix, what is refused."""

from decimal import Decimal
from itertools import pairwise
from math import ceil, exp, expm1, log, sqrt
from pathlib import Path

import numpy as np
import pytest

from marginbook.connectors.price_series import read_price_series
from marginbook.domain.errors import BadInput
from marginbook.risk_models.calibration import HOUR, Calibration, Choice, Prices, calibrate

DAY = 24 * HOUR
Z = 2.3263478740408408


def walk(rows: int, seed: int, sigma: float = 0.02) -> list[float]:
    moves = sigma * np.random.default_rng(seed).standard_normal(rows)
    return (100 * np.exp(np.cumsum(moves))).tolist()


def market(prices: list[float], name: str = "A", start: int = 0, step: int = DAY) -> Prices:
    return Prices(name, [start + i * step for i in range(len(prices))], prices)


def values(found: Calibration, name: str = "A") -> dict[tuple[str, str], float]:
    return {(e.quantity, e.unit): e.value for e in found.estimates if e.market == name and not e.with_market}


def test_every_estimate_of_one_market_by_hand() -> None:
    prices = walk(900, 1)
    found = calibrate([market(prices)], Choice(horizon=Decimal(48), window=Decimal(300)))
    got = values(found)
    r = [log(b / a) for a, b in pairwise(prices)]
    last = r[-300:]
    assert got["realised volatility", "per √year"] == pytest.approx(sqrt(365 * sum(x * x for x in last) / 300))
    variance = [sum(x * x for x in r[:20]) / 20]
    for x in r:
        variance.append(0.94 * variance[-1] + 0.06 * x * x)
    assert got["ewma volatility", "per √year"] == pytest.approx(sqrt(365 * variance[-1]))
    normal = Z * sqrt(2 * variance[-1])
    changes = sorted(a + b for a, b in pairwise(last))
    k = ceil(len(changes) * 0.01)
    down, up = -expm1(changes[k - 1]), expm1(changes[-k])
    assert got["normal range", "share"] == pytest.approx(normal)
    assert (got["range down", "share"], got["range up", "share"]) == pytest.approx((down, up))
    assert got["price scan range", "share"] == pytest.approx(max(normal, down, up))
    assert got["price scan range", "price"] == pytest.approx(max(normal, down, up) * prices[-1])
    sigma = [sqrt(v) for v in variance[-300:]]
    moves = sorted(abs(b / a - 1) for a, b in zip(sigma, sigma[2:], strict=False))
    assert got["volatility scan range", "share of volatility"] == pytest.approx(moves[-ceil(len(moves) * 0.01)])
    by_name = {e.quantity: e for e in found.estimates}
    assert (by_name["realised volatility"].start, by_name["realised volatility"].end) == (599 * DAY, 899 * DAY)
    assert (by_name["ewma volatility"].start, by_name["ewma volatility"].observations) == (0, 899)
    assert by_name["range down"].observations == 299


def test_known_volatility_and_correlation_are_found_again() -> None:
    random = np.random.default_rng(5)
    common, own = random.standard_normal(20_000), random.standard_normal(20_000)
    one, other = 0.01 * common, 0.03 * (0.6 * common + 0.8 * own)
    series = [market((100 * np.exp(np.cumsum(x))).tolist(), name) for name, x in (("A", one), ("B", other))]
    found = calibrate(series, Choice(window=Decimal(10_000)))
    assert values(found)["realised volatility", "per √year"] == pytest.approx(0.01 * sqrt(365), rel=0.02)
    assert values(found, "B")["realised volatility", "per √year"] == pytest.approx(0.03 * sqrt(365), rel=0.02)
    assert found.correlation[0, 1] == pytest.approx(0.6, abs=0.02)
    assert found.correlation[1, 0] == found.correlation[0, 1]
    assert abs(found.recent_correlation[0, 1] - 0.6) < 0.35
    pair = next(e for e in found.estimates if e.with_market and e.quantity == "correlation")
    assert (pair.market, pair.with_market, pair.value) == ("A", "B", found.correlation[0, 1])


def test_pairs_on_rows_of_their_own_may_need_a_repair() -> None:
    """A and B agree in the first part, B and C in the second, A and C disagree where both are."""
    random = np.random.default_rng(2)
    steps = 0.01 * random.standard_normal(400)
    path = lambda moves: (100 * np.exp(np.cumsum(moves))).tolist()  # noqa: E731
    a, b, c = steps.copy(), steps.copy(), steps.copy()
    a[200:], c[:200] = -steps[200:], -steps[:200]
    late = market(path(c)[150:], "C", start=150 * DAY)
    found = calibrate([market(path(a)[:250], "A"), market(path(b), "B"), late], Choice(window=Decimal(400)))
    assert any("correlation repaired" in text for text in found.warnings)
    assert min(np.linalg.eigvalsh(found.correlation)) > 0
    assert any(text.startswith("A: 249 days of prices") for text in found.warnings)


def test_gaps_are_counted_and_left_out_of_correlations() -> None:
    prices = walk(500, 3)
    holed = market(prices, "B")
    kept = [i for i in range(500) if i not in (450, 451, 470)]
    holed = Prices("B", [holed.times[i] for i in kept], [prices[i] for i in kept])
    found = calibrate([market(prices, "A"), holed], Choice())
    assert found.warnings[0] == "B: 3 rows of the window without a price of their own, the last one is kept"
    assert found.correlation[0, 1] == pytest.approx(1.0)
    pair = next(e for e in found.estimates if e.with_market)
    assert pair.observations == 365 - 5, "two changes touch 470, three touch 450 and 451"


def test_ranges_grow_with_confidence_horizon_and_scale() -> None:
    prices = walk(800, 4)
    base = values(calibrate([market(prices)], Choice(confidence=Decimal("0.95"))))
    sure = values(calibrate([market(prices)], Choice(confidence=Decimal("0.99"))))
    longer = values(calibrate([market(prices)], Choice(confidence=Decimal("0.95"), horizon=Decimal(24 * 4))))
    doubled = values(calibrate([market([exp(2 * log(p)) for p in prices])], Choice(confidence=Decimal("0.95"))))
    for name in ("normal range", "price scan range"):
        assert sure[name, "share"] > base[name, "share"]
        assert longer[name, "share"] > base[name, "share"]
    key = ("realised volatility", "per √year")
    assert doubled[key] == pytest.approx(2 * base[key])
    assert longer[key] == pytest.approx(base[key])


def test_a_storm_at_the_end_makes_the_normal_range_the_largest() -> None:
    moves = np.tile([0.001, -0.001], 250)
    moves[-3:] *= 100
    found = values(calibrate([market((100 * np.exp(np.cumsum(moves))).tolist())], Choice(confidence=Decimal("0.95"))))
    normal, down, up = (found[name, "share"] for name in ("normal range", "range down", "range up"))
    assert normal > 10 * max(down, up)
    assert found["price scan range", "share"] == normal


@pytest.mark.parametrize(
    ("series", "choice", "code"),
    [
        ([], {}, "bad_prices"),
        ([market(walk(500, 1)), market(walk(500, 1))], {}, "bad_prices"),
        ([market([1.0, -1.0])], {}, "bad_prices"),
        ([market(walk(500, 1))], {"horizon": Decimal(1)}, "bad_horizon"),
        ([market(walk(500, 1))], {"window": Decimal(20)}, "bad_window"),
        ([market(walk(15, 1))], {}, "short_history"),
        ([market(walk(400, 1)), market(walk(400, 1), "B", start=1000 * DAY)], {}, "short_history"),
        ([market(walk(400, 1))], {"confidence": Decimal("1.5")}, "bad_choice"),
    ],
)
def test_what_cannot_be_estimated_is_named(series: list[Prices], choice: dict[str, Decimal], code: str) -> None:
    with pytest.raises(BadInput) as bad:
        calibrate(series, Choice(**choice))
    assert bad.value.problem.code == code


def test_bitcoin_and_ether_in_the_year_to_october_2022(data: Path) -> None:
    series = []
    for name in ("BTCUSDT", "ETHUSDT"):
        file = data / f"binance_spot_{name}_1h_2017-08_2022-10.csv.gz"
        if not file.exists():
            pytest.skip(f"no {file.name} in {data}")
        read = read_price_series(file)
        series.append(Prices(name, read.times, read.prices))
    found = calibrate(series, Choice())
    assert 0.6 < values(found, "BTCUSDT")["realised volatility", "per √year"] < 0.75
    assert 0.75 < found.correlation[0, 1] < 0.95


def test_what_is_before_a_long_gap_is_left_out() -> None:
    prices = walk(900, 6)
    old = [p * 7 for p in walk(300, 8)]
    whole = Prices("A", [*(i * DAY for i in range(300)), *((1000 + i) * DAY for i in range(900))], [*old, *prices])
    found = calibrate([whole], Choice())
    assert found.warnings == ("A: prices before 1972-09-27T00:00:00Z left out, a long gap is after them",)
    assert values(found) == values(calibrate([market(prices, start=1000 * DAY)], Choice()))
    short = Prices("A", [*whole.times[:300], *whole.times[-15:]], [*old, *prices[-15:]])
    with pytest.raises(BadInput):
        calibrate([short], Choice())
