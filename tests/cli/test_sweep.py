"""`marginbook sweep`: books and populations, histories, resuming, pages, and what it refuses."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from marginbook.cli import app
from marginbook.connectors.books import load_book

BOOK = """
[[account]]
id = "loan"
rules = "aave/3.6"
collateral = [ { asset = "WETH", amount = "10" } ]
debt = [ { asset = "USDC", amount = "23000" } ]

[prices]
as_of = "2026-10-01T12:00:00Z"
aave = { WETH = "3000", USDC = "1" }
"""


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["sweep", *words])


@pytest.fixture
def book(tmp_path: Path) -> Path:
    file = tmp_path / "book.toml"
    file.write_text(BOOK)
    return file


def test_a_book_its_page_and_its_file_of_results(book: Path, tmp_path: Path) -> None:
    report, kept = tmp_path / "a.html", tmp_path / "kept.sweep"
    words = (str(book), "--paths", "30", "--steps", "4", "--cost", "0.05", "--resume", str(kept), "--json")
    first = run(*words, "--report", str(report))
    told = json.loads(first.stdout)
    assert (told["paths"], told["accounts"], told["currency"], told["errors"]) == (30, 1, "USD", [])
    assert told["most_often"][0]["account"] == "loan"
    assert any("assumed" in text for text in told["warnings"])
    assert report.read_text().startswith("<!doctype html>")
    size = kept.stat().st_size
    assert json.loads(run(*words).stdout) == told
    assert kept.stat().st_size == size
    assert run(*words, "--seed", "2").exit_code == 2  # another sweep


def test_one_process_or_two(book: Path) -> None:
    words = (str(book), "--paths", "60", "--steps", "2", "--json")
    assert run(*words, "--workers", "1").stdout == run(*words).stdout


def test_a_population_is_written_as_a_book_that_reads_back(tmp_path: Path) -> None:
    file = tmp_path / "people.json"
    result = run("--population", "3000", "--kind", "lending", "--paths", "2", "--steps", "1", "--save-book", str(file))
    assert result.exit_code == 0
    assert "3000 accounts" in result.output
    loaded = load_book([file])
    assert (len(loaded.accounts), loaded.problems, loaded.rejected) == (3000, (), ())


def test_a_history_is_drawn_from_or_measured(book: Path, tmp_path: Path) -> None:
    prices = tmp_path / "eth.csv"
    rows = [
        f"2026-09-01T{hour:02d}:00:00Z,binance,ETHUSDT,mark,{3000 + 60 * (-1) ** hour * hour}" for hour in range(24)
    ]
    prices.write_text("time,venue,market,kind,price\n" + "\n".join(rows))
    drawn = json.loads(run(str(book), "--paths", "5", "--history", str(prices), "--json").stdout)
    assert (drawn["model"]["kind"], drawn["warnings"]) == ("bootstrap", [])
    words = (str(book), "--paths", "5", "--history", str(prices), "--model", "gbm", "--json")
    measured = json.loads(run(*words).stdout)
    assert measured["model"]["volatility"][0] > 5
    assert measured["warnings"] == []


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--population", "10"),
        ("--population", "3000", "--paths", "0"),
        ("--population", "3000", "--model", "sure"),
        ("--population", "3000", "--volatility", "ETH"),
        ("--population", "3000", "--cost", "2"),
        ("--population", "3000", "--workers", "0", "--paths", "60"),
        ("--population", "3000", "--correlation", "-0.9"),
        ("missing.toml",),
    ],
)
def test_usage_errors(words: tuple[str, ...]) -> None:
    assert run(*words).exit_code == 2


def test_a_parameter_and_a_search(book: Path) -> None:
    words = (str(book), "--paths", "20", "--steps", "3", "--cost", "0.05", "--volatility", "all=2", "--json")
    usual = json.loads(run(*words).stdout)
    other = json.loads(run(*words, "--parameter", "aave.WETH.liquidation_threshold=0.95").stdout)
    hits = "liquidated_accounts"
    assert float(other[hits]["mean"]) < float(usual[hits]["mean"])
    axis = ("--search", "aave.WETH.liquidation_threshold=0.83:0.95:0.06", "--limit", "1e9")
    told = json.loads(run(*words, *axis).stdout)
    assert [trial["fits"] for trial in told["trials"]] == [True] * 3
    assert told["best"] == ["aave.WETH.liquidation_threshold=0.95"]
    assert told["trials"][0]["mean"] == usual["bad_debt"]["mean"]
    assert "0.95" in run(*words[:-1], *axis).output
    assert run(*words, *axis[:2]).exit_code == 2
