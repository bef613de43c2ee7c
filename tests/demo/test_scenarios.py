"""Scenarios and the demo's accounts: the same for the same seed, plausible, and dramatic within a minute."""

from decimal import Decimal

import numpy as np
import pytest

from marginbook.book.book import Book
from marginbook.book.bulk import ContractColumns, LendingColumns
from marginbook.demo.accounts import demo_columns, demo_market
from marginbook.demo.scenarios import AAVE_ASSETS, BASE, MINUTE, STARTS_AT, USDM_MARKETS, load, names, scenario
from marginbook.domain.errors import BadInput
from marginbook.domain.zones import Zone
from marginbook.engine.evaluate import Measures, evaluate, parameters_source
from marginbook.params.tables import BINANCE_USDM_FILES, tables_at
from marginbook.units import MICROSECONDS


@pytest.fixture(scope="module")
def book() -> Book:
    return Book.from_columns(demo_columns(4000, 7), demo_market(), parameters_source({}, STARTS_AT), STARTS_AT)


@pytest.mark.parametrize("name", names())
def test_a_scenario_moves_every_price_from_one_and_ends(name: str) -> None:
    plan = load(name)
    assert {plan.multiple(asset, 0) for asset in BASE} == {Decimal(1)}
    frames = list(scenario(name, step=MINUTE))
    assert frames[0].prices == plan.prices(0)
    assert len(frames) == plan.minutes + 1
    assert [frame.stamp.source_sequence for frame in frames] == list(range(1, len(frames) + 1))
    keys = {("binance", market, "mark") for market in USDM_MARKETS} | {("aave", a, "oracle") for a in AAVE_ASSETS}
    assert all(frame.prices.keys() == keys for frame in frames)
    worst = {key: min(frame.prices[key] / frames[0].prices[key] for frame in frames) for key in keys}
    assert worst["binance", "BTCUSDT", "mark"] < Decimal("0.9")
    assert min(worst.values()) > Decimal("0.4")
    assert worst["aave", "USDC", "oracle"] == 1


def test_prices_go_straight_from_point_to_point() -> None:
    plan = load("2025-10-10")
    (start, low), (end, high) = plan.paths["BTC"][4:6]
    middle = plan.multiple("BTC", (start + end) * MINUTE // 2)
    assert middle == (low + high) / 2
    assert plan.multiple("BTC", 10**15) == plan.paths["BTC"][-1][1]


def test_what_is_staked_moves_with_what_it_stands_for() -> None:
    frames = list(scenario(step=10 * MINUTE))
    for frame in frames:
        ratio = frame.prices["aave", "wstETH", "oracle"] / frame.prices["aave", "WETH", "oracle"]
        assert abs(ratio - Decimal("1.2178")) < Decimal("1e-8")


def test_an_unknown_scenario_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadInput, match="2025-10-10"):
        load("1929-10-24")


def test_the_same_seed_gives_the_same_accounts() -> None:
    one, two, other = demo_columns(500, 1), demo_columns(500, 1), demo_columns(500, 2)
    for a, b in zip(one, two, strict=True):
        for name in a.__slots__:
            assert np.array_equal(getattr(a, name), getattr(b, name)), name
    assert isinstance(one[0], ContractColumns)
    assert isinstance(other[0], ContractColumns)
    assert not np.array_equal(one[0].wallet, other[0].wallet)
    assert isinstance(one[1], LendingColumns)


def test_accounts_start_solvent_with_heavy_tails_on_both_venues(book: Book) -> None:
    counts = book.counts()
    assert {venue for venue, _ in counts} == {"binance", "aave"}
    for venue in ("binance", "aave"):
        assert counts[venue, Zone.LIQUIDATION] == counts[venue, Zone.BANKRUPT] == 0
        assert counts[venue, Zone.CALL] > 0
        assert counts[venue, Zone.SAFE] > 1000
    notional = np.sort(book.columns()["notional"])
    assert notional[-40:].sum() > 0.25 * notional.sum()


def test_every_kind_of_account_is_evaluated_without_an_error(book: Book) -> None:
    parameters = parameters_source({}, STARTS_AT)
    ids = book.ids()
    accounts = [book.account(ids[i]) for i in range(0, len(ids), 40)]
    assert {account.emode for account in accounts} == {0, 1}
    assert any(p.mode == "isolated" for account in accounts for p in account.positions)
    for account in accounts:
        report = evaluate(account, book.market, parameters, STARTS_AT, measures=Measures(remedies=()))
        assert report.error is None, report.error
        zone = max(pool.zone for pool in report.pools)
        assert zone == book.zone(account.id), account.id


def test_positions_respect_the_leverage_of_their_brackets(book: Book) -> None:
    tables = tables_at(BINANCE_USDM_FILES, STARTS_AT).tables
    for name in book.ids()[:300]:
        for position in book.account(name).positions:
            notional = position.quantity * BASE[USDM_MARKETS[position.market]]
            most = next(row[3] for row in reversed(tables[position.market]) if row[0] <= notional)
            assert position.leverage is not None
            assert 1 <= position.leverage <= most, name


def test_calls_and_liquidations_come_within_the_first_minute_of_watching() -> None:
    plan = load()
    columns, parameters = demo_columns(2000, 7), parameters_source({}, STARTS_AT)
    book = Book.from_columns(columns, demo_market(), parameters, STARTS_AT)
    minute = int(60 * plan.speed) * MICROSECONDS
    seen = set()
    for frame in scenario(step=30 * MICROSECONDS):
        if frame.stamp.time - STARTS_AT > minute:
            break
        seen |= {(c.account.partition("-")[0], c.to_zone) for c in book.prices(frame.prices, frame.stamp.time)}
    for venue in ("binance", "aave"):
        assert {(venue, Zone.WARNING), (venue, Zone.CALL), (venue, Zone.LIQUIDATION)} <= seen
