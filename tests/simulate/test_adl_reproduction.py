"""The deleveraging of 10 October 2025: every published number, and what can be computed of it."""

import csv
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest

from marginbook.domain.errors import BadInput
from marginbook.liquidation.allocators import allocate
from marginbook.simulate.reproductions import adl_2025_10_10 as adl
from marginbook.simulate.reproductions import adl_accounts
from marginbook.simulate.reproductions.adl_columns import recomputed
from marginbook.simulate.reproductions.adl_picture import picture
from marginbook.simulate.reproductions.adl_tables import POLICIES, Wave, over, waves
from marginbook.simulate.reproductions.table import Row, as_markdown

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "reproductions" / "adl-2025-10-10.md"
PICTURE = ROOT / "docs" / "pictures" / "adl-haircuts.svg"
HORIZONS = ROOT / "tests" / "vectors" / "adl" / "production_by_horizon.csv"


@pytest.fixture(scope="module")
def every(data: Path) -> list[Wave]:
    return waves(data)


@pytest.fixture(scope="module")
def rows(data: Path) -> dict[str, Row]:
    return {row.quantity: row for row in adl.rows(data)}


@pytest.mark.parametrize(
    ("horizon", "printed"),
    [("0", "45.03"), ("500", "51.67"), ("1000", "51.01"), ("2000", "47.45"), ("5000", "49.27")],
)
def test_the_horizon_sweep_from_the_waves(horizon: str, printed: str) -> None:
    text = [line for line in HORIZONS.read_text().splitlines() if not line.startswith("#")]
    table = list(csv.DictReader(text))
    overshoot = sum(Decimal(line[horizon]) - Decimal(line["needed"]) for line in table)
    assert len(table) == 16
    assert f"{overshoot / 10**6:.2f}" == printed


def test_every_column_that_follows_from_others_agrees(data: Path) -> None:
    found = recomputed(data)
    assert sum(column.cells for column in found) == 3512
    assert {column.columns for column in found if column.difference > Decimal("1e-6")} == set()


@pytest.mark.parametrize(
    ("number", "needed", "production", "overshoot", "largest", "pro_rata"),
    [
        (1, "2.266", "0.414", "-1.852", "100.0", "0.87"),
        (2, "1.384", "0.171", "-1.213", "66.1", "0.66"),
        (4, "1.066", "0.408", "-0.658", "61.2", "0.39"),
        (8, "1.576", "11.415", "9.839", "100.0", "0.29"),
        (10, "1.622", "1.072", "-0.551", "86.6", "0.40"),
        (13, "5.584", "38.449", "32.865", "100.0", "0.87"),
        (14, "1.021", "6.613", "5.592", "100.0", "0.24"),
    ],
)
def test_the_largest_waves(every, number, needed, production, overshoot, largest, pro_rata) -> None:  # type: ignore[no-untyped-def]
    [wave] = [wave for wave in every if wave.number == number]
    assert f"{wave.needed / 10**6:.3f}" == needed
    assert f"{wave.budgets['prod'] / 10**6:.3f}" == production
    assert f"{wave.overshoot('prod') / 10**6:.3f}" == overshoot
    assert f"{100 * wave.largest['prod']:.1f}" == largest
    assert f"{100 * wave.largest['pr']:.2f}" == pro_rata


def test_the_totals(every: list[Wave], rows: dict[str, Row]) -> None:
    assert len(every) == 16
    assert f"{over(every, lambda wave: wave.needed):.3f}" == "15079669.609"
    assert f"{over(every, lambda wave: wave.overshoot('prod')):.3f}" == "45028665.719"
    for quantity in ("needed, 16 waves", "overshoot at 500 ms", "overshoot of the paper's queue", "liquidation fills"):
        assert rows[quantity].difference == "0", quantity


