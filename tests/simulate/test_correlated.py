"""Shocks that spread along measured betas."""

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from marginbook.connectors.price_series import read_points
from marginbook.domain.errors import BadInput
from marginbook.simulate.correlated import correlated_shocks
from marginbook.simulate.histories import HOUR, history

MOVES = {"BTCUSDT": [0.01, -0.02, 0.03, -0.01], "ETHUSDT": [0.02, -0.04, 0.06, -0.02]}
"""ETH moves twice as much as BTC, in logarithms."""
POINTS = {
    ("binance", name, "mark"): [(n * HOUR, 100 * float(np.exp(sum(moves[:n])))) for n in range(5)]
    for name, moves in MOVES.items()
}


def test_one_asset_leads_the_others_by_beta() -> None:
    shocks = correlated_shocks(["BTC=-10%"], history(POINTS, ["BTC", "ETH"]))
    assert [(shock.target, shock.move) for shock in shocks] == [("BTC", Decimal("-0.10")), ("ETH", Decimal("-0.19"))]


def test_what_is_shocked_keeps_its_shock() -> None:
    moves = {**MOVES, "SOLUSDT": [0.02, 0.01, -0.03, 0.02]}
    points = {
        ("binance", name, "mark"): [(n * HOUR, 100 * float(np.exp(sum(found[:n])))) for n in range(5)]
        for name, found in moves.items()
    }
    shocks = correlated_shocks(["BTC=-10%", "SOL=+5%"], history(points, ["BTC", "ETH", "SOL"]))
    assert [shock.move for shock in shocks[:2]] == [Decimal("-0.10"), Decimal("0.05")]
    assert shocks[2].move == Decimal("-0.19")  # ETH is twice BTC, whatever SOL does


@pytest.mark.parametrize("shock", ["all=-10%", "BTC=50000", "binance:BTC=-10%", "DOGE=-5%"])
def test_what_is_no_move_of_an_asset_of_the_history_is_refused(shock: str) -> None:
    with pytest.raises(BadInput, match="bad_shock"):
        correlated_shocks([shock], history(POINTS, ["BTC", "ETH"]))


def test_in_march_2020_others_fell_with_bitcoin(data: Path) -> None:
    points = read_points(data / "binance_spot_1h_stress_windows.csv")[0]
    march = {key: [p for p in found if p[0] < 1_590_000_000_000_000] for key, found in points.items()}
    found = history(march, ["BTC", "ETH", "XRP"])
    moves = {shock.target: shock.move or Decimal(0) for shock in correlated_shocks(["BTC=-20%"], found)}
    assert Decimal("-0.25") < moves["ETH"] < Decimal("-0.15")
    assert Decimal("-0.25") < moves["XRP"] < Decimal("-0.15")
