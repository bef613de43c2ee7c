"""Reverse stress: the smallest move in a direction that costs so much, found on the book by the exact functions.

    marginbook stress BOOK --reverse bad_debt=1000000 --direction all

A direction is `all` or an asset, falling; with a plus sign, rising; several with weights (`ETH=-1,SOL=-1.5`); or a
scenario's name, scaled. A move of size s moves each asset by weight·s, s in steps of 10^-8. Measures are of pools that
are liquidatable at the moved prices:

    bad_debt    what they owe beyond all their assets there
    notional    their positions or debts, at the prices before
    accounts    how many accounts they belong to

What is found costs at least the amount, and one step less does not: both are evaluated. A smaller move that also would,
beyond a stretch that would not, can be missed where accounts recover on the way (a hedge that pays again).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from marginbook.book.book import Book
from marginbook.book.layout import FLAG_DEAD
from marginbook.book.views import pool_outputs
from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput, Problem
from marginbook.domain.market import Market, QuoteKey
from marginbook.domain.zones import Zone
from marginbook.exact import ONE, ZERO, divide, format_decimal, from_raw, in_exact_context, parse_decimal, round_ceil
from marginbook.margin_calls.search import least_true
from marginbook.simulate.scenarios import scenario, shocks_of
from marginbook.simulate.shocks import Moved, Shock, moved_rows, shocked
from marginbook.simulate.sweeps import pool_currencies, reporting_currency
from marginbook.venues.registry import rule_set

PLACES = 8
UNITS = 10**PLACES
RISE_MOST = 100 * UNITS
"""[1e-8] A hundredfold: beyond it, no move at all."""
MEASURES = ("bad_debt", "notional", "accounts")
STEPS = 64
"""First looks, at even distances, before the search closes in."""

Weights = Mapping[str, Decimal]
Tick = Callable[[int, int | None], None] | None


@dataclass(frozen=True, slots=True)
class Goal:
    """How much of what."""

    measure: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The smallest size that reaches the goal; None where even the largest does not."""

    size: Decimal | None
    reached: Decimal  # there, or at the largest
    one_less: Decimal | None  # one step before it
    moved: tuple[Moved, ...]
    currency: str
    problems: tuple[Problem, ...]


def parse_goal(text: str) -> Goal:
    """`bad_debt=1000000` and so on; BadInput otherwise.

    >>> parse_goal("accounts=10").amount
    Decimal('10')
    """
    measure, _, amount = (part.strip() for part in text.partition("="))
    try:
        goal = Goal(measure, parse_decimal(amount))
    except ValueError:
        goal = Goal(measure, ZERO)
    if measure not in MEASURES or goal.amount <= 0:
        raise BadInput("bad_goal", "reverse", text, f"one of {', '.join(MEASURES)} with an amount above 0")
    return goal


@in_exact_context
def parse_direction(text: str, market: Market) -> dict[str, Decimal]:
    """Asset or `all` -> weight, the largest 1 or −1.

    >>> parse_direction("ETH=-2,SOL=-3", Market()) == {"ETH": divide(Decimal(-2), Decimal(3)), "SOL": Decimal(-1)}
    True
    >>> parse_direction("all", Market()), parse_direction("+ETH", Market())
    ({'all': Decimal('-1')}, {'ETH': Decimal('1')})
    """
    if "-" in text and "=" not in text and not text.startswith("-"):
        return _scaled({s.target: s.move or ZERO for s in shocks_of(scenario(text), market)[0]})
    weights = {}
    for part in text.split(","):
        target, _, weight = (piece.strip() for piece in part.partition("="))
        try:
            value = parse_decimal(weight.replace("−", "-")) if weight else ONE if target.startswith("+") else -ONE
        except ValueError:
            value = ZERO
        name = target.lstrip("+-−")
        if not name or not value:
            raise BadInput("bad_direction", "direction", text, "all, ETH, +ETH, ETH=-1,SOL=-1.5, or a scenario")
        weights[name] = value
    return _scaled(weights)


def _scaled(weights: Weights) -> dict[str, Decimal]:
    most = max(abs(weight) for weight in weights.values())
    return {name: divide(weight, most) for name, weight in weights.items()}


def moved_by(market: Market, weights: Weights, units: int) -> tuple[Market, list[Moved]]:
    """The market after a move of so many steps of 10^-8, and what moved."""
    size = from_raw(units, PLACES)
    shocks = [Shock(target=name, move=weight * size, text=name) for name, weight in weights.items()]
    return shocked(market, [shock for shock in shocks if shock.move])


