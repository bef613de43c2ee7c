"""Liquidation prices: the border of one oracle price, all else fixed, on a grid of 8 decimals."""

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.domain.risk import LiquidationPrice
from marginbook.exact import from_raw
from marginbook.venues.common.search import borders_around
from marginbook.venues.compound.inputs import PRICE_DECIMALS, USER, VENUE, price_raw
from marginbook.venues.compound.v2.holdings import POOL, mantissa, pool_of
from marginbook.venues.compound.v2.liquidity import liquidity
from marginbook.venues.compound.v2.parameters import Parameters

UNPRICED_ANCHOR = 10**12
"""Where the search starts for an asset without a quote: 10⁴ USD."""


def liquidation_prices(account: Account, market: Market, parameters: Parameters, at: int) -> list[LiquidationPrice]:
    """For every price that the account depends on, the nearest one at which there is a shortfall.

    A price's own quote is not needed; any other missing quote is an error.
    """
    place = f"account {account.id}"
    relevant = {c.asset for c in account.collateral} | {d.asset for d in account.debt}
    missing = frozenset(asset for asset in relevant if (VENUE, asset, "oracle") not in market.quotes)
    pool = pool_of(account, market, parameters, without_price=missing)
    user = pool.user(USER)
    active = [a for a in sorted(user.entered) if user.position(a).tokens or user.position(a).principal]
    unpriced = [asset for asset in active if asset in missing]
    if len(unpriced) > 1:
        raise BadInput("missing_price", f"prices.{VENUE}.{unpriced[0]}", "nothing", "an oracle price")
    found = []
    for asset in unpriced or active:
        decimals = pool.configs[asset].decimals

        def short(price: int, asset: str = asset, decimals: int = decimals) -> bool:
            return liquidity(pool.with_prices({asset: mantissa(price, decimals)}), USER, threshold=True).shortfall > 0

        anchor = UNPRICED_ANCHOR if asset in missing else price_raw(market, asset, place)
        below, above = borders_around(short, anchor)
        if below is not None:
            found.append(_price(asset, below, "at_or_below"))
        if above is not None:
            found.append(_price(asset, above, "at_or_above"))
    return found


def _price(asset: str, raw: int, when: str) -> LiquidationPrice:
    below = when == "at_or_below"
    return LiquidationPrice(
        pool=POOL,
        market=asset,
        side="collateral" if below else "debt",
        price=from_raw(raw, PRICE_DECIMALS),
        when="at_or_below" if below else "at_or_above",
        source="exact",
    )
