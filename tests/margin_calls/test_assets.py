"""Which asset a market or token follows."""

import pytest

from marginbook.margin_calls.assets import FOLLOWERS, FOLLOWS, is_stable, symbol, underlying
from marginbook.units import STABLE_ASSETS


@pytest.mark.parametrize(
    ("name", "asset"),
    [
        ("ETH", "ETH"),
        ("weETH", "ETH"),
        ("ETHUSDC", "ETH"),
        ("ETHUSDT_261225", "ETH"),
        ("ETH-USD", "ETH"),
        ("ETH/USDC:USDC", "ETH"),
        ("XBTUSD", "BTC"),
        ("1000000MOGUSDT", "MOG"),
        ("1INCHUSDT", "1INCH"),
        ("PT-sUSDE-27NOV2025", "USDE"),
        ("PT-weETH-25DEC2025", "ETH"),
        ("syrupUSDC", "USDC"),
        ("USDTB", "USDTB"),
        ("LINK", "LINK"),
        ("USDC", "USDC"),
        ("USD", "USD"),
    ],
)
def test_underlying(name, asset) -> None:
    assert underlying(name) == asset


def test_nothing_follows_a_follower_or_two_assets() -> None:
    assert not set(FOLLOWERS) & set(FOLLOWS)
    assert len(FOLLOWS) == sum(len(text.split()) for text in FOLLOWERS.values())
    assert all(symbol(name) == name for name in FOLLOWS)


@pytest.mark.parametrize("name", [*sorted(STABLE_ASSETS), "USDC.e", "sDAI", "USDCUSDT", "PT-sUSDE-27NOV2025", "crvUSD"])
def test_stable(name) -> None:
    assert is_stable(name, STABLE_ASSETS)


@pytest.mark.parametrize("name", ["BTCUSDT", "wstETH", "EURUSDT", "PEPE", "LINKUSDC"])
def test_not_stable(name) -> None:
    assert not is_stable(name, STABLE_ASSETS)
