"""Black Thursday: nothing is made or lost, keepers stay away above their caps, published figures within bands."""

from decimal import Decimal as D
from pathlib import Path

import pytest

from marginbook.exact import WAD
from marginbook.liquidation.flip import AUCTION, PROTOCOL
from marginbook.simulate.reproductions import black_thursday
from marginbook.simulate.reproductions.black_thursday import (
    Setup,
    figures,
    gas_price,
    inside_bars,
    replay,
    ten_minutes,
    vaults,
)
from marginbook.simulate.reproductions.table import as_markdown

PAGE = Path(__file__).parents[3] / "docs" / "reproductions" / "black-thursday.md"
START = 1_583_971_200  # a full hour
SMALL = Setup(vaults=60)


def crash(*prices: int) -> list[tuple[int, int]]:
    return [(START + 600 * number, price) for number, price in enumerate(prices)]


FALL = crash(*[194] * 6, *[130] * 18, *[110] * 18)


def test_nothing_is_made_or_lost() -> None:
    found = replay(FALL, SMALL)
    assert found.auctions
    assert sum(found.dai.values()) == sum(found.collateral.values()) == 0
    assert (found.open, found.collateral[AUCTION]) == (0, 0)
    assert found.dai[PROTOCOL] == sum(one.paid for one in found.auctions)
    for one in found.auctions:
        assert one.paid <= one.tab


def test_vaults_are_judged_an_hour_late() -> None:
    """The fall shows at 01:00, is taken over as the next price, and counts from 02:00 on."""
    found = replay(FALL, SMALL)
    assert min(one.started for one in found.auctions) == START + 2 * 3_600


def test_where_gas_is_calm_nobody_wins_for_nothing() -> None:
    calm = replay(FALL, Setup(vaults=60, gas_slope=0.0))
    assert figures(calm).share == 0
    assert figures(calm).shortfall < 0  # the penalty is earned


def test_where_only_one_can_pay_all_is_won_for_nothing() -> None:
    dear = replay(FALL, Setup(vaults=60, gas_calm=50.0))
    assert figures(dear).share == 100
    assert {one.winner for one in dear.auctions} == {"opportunist"}


def test_vaults_are_safe_before_and_repeat() -> None:
    assert vaults(SMALL, 194) == vaults(SMALL, 194)
    assert all(urn.ink * 194 * WAD > urn.art * 3 // 2 * WAD for urn in vaults(SMALL, 194))
    assert gas_price(SMALL, [200, 200], 1) == D("8.0")
    assert gas_price(SMALL, [200, 100], 1) > gas_price(SMALL, [200, 150], 1) > 8


@pytest.mark.long
def test_the_published_figures_within_their_bands(data: Path) -> None:
    path = ten_minutes(data)
    assert (len(path), min(price for _, price in path)) == (205, 90)
    assert inside_bars(data) == 205 > inside_bars(data, -1)
    found = {row.quantity: row for row in black_thursday.rows(data)}
    for quantity, low, high in (
        ("share won with zero bids", 33, 40),
        ("collateral lost to them", 7.8, 8.9),
        ("shortfall", 4.5, 6.5),
        ("ether lost to them", 55_000, 80_000),
    ):
        assert low < float(found[quantity].ours.split()[0]) < high, quantity
    assert found["zero bids under the terms of 13 March"].ours.startswith("0 of ")
    assert as_markdown(found.values()) in PAGE.read_text()
