"""The frontier table, the two steps and the curve of real borrowers."""

from decimal import Decimal as D
from pathlib import Path

from marginbook.simulate.reproductions import lending_sensitivity
from marginbook.simulate.reproductions.lending_sensitivity import frontiers, generated, rebuilt, sizes, two_steps
from marginbook.simulate.reproductions.table import as_markdown

PAGE = Path(__file__).parents[3] / "docs" / "reproductions" / "lending-book.md"


def test_every_frontier_agrees_to_the_printed_digit() -> None:
    assert [row.difference for row in frontiers()] == ["0"] * 8


def test_the_two_steps_agree_but_for_one_digit() -> None:
    *first, gain = two_steps()
    assert [row.difference for row in first] == ["0"] * 3
    assert (gain.ours, gain.difference) == ("8.870491", "+0.000003")


def test_generated_books_repeat_and_their_curves_agree() -> None:
    assert generated(20, 3) == generated(20, 3) != generated(20, 4)
    assert sizes(60, 3)[0].difference == "0"


def test_an_account_of_one_collateral_is_told_by_its_own_figures() -> None:
    row = {
        "user_address": "0x1",
        "outstanding_debt_usdt": "63000000",
        "current_hf": "1.61",
        "eth_liquidation_price": "1863.71",
        "btc_liquidation_price": "0",
    }
    (one,) = rebuilt([row])
    assert abs((one.account.collateral[0].amount or 0) - D(63_000_000) / (D("1863.71") * D("0.825"))) < 1
    assert rebuilt([{**row, "current_hf": "1.70"}]) == []
    assert rebuilt([{**row, "eth_liquidation_price": "999999"}]) == []


def test_the_real_borrowers(data: Path) -> None:
    found = lending_sensitivity.rows(data)
    health = next(row for row in found if row.quantity.startswith("health factors"))
    assert (health.published, health.ours) == ("26 printed", "18 equal")
    falls = [D(row.ours.split()[0]) for row in found if row.quantity.startswith("debt liquidatable")]
    assert falls[:4] == sorted(falls[:4])
    assert falls[3] > 500
    assert as_markdown(found) in PAGE.read_text()
