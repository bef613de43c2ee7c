"""Contagion between venues through prices, collateral and shared funds."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marginbook.connectors.books import BookFile, load_book, market_of
from marginbook.domain.account import Account, Position
from marginbook.domain.market import Market, Quote
from marginbook.engine.evaluate import parameters_source
from marginbook.simulate.between_venues import between_venues, exposures
from marginbook.simulate.contagion import overlap
from marginbook.simulate.exact_cascade import Terms, rounds
from marginbook.simulate.holders import PlainHolders
from marginbook.simulate.impact import linear, none

D = Decimal
AT = 1_790_856_000_000_000
TERMS = Terms(impact=linear(8e5))


@pytest.fixture(scope="module")
def book() -> BookFile:
    return load_book([Path(__file__).parent.parent.parent / "examples" / "cascade.toml"], [])


def given(book: BookFile) -> tuple[Any, ...]:
    assert book.as_of is not None
    return book.accounts, market_of(book), parameters_source(book.overlays, book.as_of)


def test_what_reaches_a_venue_from_the_others(book: BookFile) -> None:
    found = between_venues(*given(book), ["ETH=-5%"], book.as_of, TERMS)  # type: ignore[arg-type]
    assert (found["aave"].accounts_alone, found["aave"].accounts_together) == (0, 1)
    assert (found["hyperliquid"].closed_alone, found["hyperliquid"].accounts_together) == (0, 1)
    assert found["binance"].accounts_alone == 3  # it starts there
    calm = between_venues(*given(book), ["ETH=-5%"], book.as_of, replace(TERMS, impact=none))  # type: ignore[arg-type]
    assert all(reach.closed_alone == reach.closed_together for reach in calm.values())


def test_exposures_and_their_overlap(book: BookFile) -> None:
    found = exposures(*given(book), book.as_of)  # type: ignore[arg-type]
    assert found == {
        "aave": {"ETH": D(15_000_000)},
        "binance": {"ETH": D(8_700_000)},
        "hyperliquid": {"ETH": D(7_200_000)},
    }
    matrix = overlap([[float(found[venue]["ETH"])] for venue in sorted(found)], [8e7])
    # Hyperliquid sells all: 9 % of 8 · 10^7; of what Binance holds that is 0.783 million.
    assert matrix[1, 2] == pytest.approx(0.09 * 8.7e6)
    assert np.linalg.eigvalsh(matrix)[-1] == pytest.approx(sum(float(v["ETH"]) ** 2 for v in found.values()) / 8e7)


def test_a_shared_fund_that_one_venue_empties_fails_the_other() -> None:
    """Both lack 1,000; each has 1,000 of its own, or the two share what one of them needs alone."""
    position = Position(market="ETHUSDT", side="long", quantity=D(10), entry=D(3000), leverage=D(20))
    rules = {"a": "binance/usdm", "b": "bybit/classic"}
    accounts = [
        Account(id=name, rules=rule, wallet={"USDT": D(1000)}, positions=(position,)) for name, rule in rules.items()
    ]
    market = Market(quotes={(venue, "ETHUSDT", "mark"): Quote(D(2800)) for venue in ("binance", "bybit")})
    parameters_of = parameters_source({}, AT)

    def run(funds: Any, fund_of: Any) -> Any:
        terms = Terms(impact=none, funds=funds, fund_of=fund_of)
        (done,) = rounds(PlainHolders(accounts, market, parameters_of, AT), terms, AT)
        return dict(done.uncovered), done.paid

    own = {("binance", "USDT"): D(1000), ("bybit", "USDT"): D(1020)}
    assert run(own, {})[0] == {}
    uncovered, paid = run({("both", "USDT"): D(1000)}, {"binance": "both", "bybit": "both"})
    assert paid[("both", "USDT")] >= 1000
    assert uncovered.keys() == {("bybit", "USDT")}
