"""10 October 2025 under each index rule: the minute that is known, counts against the exact decision, the page."""

from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market, Quote
from marginbook.oracle.index import IndexRule
from marginbook.simulate.reproductions.index_rules import (
    ASSETS,
    BOOKS,
    PERPETUAL,
    RULES,
    START,
    Bar,
    Bars,
    coin_margined,
    draws,
    index_prints,
    liquidated,
    liquidation_prices,
    mark_prints,
    printed,
    read_bars,
    rows,
    stable_margined,
    terms,
)
from marginbook.simulate.reproductions.table import as_markdown
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

PAGE = Path(__file__).parents[3] / "docs" / "reproductions" / "index-rules.md"
MINUTE = 60_000_000
AT = parse_time("2025-10-10T21:21Z")


def test_the_minute_of_aave_whose_three_books_are_known(data: Path) -> None:
    """21:21: Gemini 190.0, Coinbase 134.75, the coin-margined perpetual 63.42."""
    bars = read_bars(data)["AAVE"]
    lows = {book: bars[book][AT].low for book in BOOKS}
    assert lows == {"gemini": D("190.0"), "coinbase": D("134.75"), PERPETUAL: D("63.42")}
    found = {name: rule(bars)[AT] for name, rule, _ in RULES}
    for name in ("Binance, 2020", "Binance", "OKX, 2019", "OKX", "Deribit", "BingX"):
        assert found[name] == D("134.75"), f"{name}: one book far above, one far below, so the middle one"
    assert found["mean of the books"] == D("129.39")
    assert found["no index: the perpetual's own price"] == D("63.42")


def test_shorter_windows_of_the_basis_follow_the_perpetual_further_down(data: Path) -> None:
    found = printed(data, people=50)
    names = [name for name, _, _ in RULES if name.startswith("mark")]
    for asset in ASSETS:
        prices = [found[name][asset].price for name in names]
        counts = [found[name][asset].liquidated for name in names]
        assert prices == sorted(prices), "30 s, 2.5 minutes, 30 minutes"
        assert counts == sorted(counts, reverse=True)
        assert all(one.in_coin >= one.liquidated for one in (found[name][asset] for name in names))
        assert found[names[0]][asset].price < D("0.75") * found["Deribit"][asset].price


@pytest.mark.long
def test_the_page_shows_what_is_computed(data: Path) -> None:
    assert as_markdown(rows(data)) in PAGE.read_text()


@pytest.mark.parametrize(("make", "kind"), [(stable_margined, "USDT"), (coin_margined, "USD_PERP")])
@pytest.mark.parametrize("asset", ASSETS)
def test_counts_are_those_of_the_exact_decision(asset: str, make: Any, kind: str) -> None:
    accounts = make(asset, D("3.5"), draws(asset, people=60))
    rules = rule_set(accounts[0].rules)
    parameters = terms(rules)
    pool = "cross:USDT" if make is stable_margined else f"cross:{asset}"
    borders = liquidation_prices(accounts)
    middle = borders[len(borders) // 2]
    for price in (middle, middle + D("0.00000001"), D("1"), D("3.4"), D("0.0001")):
        market = Market(quotes={("binance", f"{asset}{kind}", "mark"): Quote(price)})
        judged = [rules.module.is_liquidatable(account, pool, market, parameters, START) for account in accounts]
        assert liquidated(borders, price) == sum(judged), price


def test_the_same_seed_makes_the_same_people_and_another_asset_others() -> None:
    assert draws("DOT", 5) == draws("DOT", 5)
    assert draws("DOT", 5) != draws("FIL", 5)
    assert draws("DOT", 5, seed=1) != draws("DOT", 5)
    stable, coin = (make("DOT", D(3), draws("DOT", 5)) for make in (stable_margined, coin_margined))
    for one, other in zip(stable, coin, strict=True):
        ratio = one.wallet["USDT"] / (other.wallet["DOT"] * 3)
        assert abs(ratio - 1) < D("0.05"), "the same margin but for whole contracts"


def test_a_long_without_leverage_falls_in_coin_and_not_in_dollars() -> None:
    """1x in coin: N·(1/entry + 1/entry) = N·(1 + 1 %) / price, so it falls at 50.5 % of entry."""
    (coin,) = liquidation_prices(coin_margined("DOT", D(4), [(D(990), D(1))]))
    assert abs(coin - D("2.02")) < D("0.00000002")
    (stable,) = liquidation_prices(stable_margined("DOT", D(4), [(D(990), D(1))]))
    assert stable < D("0.01")


def flat(price: str, perpetual: str, minutes: int = 120) -> Bars:
    times = [START - 60 * MINUTE + n * MINUTE for n in range(minutes)]
    books = dict.fromkeys(("coinbase", "gemini"), price) | {PERPETUAL: perpetual}
    return {book: dict.fromkeys(times, Bar(D(at), D(at))) for book, at in books.items()}


def test_without_a_move_every_rule_prints_the_price() -> None:
    for name, rule, _ in RULES:
        prints = {minute: price for minute, price in rule(flat("10", "10")).items() if minute >= START}
        assert len(prints) == 60, name
        assert set(prints.values()) == {D(10)}, name


def test_a_book_without_trades_grows_older_until_it_is_left_out() -> None:
    bars = {book: dict(minutes) for book, minutes in flat("10", "7").items()}
    bars[PERPETUAL] = {time: bar for time, bar in bars[PERPETUAL].items() if time <= START}
    prints = index_prints(bars, IndexRule(outliers="keep", max_age=5 * MINUTE))
    assert prints[START + 5 * MINUTE] == 9
    assert prints[START + 6 * MINUTE] == 10


def test_a_basis_that_lasts_longer_than_the_window_is_all_in_the_mark() -> None:
    marks = mark_prints(flat("10", "7"), "2020-06-12")
    # the index takes the perpetual at 9.7, so 9.9; the mean basis is −2.9, and price 2 the contract's own 7
    assert set(marks.values()) == {D(7)}


def test_a_folder_without_the_file() -> None:
    with pytest.raises(BadInput, match="missing_file"):
        read_bars(Path("/nowhere"))
