"""Liquidation prices as a unified account prints them for cross positions.

Source: a wallet and a position that a live account printed in one millisecond of 2025-10-02 (tests/vectors/bybit):

    liqPrice = mark − side · (total margin balance − total maintenance margin) / size

with both totals in USD as they stand now, the requirement not moved along with the price, and USD taken for the
settlement currency. So the printed price moves with the mark, and is not the price of the liquidation.
"""

from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.risk import LiquidationPrice
from marginbook.exact import ONE, divide, grid_ceil, grid_floor, in_exact_context
from marginbook.venues.bybit.parameters import UNIT, is_inverse
from marginbook.venues.contracts import multi_currency
from marginbook.venues.contracts.model import currency_of
from marginbook.venues.contracts.multi_currency import POOL, MultiCurrency
from marginbook.venues.contracts.multi_currency_rules import liquidation_prices as exact_prices


@in_exact_context
def liquidation_prices(account: Account, market: Market, parameters: MultiCurrency, at: int) -> list[LiquidationPrice]:
    """Exact prices; beside them what is printed: on the tick for isolated positions, by the totals for cross ones."""
    found = [
        price
        for price in exact_prices(account, market, parameters, at)
        if price.source == "exact" or price.pool.startswith("isolated:") or is_inverse(price.market)
    ]
    return found + _of_cross_positions(account, market, parameters, at)


def _of_cross_positions(account: Account, market: Market, parameters: MultiCurrency, at: int) -> list[LiquidationPrice]:
    """One price per linear position that is alone in its market; none without its mark price and those of the pool."""
    cross = multi_currency.cross_part(account)
    sides = [position.market for position in cross.positions if position.quantity]
    joined = multi_currency.is_joined(account, parameters)
    found = []
    for position in cross.positions:
        name = position.market
        quote = market.quotes.get(("bybit", name, "mark"))
        if is_inverse(name) or sides.count(name) != 1 or not position.quantity or quote is None:
            continue
        currency = currency_of(account, name, parameters.contracts)
        usd = market.quotes.get(("bybit", currency, "index"))
        if usd is None and not joined:
            continue
        pool = POOL if joined else f"cross:{currency}"
        sums = multi_currency.risk(account, market, parameters, at)[pool]
        room = (sums.support - sums.demand) * (ONE if joined or usd is None else usd.price)
        price = _printed(quote.price - position.sign * divide(room, position.quantity), position.side)
        if price > 0:
            found.append(
                LiquidationPrice(
                    pool=pool,
                    market=name,
                    side=position.side,
                    price=price,
                    when="at_or_below" if position.side == "long" else "at_or_above",
                    source="venue_displayed",
                )
            )
    return found


def _printed(price: Decimal, side: str) -> Decimal:
    """To 8 decimals, toward danger for its holder."""
    return grid_floor(price, UNIT) if side == "long" else grid_ceil(price, UNIT)
