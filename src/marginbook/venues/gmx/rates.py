"""Borrowing and funding rates of a GMX v2 market, per second; factors and USD are integers of 10^-30.

Borrowing, of a side: with an optimal usage,
    usage · base + (above − base) · (usage − optimal) / (1 − optimal),   usage = reserved / (pool · reserve factor)
else ⌊⌊reserved^exponent / pool⌋ · factor⌋. The cumulative factor grows by seconds · rate. Nothing for the smaller side
where the venue skips it.

Funding is adaptive: the saved rate (positive: longs pay) moves by ⌊imbalance · increase⌋ · seconds toward the larger
side while that is not paying or the imbalance is above the stable threshold, and decays below the decrease threshold;
the rate used is kept within [min, max]. Source: gmx-synthetics `MarketUtils`, commit a5c0c8835182 (2026-03-13).
"""

from dataclasses import dataclass

from marginbook.exact import div_ceil, div_floor, mul_div_ceil, mul_div_floor
from marginbook.venues.gmx.parameters import Terms
from marginbook.venues.gmx.positions import PER_SIZE
from marginbook.venues.gmx.power import FLOAT, apply_exponent, apply_factor


def borrowing_factor_per_second(terms: Terms, reserved: int, pool: int, own: int, other: int) -> int:
    """Rate of a side: `reserved` and `pool` in USD, `own` and `other` the open interest of both sides.

    `reserved` is the open interest of shorts, and tokens · max index price of longs; `pool` tokens · min price.
    """
    if not reserved or (terms.skip_borrowing_for_smaller_side and own < other):
        return 0
    if not pool:
        raise ValueError("an empty pool has no borrowing rate")
    optimal = terms.optimal_usage_factor
    if not optimal:
        share = mul_div_floor(apply_exponent(reserved, terms.borrowing_exponent), FLOAT, pool)
        return apply_factor(share, terms.borrowing_factor)
    usage = mul_div_floor(reserved, FLOAT, apply_factor(pool, terms.open_interest_reserve_factor))
    rate = apply_factor(usage, terms.base_borrowing_factor)
    if usage > optimal and optimal < FLOAT:
        steeper = max(0, terms.above_optimal_borrowing_factor - terms.base_borrowing_factor)
        rate += mul_div_floor(steeper, usage - optimal, FLOAT - optimal)
    return rate


@dataclass(frozen=True, slots=True)
class Funding:
    """A funding rate and who pays it."""

    factor_per_second: int
    longs_pay: bool
    saved: int  # signed rate that the next update starts from


def next_funding(terms: Terms, long: int, short: int, saved: int, seconds: int) -> Funding:
    """The rate after `seconds`, from both sides' open interest [USD]; ValueError without any."""
    gap = abs(long - short)
    if not gap and not terms.funding_increase_factor:
        return Funding(0, True, 0)
    if not long + short:
        raise ValueError("an empty market has no funding rate")
    share = mul_div_floor(apply_exponent(gap, terms.funding_exponent), FLOAT, long + short)
    if not terms.funding_increase_factor:
        rate = min(apply_factor(share, terms.funding_factor), terms.max_funding_factor)
        return Funding(rate, long > short, 0)
    moved = _moved(terms, long, short, saved, share, seconds)
    moved = _bounded(moved, 0, terms.max_funding_factor)
    used = _bounded(moved, terms.min_funding_factor, terms.max_funding_factor)
    return Funding(abs(used), used > 0, moved)


def _moved(terms: Terms, long: int, short: int, saved: int, share: int, seconds: int) -> int:
    pays_already = (saved > 0 and long > short) or (saved < 0 and short > long)
    if not pays_already or share > terms.stable_funding_threshold:
        step = apply_factor(share, terms.funding_increase_factor) * seconds
        return saved - step if long < short else saved + step
    if share < terms.decrease_funding_threshold and saved:
        sign = 1 if saved > 0 else -1
        return sign * max(1, abs(saved) - terms.funding_decrease_factor * seconds)
    return saved


def _bounded(value: int, least: int, most: int) -> int:
    magnitude = min(max(abs(value), least), most)
    return magnitude if value >= 0 else -magnitude


@dataclass(frozen=True, slots=True)
class Growth:
    """How far amounts per size of a market grow [10^-45 token units per 10^-30 USD], of its long and short token."""

    fees: tuple[int, int]  # of who pays, by collateral
    claims: tuple[int, int]  # of who receives


def funding_growth(
    terms: Terms, rate: int, seconds: int, payers: tuple[int, int], receivers: int, price_max: tuple[int, int]
) -> Growth:
    """Growth over `seconds` at `rate` a second, by open interest [USD] and both tokens' max prices.

    `payers` is the open interest of the paying side by collateral, long and short token. A market of one token has half
    of each amount under either, and its one index takes both growths. Nothing moves, and the saved rate starts again at
    0, while either side is empty.
    """
    paying = sum(payers)
    usd = apply_factor(paying, seconds * rate)
    if terms.long_token == terms.short_token:
        usd = div_floor(usd, 2)
    parts = [mul_div_floor(usd, part, paying) for part in payers]
    fees = [amount_per_size(*row, True) for row in zip(parts, payers, price_max, strict=True)]
    claims = [amount_per_size(part, receivers, price, False) for part, price in zip(parts, price_max, strict=True)]
    return Growth((fees[0], fees[1]), (claims[0], claims[1]))


def amount_per_size(usd: int, interest: int, price_max: int, pays: bool) -> int:
    """Growth of a side's amount per size [10^-45 token units per 10^-30 USD]: up for who pays, down for who receives.

    >>> amount_per_size(3, 7, 2, True), amount_per_size(3, 7, 2, False)
    (214285714285714285714285714285714285714285715, 214285714285714285714285714285714285714285714)
    """
    if not usd or not interest:
        return 0
    if pays:
        return div_ceil(mul_div_ceil(usd, PER_SIZE, interest), price_max)
    return div_floor(mul_div_floor(usd, PER_SIZE, interest), price_max)
