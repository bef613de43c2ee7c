"""Single sums of weights, ratios, liquidations, funding and balances."""

from random import Random
from typing import Any

from drift_bench.accounts import perp_market
from marginbook.domain.account import Collateral, Debt
from marginbook.domain.market import Market
from marginbook.exact import div_ceil
from marginbook.venues.drift import shortage, weights
from marginbook.venues.drift.account import funding_due, token_units
from marginbook.venues.drift.parameters import Parameters, PerpTerms, SpotTerms, System

KINDS = ("premium", "discount", "high", "ratio", "cover", "liability", "asset", "share", "funding", "units")
Answer = tuple[list[Any], int | None]


def question(random: Random) -> tuple[dict[str, Any], int | None]:
    """(a sum for the SDK, the rule set's own result; None: everything)."""
    kind = random.choice(KINDS)
    given, ours = globals()[f"_{kind}"](random, random.randrange(10 ** random.choice([1, 6, 12, 18])))
    return {"ask": kind, "given": given}, ours


def _premium(random: Random, size: int) -> Answer:
    factor, weight, bounded = random.randrange(10**6), random.randrange(20_000), random.random() < 0.5
    ours = weights.size_premium_weight(size, factor, weight, 10**4, bounded)
    return [str(size), str(factor), str(weight), "10000", bounded], ours


def _discount(random: Random, size: int) -> Answer:
    factor, weight = random.randrange(10**6), random.randrange(10_001)
    return [str(size), str(factor), str(weight)], weights.size_discount_weight(size, factor, weight)


def _high(random: Random, size: int) -> Answer:
    before = random.randrange(5, 3_000)
    fifth = before // 5
    sized = before + random.choice([0, random.randrange(-fifth, fifth + 1)])
    ratio = random.randrange(1, before + 1)
    return [str(before), str(sized), str(ratio)], weights.high_leverage_ratio(before, sized, ratio)


def _ratio(random: Random, size: int) -> Answer:
    row, category, high = (
        perp_market(random, random.randrange(2), True),
        random.choice(CATEGORIES),
        random.random() < 0.6,
    )
    terms = PerpTerms(
        margin_ratio_initial=row["marginRatioInitial"],
        margin_ratio_maintenance=row["marginRatioMaintenance"],
        imf_factor=row["imfFactor"],
        high_leverage_margin_ratio_initial=row["highLeverageMarginRatioInitial"],
        high_leverage_margin_ratio_maintenance=row["highLeverageMarginRatioMaintenance"],
    )
    kind: Any = category.lower()
    return [row, str(size), category, high], weights.margin_ratio(terms, size, kind, high)


CATEGORIES = ("Initial", "Maintenance")


def _cover(random: Random, size: int) -> Answer:
    ratio, fee, price = random.randrange(100, 3_000), random.randrange(20_000), random.randrange(10**3, 10**11)
    insured = min(random.randrange(40_000), max(0, ratio * 100 - fee - 1) * 9 // 10)
    quote = 10**6 + random.randrange(-5_000, 5_000)
    ours = shortage.base_to_cover(size, ratio, fee, insured, price, quote)
    given = [str(size), ratio, fee, insured, str(price), str(quote)]
    return given, None if ours == shortage.EVERYTHING else ours


def _liability(random: Random, size: int) -> Answer:
    held, owed, decimals = (
        random.randrange(5_000, 11_000),
        random.randrange(10_100, 15_000),
        random.choice([5, 6, 8, 9]),
    )
    up, down = 10**6 + random.randrange(20_000), 10**6 - random.randrange(20_000)
    # A fee that takes more than a transfer frees is refused.
    fee = 0 if owed - div_ceil(held * up, down) < 100 else random.randrange(1_000)
    price = random.randrange(10**4, 10**11)
    ours = shortage.liability_to_cover(size, held, up, owed, down, decimals, price, fee)
    given = [str(size), held, up, owed, down, decimals, str(price), fee]
    return given, None if ours == shortage.ALL_TOKENS else ours


def _asset(random: Random, size: int) -> Answer:
    one, two, amount = random.choice([5, 6, 8, 9]), random.choice([5, 6, 8, 9]), size + 1
    up, down = 10**6 + random.randrange(20_000), 10**6 - random.randrange(20_000)
    price, other = random.randrange(10**4, 10**9), random.randrange(10**4, 10**9)
    # The program transfers no more than the asset pays for.
    most = shortage.liability_for_asset(amount, up, one, price, down, two, other)
    moved = random.choice([most, max(1, most - random.randrange(10)), random.randrange(1, most + 1)])
    paid = shortage.asset_for_liability(amount, up, one, price, moved, down, two, other)
    given = [str(amount), up, one, str(price), str(moved), down, two, str(other)]
    # The SDK compares the two as text before it looks whether less than 1 quote would remain: then all is paid.
    return given, amount if (str(paid) > str(amount)) is not (paid > amount) else paid


def _share(random: Random, size: int) -> Answer:
    freed, slots, lacking = random.randrange(1, 10 ** random.choice([6, 9])), random.randrange(200), size + 1
    first, duration = random.randrange(10_000), random.randrange(1, 300)
    given = ["0", str(freed), str(lacking), str(slots), str(first), str(duration)]
    return given, shortage.share_allowed(lacking, freed, slots, first, duration)


def _funding(random: Random, size: int) -> Answer:
    base, now, before = size * random.choice((1, -1)), *(random.randrange(-(10**13), 10**13) for _ in range(2))
    return [str(base), str(now), str(before)], funding_due(base, now, before) if base else 0


def _units(random: Random, size: int) -> Answer:
    decimals, index, borrowed = random.choice([5, 6, 8, 9]), 10**10 + random.randrange(10**11), random.random() < 0.5
    table = Parameters(markets={}, assets={"X": SpotTerms(decimals=decimals)}, system=System(), source="")
    held = (Debt if borrowed else Collateral)(asset="X", scaled_raw=size, index_raw=index * 10**17)
    return [str(size), decimals, str(index), borrowed], token_units(held, Market(), table, "X")
