"""`marginbook calibrate`: files, markets, the sheet, exit codes."""

import csv
import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from marginbook.cli import app
from marginbook.cli.calibrate import SHEET
from marginbook.units import DAY_MICROSECONDS, format_time


def run(*args: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["calibrate", *map(str, args)])
    if code == 1 and result.exception and not isinstance(result.exception, SystemExit):
        return str(result.exception)
    assert result.exit_code == code, result.output
    return result.stdout if code != 2 else result.output


@pytest.fixture
def history(tmp_path: Path) -> Path:
    random = np.random.default_rng(1)
    moves = 0.02 * random.standard_normal((450, 2))
    paths = 100 * np.exp(np.cumsum(moves, axis=0))
    rows = [f"{format_time(i * DAY_MICROSECONDS)},{a:.4f},{b:.4f}" for i, (a, b) in enumerate(paths)]
    file = tmp_path / "history.csv"
    file.write_text("\n".join(["time,binance:AUSDT,binance:BUSDT", *rows]) + "\n")
    return file


def test_markets_of_one_file_and_the_sheet(history: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    told = json.loads(run(history, "--market", "AUSDT", "--market", "BUSDT", "--sheet", sheet, "--json"))
    assert told["markets"] == ["binance:AUSDT", "binance:BUSDT"]
    assert told["correlation"][0][1] == told["correlation"][1][0]
    with sheet.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == SHEET
    assert len(rows) == len(told["estimates"]) == 2 * 8 + 2
    digest = sha256(history.read_bytes()).hexdigest()
    for row, estimate in zip(rows, told["estimates"], strict=True):
        assert float(row["value"]) == estimate["value"]
        assert (row["file"], row["sha256"]) == (str(history), digest)
        assert row["convention"]
        assert int(row["observations"]) > 0
        assert row["from"] < row["to"] == format_time(449 * DAY_MICROSECONDS)


def test_text_names_markets_and_periods(history: Path) -> None:
    text = run(history, "--market", "AUSDT")
    assert "price scan range" in text
    assert "365 returns" in text


def test_several_files_and_bad_rows(history: Path, tmp_path: Path) -> None:
    other = tmp_path / "C.csv"
    lines = ["time,close", *(f"{format_time(i * DAY_MICROSECONDS)},{100 + i % 7}" for i in range(450))]
    other.write_text("\n".join(lines) + "\n")
    told = json.loads(run(history, other, "--market", "AUSDT", "--market", "C", "--json"))
    assert told["markets"] == ["binance:AUSDT", "C"]
    files = {row["file"] for row in told["estimates"]}
    assert f"{history} {other}" in files
    other.write_text("\n".join([*lines, "1971-06-01T00:00:00Z,nothing"]) + "\n")
    result = CliRunner().invoke(app, ["calibrate", str(other), "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["errors"][0]["code"]


def test_usage(history: Path, tmp_path: Path) -> None:
    run(tmp_path / "none.csv", code=2)
    run(history, "--market", "AUSDT", "--window", "x", code=2)
    run(history, "--market", "AUSDT", "--confidence", "2", code=2)
    run(history, "--market", "AUSDT", "--sheet", tmp_path / "no" / "sheet.csv", code=2)
    assert "ambiguous_market" in run(history, code=1)
    assert "unknown_market" in run(history, "--market", "Z", code=1)
    assert "unknown_market" in run(history, history, "--market", "Z", code=1)
