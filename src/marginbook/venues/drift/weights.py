"""Weights and margin ratios that grow with the square root of the size.

    root                 √(10 · size + 1), size in 10^-9, cut
    liability weight     max(w, (w − w/5) + root · factor / (10^5 · 10^6 / precision))
    asset weight         min(w, 1.1·10^6 · 10^4 / (10^6 + root · factor / 10^5))

Every division is cut; a factor of 0 leaves w. The premium is on initial, fill and maintenance ratios alike; fill is the
mean of the two others. Source: `math/margin.rs`, `state/perp_market.rs`, `state/spot_market.rs` of
drift-labs/protocol-v2 at 0ae3e3b1 of 2026-04-01 (Apache-2.0); the high-leverage form since #1969 (2025-10-22).
"""

from typing import Literal

from marginbook.exact import div_floor, isqrt_floor, mul_div_floor, mul_div_trunc
from marginbook.venues.drift.parameters import PerpTerms, SpotTerms
from marginbook.venues.drift.units import BASE_DECIMALS, FEE, PERCENTAGE, WEIGHT, token_value

MarginKind = Literal["initial", "fill", "maintenance"]
ROOT = 10**5
QUOTE_TO_BASE = 1000


def size_root(size: int) -> int:
    """√(10 · size + 1) [10^-5]: 1,000 units of 10^-9 each have a root of 10^6.5.

    >>> size_root(10**12)
    3162277
    """
    return isqrt_floor(10 * size + 1)


def size_premium_weight(size: int, factor: int, weight: int, precision: int = WEIGHT, bounded: bool = True) -> int:
    """Liability weight, or margin ratio, of a size; at least `weight` where it is `bounded`.

    >>> size_premium_weight(10**12, 10_000, 11_000), size_premium_weight(10**12, 100_000, 0)
    (11962, 31622)
    """
    if not factor:
        return weight
    premium = mul_div_floor(size_root(size), factor, div_floor(ROOT * FEE, precision))
    found = weight - div_floor(weight, 5) + premium
    return max(weight, found) if bounded else found


def size_discount_weight(size: int, factor: int, weight: int) -> int:
    """Asset weight of a size, at most `weight`.

    >>> size_discount_weight(10**12, 100_000, 9_000), size_discount_weight(10**14, 100_000, 1_500)
    (2642, 337)
    """
    if not factor:
        return weight
    numerator = (FEE + div_floor(FEE, 10)) * WEIGHT
    return min(weight, div_floor(numerator, FEE + mul_div_floor(size_root(size), factor, ROOT)))


def high_leverage_ratio(before: int, sized: int, ratio: int) -> int:
    """Initial or fill ratio in high-leverage mode, from the ordinary one before and after its size.

    Between them it goes from the mode's own ratio to the ordinary one.

    >>> high_leverage_ratio(1000, 800, 100), high_leverage_ratio(1000, 900, 100), high_leverage_ratio(1000, 1200, 100)
    (100, 550, 1200)
    """
    if sized > before:
        return sized
    if sized == before:
        return ratio
    fifth = div_floor(before, 5)
    share = max(0, PERCENTAGE - mul_div_floor(before - sized, PERCENTAGE, fifth))
    return mul_div_floor(max(before - ratio, 1), share, PERCENTAGE) + ratio


def _of_kind(initial: int, maintenance: int, kind: MarginKind) -> int:
    if kind == "fill":
        return div_floor(initial + maintenance, 2)
    return initial if kind == "initial" else maintenance


