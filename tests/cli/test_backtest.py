"""`marginbook backtest`: files, markets, options, exit codes, the page."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from marginbook.cli import app
from marginbook.simulate.backtests import MODELS
from marginbook.units import DAY_MICROSECONDS, format_time, parse_time

START = parse_time("2020-01-01T00:00:00Z")


def run(*args: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["backtest", *map(str, args)])
    if code == 1 and result.exception and not isinstance(result.exception, SystemExit):
        return str(result.exception)
    assert result.exit_code == code, result.output
    return result.stdout if code != 2 else result.output


def prices(seed: int = 1) -> list[str]:
    random = np.random.default_rng(seed)
    return [f"{price:.4f}" for price in 100 * np.exp(np.cumsum(0.02 * random.standard_normal(600)))]


def times() -> list[str]:
    return [format_time(START + day * DAY_MICROSECONDS) for day in range(600)]


@pytest.fixture
def history(tmp_path: Path) -> Path:
    file = tmp_path / "history.csv"
    rows = [f"{at},{one},{two}" for at, one, two in zip(times(), prices(1), prices(2), strict=True)]
    file.write_text("\n".join(["time,binance:AUSDT,binance:BUSDT", *rows]) + "\n")
    return file


@pytest.fixture
def candles(tmp_path: Path) -> Path:
    file = tmp_path / "candles.csv"
    rows = [f"{parse_time(at) // 1000},1,{price}" for at, price in zip(times(), prices(1), strict=True)]
    file.write_text("\n".join(["open_time_ms,open,close", *rows]) + "\n")
    return file


def test_histories_and_candles_of_the_same_prices_agree(history: Path, candles: Path) -> None:
    one = json.loads(run(history, "--market", "AUSDT", "--json"))
    two = json.loads(run(candles, "--json"))
    assert (one.pop("market"), two.pop("market")) == ("binance:AUSDT", "candles")
    assert one == two
    assert [model["model"] for model in one["models"]] == list(MODELS)
    assert one["errors"] == []


def test_the_table_names_what_was_asked_for(candles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    text = run(candles, "--model", "ewma", "--model", "historical", "--horizon", "48", "--confidence", "0.95")
    assert "117 periods of 48 h; 5.9 exceedances expected" in text
    assert "historical" in text
    assert "filtered" not in text


def test_from_and_to_bound_the_tested_time(candles: Path) -> None:
    answer = json.loads(run(candles, "--from", "2021-03-01", "--to", "2021-04-01", "--window", "200", "--json"))
    assert (answer["from"], answer["to"], answer["periods"]) == ("2021-03-01T00:00:00Z", "2021-04-01T00:00:00Z", 31)


def test_the_report_is_written(candles: Path, tmp_path: Path) -> None:
    run(candles, "--report", tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert text.startswith("<!doctype html>")
    assert all(name in text for name in MODELS)


def test_a_row_that_cannot_be_read_is_reported_and_ends_in_one(candles: Path) -> None:
    candles.write_text(candles.read_text() + "1700000000000,1,-5\n")
    result = CliRunner().invoke(app, ["backtest", str(candles), "--json"])
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    assert len(answer["models"]) == len(MODELS)
    assert answer["errors"][0]["place"].endswith("line 602.close")


def test_several_markets_need_a_name(history: Path) -> None:
    assert "binance:AUSDT, binance:BUSDT" in run(history, code=1)
    assert "binance:AUSDT, binance:BUSDT" in run(history, "--market", "C", code=1)


def test_a_table_of_something_else_says_what_is_expected(tmp_path: Path) -> None:
    file = tmp_path / "other.csv"
    file.write_text("a,b\n1,2\n")
    assert "open_time, close" in run(file, code=1)


@pytest.mark.parametrize(
    "wrong",
    [
        ["--model", "garch"],
        ["--confidence", "1.5"],
        ["--confidence", "x"],
        ["--horizon", "0"],
        ["--from", "x"],
        ["--report", "/nowhere/at/all.html"],
    ],
)
def test_usage_errors_end_in_two(candles: Path, wrong: list[str]) -> None:
    run(candles, *wrong, code=2)


def test_a_file_that_does_not_exist() -> None:
    run("nowhere.csv", code=2)
