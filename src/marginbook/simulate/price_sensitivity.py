"""How much of a lending book a fall of prices makes liquidatable: the curve of value against the size of the fall.

    naive     every account judged again at every one of K shocks                  O(N·K)
    sorted    every account's own threshold found once by the exact decision, the thresholds sorted with running sums,
              every shock one binary search                                         O((N + K)·log N)

Both give the same numbers to the last digit. Support minus demand is linear in the fall, so that an account enters
liquidation at one fall, or leaves it at one (a debt in what falls); both kinds are kept. A threshold is a whole number
of steps of `step`; shocks are multiples of it. Truncations inside a rule could make the decision flip twice within one
unit of price at a border; the test against the naive curve is on books with such borders.

Values are at the prices before the fall, as in Perez et al. 2020 (arXiv 2009.13235): "a fall of x makes so much
liquidatable".
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.market import Market, QuoteKey
from marginbook.exact import ONE, ZERO, divide, from_raw, in_exact_context
from marginbook.venues.registry import rule_set

STEP = Decimal("0.0001")
FALL_MOST = Decimal("0.99")


@dataclass(frozen=True, slots=True)
class Liquidatable:
    """What a fall makes liquidatable, valued at the prices before it."""

    fall: Decimal  # [fraction]
    accounts: int
    collateral: Decimal  # [currency]
    debt: Decimal  # [currency]


@dataclass(frozen=True, slots=True)
class Threshold:
    """An account's border: liquidatable at falls of `steps` and more, or (`leaves`) of fewer."""

    steps: int
    leaves: bool
    collateral: Decimal  # [currency]
    debt: Decimal  # [currency]


@dataclass(frozen=True, slots=True)
class Falling:
    """A market whose `keys` fall together."""

    market: Market
    keys: frozenset[QuoteKey]
    step: Decimal = STEP

    @in_exact_context
    def at(self, steps: int) -> Market:
        """The market after a fall of `steps`."""
        left = ONE - steps * self.step
        return self.market.with_prices({key: self.market.quotes[key].price * left for key in self.keys})


ParametersOf = Callable[[Account], Any]


def thresholds(accounts: Iterable[Account], falling: Falling, parameters_of: ParametersOf, at: int) -> list[Threshold]:
    """One per pool that any fall up to `FALL_MOST` makes, or stops being, liquidatable; all by the exact decision."""
    last = int(divide(FALL_MOST, falling.step))
    cache: dict[int, Market] = {}

    def market_at(steps: int) -> Market:
        if steps not in cache:
            cache[steps] = falling.at(steps)
        return cache[steps]

    found = []
    for account in accounts:
        rules, parameters = rule_set(account.rules), parameters_of(account)
        judge = rules.module.is_liquidatable
        for pool, risk in rules.module.risk(account, falling.market, parameters, at).items():
            border = _border(lambda steps: judge(account, pool, market_at(steps), parameters, at), last)  # noqa: B023
            if border is not None:
                collateral, debt = _money(risk.assets, rules.risk_scale), _money(risk.liabilities, rules.risk_scale)
                found.append(Threshold(*border, collateral, debt))
    return found


def _border(decided: Callable[[int], bool], last: int) -> tuple[int, bool] | None:
    """(first step of the other decision, whether the account leaves liquidation there); None: never liquidatable."""
    first, end = decided(0), decided(last)
    if first == end:
        return (0, False) if first else None
    low, high = 0, last
    while high - low > 1:
        middle = (low + high) >> 1
        low, high = (middle, high) if decided(middle) == first else (low, middle)
    return high, first


@in_exact_context
def curve(borders: Sequence[Threshold], falls: Sequence[int], step: Decimal = STEP) -> list[Liquidatable]:
    """The curve at `falls` [steps] from sorted thresholds.

    >>> borders = [Threshold(3, False, Decimal(10), Decimal(5)), Threshold(2, True, Decimal(7), Decimal(1))]
    >>> [(point.accounts, point.collateral) for point in curve(borders, (0, 1, 2, 3))]
    [(1, Decimal('7')), (1, Decimal('7')), (0, Decimal('0')), (1, Decimal('10'))]
    """
    entering, leaving = (
        sorted((b for b in borders if b.leaves is leaves), key=lambda b: b.steps) for leaves in (False, True)
    )
    sums = [
        (
            [b.steps for b in side],
            list(accumulate((b.collateral for b in side), initial=ZERO)),
            list(accumulate((b.debt for b in side), initial=ZERO)),
        )
        for side in (entering, leaving)
    ]
    points = []
    for fall in falls:
        into, out = bisect_right(sums[0][0], fall), bisect_right(sums[1][0], fall)
        points.append(
            Liquidatable(
                fall * step,
                into + len(leaving) - out,
                sums[0][1][into] + sums[1][1][-1] - sums[1][1][out],
                sums[0][2][into] + sums[1][2][-1] - sums[1][2][out],
            )
        )
    return points


@in_exact_context
def naive_curve(
    accounts: Sequence[Account], falling: Falling, falls: Sequence[int], parameters_of: ParametersOf, at: int
) -> list[Liquidatable]:
    """The same by judging every account at every fall."""
    points = []
    for fall in falls:
        market = falling.at(fall)
        count, collateral, debt = 0, ZERO, ZERO
        for account in accounts:
            rules, parameters = rule_set(account.rules), parameters_of(account)
            for pool, risk in rules.module.risk(account, falling.market, parameters, at).items():
                if rules.module.is_liquidatable(account, pool, market, parameters, at):
                    count += 1
                    collateral += _money(risk.assets, rules.risk_scale)
                    debt += _money(risk.liabilities, rules.risk_scale)
        points.append(Liquidatable(fall * falling.step, count, collateral, debt))
    return points


def first_fall(points: Sequence[Liquidatable], debt: Decimal) -> Decimal | None:
    """The smallest fall of the curve at which at least `debt` is liquidatable; None where none does."""
    return next((point.fall for point in points if point.debt >= debt), None)


def _money(value: int | Decimal, scale: int) -> Decimal:
    return from_raw(value, scale) if isinstance(value, int) else value
