"""Liquidation prices: the border of one oracle price in one Comet, all else fixed, on a grid of 8 decimals."""

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.domain.risk import LiquidationPrice
from marginbook.exact import from_raw
from marginbook.venues.common.search import borders_around
from marginbook.venues.compound.comet.collateral import is_liquidatable
from marginbook.venues.compound.comet.holdings import Group, groups_of, pool_of
from marginbook.venues.compound.comet.parameters import Parameters
from marginbook.venues.compound.inputs import PRICE_DECIMALS, USER, VENUE

UNPRICED_ANCHOR = 10**12
"""Where the search starts for an asset without a quote: 10⁴."""


def liquidation_prices(account: Account, market: Market, parameters: Parameters, at: int) -> list[LiquidationPrice]:
    """For every price that a pool with debt depends on, the nearest one at which it may be absorbed.

    A price's own quote is not needed; any other missing quote is an error.
    """
    found = []
    for name, group in groups_of(account, parameters).items():
        found += _of_pool(account, name, group, market, at)
    return found


def _of_pool(account: Account, name: str, group: Group, market: Market, at: int) -> list[LiquidationPrice]:
    config = group.comet.config
    keys = {asset: group.comet.price_key(asset) for asset in (config.base, *config.assets)}
    absent = {asset for asset, key in keys.items() if key and (VENUE, key, "oracle") not in market.quotes}
    pool = pool_of(account, group, market, at, without_price=frozenset(absent))
    user = pool.user(USER)
    if user.principal >= 0:
        return []
    active = [config.base, *(asset for asset, amount in user.collateral.items() if amount)]
    unpriced = [asset for asset in active if asset in absent]
    if len(unpriced) > 1:
        raise BadInput("missing_price", f"prices.{VENUE}.{keys[unpriced[0]]}", "nothing", "an oracle price")
    found = []
    for asset in unpriced or active:
        key = keys[asset]
        if key is None:
            continue

        def short(price: int, asset: str = asset) -> bool:
            return is_liquidatable(pool.with_prices({asset: price}), USER)

        below, above = borders_around(short, UNPRICED_ANCHOR if asset in absent else pool.prices[asset])
        if below is not None:
            price = from_raw(below, PRICE_DECIMALS)
            found.append(
                LiquidationPrice(
                    pool=name, market=key, side="collateral", price=price, when="at_or_below", source="exact"
                )
            )
        if above is not None:
            price = from_raw(above, PRICE_DECIMALS)
            found.append(
                LiquidationPrice(pool=name, market=key, side="debt", price=price, when="at_or_above", source="exact")
            )
    return found
