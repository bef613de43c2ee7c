"""`marginbook cascade`: curves, funds, depth files, exit codes, the page."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from marginbook.cli import app
from marginbook.connectors.depths import read_depth, read_snapshots
from marginbook.domain.errors import BadInput
from marginbook.simulate.impact_text import DEFAULT, asset_and_rest, parse_impact
from marginbook.units import parse_time

BOOK = Path(__file__).parent.parent.parent / "examples" / "cascade.toml"
LINEAR = ("--impact", "linear:depth=8e5")


def run(*args: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["cascade", str(BOOK), *map(str, args)])
    assert result.exit_code == code, result.output
    return result.output


def answer(*args: str | Path) -> Any:
    return json.loads(run("--shock", "ETH=-5%", "--json", *args))


def test_the_example_by_hand() -> None:
    """Round 1 sells 1,000 ETH at 2,850: 2.85 million is 3.5625 %; half of it, 50,765.6, is lacking."""
    told = answer(*LINEAR, "--fund", "binance:USDT=20000")
    assert [row["round"] for row in told["rounds"]] == [1, 2, 3, 4]
    first = told["rounds"][0]
    assert first["closed"] == {"binance": "2850000"}
    assert first["moves"] == {"ETH": {"round": "-0.035625", "cascade": "-0.035625"}}
    assert first["lost_to"] == {"counterparties": "50765.6"}  # filled at 2,799.2344: eight digits
    assert (first["paid"], first["bad_debt"]) == ({"binance:USDT": "20000"}, "30765.6")
    assert told["rounds"][3]["accounts"] == {"aave": 1}
    assert told["stopped"] == "settled"
    assert told["before"]["counts"]["liquidation"] == told["after"]["counts"]["liquidation"] == 0
    assert told["shocked"]["counts"]["liquidation"] == 1


def test_curves_by_asset_and_limits_of_rounds() -> None:
    assert len(answer("--impact", "none")["rounds"]) == 1
    assert len(answer(*LINEAR, "--impact", "ETH=none")["rounds"]) == 1
    assert len(answer("--impact", "BTC=linear:depth=1")["rounds"]) == 1  # nobody sells BTC
    assert answer(*LINEAR, "--rounds", "2")["stopped"] == "rounds"
    deep, thin = (answer("--depth", f"ETH=1%:{d},5%:{d}0")["prices"][0]["after"] for d in ("9e6", "9e5"))
    assert Decimal(deep) > Decimal(thin)
    full, mark = (
        answer(*LINEAR, "--execution", share)["rounds"][0]["lost_to"]["counterparties"] for share in ("1", "0")
    )
    assert (full, mark) == ("101531.2", "0")


def test_whole_waterfalls() -> None:
    """The same four rounds at the marks; what the fund does not cover is for deleveraged counterparties."""
    told = answer(*LINEAR, "--fund", "binance:USDT=20000", "--waterfall")
    venues = [list(row["accounts"]) for row in told["rounds"]]
    assert venues == [["binance"], ["binance"], ["binance", "hyperliquid"], ["aave"]]
    assert [row["moves"]["ETH"]["cascade"] for row in told["rounds"][:2]] == ["-0.035625", "-0.092625"]
    assert told["rounds"][0]["lost_to"] == {"counterparties": "0"}
    assert told["rounds"][1]["paid"] == {"binance:USDT": "2450"}
    third = told["rounds"][2]
    assert (third["funds"], third["bad_debt"]) == ({"binance:USDT": "0"}, "0")
    # 34,194.375 are lacking and 17,550 left in the fund; 900,000 carry 2,400 ETH no longer than to 2,625.
    assert third["shared"] == {"binance:USDT": "16644.375", "hyperliquid:USDC": "93555"}
    assert third["lost_to"] == {"counterparties": "0"}


@pytest.mark.parametrize(
    "args",
    [
        ("--impact", "cubic:depth=1"),
        ("--impact", "linear:depth=-1"),
        ("--impact", "linear"),
        ("--impact", "linear:depth=x"),
        ("--impact", "sqrt:sigma=0.1,volume=nan"),
        ("--depth", "1%:5e6"),
        ("--depth", "ETH=1:5"),
        ("--depth", "ETH=no-such-file.csv"),
        ("--depth", "ETH=2%:5e6,1%:6e6"),
        ("--fund", "binance=5"),
        ("--fund", "binance:USDT=-5"),
        ("--execution", "2"),
        ("--rounds", "0"),
    ],
)
def test_bad_options_are_usage_errors(args: tuple[str, ...]) -> None:
    run("--shock", "ETH=-5%", *args, code=2)


def test_without_a_shock_or_with_an_unknown_one() -> None:
    run(code=2)
    result = CliRunner().invoke(app, ["cascade", str(BOOK), "--shock", "DOGE=-5%"])
    assert isinstance(result.exception, BadInput)


def test_the_page_has_a_step_per_round_and_nothing_from_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "cascade.html"
    run("--shock", "ETH=-5%", *LINEAR, "--report", file)
    text = file.read_text()
    assert text.count("<title>round ") == 5  # four rounds, one of them on two venues
    assert text.count("V") >= 4
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert ">nan" not in text
    run("--shock", "ETH=-1%", "--report", file)
    assert "nobody is liquidated" in file.read_text()


def test_the_default_is_what_the_help_says() -> None:
    assert float(parse_impact(DEFAULT)(4e7)) == pytest.approx(0.99)
    assert asset_and_rest("WETH = none") == ("WETH", "none")


def snapshots(file: Path, rows: list[tuple[str, int, float]]) -> Path:
    lines = [f"2025-10-10 00:{time},{level},1,{notional}" for time, level, notional in rows]
    file.write_text("\n".join(["timestamp,percentage,depth,notional", *lines]) + "\n")
    return file


def test_recorded_depth_by_time_and_by_median(tmp_path: Path) -> None:
    rows = [(f"{n:02d}:00", level, abs(level) * 100.0 * (n + 1)) for n in range(3) for level in (-2, -1, 1, 2)]
    file = snapshots(tmp_path / "depth.csv", rows)
    assert read_depth(file).bids == [(0.01, 200.0), (0.02, 400.0)]
    assert read_depth(file, parse_time("2025-10-10T00:00:30Z")).asks == [(0.01, 100.0), (0.02, 200.0)]
    with pytest.raises(BadInput, match="no_rows"):
        read_depth(file, parse_time("2025-10-09T00:00:30Z"))
    flat = snapshots(tmp_path / "flat.csv", [("00:00", -1, 5.0), ("00:00", -2, 5.0), ("00:00", -3, 7.0)])
    assert read_depth(flat).bids == [(0.01, 5.0), (0.03, 7.0)]


def test_the_depth_of_10_october_2025(data: Path) -> None:
    """Asks within 1 %: a median of 241.9 million before 14:00 and 56.8 at 21:22:31; the bid field that stands still."""
    file = data / "binance_um_BTCUSDT_bookDepth_2025-10-10.csv.gz"
    found = read_snapshots(file)
    before = sorted(levels[Decimal(1)] for at, levels in found if at < parse_time("2025-10-10T14:00:00Z"))
    assert float(before[len(before) // 2]) == pytest.approx(241.9e6, rel=1e-3)
    low = read_depth(file, parse_time("2025-10-10T21:22:31Z"))
    assert low.asks[0] == (0.01, pytest.approx(56.8e6, rel=1e-3))
    warnings = [text for text in read_depth(file).warnings if "at -1 %" in text]
    assert "2025-10-10T15:30:42Z" in warnings[0]
    assert [text.rpartition(" in ")[2] for text in warnings] == ["512 snapshots", "440 snapshots"]  # 952 together
