"""SRM: the venue's own cases, and the better of isolated margin and largest loss."""

import json
from pathlib import Path
from typing import Any

import pytest

from marginbook.risk_models.derive_standard import (
    Expiry,
    Holding,
    Option,
    isolated,
    largest_loss,
    margin,
    parameters_at,
)

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "risk_models" / "derive_standard.json").read_text())
TESTED = {name: float(number) for name, number in VECTORS["parameters"].items()}
ETH = parameters_at(1_769_000_000_000_000, "ETH")
DAY = 86_400


def holding(raw: dict[str, Any]) -> Holding:
    names = ("spot", "spot_confidence", "perps", "perp_price", "perp_confidence", "perp_profit", "base")
    expiries = [
        Expiry(
            int(seconds),
            float(forward),
            float(confidence),
            [Option(float(k), kind == "C", float(amount), float(vol)) for k, kind, amount, vol in options],
        )
        for seconds, forward, confidence, options in raw["expiries"]
    ]
    return Holding(**{name: float(raw[name]) for name in names}, expiries=expiries)  # type: ignore[arg-type]


@pytest.mark.parametrize("case", VECTORS["portfolios"], ids=lambda case: str(case["name"]))
def test_cases_of_the_venue(case: dict[str, Any]) -> None:
    found = margin([(holding(raw), TESTED) for raw in case["holdings"]], float(case["cash"]), float(case["stable"]))
    for name in ("initial", "maintenance", "mark_to_market"):
        assert getattr(found, name) == pytest.approx(float(case[name]), rel=1e-9, abs=1e-9), name


def short(strike: float, amount: float = -1.0, is_call: bool = True) -> Option:
    return Option(strike, is_call, amount, 0.5)


def test_a_spread_needs_its_largest_loss_at_most() -> None:
    spread = Expiry(10 * DAY, 2000.0, 1.0, [short(1800.0), short(2000.0, 1.0)])
    found = margin([(Holding(2000.0, expiries=[spread]), ETH)])
    assert found.initial == found.maintenance == -200
    wide = Expiry(10 * DAY, 2000.0, 1.0, [short(2300.0), short(9000.0, 1.0)])
    alone = margin([(Holding(2000.0, expiries=[wide]), ETH)])
    assert -6700 < alone.initial < alone.maintenance < 0


def test_calls_without_a_pair_lose_beyond_every_strike() -> None:
    ratio = Expiry(10 * DAY, 2000.0, 1.0, [short(1800.0, -2.0), short(2000.0, 1.0)])
    # At 2 000 two calls at 1 800 lose 400; one call is left alone.
    assert largest_loss(ratio, 1.1) == -400 - 1.1 * 2000
    put = Expiry(10 * DAY, 2000.0, 1.0, [short(1800.0, -1.0, False)])
    assert largest_loss(put, 1.1) == -1800


@pytest.mark.parametrize(("strike", "rate"), [(2000.0, 0.15), (2020.0, 0.14), (2040.0, 0.13), (2500.0, 0.13)])
def test_the_initial_rate_falls_with_the_distance_to_its_floor(strike: float, rate: float) -> None:
    assert isolated(short(strike), -10.0, 2000.0, ETH, True) == pytest.approx(-10 - rate * 2000)
    mirrored = 4000 - strike
    assert isolated(short(mirrored, -1.0, False), -10.0, 2000.0, ETH, True) == pytest.approx(-10 - rate * 2000)


def test_a_deep_put_pays_a_share_of_its_mark() -> None:
    deep = short(9000.0, -1.0, False)
    assert isolated(deep, -7000.0, 2000.0, ETH, False) == -7000 - 630
    assert isolated(deep, -7000.0, 2000.0, ETH, True) == pytest.approx(-7630 * 1.05)


def test_doubt_begins_below_its_threshold() -> None:
    holdings = [Holding(2000.0, confidence, perps=1.0, perp_price=2000.0) for confidence in (1.0, 0.55, 0.54)]
    sure, edge, doubted = (margin([(one, ETH)]) for one in holdings)
    assert sure == edge
    assert doubted.initial == pytest.approx(sure.initial - 0.46 * 2000)
    assert doubted.maintenance == sure.maintenance


def test_markets_add_up_and_a_depeg_is_counted_on_each() -> None:
    one = (Holding(2000.0, perps=1.0, perp_price=2000.0), ETH)
    both = margin([one, one], cash=100.0, stable_price=0.98)
    assert both.initial == pytest.approx(100 + 2 * (-200 - 0.01 * 2 * 2000))
    assert both.maintenance == 100 - 2 * 130
