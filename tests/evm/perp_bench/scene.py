"""Markets, collaterals and accounts of the walks."""

from dataclasses import dataclass
from math import isqrt

START = 1_700_000_000
FEE, FUND_SHARE = 1_000, 130_000
"""Of a trade, and of the fee that goes to the insurance fund [10^-6]."""
TERMS = {
    "debt_ratio": 750_000,
    "sale_ratio": 500_000,
    "mm_ratio_buffer": 2_000,
    "fund_share": 30_000,
    "debt_threshold": 10_000 * 10**6,
    "dust_value": 500 * 10**6,
}
"""Of collateral sales, in the order of the contract's initialisation."""
TRADERS = ("ann", "bob", "cid", "dot")
MAKERS = ("maker", "rim")
SHOWN = (*TRADERS, "keeper", "whale", *MAKERS)


@dataclass(frozen=True)
class MarketTerms:
    """A virtual market: first price [units of its feed] and decimals of the feed."""

    price: int
    feed: int

    @property
    def root(self) -> int:
        """√price · 2^96."""
        return isqrt((self.price << 192) // 10**self.feed)


@dataclass(frozen=True)
class CollateralTerms:
    """A token that counts as collateral."""

    price: int
    feed: int
    decimals: int
    ratio: int
    discount: int


MARKETS = {"vETH": MarketTerms(1_500 * 10**18, 18), "vBTC": MarketTerms(30_000 * 10**8, 8)}
COLLATERALS = {
    "WETH": CollateralTerms(1_500 * 10**8, 8, 18, 700_000, 100_000),
    "WBTC": CollateralTerms(30_000 * 10**8, 8, 8, 850_000, 75_000),
    "FINE": CollateralTerms(7 * 10**18, 18, 24, 333_333, 200_001),
}
