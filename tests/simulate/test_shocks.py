"""Shocks: what a text means, what follows an asset, and that shocks compose."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market, Quote
from marginbook.simulate.shocks import Shock, parse_shock, shocked

D = Decimal
PRICES = {
    ("aave", "WETH", "oracle"): "3000",
    ("aave", "wstETH", "oracle"): "3600.12",
    ("aave", "cbBTC", "oracle"): "60100",
    ("aave", "USDC", "oracle"): "0.9999",
    ("aave", "LINK", "oracle"): "12.5",
    ("binance", "ETHUSDT", "mark"): "3001",
    ("binance", "ETHUSDT", "index"): "3002",
    ("binance", "BTCUSDT", "mark"): "60000",
    ("binance", "USDCUSDT", "mark"): "1.0001",
    ("generic", "ETH-PERP", "mark"): "2999",
}
MARKET = Market(quotes={key: Quote(D(price), time=7) for key, price in PRICES.items()})


def after(*shocks: str, only: bool = False) -> dict[tuple[str, str, str], Decimal]:
    """Only what moved."""
    market, moved = shocked(MARKET, shocks, only=only)
    found = {(m.venue, m.market, m.kind): m.after for m in moved}
    assert all(market.quotes[key].price == price for key, price in found.items())
    assert all(MARKET.quotes[(m.venue, m.market, m.kind)].price == m.before for m in moved)
    return found


@pytest.mark.parametrize("text", ["ETH=-20%", "ETH=-0.2", "ETH = -20 %", "weth=−20%", "ETHUSDT=-0.20"])
def test_a_fall_of_eth_in_every_spelling(text) -> None:
    assert after(text) == {
        ("aave", "WETH", "oracle"): 2400,
        ("aave", "wstETH", "oracle"): D("2880.096"),
        ("binance", "ETHUSDT", "mark"): D("2400.8"),
        ("binance", "ETHUSDT", "index"): D("2401.6"),
        ("generic", "ETH-PERP", "mark"): D("2399.2"),
    }


def test_a_price_moves_what_follows_by_the_same_ratio() -> None:
    assert after("binance:BTCUSDT=55000") == {("binance", "BTCUSDT", "mark"): 55_000}
    found = after("BTCUSDT=55000")
    assert found[("binance", "BTCUSDT", "mark")] == 55_000
    assert found[("aave", "cbBTC", "oracle")] == D("55091.666666666666666667")
    assert after("WETH=1500")[("aave", "wstETH", "oracle")] == D("1800.06")
    assert after("ETH=1500")[("generic", "ETH-PERP", "mark")] == 1500


def test_only_is_literal() -> None:
    assert after("WETH=-10%", only=True) == {("aave", "WETH", "oracle"): 2700}
    assert after("ETHUSDT=2000", only=True) == {
        ("binance", "ETHUSDT", "mark"): 2000,
        ("binance", "ETHUSDT", "index"): 2000,
    }
    with pytest.raises(BadInput, match="unknown_market"):
        after("ETH=-10%", only=True)


def test_all_leaves_stable_assets_and_one_can_be_named() -> None:
    found = after("all=-10%")
    assert len(found) == 8
    assert ("aave", "USDC", "oracle") not in found
    assert after("USDC=-5%") == {
        ("aave", "USDC", "oracle"): D("0.949905"),
        ("binance", "USDCUSDT", "mark"): D("0.950095"),
    }


def test_a_venue_can_be_moved_alone() -> None:
    assert set(after("aave:ETH=-1%")) == {("aave", "WETH", "oracle"), ("aave", "wstETH", "oracle")}


def test_times_and_sources_stay() -> None:
    market, _ = shocked(MARKET, ["ETH=-20%"])
    assert {quote.time for quote in market.quotes.values()} == {7}
    assert MARKET.quotes[("aave", "WETH", "oracle")].price == 3000


@pytest.mark.parametrize(
    "text",
    [
        "ETH",
        "=5",
        "ETH=",
        "ETH=x",
        "ETH=-100%",
        "ETH=-2",
        "all=5",
        "ETH=0",
        ":ETH=-1%",
        "ETH=nan",
        "DOGE=-1%",
        "x:ETH=-1%",
    ],
)
def test_what_is_no_shock_is_named(text) -> None:
    with pytest.raises(BadInput) as bad:
        after(text)
    assert text.partition("=")[0].strip(":") in str(bad.value)


def test_ccxt_names_keep_their_colon() -> None:
    assert parse_shock("BTC/USDT:USDT=-1%").target == "BTC/USDT:USDT"
    assert parse_shock("okx:BTC/USDT:USDT=-1%").venue == "okx"


MOVES = st.decimals("-0.9", 2, places=4)


@settings(max_examples=50, deadline=None)
@given(MOVES, MOVES)
def test_shocks_compose(one, two) -> None:
    both = (1 + one) * (1 + two) - 1
    together = shocked(MARKET, [Shock(target="ETH", move=one), Shock(target="ETH", move=two)])[0]
    assert together == shocked(MARKET, [Shock(target="ETH", move=both)])[0]
    assert together == shocked(shocked(MARKET, [Shock(target="ETH", move=one)])[0], [Shock(target="ETH", move=two)])[0]
    swapped = [Shock(target="BTC", move=two), Shock(target="all", move=one)]
    assert shocked(MARKET, swapped)[0] == shocked(MARKET, swapped[::-1])[0]
