"""When liquidating makes a loan worse: the frontier of toxic liquidations, and spirals along it.

A liquidator repays a and takes (1 + i)·a of collateral. With loan-to-value ℓ = q / c:

    without price impact   ℓ rises, however often it is done, where ℓ > 1 / (1 + i)
    with impact            sold into a constant-product pool with y on the quote side, a small sale s moves the price by
                           −2s / y, and with it all collateral: what is left loses s·(1 + 2c/y) for every s sold.
                           λ = 1 + 2c/y, toxic where ℓ > 1 / ((1 + i)·λ)
    falling incentive      i(h) = i·(1 − h) vanishes where health h is 1 and leaves ℓ < 1 / λ there

Derived here from first principles; the static frontier and the condition ν < 1 / ((1 + i)λ), with a λ that its text
does not define in what was read of it, are in arXiv 2212.07306 and arXiv 2510.10171. Exact decimals.

`spiral` follows one account through liquidations that move the price they are judged by, with the rule set's own
functions for every step: keepers choose an amount, the price moves, the rest is judged again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.exact import ONE, ZERO, divide, in_exact_context
from marginbook.liquidation.keepers import Chance, Outcome, Policy, chance_of, outcome

STEPS_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Loan:
    """Values [currency]."""

    collateral: Decimal
    debt: Decimal

    @property
    def ltv(self) -> Decimal:
        """Debt over collateral."""
        return divide(self.debt, self.collateral)


def impact_factor(collateral: Decimal, reserve: Decimal) -> Decimal:
    """λ = 1 + 2c/y.

    >>> impact_factor(Decimal(10), Decimal(100))
    Decimal('1.2')
    """
    return ONE + divide(2 * collateral, reserve)


def frontier(incentive: Decimal, factor: Decimal = ONE) -> Decimal:
    """Loan-to-value 1 / ((1 + i)·λ) beyond which liquidating raises loan-to-value.

    >>> [f"{frontier(Decimal('0.05'), impact_factor(c, ONE)):.5f}" for c in map(Decimal, ("0", "0.001", "0.1", "0.5"))]
    ['0.95238', '0.95048', '0.79365', '0.47619']
    """
    return divide(ONE, (ONE + incentive) * factor)


def falling_incentive(incentive: Decimal, health: Decimal) -> Decimal:
    """i·(1 − h) where health is below 1, else 0.

    >>> falling_incentive(Decimal("0.05"), Decimal("0.9"))
    Decimal('0.005')
    """
    return incentive * max(ZERO, ONE - health)


@in_exact_context
def liquidated(loan: Loan, reserve: Decimal, incentive: Decimal, repaid: Decimal) -> Loan:
    """The loan after `repaid` and the sale of what was taken into a constant-product pool, all valued afresh.

    The pool holds y of quote currency and, at a price of 1, y of collateral: a sale of s leaves a price of (y/(y+s))².
    """
    sold = (ONE + incentive) * repaid
    price = divide(reserve * reserve, (reserve + sold) * (reserve + sold))
    return Loan((loan.collateral - sold) * price, loan.debt - repaid)


@in_exact_context
def frontier_by_search(incentive: Decimal, collateral: Decimal, reserve: Decimal, share: Decimal) -> Decimal:
    """The frontier found without the formula: bisection on whether repaying `share` of the debt raises loan-to-value.

    Tends to `frontier` as `share` falls.

    >>> f"{frontier_by_search(Decimal('0.05'), Decimal(10), Decimal(100), Decimal('1e-6')):.6f}"
    '0.793651'
    """
    low, high = ZERO, ONE
    for _ in range(60):
        middle = divide(low + high, Decimal(2))
        loan = Loan(collateral, collateral * middle)
        worse = liquidated(loan, reserve, incentive, loan.debt * share).ltv > loan.ltv
        low, high = (low, middle) if worse else (middle, high)
    return low


Moved = Callable[[Market, Outcome], Market]
"""(market, what a liquidation took) -> the market that the next one is judged by."""


@dataclass(frozen=True, slots=True)
class Step:
    """One liquidation of a spiral."""

    chance: Chance
    found: Outcome


@dataclass(frozen=True, slots=True)
class Spiral:
    """All of them, and why it ended."""

    steps: tuple[Step, ...]
    last: Chance
    reason: str


def spiral(chance: Chance, policy: Policy, moved: Moved, steps_most: int = STEPS_MOST) -> Spiral:
    """Liquidate, move the price, judge again, until the rule set or the policy leaves the account alone.

    `reason`: "healthy" (no longer liquidatable), "no collateral" (or less than a unit: the rest is bad debt), "left"
    (the policy found nothing worth doing), the rule set's own refusal, or "steps".
    """
    steps: list[Step] = []
    while len(steps) < steps_most:
        if not _owes(chance):
            return Spiral(tuple(steps), chance, "healthy")
        if not _holds(chance):
            return Spiral(tuple(steps), chance, "no collateral")
        if not chance.plan.close_most:
            module = chance.rules.module
            below = module.is_liquidatable(chance.account, chance.pool, chance.market, chance.parameters, chance.at)
            return Spiral(tuple(steps), chance, (chance.plan.reason or "no collateral") if below else "healthy")
        amount = policy(chance)
        if amount <= 0:
            return Spiral(tuple(steps), chance, "left")
        try:
            found = outcome(chance, amount)
        except BadInput as bad:
            return Spiral(tuple(steps), chance, bad.problem.value)
        steps.append(Step(chance, found))
        market = moved(found.market, found)
        chance = chance_of(chance.rules, found.account, chance.pool, market, chance.parameters, chance.at)
    return Spiral(tuple(steps), chance, "steps")


def _owes(chance: Chance) -> bool:
    return any(d.amount != 0 if d.amount is not None else d.scaled_raw for d in chance.account.debt)


def _holds(chance: Chance) -> bool:
    return any(c.amount != 0 if c.amount is not None else c.scaled_raw for c in chance.account.collateral)


def within(policy: Policy, most: Callable[[Chance], Decimal]) -> Policy:
    """`policy`, but never more than `most` says: what a keeper can source, or a cap of the protocol."""
    return lambda chance: min(policy(chance), most(chance))


def stop_beyond(policy: Policy, limit: Decimal) -> Policy:
    """`policy` until loan-to-value is above `limit` (the frontier, say), then nothing.

    The stop that arXiv 2212.07306 proposes: what is beyond the frontier only gets worse by liquidating.
    """

    @in_exact_context
    def stopped(chance: Chance) -> Decimal:
        found = chance.rules.module.risk(chance.account, chance.market, chance.parameters, chance.at)[chance.pool]
        beyond = Decimal(found.liabilities) > limit * Decimal(found.assets)
        return ZERO if beyond else policy(chance)

    return stopped
