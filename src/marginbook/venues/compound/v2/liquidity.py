"""Account liquidity: what entered supplies allow to owe, less what is owed, on stored balances and exchange rates.

Source: compound-finance/compound-protocol a3214f6, `getHypotheticalAccountLiquidityInternal`. Interest that no call has
stored yet is invisible: each market is accrued only when a call touches it.
"""

from dataclasses import dataclass

from marginbook.exact import WAD, mul_div_floor
from marginbook.venues.compound.v2.state import MarketConfig, Pool, exchange_rate, owed, require
from marginbook.venues.compound.v2.versions import Version


@dataclass(frozen=True, slots=True)
class Liquidity:
    """Both sums [USD · 10^-18]."""

    collateral: int  # Σ supply · collateral factor
    borrows: int  # Σ debt, and what a trial adds

    @property
    def liquidity(self) -> int:
        """What may still be borrowed."""
        return max(self.collateral - self.borrows, 0)

    @property
    def shortfall(self) -> int:
        """What is missing; above 0 the account may be liquidated."""
        return max(self.borrows - self.collateral, 0)


def weight(version: Version, config: MarketConfig, threshold: bool) -> int:
    """Collateral factor, or the liquidation threshold where that is asked for and the version has one [mantissa]."""
    return config.liquidation_threshold if threshold and version.own_threshold else config.collateral_factor


def token_value(pool: Pool, asset: str, threshold: bool = False) -> int:
    """Collateral value of one cToken [USD · 10^-18 · 10^18]: two truncations, (factor · rate) · price."""
    config = pool.configs[asset]
    factor = mul_div_floor(weight(pool.version, config, threshold), exchange_rate(config, pool.markets[asset]), WAD)
    return mul_div_floor(factor, pool.prices[asset], WAD)


def liquidity(
    pool: Pool, name: str, asset: str = "", redeemed: int = 0, borrowed: int = 0, threshold: bool = False
) -> Liquidity:
    """The account's sums, with `redeemed` cTokens taken and `borrowed` token units lent of `asset` on trial.

    `threshold`: as liquidation sees them, where that differs.
    """
    user = pool.user(name)
    collateral = borrows = 0
    for entered in sorted(user.entered):
        price = pool.prices[entered]
        require(price != 0, "PRICE_ERROR")
        each = token_value(pool, entered, threshold)
        collateral += mul_div_floor(each, user.position(entered).tokens, WAD)
        borrows += mul_div_floor(price, owed(pool, name, entered), WAD)
        if entered == asset:
            borrows += mul_div_floor(each, redeemed, WAD)
            borrows += mul_div_floor(price, borrowed, WAD)
    return Liquidity(collateral, borrows)