def test_the_discrepancies_between_text_and_tables(rows: dict[str, Row]) -> None:
    ours = {quantity: (row.ours, row.difference) for quantity, row in rows.items()}
    assert ours["deficit of the losers"] == ("100.063 M", "0")
    assert "9 of 16 waves" in rows["deficit of the losers"].why
    assert ours["… with that loss counted once"][0] == "12.658 M"
    assert ours["contract pro-rata, sum of what it missed"] == ("-3.020 M", "-1.5")
    assert ours["… in its worst wave"] == ("-1,460.53 K", "-1,090")
    assert rows["… in its worst wave"].why == "wave 13"
    assert ours["min-max ILP, overshoot"] == ("92.19 K", "42")
    assert ours["shocks (the first version's appendix)"] == ("1,125", "28")
    assert ours["… “fairness regret” of wealth and contract pro-rata"][0] == "2,732,437.29 and 384,064.35"
    assert ours["… markets"][0] == "162"
    assert ours["… with a deficit"] == ("170", "-31")
    assert ours["… that winners could cover"] == ("7.708 M", "1.1")
    assert ours["… deficit"] == ("23.191 M", "0")
    assert rows["overshoot “increases as Δ grows”"].ours == "largest at 500 ms"
    assert rows["production “consistently overshoots”"].ours == "10 waves; 3 waves carry 107 %"


def test_wealth_pro_rata_took_the_common_rate(every: list[Wave]) -> None:
    assert all(wave.largest["pr"] <= wave.needed / wave.capacity * (1 + Decimal("1e-12")) for wave in every)


def test_the_capacities_are_not_of_their_wave(rows: dict[str, Row]) -> None:
    """One largest capacity at 21:16:04, 21:18:50 and 21:25:35."""
    assert rows["capacity of the largest winner"].ours == (
        "37,090,217.8 in waves 1, 11, 28; 82,175,754.6 in waves 4, 10, 13, 14; 129,378,071.2 in waves 5, 8, 17"
    )


def test_the_rules_on_the_real_winners(rows: dict[str, Row]) -> None:
    found = {name.partition(":")[0]: row.ours for name, row in rows.items() if "largest haircut of" in name}
    assert found == {
        "queue by PnL % · leverage": "100 %",
        "wealth pro-rata": "2.00 %",
        "profit pro-rata": "100.0 %",
        "equity pro-rata": "0.600 %",
        "risk-aware (leverage)": "100 %",
        "vector mirror descent": "3.61 %",
    }


def test_the_page_shows_these_rows(data: Path) -> None:
    text = PAGE.read_text()
    for part in (adl.totals, adl.by_wave, adl.disagreements, adl.by_column, adl_accounts.events, adl_accounts.by_rule):
        table = as_markdown(part(data))
        assert table in text, f"{PAGE.name}: replace the table of `{part.__name__}` by\n{table}"


def test_the_picture_is_current(every: list[Wave]) -> None:
    assert PICTURE.read_text() == picture(every), "run: python -m marginbook.simulate.reproductions.adl_picture"


def test_the_picture_is_drawn_to_scale() -> None:
    share = {"prod": Decimal(1), "pr": Decimal("0.01"), "eq_pr": Decimal("0.001")}
    wave = Wave(
        1, "", *[Decimal(1)] * 4, budgets={}, largest={policy: share.get(policy, Decimal("0.1")) for policy in POLICIES}
    )
    drawn = ElementTree.fromstring(picture([wave]))
    lines_ = drawn.findall("{http://www.w3.org/2000/svg}polyline")
    heights = [float(str(line.get("points")).partition(",")[2]) for line in lines_]
    assert heights == [46.0, 94.0, 94.0, 142.0, 190.0]


def test_a_missing_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="missing_file"):
        adl.rows(tmp_path)


def test_it_runs_as_a_program(data: Path) -> None:
    command = [sys.executable, "-m", "marginbook.simulate.reproductions.adl_2025_10_10", str(data)]
    done = subprocess.run(command, capture_output=True, text=True, env={"COLUMNS": "240"}, check=True)
    assert "653,552,663.51" in done.stdout


def test_pro_rata_over_a_capacity_is_its_minimum_with_the_budget() -> None:
    assert allocate(Decimal(7), [Decimal(5)]) == [5]
    assert allocate(Decimal(5), [Decimal(7)]) == [5]
