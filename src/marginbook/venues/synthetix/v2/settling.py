"""Perps v2: bringing a position's margin to a price, and whether the contracts let money move with it.

    margin      margin now + what comes in, or less what goes out; profit and funding are in it from then on
    refused     margin < 0; margin <= liquidation margin; of what goes out also margin <= liquidation margin + premium,
                leverage, cut to 18 decimals, above `max_leverage`, margin below the least initial margin

Source: `_updatePositionMargin` of `PerpsV2MarketProxyable.sol` at 1609d156.
"""

from dataclasses import replace

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.exact import format_decimal, from_raw
from marginbook.venues.synthetix.market import funding_now
from marginbook.venues.synthetix.v2.parameters import Parameters, System, Terms
from marginbook.venues.synthetix.v2.risk import USD, Figures, Holding, figures_at, least_margin, pool_of
from marginbook.venues.synthetix.wad import DECIMALS, div


def refusal(found: Figures, margin: int, out: bool, terms: Terms, system: System, shrinks: bool = False) -> str | None:
    """Why the contracts do not leave `margin` [wad sUSD], in their words.

    `out`: money goes out; `shrinks`: it goes with an order that makes the position smaller on its own side.
    """
    if margin < 0:
        return "Insufficient margin"
    if margin <= found.liquidation_margin:
        return "Position can be liquidated"
    if out and margin <= found.liquidation_margin + found.premium:
        return "Insufficient margin"
    if not out or shrinks:
        return None
    if div(found.notional, margin) > terms.max_leverage:
        return "Max leverage exceeded"
    return "Insufficient margin" if margin < system.min_initial_margin else None


def settled(
    account: Account,
    held: Holding,
    change: int,
    price: int,
    market: Market,
    parameters: Parameters,
    at: int,
    shrinks: bool = False,
) -> Account:
    """The account with `change` [wad sUSD] in or out of a position, settled at `price` [wad]; BadInput `refused`."""
    funding = funding_now(market, held.market, held.terms, at, price)
    found = figures_at(held, price, funding, parameters.system)
    margin = found.margin + change
    reason = refusal(found, margin, change < 0, held.terms, parameters.system, shrinks)
    if reason is not None:
        least = least_margin(found, held.terms, parameters.system) if change < 0 else found.liquidation_margin + 1
        expected = f"at least {format_decimal(from_raw(least, DECIMALS))} {USD} of margin"
        raise BadInput("refused", f"account {account.id}.{held.pool}", reason, expected)
    positions = tuple(
        replace(
            position,
            isolated_wallet=from_raw(margin, DECIMALS),
            entry=from_raw(price, DECIMALS),
            funding_index_raw=-funding,
        )
        if pool_of(position) == held.pool
        else position
        for position in account.positions
    )
    return replace(account, positions=positions)
