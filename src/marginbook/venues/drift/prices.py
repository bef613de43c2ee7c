"""Liquidation prices by halving on the program's own decision, on its grid of 10^-6."""

from collections.abc import Iterator
from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.domain.risk import LiquidationPrice
from marginbook.exact import divide, in_exact_context, to_raw_floor
from marginbook.venues.common.search import HeldSide, borders_around
from marginbook.venues.common.views import is_breached
from marginbook.venues.drift.account import CROSS, Book, book_of
from marginbook.venues.drift.parameters import TICK, Parameters
from marginbook.venues.drift.risk import maintenance_sides
from marginbook.venues.drift.units import KIND, PRICE_DECIMALS, VENUE


@in_exact_context
def liquidation_prices(account: Account, market: Market, parameters: Parameters, at: int) -> list[LiquidationPrice]:
    """Per pool, the price of each perp market and spot asset but the quote asset; its own quote is not needed."""
    book = book_of(account, market, parameters)
    entries = {position.market: position.entry for position in account.positions}
    holdings: list[tuple[str, str, HeldSide, HeldSide, Decimal]] = [
        (perp.pool, perp.market, "long", "short", perp.terms.tick) for perp in book.perps if perp.base
    ]
    holdings += [
        (CROSS, spot.asset, "collateral", "debt", TICK) for spot in book.spots if spot.amount and not spot.is_quote
    ]
    found: list[LiquidationPrice] = []
    missing: list[BadInput] = []
    for pool, name, falls, rises, tick in holdings:
        quote = market.quotes.get((VENUE, name, KIND))
        anchor = quote.price if quote else entries.get(name, Decimal(1))
        try:
            found += _prices_of(book, pool, name, (falls, rises), tick, anchor, market, parameters)
        except BadInput as bad:
            missing.append(bad)
    if missing and not found:
        raise missing[0]
    return found


def _prices_of(
    book: Book,
    pool: str,
    name: str,
    sides: tuple[HeldSide, HeldSide],
    tick: Decimal,
    anchor: Decimal,
    market: Market,
    parameters: Parameters,
) -> Iterator[LiquidationPrice]:
    def liquidatable(count: int) -> bool:
        instead = {name: to_raw_floor(count * tick, PRICE_DECIMALS)}
        return is_breached(*maintenance_sides(book, pool, market, parameters, instead), False)

    below, above = borders_around(liquidatable, max(1, int(divide(anchor, tick))))
    if below is not None:
        yield LiquidationPrice(
            pool=pool, market=name, side=sides[0], price=below * tick, when="at_or_below", source="exact"
        )
    if above is not None:
        yield LiquidationPrice(
            pool=pool, market=name, side=sides[1], price=above * tick, when="at_or_above", source="exact"
        )
