"""The CRV spiral of November 2022: exact rules, calibrated market, and what follows from them."""

from decimal import Decimal as D
from pathlib import Path

import pytest

from marginbook.exact import divide
from marginbook.simulate.reproductions import crv_2022
from marginbook.simulate.reproductions.crv_2022 import BORROWED, CALIBRATED, HELD, Pool, first_price, replay, sourced
from marginbook.simulate.reproductions.table import as_markdown

PAGE = Path(__file__).parents[3] / "docs" / "reproductions" / "crv-2022.md"
WETH = D("1130")


def test_the_first_price_is_the_thresholds() -> None:
    """63.6 M · 0.88 / 92 M."""
    assert abs(first_price(WETH) - HELD * D("0.88") / BORROWED) < D("1e-6")


def test_a_call_takes_what_is_most_profitable() -> None:
    """Buying a of x costs P·a·x / (x − a) and brings (1 + b)·P·a."""
    x, bonus = CALIBRATED.reserve, D("1.045")

    def profit(amount: D) -> D:
        return bonus * amount - divide(amount * x, x - amount)

    best = sourced(CALIBRATED)
    assert profit(best) > profit(best * D("0.99"))
    assert profit(best) > profit(best * D("1.01"))
    assert abs(divide(x, x - best) ** 2 - bonus) < D("1e-9")  # the price left behind is P·(1 + b)


def test_without_lasting_impact_the_loan_is_restored() -> None:
    found = replay(Pool(CALIBRATED.reserve, D(0)), WETH)
    assert found.found.reason == "healthy"
    assert found.collateral > 0
    assert found.mean.quantize(D("1e-9")) == found.first.quantize(D("1e-9"))


def test_the_more_of_a_rise_stays_the_more_is_unpaid() -> None:
    found = [replay(Pool(CALIBRATED.reserve * 16, D(kept)), WETH) for kept in ("0.2", "0.3", "0.4")]
    assert all(one.collateral < D("0.00001") for one in found)  # less than the smallest call may be left
    assert found[0].unpaid < found[1].unpaid < found[2].unpaid


@pytest.mark.long
def test_the_published_figures(data: Path) -> None:
    found = {row.quantity: row for row in crv_2022.rows(data)}
    assert found["liquidation calls"].ours == "385"
    assert abs(D(found["unpaid debt [CRV]"].ours) / 2_640_000 - 1) < D("0.01")
    assert abs(D(found["price when the collateral was gone [USD]"].ours) / D("0.7206") - 1) < D("0.06")
    assert D("1.5") < D(found["loss at the day's later price [M USD]"].ours) < D("1.8")
    assert as_markdown(found.values()) in PAGE.read_text()
