"""The table of other software's numbers: computed again, and ours are the venue's."""

from decimal import Decimal as D
from pathlib import Path

from marginbook.testing.conformance import agrees
from marginbook.testing.peers import CASES, ours, rows, with_table

PAGE = Path(__file__).parent.parent.parent / "docs" / "peers.md"


def test_the_page_is_current() -> None:
    assert with_table(PAGE.read_text()) == PAGE.read_text(), "run: python -m marginbook.testing.peers"


def test_ours_are_what_the_venues_printed() -> None:
    for case in CASES:
        assert agrees(ours(case), case.printed), case.name


def test_every_mistake_is_seen_on_some_account() -> None:
    worst: dict[str, D] = {}
    for row in rows():
        worst[row.peer] = max(worst.get(row.peer, D(0)), abs(row.error))
    assert set(worst) == {"jesse", "OctoBot", "freqtrade", "nautilus_trader", "LEAN", "flox", "ccxt"}
    assert all(error > D("0.001") for error in worst.values())
