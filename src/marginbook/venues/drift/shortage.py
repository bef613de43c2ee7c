"""How much a liquidation may take, and what it costs: integers as in the program, every division cut.

    base to cover      shortage · 10^3 / (price · quote price · (ratio − fee) − price · insurance fee)
    share allowed      all below 50 quote of shortage, else what slots_elapsed / duration + initial share frees
    insurance fee      min(maximum, 95 % of ratio − liquidator fee − shortage / value)
    liquidator fee     base, +10^-6 per slot from 1,500 slots without an action of the user, up to the maximum

`ratio` is the maintenance ratio with the buffer. Source: `math/liquidation.rs` at 0ae3e3b1 (2026-04-01).
"""

from marginbook.domain.errors import BadInput
from marginbook.exact import div_ceil, div_floor, mul_div_ceil, mul_div_floor
from marginbook.venues.drift.parameters import PerpTerms
from marginbook.venues.drift.units import BASE, FEE, FEE_TO_WEIGHT, PRICE, QUOTE, WEIGHT

EVERYTHING = 2**64 - 1
"""What the program says where no amount covers the shortage."""
ALL_TOKENS = 2**128 - 1
SHARE = 10**4
GRACE_SLOTS = 1_500
FEE_PER_SLOT = 1
FEE_MULTIPLE_MOST = 3
TINY = 50 * QUOTE
FUNDING_TO_QUOTE = 1000


def base_to_cover(shortage: int, ratio: int, fee: int, insurance_fee: int, price: int, quote_price: int) -> int:
    """Base [10^-9] whose closing covers a shortage [10^-6].

    A shortage of 10 at 10 % and a price of 100: 1 base; with a fee of 1 %, 10/9; with 1 % for insurance too, 1.25.

    >>> base_to_cover(10**7, 1000, 0, 0, 10**8, 10**6), base_to_cover(10**7, 1000, 10_000, 0, 10**8, 10**6)
    (1000000000, 1111111111)
    >>> base_to_cover(10**7, 1000, 10_000, 10_000, 10**8, 10**6)
    1250000000
    """
    ratio *= FEE_TO_WEIGHT
    if not price or ratio <= fee:
        return EVERYTHING
    freed = mul_div_floor(mul_div_floor(price, quote_price, PRICE), ratio - fee, FEE)
    freed -= mul_div_floor(price, insurance_fee, FEE)
    if freed <= 0:
        raise BadInput("bad_parameter", "if_liquidation_fee", insurance_fee, "less than the ratio without the fee")
    return mul_div_floor(shortage, BASE, freed)


def share_allowed(shortage: int, freed: int, slots: int, initial_share: int, duration: int) -> int:
    """Share [10^-4] of what covers the shortage that may be taken now.

    >>> share_allowed(49 * QUOTE, 0, 1, 1000, 10), share_allowed(100 * QUOTE, 0, 15, 1000, 150)
    (10000, 2000)
    """
    if shortage < TINY:
        return SHARE
    timed = mul_div_floor(slots, SHARE, duration) if duration else SHARE
    total = mul_div_floor(shortage + freed, min(SHARE, timed + initial_share), SHARE)
    return mul_div_floor(max(0, total - freed), SHARE, shortage)


def insurance_fee(
    shortage: int, base: int, ratio: int, liquidator_fee: int, price: int, quote_price: int, most: int
) -> int:
    """Fee [10^-6] for the insurance fund that still lets the close cover the shortage.

    10 base at 100, ratio 5 %, liquidator 1 %, shortage 20: (5 − 1 − 2) % · 95 % = 1.9 %.

    >>> insurance_fee(20 * QUOTE, 10 * BASE, 500, 10_000, 100 * PRICE, PRICE, 50_000)
    19000
    >>> insurance_fee(QUOTE, 10 * BASE, 500, 10_000, 100 * PRICE, PRICE, 50_000)
    37050
    """
    ratio *= FEE_TO_WEIGHT
    if not price or not quote_price or ratio <= liquidator_fee or not base:
        return 0
    value = mul_div_floor(price, quote_price, PRICE)
    lacking = mul_div_floor(mul_div_floor(shortage, BASE, base), PRICE, value)
    implied = mul_div_floor(max(0, ratio - liquidator_fee - lacking), 19, 20)
    return min(most, implied)


def liquidator_fee(base_fee: int, most: int, slots: int) -> int:
    """Fee [10^-6] after so many slots without an action of the user.

    >>> [liquidator_fee(20_000, 50_000, slots) for slots in (10, 10_000, 100_000)]
    [20000, 30000, 50000]
    """
    if slots < GRACE_SLOTS:
        return base_fee
    return min(base_fee + slots * FEE_PER_SLOT, most)


def base_liquidator_fee(terms: PerpTerms, high_leverage: bool) -> int:
    """The market's fee; in high-leverage mode at most 80 % of its maintenance ratio.

    >>> terms = PerpTerms(liquidator_fee=10_000, high_leverage_margin_ratio_initial=100,
    ...     high_leverage_margin_ratio_maintenance=66)
    >>> base_liquidator_fee(terms, True), base_liquidator_fee(terms, False)
    (5280, 10000)
    """
    if not (high_leverage and terms.has_high_leverage):
        return terms.liquidator_fee
    ratio = terms.high_leverage_margin_ratio_maintenance * FEE_TO_WEIGHT
    return min(terms.liquidator_fee, ratio - div_floor(ratio, 5))


