"""Liquidators: how much of what a rule set allows they repay or close, and what that earns them.

A policy is a function `Chance -> amount` between the plan's `close_least` and `close_most` (0: leave it). What follows
from an amount is never computed here: it is the rule set's own `apply`, and its own `is_liquidatable` says whether the
account is well again.

    maximum          close_most
    restore          the least amount after which the account is no longer liquidatable, else the maximum
    two_step         one unit less than `restore` first, so that the rest may be liquidated once more, then the maximum
    most_profitable  the amount with the highest profit net of gas, slippage and flash-loan fee, if above 0

Two steps earn more than one because the close factor is taken of what is left. With collateral C, debt D (values),
threshold t, bonus b and close factor f (Qin et al. 2021, arXiv 2106.06389; derived and checked again here):

    first  r₁ = (D − t·C) / (1 − t·(1 + b))      brings support to exactly the debt
    then   r₂ = f·(D − r₁)
    gain over f·D at once = (1 − f)/f · r₁/D     where r₁ ≤ f·D

Where the protocol takes what it wants (Comet, Maker, Liquity) there is nothing to choose: see `waterfall`.

Profit is in the pool's currency, from the change of the account's own assets and liabilities: exact for rule sets
without a protocol fee; with one, the fee's share is that of the plan.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Event
from marginbook.domain.market import Market
from marginbook.domain.risk import Plan
from marginbook.exact import ONE, ZERO, divide, from_raw, in_exact_context
from marginbook.liquidation.acts import action, fill_of, position_of
from marginbook.liquidation.stages import Scene
from marginbook.venues.rules import RuleSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """A liquidatable pool as a keeper sees it."""

    rules: RuleSet
    account: Account
    pool: str
    market: Market
    parameters: Any
    at: int  # [µs UTC]
    plan: Plan


Policy = Callable[[Chance], Decimal]
"""How much to repay [debt asset] or to close [quantity] in this step."""

Slippage = Callable[[Decimal], Decimal]
"""(value of collateral sold) -> what the sale brings, same currency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a liquidation costs the keeper [currency of the pool]."""

    gas: Decimal = ZERO
    flash_fee: Decimal = ZERO  # [fraction of what is repaid]
    sale: Slippage = lambda value: value


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What follows from closing `amount`."""

    amount: Decimal
    repaid: Decimal  # [currency] by which the account's liabilities fall
    seized: Decimal  # [currency] what the keeper receives, at the oracle's prices
    account: Account
    market: Market
    liquidatable: bool  # still


@dataclass(frozen=True, slots=True)
class TwoStep:
    """The closed form of the two-step strategy."""

    first: Decimal
    second: Decimal
    profit: Decimal  # bonus on both
    profit_at_once: Decimal
    gain: Decimal  # profit / profit_at_once − 1


def chance_of(rules: RuleSet, account: Account, pool: str, market: Market, parameters: Any, at: int) -> Chance:
    """The chance with the rule set's plan in it; its `plan.reason` says why there is none."""
    plan = rules.module.plan_liquidation(account, pool, market, parameters, at)
    return Chance(rules=rules, account=account, pool=pool, market=market, parameters=parameters, at=at, plan=plan)


@in_exact_context
def outcome(chance: Chance, amount: Decimal) -> Outcome:
    """The account after `amount`, by the rule set's own functions; BadInput where it refuses."""
    rules, plan = chance.rules.module, chance.plan
    account, market = rules.apply(chance.account, chance.market, event_of(chance, amount), chance.parameters, chance.at)
    before = rules.risk(chance.account, chance.market, chance.parameters, chance.at)[chance.pool]
    after = rules.risk(account, market, chance.parameters, chance.at).get(chance.pool)
    taken = plan.seized + plan.protocol_fee
    share = divide(plan.seized, taken) if taken else ONE
    lost = before.assets - (after.assets if after else 0)
    paid = before.liabilities - (after.liabilities if after else 0)
    return Outcome(
        amount=amount,
        repaid=_money(paid, chance.rules.risk_scale),
        seized=_money(lost, chance.rules.risk_scale) * share,
        account=account,
        market=market,
        liquidatable=after is not None
        and rules.is_liquidatable(account, chance.pool, market, chance.parameters, chance.at),
    )


def event_of(chance: Chance, amount: Decimal) -> Event:
    """The event that closes `amount` of the plan: a liquidation of a debt, or a fill at the plan's price and fee."""
    plan = chance.plan
    scene = Scene(
        account=chance.account, pool=chance.pool, market=chance.market, parameters=chance.parameters, at=chance.at
    )
    if plan.collateral is not None:
        return action(scene, "liquidation", plan.market, amount, plan.collateral)
    position = position_of(scene, plan)
    if plan.price is None:
        raise BadInput("no_plan", f"account {chance.account.id}", plan.reason or plan.market, "a price to close at")
    fee = divide(plan.fee * amount, plan.close_most) if plan.fee else ZERO
    return fill_of(scene, position, amount, plan.price, fee, "keeper")


def maximum(chance: Chance) -> Decimal:
    """All that the rule set allows in one step."""
    return chance.plan.close_most


