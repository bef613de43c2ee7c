"""Perps v3: what the liquidation windows of markets have seen.

State of a market: `liquidated_in_window` [units, default 0], `last_liquidation_time` [s], `skew` [units, default 0].
The venue forgets every liquidation by itself, `window_seconds` after it; here, where only their sum is known, they are
forgotten together with the last one, unless the state tells anew. Source: `currentLiquidationCapacity` and
`maxLiquidatableAmount` of `PerpsMarket.sol` at 23585f73 (2025-06-12).
"""

from marginbook.domain.market import Market
from marginbook.exact import div_floor
from marginbook.units import MICROSECONDS
from marginbook.venues.synthetix.margins import Window, max_liquidation_in_window
from marginbook.venues.synthetix.market import with_state
from marginbook.venues.synthetix.parameters import MarketTerms
from marginbook.venues.synthetix.wad import state_seconds, state_wad

LIQUIDATED = "liquidated_in_window"
LATEST = "last_liquidation_time"


def window_of(market: Market, name: str, terms: MarketTerms, at: int) -> Window:
    """What the window that ends at `at` [µs UTC] has seen."""
    latest, now = state_seconds(market, name, LATEST), div_floor(at, MICROSECONDS)
    over = latest is not None and now - latest >= terms.window_seconds
    liquidated = 0 if over else state_wad(market, name, LIQUIDATED, 0)
    return Window(liquidated, latest == now, state_wad(market, name, "skew", 0))


def counted(market: Market, name: str, terms: MarketTerms, amount: int, at: int) -> Market:
    """The market after `amount` [wad units] was liquidated; unchanged where nothing limits liquidations."""
    if not max_liquidation_in_window(terms):
        return market
    seen = window_of(market, name, terms, at).liquidated
    return with_state(market, name, {LIQUIDATED: seen + amount}, LATEST, at)