def liquidator_fee_most(terms: PerpTerms) -> int:
    """Three times the market's fee, at most its maintenance ratio.

    >>> liquidator_fee_most(PerpTerms(liquidator_fee=20_000, margin_ratio_maintenance=500))
    50000
    """
    return min(terms.liquidator_fee * FEE_MULTIPLE_MOST, terms.margin_ratio_maintenance * FEE_TO_WEIGHT)


def liability_to_cover(
    shortage: int,
    asset_weight: int,
    asset_multiplier: int,
    liability_weight: int,
    liability_multiplier: int,
    decimals: int,
    price: int,
    fee: int,
) -> int:
    """Borrowed token units whose transfer, with the asset that pays for them, covers a shortage [10^-6].

    Shortage 10, weights 0.8 and 1.2, price 100: a quarter of a token; with 10 % on both sides 0.449984250.

    >>> liability_to_cover(10**7, 8000, FEE, 12000, FEE, 9, 10**8, 0)
    250000000
    >>> liability_to_cover(10**7, 8000, 1_100_000, 12000, 900_000, 9, 10**8, 0)
    449984250
    """
    if asset_weight >= liability_weight:
        return ALL_TOKENS
    up, down = (10 ** (decimals - 6), 1) if decimals > 6 else (1, 10 ** (6 - decimals))
    owed = liability_weight * 10
    paid = mul_div_floor(asset_weight * 10, asset_multiplier, liability_multiplier)
    if paid >= owed:
        return ALL_TOKENS
    freed = price * (owed - paid) - mul_div_floor(price, fee, FEE) * liability_weight * 10
    if freed <= 0:
        raise BadInput("bad_parameter", "if_liquidation_fee", fee, "less than what the transfer frees")
    return max(1, div_floor(div_floor(shortage * up * PRICE * WEIGHT * 10, freed), down))


def liability_for_asset(
    amount: int,
    asset_multiplier: int,
    asset_decimals: int,
    asset_price: int,
    liability_multiplier: int,
    liability_decimals: int,
    liability_price: int,
) -> int:
    """Borrowed token units that `amount` of the asset pays for, rounded up.

    >>> liability_for_asset(10 * 10**6, FEE, 6, PRICE, FEE, 9, 10 * PRICE)
    1000000000
    """
    up, down = _scales(liability_decimals, asset_decimals)
    paid = mul_div_ceil(amount * up * asset_price, liability_multiplier, liability_price * asset_multiplier)
    return div_ceil(paid, down)


def asset_for_liability(
    amount: int,
    asset_multiplier: int,
    asset_decimals: int,
    asset_price: int,
    transferred: int,
    liability_multiplier: int,
    liability_decimals: int,
    liability_price: int,
) -> int:
    """Asset units paid for `transferred` borrowed ones; all of `amount` where less than 1 quote would remain.

    >>> asset_for_liability(10**9, FEE, 9, 100 * PRICE, 50 * 10**6, FEE, 6, PRICE)
    500000000
    """
    up, down = _scales(asset_decimals, liability_decimals)
    paid = mul_div_floor(transferred * up * liability_price, asset_multiplier, asset_price * liability_multiplier)
    paid = max(1, div_floor(paid, down))
    grow, shrink = (10 ** (asset_decimals - 6), 1) if asset_decimals > 6 else (1, 10 ** (6 - asset_decimals))
    left = div_floor(mul_div_floor(abs(paid - amount), asset_price, PRICE) * grow, shrink)
    return amount if left < QUOTE else paid


def _scales(target: int, source: int) -> tuple[int, int]:
    return (10 ** (target - source), 1) if target > source else (1, 10 ** (source - target))


def spot_insurance_fee(
    shortage: int,
    amount: int,
    asset_weight: int,
    asset_multiplier: int,
    liability_weight: int,
    liability_multiplier: int,
    decimals: int,
    price: int,
    most: int,
) -> int:
    """Fee [10^-6] for the revenue pool of a borrow's transfer."""
    if asset_weight >= liability_weight or not price or not amount or not liability_multiplier:
        return 0
    owed, held = liability_weight * FEE_TO_WEIGHT, asset_weight * FEE_TO_WEIGHT
    room = max(0, owed - mul_div_floor(held, asset_multiplier, liability_multiplier))
    room = max(0, room - div_floor(div_floor(shortage * FEE * 10**decimals, amount), price))
    return min(most, mul_div_floor(room, FEE, owed))


def funding_to_socialise(loss: int, total_base: int) -> int:
    """Change of the cumulative funding rate [10^-9] that spreads a bankrupt position's loss over all open base, up.

    A loss of 10 over 20 base on both sides together: 0.5 per base.

    >>> funding_to_socialise(-10 * QUOTE, 20 * BASE)
    500000000
    """
    if total_base <= 0:
        raise BadInput("missing_state", "total_base", total_base, "open base above 0")
    return mul_div_ceil(abs(loss), BASE, total_base) * FUNDING_TO_QUOTE


def deposit_interest_to_socialise(borrow: int, interest: int, deposits: int) -> int:
    """Cut of the cumulative deposit interest that spreads a bankrupt borrow over all deposits, rounded up.

    >>> deposit_interest_to_socialise(100, 10**10, 1000), deposit_interest_to_socialise(100, 10**10, 0)
    (1000000000, 0)
    """
    return mul_div_ceil(interest, borrow, deposits) if deposits else 0