def restore(chance: Chance) -> Decimal:
    """The least amount after which the account is no longer liquidatable, to the last unit; else the maximum."""
    found = restoring(chance)
    return chance.plan.close_most if found is None else found


def two_step(chance: Chance) -> Decimal:
    """First all but one unit of what would restore the account, and when nothing more can be left so, the maximum."""
    plan = chance.plan
    found = restoring(chance)
    first = None if found is None else found - unit_of(plan)
    if first is None or not max(plan.close_least, unit_of(plan)) <= first < plan.close_most:
        return plan.close_most
    try:
        again = outcome(chance, first)
    except BadInput:
        return plan.close_most
    return first if again.liquidatable else plan.close_most


def most_profitable(costs: Costs) -> Policy:
    """The policy of the highest profit net of `costs`; 0 where none is above 0. Profit must have one peak."""

    def policy(chance: Chance) -> Decimal:
        unit = unit_of(chance.plan)
        low, high = _units(chance.plan.close_least, unit), _units(chance.plan.close_most, unit)
        ends = (low, high)
        while high - low > 2:
            third = max(1, (high - low) * 341 >> 10)  # about a third of the span, in integers
            left, right = low + third, high - third
            if _net(chance, left * unit, costs) < _net(chance, right * unit, costs):
                low = left
            else:
                high = right
        best = max({*range(low, high + 1), *ends}, key=lambda count: (_net(chance, count * unit, costs), -count))
        return best * unit if _net(chance, best * unit, costs) > 0 else ZERO

    return policy


@in_exact_context
def net_profit(found: Outcome, costs: Costs) -> Decimal:
    """What the keeper keeps [currency]: proceeds of the sale − repaid · (1 + flash fee) − gas."""
    return costs.sale(found.seized) - found.repaid * (ONE + costs.flash_fee) - costs.gas


def pool_sale(reserve: Decimal) -> Slippage:
    """Selling into a constant-product pool that holds `reserve` [currency] on the side that is bought.

        y·v / (y + v)      v of value brings less the more of the pool it is

    >>> pool_sale(Decimal(900))(Decimal(100))
    Decimal('90')
    """
    return lambda value: divide(reserve * value, reserve + value)


def restoring(chance: Chance) -> Decimal | None:
    """The least amount [plan's unit] after which the account is not liquidatable; None where no allowed amount does.

    Bisection on the rule set's own decision: repaying helps, or (where seizing costs more support than repaying frees)
    never does. One unit less does not restore.
    """
    plan, unit = chance.plan, unit_of(chance.plan)

    def restored(count: int) -> bool:
        try:
            return not outcome(chance, count * unit).liquidatable
        except BadInput:
            return False

    low, high = _units(plan.close_least, unit), _units(plan.close_most, unit)
    if high <= 0 or not restored(high):
        return None
    if low > 0 and restored(low):
        return low * unit
    while high - low > 1:
        middle = (low + high) >> 1
        low, high = (low, middle) if restored(middle) else (middle, high)
    return high * unit


@in_exact_context
def two_step_closed_form(
    collateral: Decimal, debt: Decimal, threshold: Decimal, bonus: Decimal, close_factor: Decimal
) -> TwoStep:
    """r₁, r₂ and what they earn; BadInput where the strategy is not open (r₁ below 0 or above the close factor).

    >>> D = Decimal
    >>> found = two_step_closed_form(D(105), D("80.1"), D("0.75"), D("0.08"), D("0.5"))
    >>> [f"{x:.5f}" for x in (found.first, found.profit, found.profit_at_once)], f"{found.gain:.8f}"
    (['7.10526', '3.48821', '3.20400'], '0.08870491')
    """
    slope = ONE - threshold * (ONE + bonus)
    first = divide(debt - threshold * collateral, slope) if slope > 0 else -ONE
    if not 0 <= first <= close_factor * debt:
        raise BadInput("no_two_steps", "debt", debt, "a loan that up to its close factor can be restored")
    second = close_factor * (debt - first)
    return TwoStep(
        first=first,
        second=second,
        profit=bonus * (first + second),
        profit_at_once=bonus * close_factor * debt,
        gain=divide(ONE - close_factor, close_factor) * divide(first, debt),
    )


def unit_of(plan: Plan) -> Decimal:
    """The last digit in which the plan's amounts are given.

    >>> unit_of(Plan(pool="main", market="USDC", close_most=Decimal("12.500000")))
    Decimal('0.000001')
    """
    exponents = (plan.close_most.as_tuple().exponent, plan.close_least.as_tuple().exponent)
    return Decimal((0, (1,), min(e for e in exponents if isinstance(e, int))))


def _units(amount: Decimal, unit: Decimal) -> int:
    return int(divide(amount, unit))


def _net(chance: Chance, amount: Decimal, costs: Costs) -> Decimal:
    try:
        return net_profit(outcome(chance, amount), costs) if amount else ZERO
    except BadInput:
        return Decimal("-Infinity")


def _money(value: int | Decimal, scale: int) -> Decimal:
    return from_raw(value, scale) if isinstance(value, int) else value