class _Exact:
    """The measure by the exact functions, account by account."""

    def __init__(self, book: Book, accounts: Sequence[Account], market: Market, measure: str) -> None:
        self.book, self.market, self.measure = book, market, measure
        self.accounts = [account for account in accounts if account.id not in book.problems]
        live = book.store.live_pools
        self.rates: dict[str, Decimal] = {}
        self.currency = ""
        if measure != "accounts":
            names = set(pool_currencies(book, np.flatnonzero(live["account"] >= 0))[0])
            self.currency = reporting_currency(names, market)
            self.rates = {name: ONE if name == self.currency else market.rates[name] for name in names}

    def __call__(self, market: Market) -> Decimal:
        return sum((self._of(account, market) for account in self.accounts), ZERO)

    def _of(self, account: Account, market: Market) -> Decimal:
        rules, parameters, at = rule_set(account.rules), self.book.parameters(account), self.book.at
        risks = rules.module.risk(account, market, parameters, at)
        fallen = [pool for pool in risks if rules.module.is_liquidatable(account, pool, market, parameters, at)]
        if self.measure == "accounts" or not fallen:
            return ONE if fallen else ZERO
        quantities = rules.module.quantities(account, self.market, parameters, at)
        total = ZERO
        for pool in fallen:
            found, lacking = quantities[pool], risks[pool].liabilities - risks[pool].assets
            owed = from_raw(lacking, rules.risk_scale) if isinstance(lacking, int) else lacking
            size = found.debt_value if rules.family == "lending" else found.notional
            total += self.rates[found.currency] * (max(ZERO, owed) if self.measure == "bad_debt" else size or ZERO)
        return total


class _Quick:
    """The measure by the live book: its zones are exact, sums are the kernel's."""

    def __init__(self, book: Book, measure: str, rates: Mapping[str, Decimal]) -> None:
        self.book, self.measure = book, measure
        live = book.store.live_pools
        self.chosen = np.flatnonzero((live["account"] >= 0) & (live["flags"] & FLAG_DEAD == 0))
        self.rate = np.ones(len(self.chosen))
        if rates:
            names, which = pool_currencies(book, self.chosen)
            self.rate = np.array([float(rates[name]) for name in names] or [1.0])[which]
        self.size = pool_outputs(book)["notional"][self.chosen] * self.rate

    def __call__(self, prices: Mapping[QuoteKey, Decimal]) -> float:
        self.book.prices(prices, self.book.at)
        pools = self.book.store.live_pools[self.chosen]
        hit = pools["zone"] >= Zone.LIQUIDATION
        if self.measure == "accounts":
            return float(len(np.unique(pools["account"][hit])))
        if self.measure == "notional":
            return float(self.size[hit].sum())
        equity = pool_outputs(self.book)["equity"][self.chosen]
        return float((self.rate * np.maximum(-equity, 0.0))[hit].sum())


@in_exact_context
def reverse_stress(
    accounts: Sequence[Account],
    market: Market,
    parameters_of: Callable[[Account], Any],
    at: int,
    goal: Goal,
    weights: Weights,
    tick: Tick = None,
) -> Found:
    """The smallest move along `weights` that reaches `goal`; a size of 0 where it is reached before any move.

    The live book leads to it in milliseconds a look; the exact functions have the last word, twice if it was right.
    """
    book = Book.from_accounts(accounts, market, parameters_of, at)
    exact = _Exact(book, accounts, market, goal.measure)
    quick = _Quick(book, goal.measure, exact.rates)
    falls = [-weight for weight in weights.values() if weight < 0]
    most = int(divide(Decimal(UNITS), max(falls)).to_integral_value()) - 1 if falls else RISE_MOST
    touched = [(m.venue, m.market, m.kind) for m in moved_by(market, weights, most)[1]]
    seen: dict[int, Decimal] = {}
    looks = 0

    def counted() -> None:
        nonlocal looks
        looks += 1
        if tick is not None:
            tick(looks, None)

    def market_at(units: int) -> Market:
        return moved_by(market, weights, units)[0] if units else market

    def roughly(units: int) -> bool:
        counted()
        quotes = market_at(units).quotes
        return quick({key: quotes[key].price for key in touched}) >= float(goal.amount)

    def value(units: int) -> Decimal:
        if units not in seen:
            counted()
            seen[units] = exact(market_at(units))
        return seen[units]

    def answer(units: int | None) -> Found:
        there = most if units is None else units
        return Found(
            size=None if units is None else from_raw(units, PLACES),
            reached=value(there),
            one_less=value(units - 1) if units else None,
            moved=tuple(moved_by(market, weights, there)[1]) if there else (),
            currency=exact.currency,
            problems=tuple(book.problems.values()),
        )

    if roughly(0) and value(0) >= goal.amount:
        return answer(0)
    low = 0
    for high in [most * n // STEPS for n in range(1, STEPS + 1)] if falls else _doubling(most):
        if roughly(high):
            guess = least_true(roughly, low, high, (low + high) // 2)
            return answer(least_true(lambda n: value(n) >= goal.amount, 0, most, guess or high))
        low = high
    return answer(None)


def _doubling(most: int) -> list[int]:
    """Sizes from one percent up, each an eighth more than the one before, to the largest."""
    found = [UNITS // 100]
    while found[-1] < most:
        found.append(min(most, found[-1] + max(found[-1] // 8, UNITS // 100)))
    return found


def answer_of(goal: Goal, direction: str, found: Found) -> dict[str, Any]:
    """The part of `stress --json` that tells it; decimal text."""
    return {
        "measure": goal.measure,
        "amount": format_decimal(goal.amount),
        "direction": direction,
        "currency": None if goal.measure == "accounts" else found.currency,
        "size": None if found.size is None else format_decimal(found.size),
        "reached": format_decimal(round_ceil(found.reached, PLACES)),
        "one_step_less": None if found.one_less is None else format_decimal(round_ceil(found.one_less, PLACES)),
        "moved": moved_rows(found.moved),
    }
