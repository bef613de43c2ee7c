"""The pool of the bench: assets, categories and users chosen so that every rule is met."""

from dataclasses import replace

from marginbook.exact import RAY
from marginbook.venues.aave_v3.state import EMode, Pool, RateStrategy, Reserve, ReserveConfig
from marginbook.venues.aave_v3.versions import Version

START = 1_700_000_000
SOURCE = "SRC"
"""Price source of category 1 in 3.0: a feed of its own."""
DOLLAR = {"USD": 10**8, "ETH": 5 * 10**14}
"""Base currency units in one dollar."""
USERS = ("whale", "ann", "bob", "cat", "dan", "eve")
BP = RAY // 10_000


def _rates(optimal: int, base: int, slope_1: int, slope_2: int) -> RateStrategy:
    return RateStrategy(optimal=optimal * BP, base=base * BP, slope_1=slope_1 * BP, slope_2=slope_2 * BP)


CONFIGS = {
    "ETH": ReserveConfig(
        decimals=18,
        ltv=8050,
        liquidation_threshold=8300,
        liquidation_bonus=10500,
        protocol_fee=1000,
        reserve_factor=1500,
        rates=_rates(8000, 100, 380, 8000),
    ),
    "STE": ReserveConfig(
        decimals=18,
        ltv=7850,
        liquidation_threshold=8100,
        liquidation_bonus=10600,
        protocol_fee=2000,
        reserve_factor=500,
        supply_cap=30_000,
        rates=_rates(4500, 25, 450, 8000),
    ),
    "BTC": ReserveConfig(
        decimals=8,
        ltv=7300,
        liquidation_threshold=7800,
        liquidation_bonus=10501,
        protocol_fee=1000,
        reserve_factor=2000,
        rates=_rates(4500, 0, 700, 30000),
    ),
    "USD": ReserveConfig(
        decimals=6,
        ltv=7700,
        liquidation_threshold=8000,
        liquidation_bonus=10450,
        protocol_fee=999,
        reserve_factor=1000,
        borrow_cap=60_000_000,
        borrowable_in_isolation=True,
        rates=_rates(9000, 0, 550, 6000),
    ),
    "DAI": ReserveConfig(
        decimals=18,
        ltv=6300,
        liquidation_threshold=7777,
        liquidation_bonus=10500,
        reserve_factor=10000,
        borrowable_in_isolation=True,
        rates=_rates(9000, 0, 550, 7500),
    ),
    "ISO": ReserveConfig(
        decimals=9,
        ltv=4000,
        liquidation_threshold=5013,
        liquidation_bonus=10900,
        protocol_fee=1000,
        reserve_factor=2000,
        debt_ceiling=1_500_000,
        rates=_rates(4500, 0, 700, 30000),
    ),
    "SIL": ReserveConfig(
        decimals=7,
        ltv=0,
        liquidation_threshold=0,
        liquidation_bonus=0,
        reserve_factor=0,
        siloed=True,
        rates=_rates(7000, 200, 900, 10000),
    ),
}
PRICES = {
    "ETH": 2_000 * 10**8,
    "STE": 2_301 * 10**8 + 17,
    "BTC": 61_234 * 10**8 + 56_789,
    "USD": 10**8,
    "DAI": 99_987_654,
    "ISO": 731_234_567,
    "SIL": 123_456_789,
}
ETH_MODE = EMode(
    ltv=9000,
    liquidation_threshold=9300,
    liquidation_bonus=10100,
    collateral=frozenset({"ETH", "STE"}),
    borrowable=frozenset({"ETH", "STE"}),
)
USD_MODE = EMode(
    ltv=9300,
    liquidation_threshold=9500,
    liquidation_bonus=10200,
    collateral=frozenset({"USD", "DAI"}),
    borrowable=frozenset({"USD", "DAI"}),
)


NO_ISOLATION = {
    name: replace(config, debt_ceiling=0, siloed=False, borrowable_in_isolation=False)
    for name, config in CONFIGS.items()
}
VERSION_2 = {name: replace(config, supply_cap=0, borrow_cap=0, protocol_fee=0) for name, config in NO_ISOLATION.items()}


def categories(version: Version) -> dict[int, EMode]:
    """3.0: two disjoint categories, one with a price source. From 3.2: overlapping bitmaps; 3.6: and a zero-LTV member;
    3.7: and an isolated category."""
    if version.treasury_minted:
        return {}
    if not version.liquid_emode:
        return {1: replace(ETH_MODE, price_source=SOURCE), 2: USD_MODE}
    found = {
        1: replace(ETH_MODE, borrowable=frozenset({"ETH"})),
        2: replace(USD_MODE, borrowable=frozenset({"USD", "DAI", "SIL"})),
        3: EMode(
            ltv=8200,
            liquidation_threshold=8517,
            liquidation_bonus=10300,
            collateral=frozenset({"ETH", "BTC", "DAI"}),
            borrowable=frozenset({"USD", "BTC"}),
            zero_ltv=frozenset({"DAI"} if version.emode_ltv else ()),
        ),
    }
    if version.consumed_shares:
        found[4] = EMode(
            ltv=7600,
            liquidation_threshold=7913,
            liquidation_bonus=10400,
            collateral=frozenset({"STE", "BTC", "USD"}),
            borrowable=frozenset({"USD", "ETH", "SIL"}),
            isolated=True,
        )
    return found


def assets(version: Version) -> dict[str, ReserveConfig]:
    """What the version knows of the assets' parameters."""
    if version.treasury_minted:
        return VERSION_2
    return CONFIGS if version.isolation else NO_ISOLATION


def scene(version: Version) -> Pool:
    """The empty pool."""
    configs = assets(version)
    prices = {name: price * DOLLAR[version.base] // DOLLAR["USD"] for name, price in PRICES.items()}
    if not version.liquid_emode and not version.treasury_minted:
        prices[SOURCE] = PRICES["ETH"]
    reserves = {name: _listed(version, config) for name, config in configs.items()}
    return Pool(
        version=version,
        configs=configs,
        reserves=reserves,
        prices=prices,
        emodes=categories(version),
        time=START,
    )


def _listed(version: Version, config: ReserveConfig) -> Reserve:
    """A new reserve. Where cash is tracked (3.1) listing stores the rates, else the first use does."""
    if not version.tracked_cash or config.rates is None:
        return Reserve()
    return Reserve(borrow_rate=config.rates.base, updated_at=START)
