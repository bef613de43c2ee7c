"""Price impact of a GMX v2 trade from the balance of open interest.

    impact(d)   = ⌊d^exponent · factor⌋ of an imbalance d [USD]
    same side   = ±|impact(d before) − impact(d after)|, with the factors of an improvement or a worsening
    crossover   = impact of improvement(d before) − impact of worsening(d after)

Positive factors and exponents are at most the negative ones. A negative impact is worked out on the virtual inventory
too, and the worse counts. Source: gmx-synthetics `PositionPricingUtils`, `PricingUtils`, `MarketUtils`, commit
a5c0c8835182 (2026-03-13).

State of a market: `long_open_interest`, `short_open_interest` [USD], or `…_in_tokens` where the parameters say that
balance is measured in tokens; `virtual_inventory` [USD, or tokens], positive where shorts weigh more. Without open
interest the impact is 0 and the trade counts as worsening the balance.
"""

from dataclasses import dataclass

from marginbook.domain.market import Market
from marginbook.exact import div_floor, div_trunc, mul_div_ceil
from marginbook.venues.gmx.parameters import Terms
from marginbook.venues.gmx.positions import USD_DECIMALS, Held, index_price, state_of
from marginbook.venues.gmx.power import apply_factor, apply_impact_factor


@dataclass(frozen=True, slots=True)
class Impact:
    """Impact of a trade [10^-30 USD] and whether it brought both sides closer."""

    usd: int
    improved: bool


NO_IMPACT = Impact(0, False)


@dataclass(frozen=True, slots=True)
class Balance:
    """Open interest of both sides [10^-30 USD]; `virtual` is that of all markets of the index token."""

    long: int
    short: int
    virtual: int | None = None


def balance_of(held: Held, market: Market) -> Balance | None:
    """The market's balance, or None where its state does not tell both sides."""
    suffix, decimals, price = "", USD_DECIMALS, 1
    if held.terms.open_interest_in_tokens:
        suffix, decimals, price = "_in_tokens", held.terms.index_decimals, middle_price(held, market)
    sides = [state_of(held, market, f"{side}_open_interest{suffix}", decimals) for side in ("long", "short")]
    if sides[0] is None or sides[1] is None:
        return None
    virtual = state_of(held, market, "virtual_inventory", decimals)
    return Balance(sides[0] * price, sides[1] * price, None if virtual is None else virtual * price)


def middle_price(held: Held, market: Market) -> int:
    """⌊(min + max) / 2⌋ of the index token."""
    return div_floor(index_price(held, market, "min") + index_price(held, market, "max"), 2)


def price_impact(terms: Terms, balance: Balance | None, delta: int, is_long: bool) -> Impact:
    """Impact of changing one side's open interest by `delta` [10^-30 USD]."""
    if balance is None:
        return NO_IMPACT
    found = _rebalance(terms, balance.long, balance.short, delta, is_long)
    if found.usd >= 0 or balance.virtual is None:
        return found
    long, short = max(0, -balance.virtual), max(0, balance.virtual)
    if delta < 0:
        long, short = long - delta, short - delta
    virtual = _rebalance(terms, long, short, delta, is_long)
    return virtual if virtual.usd < found.usd else found


def _rebalance(terms: Terms, long: int, short: int, delta: int, is_long: bool) -> Impact:
    next_long, next_short = (max(0, long + delta), short) if is_long else (long, max(0, short + delta))
    before, after = abs(long - short), abs(next_long - next_short)
    better = min(terms.positive_impact_factor, terms.negative_impact_factor)
    better_exponent = min(terms.positive_impact_exponent, terms.negative_impact_exponent)
    improved = after < before
    if (long <= short) == (next_long <= next_short):
        factor = better if improved else terms.negative_impact_factor
        exponent = better_exponent if improved else terms.negative_impact_exponent
        change = abs(apply_impact_factor(before, factor, exponent) - apply_impact_factor(after, factor, exponent))
        return Impact(change if improved else -change, improved)
    gained = apply_impact_factor(before, better, better_exponent)
    lost = apply_impact_factor(after, terms.negative_impact_factor, terms.negative_impact_exponent)
    return Impact(gained - lost, improved)


def capped_gain(terms: Terms, impact: int, size: int) -> int:
    """A positive impact is at most size · the smaller of both maximal factors."""
    most = apply_factor(size, min(terms.positive_max_impact_factor, terms.negative_max_impact_factor))
    return min(impact, most) if impact >= 0 else impact


@dataclass(frozen=True, slots=True)
class Increase:
    """How an increase of a position is executed."""

    impact_usd: int  # [10^-30 USD]
    impact_amount: int  # [index token units], pending until the position shrinks
    base_tokens: int  # [index token units] added to the position
    price: int  # [10^-30 USD per unit]
    improved: bool


def increase(
    terms: Terms, balance: Balance | None, size: int, is_long: bool, index_min: int, index_max: int
) -> Increase:
    """Execution of an increase by `size` > 0 [10^-30 USD] at the index prices.

    Tokens round down for longs and up for shorts; a positive impact amount is cut at the max price, a negative one has
    its magnitude rounded up at the min price. ValueError where the impact is larger than the trade.
    """
    base = div_floor(size, index_max) if is_long else mul_div_ceil(size, 1, index_min)
    delta = size
    if terms.open_interest_in_tokens:
        delta = base * div_floor(index_min + index_max, 2)
    found = price_impact(terms, balance, delta, is_long)
    usd = capped_gain(terms, found.usd, size)
    amount = div_floor(usd, index_max) if usd > 0 else -mul_div_ceil(-usd, 1, index_min)
    tokens = base + amount if is_long else base - amount
    if tokens <= 0:
        raise ValueError(f"the impact of {usd} is larger than the trade")
    return Increase(usd, amount, base, div_floor(size, tokens), found.improved)


def decrease_price(price: int, size_usd: int, size_tokens: int, closed_usd: int, impact: int, is_long: bool) -> int:
    """Execution price of a decrease: price ± ⌊⌊size · |impact| / tokens⌋ / closed⌋, magnitudes cut.

    >>> decrease_price(5_000, 10_000, 2, 5_000, -10, True)
    4990
    """
    adjusted = impact if is_long else -impact
    magnitude = div_floor(size_usd * abs(adjusted), size_tokens)
    return max(0, price + div_trunc(magnitude if adjusted > 0 else -magnitude, closed_usd))
