"""Risk, quantities, liquidation price and explanation of a trove.

    support = collateral·price     demand = least ratio·debt     [10^-36 USD]     liquidatable: support < demand

The least ratio is MCR. In recovery mode, a trove whose debt the stability pool can pay is liquidatable below the total
ratio too: ⌊c·p/d⌋ < TCR is the same as c·p < TCR·d, as TCR is an integer; and a trove is that only where c·D < C·d,
with C and D the totals, as both ratios move with one price. The initial sums: borrowing asks for MCR, in recovery mode
for CCR.
"""

from dataclasses import replace
from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.node import Node
from marginbook.domain.risk import LiquidationPrice, MarginRatio, Quantities, Risk
from marginbook.exact import WAD, divide, from_raw, in_exact_context, mul_div_ceil, mul_div_floor
from marginbook.venues.common.search import border_between
from marginbook.venues.common.views import INFINITY, down, lending_quantities
from marginbook.venues.liquity.holdings import (
    ASSET,
    CURRENCY,
    DEBT,
    POOL,
    USER,
    VENUE,
    WAD_DECIMALS,
    check_pool,
    is_known,
    price_if_owed,
    system_of,
)
from marginbook.venues.liquity.math import ratio
from marginbook.venues.liquity.parameters import RULES, Parameters
from marginbook.venues.liquity.revert import Revert
from marginbook.venues.liquity.system import System, adjusted, opened

RISK_SCALE = 36
DEFINITION = "collateral ratio: collateral value / debt"


def is_exposed(s: System) -> bool:
    """Whether recovery mode could liquidate the trove at a ratio above MCR, at some price: c·D < C·d, and d ≤ pool."""
    collateral, debt = s.whole(USER)
    if s.total_collateral is None or s.total_debt is None or (s.count is not None and s.count <= 1):
        return False
    return 0 < debt <= s.pool.total and collateral * s.total_debt < s.total_collateral * debt


def least_ratio(s: System) -> int:
    """Ratio [wad] below which the trove is liquidatable now."""
    total = s.total_ratio()
    if total is None or not s.in_recovery() or not is_exposed(s):
        return s.terms.mcr
    return max(s.terms.mcr, total)


def is_below(s: System) -> bool:
    """The trove's ratio is below the least."""
    collateral, debt = s.whole(USER)
    return debt > 0 and ratio(collateral, debt, s.price) < least_ratio(s)


def _system(account: Account, market: Market, parameters: Parameters, at: int) -> System:
    return system_of(account, market, parameters, at, price_if_owed(account, market))


def risk(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Risk[int]]:
    """The seven sums of the trove [10^-36 USD; an LUSD counts as a dollar]."""
    s = _system(account, market, parameters, at)
    return {POOL: _risk(s)} if s.troves else {}


def _risk(s: System) -> Risk[int]:
    collateral, debt = s.whole(USER)
    value, owed = collateral * s.price, debt * WAD
    initial = s.terms.ccr if s.in_recovery() else s.terms.mcr
    return Risk(value, owed, value - owed, value, initial * debt, value, least_ratio(s) * debt)


