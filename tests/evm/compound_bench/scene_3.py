"""The Comet that the walks start from."""

from marginbook.exact import WAD
from marginbook.venues.compound.comet.state import AssetConfig, Config, Pool, curve_of_year

USERS = ("whale", "alice", "bob", "carol")
START = 1_700_000_000
SUPPLY_YEARLY = (3 * 10**15, 325 * 10**14, 4 * 10**17, 8 * 10**17)  # base, low, high [per year], kink
BORROW_YEARLY = (15 * 10**15, 35 * 10**15, 25 * 10**16, 85 * 10**16)


def _asset(decimals: int, borrow: int, liquidate: int, liquidation: int, cap: int) -> AssetConfig:
    return AssetConfig(
        decimals=decimals,
        borrow_factor=borrow * 10**14,
        liquidate_factor=liquidate * 10**14,
        liquidation_factor=liquidation * 10**14,
        supply_cap=cap * 10**decimals,
    )


CONFIG = Config(
    base="USD",
    decimals=6,
    assets={
        "ETH": _asset(18, 8250, 8950, 9500, 40_000),
        "BTC": _asset(8, 7000, 7700, 9500, 2_000),
        "ODD": _asset(7, 3333, 3334, 8001, 3_000_000),
        "LOW": _asset(12, 6500, 7001, 9300, 9_000_000),
    },
    supply_curve=curve_of_year(*SUPPLY_YEARLY),
    borrow_curve=curve_of_year(*BORROW_YEARLY),
    store_front=5 * WAD // 10,
    borrow_min=100 * 10**6,
    target_reserves=100 * 10**6,
)
PRICES = {
    "USD": 10**8 + 7,
    "ETH": 2_345 * 10**8 + 67_890_123,
    "BTC": 61_234 * 10**8 + 56_789,
    "ODD": 123_456_789,
    "LOW": 98_765,
}


def scene() -> Pool:
    """The empty pool."""
    return Pool(config=CONFIG, prices=PRICES, updated_at=START, time=START)
