"""The pool of Compound v2 that the walks start from."""

from marginbook.exact import WAD
from marginbook.venues.compound.v2.state import Market, MarketConfig, Pool, RateModel

BLOCKS_PER_YEAR = 2_102_400
USERS = ("whale", "alice", "bob", "carol")
START = 1_000
YEARLY = {  # base, multiplier, jump [per year], kink
    "USD": (0, 4 * 10**16, 109 * 10**16, 8 * 10**17),
    "ETH": (2 * 10**16, 225 * 10**15 + 7, 4 * 10**17, 75 * 10**16),
    "BTC": (2 * 10**16, 18 * 10**16, 98 * 10**16, 8 * 10**17 + 3),
    "ODD": (10**16, 3 * 10**17, 5 * 10**18, 6 * 10**17),
}


def rate_model(base: int, multiplier: int, jump: int, kink: int) -> RateModel:
    """Per block, as the contract's constructor derives it."""
    return RateModel(
        base=base // BLOCKS_PER_YEAR,
        multiplier=multiplier * WAD // (BLOCKS_PER_YEAR * kink),
        jump=jump // BLOCKS_PER_YEAR,
        kink=kink,
    )


def _config(name: str, decimals: int, factor: int, reserve: int, **more: int) -> MarketConfig:
    return MarketConfig(
        decimals=decimals,
        collateral_factor=factor,
        reserve_factor=reserve,
        initial_rate=2 * 10 ** (decimals + 8),
        rates=rate_model(*YEARLY[name]),
        **more,
    )


CONFIGS = {
    "USD": _config("USD", 6, 855 * 10**15, 75 * 10**15),
    "ETH": _config("ETH", 18, 825 * 10**15, 2 * 10**17),
    "BTC": _config("BTC", 8, 7 * 10**17, 2 * 10**17),
    "ODD": _config("ODD", 7, 333_333_333_333_333_333, 25 * 10**16 + 1, borrow_cap=40_000_000 * 10**7),
}
PRICES = {
    "USD": 10**30,
    "ETH": 2_345_678_901 * 10**12,
    "BTC": 61_234_567_890 * 10**22,
    "ODD": 1_234_567 * 10**23,
}


def scene() -> Pool:
    """The empty pool."""
    return Pool(
        configs=CONFIGS,
        markets={name: Market(block=START) for name in CONFIGS},
        prices=PRICES,
        close_factor=5 * 10**17,
        incentive=108 * 10**16,
        block=START,
    )
