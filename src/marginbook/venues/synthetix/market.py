"""What the contracts of both versions write down of a market whenever somebody touches it.

    funding value   recorded + unrecorded        rate   last rate + velocity · days        time   now
    skew            + change of the size         market size   + change of |size|

A market is known whole where its state has `funding_time` [s]; beside it `funding_value`, or the index, `funding_rate`
[per day], `skew` [units] and `market_size` [units, longs + shorts]. Elsewhere nothing is written. Source:
`_recomputeFunding` and `_trade` of `PerpsV2MarketProxyable.sol` at 1609d156; of v3 `recomputeFunding` and
`updatePositionData` of `PerpsMarket.sol` at 23585f73.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Protocol

from marginbook.domain.market import Index, Market
from marginbook.exact import div_floor, from_raw
from marginbook.units import MICROSECONDS
from marginbook.venues.synthetix.funding import funding_value, moves_with_time, rate_after, velocity
from marginbook.venues.synthetix.wad import DECIMALS, VENUE, price_of, state_seconds, state_wad

SIZE = "market_size"


class FundingTerms(Protocol):
    """What funding needs of a market's terms [wad]."""

    @property
    def skew_scale(self) -> int:
        """Units."""

    @property
    def max_funding_velocity(self) -> int:
        """Per day²."""


def market_size(market: Market, name: str) -> int | None:
    """Longs + shorts [wad units]; None where the state does not tell."""
    known = {(VENUE, name, SIZE), (VENUE, name, f"{SIZE}_raw")} & market.state.keys()
    return state_wad(market, name, SIZE) if known else None


def funding_rate(market: Market, name: str, terms: FundingTerms, at: int) -> int:
    """The funding rate [wad per day] at `at` [µs UTC]; the last one where the clock does not move it."""
    last, since = state_wad(market, name, "funding_rate", 0), state_seconds(market, name, "funding_time")
    if since is None:
        return last
    speed = velocity(state_wad(market, name, "skew", 0), terms.skew_scale, terms.max_funding_velocity)
    return rate_after(last, speed, max(0, div_floor(at, MICROSECONDS) - since))


def funding_now(market: Market, name: str, terms: FundingTerms, at: int, fallback: int) -> int:
    """Funding value [wad per unit] at the oracle's price, which only unrecorded funding needs; else at `fallback`."""
    price = price_of(market, name) if moves_with_time(market, name) else fallback
    return funding_value(market, name, terms.skew_scale, terms.max_funding_velocity, price, at)


def touched(market: Market, name: str, terms: FundingTerms, at: int, before: int = 0, after: int = 0) -> Market:
    """The market after an interaction in which a position goes from size `before` to `after` [wad]."""
    if not moves_with_time(market, name):
        return market
    value = funding_now(market, name, terms, at, 0)
    numbers = {
        "funding_rate": funding_rate(market, name, terms, at),
        "skew": state_wad(market, name, "skew", 0) + after - before,
    }
    indices, key = market.indices, (VENUE, name, "funding")
    if key in indices:
        indices = {**indices, key: Index(-value)}
    else:
        numbers["funding_value"] = value
    size = market_size(market, name)
    if size is not None:
        numbers[SIZE] = size + abs(after) - abs(before)
    return with_state(replace(market, indices=indices), name, numbers, "funding_time", at)


def with_state(market: Market, name: str, numbers: Mapping[str, int], time: str, at: int) -> Market:
    """The market with `numbers` [wad] of its state written anew, and the state `time` set to the second of `at`."""
    raw = {(VENUE, name, f"{key}_raw") for key in (*numbers, time)}
    state: dict[tuple[str, str, str], int | Decimal] = {k: v for k, v in market.state.items() if k not in raw}
    state |= {(VENUE, name, key): from_raw(number, DECIMALS) for key, number in numbers.items()}
    state[VENUE, name, time] = div_floor(at, MICROSECONDS)
    return replace(market, state=state)