def margin_ratio(terms: PerpTerms, size: int, kind: MarginKind, high_leverage: bool = False) -> int:
    """Margin ratio [10^-4] of a perp position of `size` [10^-9].

    10 % initial, 5 % maintenance, size factor 0.001: nothing on 6 units, 3.2 times the value on 10 million.

    >>> terms = PerpTerms(margin_ratio_initial=1000, margin_ratio_maintenance=500, imf_factor=1000)
    >>> margin_ratio(terms, 6_147_540_983, "initial"), margin_ratio(terms, 10**16, "maintenance")
    (1000, 32022)
    """
    high = high_leverage and terms.has_high_leverage
    usual = _of_kind(terms.margin_ratio_initial, terms.margin_ratio_maintenance, kind)
    ratio = usual
    if high:
        ratio = _of_kind(terms.high_leverage_margin_ratio_initial, terms.high_leverage_margin_ratio_maintenance, kind)
    if high and kind != "maintenance":
        sized = size_premium_weight(size, terms.imf_factor, usual, WEIGHT, bounded=False)
        return high_leverage_ratio(usual, sized, ratio)
    return max(ratio, size_premium_weight(size, terms.imf_factor, ratio))


def profit_weight(terms: PerpTerms, profit: int, kind: MarginKind, net_profit: int = 0) -> int:
    """Weight [10^-4] of an unsettled profit [10^-6]; a loss counts in full.

    Initial and fill weights fall with the profit's size, and with the net profit of all users beyond a limit.

    >>> terms = PerpTerms(unrealized_pnl_imf_factor=1000)
    >>> [profit_weight(terms, profit, "initial") for profit in (22_699_050_905, 24_282_786_896, 242_827_868_960)]
    [9559, 9516, 7368]
    """
    if profit <= 0:
        return WEIGHT
    if kind == "maintenance":
        return terms.unrealized_pnl_maintenance_asset_weight
    weight = terms.unrealized_pnl_initial_asset_weight
    most = terms.unrealized_pnl_max_imbalance
    if weight and most and net_profit > most:
        weight = mul_div_trunc(weight, most, net_profit)
    if not weight:
        return 0
    return size_discount_weight(profit * QUOTE_TO_BASE, terms.unrealized_pnl_imf_factor, weight)


def _sized(terms: SpotTerms, amount: int) -> int:
    """A token amount in 10^-9."""
    if terms.decimals > BASE_DECIMALS:
        return div_floor(amount, 10 ** (terms.decimals - BASE_DECIMALS))
    scaled: int = amount * 10 ** (BASE_DECIMALS - terms.decimals)
    return scaled


def scaled_initial_weight(terms: SpotTerms, deposits: int, price: int) -> int:
    """Initial asset weight, falling once all deposits [token units] are worth more than a limit.

    >>> terms = SpotTerms(decimals=9, initial_asset_weight=9000, scale_initial_asset_weight_start=500_000 * 10**6)
    >>> [scaled_initial_weight(terms, n * 10**9, 25 * 10**6) for n in (20_000, 40_000, 60_000)]
    [9000, 4500, 3000]
    """
    start = terms.scale_initial_asset_weight_start
    if not start:
        return terms.initial_asset_weight
    value = token_value(deposits, terms.decimals, price)
    return terms.initial_asset_weight if value < start else mul_div_floor(terms.initial_asset_weight, start, value)


def asset_weight(terms: SpotTerms, amount: int, kind: MarginKind, initial: int | None = None) -> int:
    """Weight [10^-4] of a deposit of `amount` token units; `initial` is the scaled initial weight.

    >>> terms = SpotTerms(decimals=6, initial_asset_weight=1500, maintenance_asset_weight=7500)
    >>> [asset_weight(terms, 10**11, kind) for kind in ("initial", "fill", "maintenance")]
    [1500, 4500, 7500]
    """
    start = terms.initial_asset_weight if initial is None else initial
    weight = _of_kind(start, terms.maintenance_asset_weight, kind)
    return size_discount_weight(_sized(terms, amount), terms.imf_factor, weight)


def liability_weight(terms: SpotTerms, amount: int, kind: MarginKind) -> int:
    """Weight [10^-4] of a borrow of `amount` token units.

    >>> terms = SpotTerms(decimals=6, initial_liability_weight=11_000, imf_factor=100_000)
    >>> liability_weight(terms, 10**9, "initial")
    40422
    """
    weight = _of_kind(terms.initial_liability_weight, terms.maintenance_liability_weight, kind)
    return size_premium_weight(_sized(terms, amount), terms.imf_factor, weight)