def is_liquidatable(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> bool:
    """The trove's ratio is below the least. That the last trove is left alone is the planner's answer."""
    check_pool(account, pool)
    s = _system(account, market, parameters, at)
    return bool(s.troves) and is_below(s)


@in_exact_context
def quantities(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Quantities]:
    """Every number of the trove [USD], 8 decimals toward danger.

    `collateral_ratio` is the venue's ICR, `health_factor` that over the least ratio; `borrowable` the largest draw that
    the contracts accept, beside its fee; `withdrawable` the value of the collateral that may leave.
    """
    s = _system(account, market, parameters, at)
    if not s.troves:
        return {}
    sums = _risk(s)
    own = down(divide(Decimal(sums.assets), Decimal(sums.liabilities))) if sums.liabilities else INFINITY
    return {
        POOL: lending_quantities(
            sums,
            CURRENCY,
            scale=RISK_SCALE,
            withdrawable=from_raw(free_collateral(s) * s.price, RISK_SCALE),
            borrowable=from_raw(borrowable(s), WAD_DECIMALS),
            margin_ratio=MarginRatio(own, DEFINITION, "low"),
        )
    }


def free_collateral(s: System) -> int:
    """Collateral [wad] that may leave: both ratios stay, and none in recovery mode."""
    collateral, debt = s.whole(USER)
    if not debt:
        return collateral
    if s.in_recovery():
        return 0
    free = collateral - mul_div_ceil(s.terms.mcr, debt, s.price)
    if s.total_collateral is not None and s.total_debt is not None:
        free = min(free, s.total_collateral - mul_div_ceil(s.terms.ccr, s.total_debt, s.price))
    return max(free, 0)


def borrowable(s: System) -> int:
    """Largest draw [wad] that the contracts accept, its fee added to the debt; a new trove pays the reserve too."""
    collateral, debt = s.whole(USER)
    least = s.terms.mcr
    if s.in_recovery():
        least = max(s.terms.ccr, ratio(collateral, debt, s.price) if debt else 0)
    room = mul_div_floor(collateral, s.price, least) - debt
    if s.total_collateral is not None and s.total_debt is not None and not s.in_recovery():
        added = 0 if debt else collateral
        most = mul_div_floor(s.total_collateral + added, s.price, s.terms.ccr)
        room = min(room, most - s.total_debt)
    room -= 0 if debt else s.terms.gas_reserve
    amount = mul_div_floor(max(room, 0), WAD, WAD + s.fee(WAD)) + 1
    for tried in (amount, amount - 1):
        if tried > 0 and _accepted(s, tried):
            return tried
    return 0


def _accepted(s: System, amount: int) -> bool:
    collateral, debt = s.whole(USER)
    try:
        if debt:
            adjusted(s, USER, draw=amount)
        else:
            opened(replace(s, troves={}), USER, collateral, amount)
    except Revert:
        return False
    return True


@in_exact_context
def liquidation_prices(account: Account, market: Market, parameters: Parameters, at: int) -> list[LiquidationPrice]:
    """The highest price [18 decimals] at which the trove is liquidatable: below MCR, or as recovery mode begins.

    ⌊c·p/d⌋ < MCR ⟺ p < ⌈MCR·d / c⌉; recovery mode: p < ⌈CCR·D / C⌉.
    """
    s = system_of(account, market, parameters, at, 0)
    if not s.troves:
        return []
    collateral, debt = s.whole(USER)
    if not (collateral and debt):
        return []
    raw = mul_div_ceil(s.terms.mcr, debt, collateral) - 1
    if is_exposed(s):
        raw = max(raw, _price_of_recovery(s, raw))
    if not raw:
        return []
    price = from_raw(raw, WAD_DECIMALS)
    return [
        LiquidationPrice(pool=POOL, market=ASSET, side="collateral", price=price, when="at_or_below", source="exact")
    ]


def _price_of_recovery(s: System, lower: int) -> int:
    """Highest price of recovery mode [wad]; where both floored ratios are equal there, an edge below it."""
    price = mul_div_ceil(s.terms.ccr, s.total_debt or 0, s.total_collateral or 1) - 1
    if price <= lower or is_below(replace(s, price=price)):
        return price
    return border_between(lambda p: is_below(replace(s, price=p)), price, lower) if lower else 0


@in_exact_context
def explain(account: Account, market: Market, parameters: Parameters, at: int) -> Node:
    """The tree behind the headroom."""
    s = _system(account, market, parameters, at)

    def node(quantity: str, value: Decimal, unit: str, formula: str, source: str, *inputs: Node) -> Node:
        return Node(quantity=quantity, value=value, unit=unit, formula=formula, source=source, inputs=inputs)

    if not s.troves:
        return node("headroom", Decimal(0), CURRENCY, "nothing is held", RULES)
    collateral, debt = s.whole(USER)
    trove, least, terms = s.troves[USER], least_ratio(s), parameters.source
    own = "as stated" if not trove.stake else "as stated + ⌊stake · (L − L at last touch)⌋"
    support = node(
        "collateral value",
        from_raw(collateral * s.price, RISK_SCALE),
        CURRENCY,
        "collateral · price",
        RULES,
        node("collateral", from_raw(collateral, WAD_DECIMALS), ASSET, own, "account"),
        node("price", from_raw(s.price, WAD_DECIMALS), CURRENCY, "oracle", f"prices.{VENUE}.{ASSET}"),
    )
    inputs = [node("MCR", from_raw(s.terms.mcr, WAD_DECIMALS), "1", "parameter", terms)]
    total = s.total_ratio()
    if total is not None and is_known(market) and s.total_debt:
        formula = "⌊total collateral · price / total debt⌋; recovery mode below CCR"
        inputs.append(node("TCR", from_raw(total, WAD_DECIMALS), "1", formula, f"state.{VENUE}"))
        inputs.append(node("CCR", from_raw(s.terms.ccr, WAD_DECIMALS), "1", "parameter", terms))
    formula = "MCR" if least == s.terms.mcr else "TCR: recovery mode, and the stability pool can pay the debt"
    demand = node(
        "demand",
        from_raw(least * debt, RISK_SCALE),
        CURRENCY,
        "least ratio · debt",
        RULES,
        node("least ratio", from_raw(least, WAD_DECIMALS), "1", formula, RULES, *inputs),
        node("debt", from_raw(debt, WAD_DECIMALS), DEBT, own + ", reserve included", "account"),
    )
    return node(
        "headroom",
        support.value - demand.value,
        CURRENCY,
        "collateral value − demand; liquidatable below 0",
        RULES,
        support,
        demand,
    )
