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

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput, Problem
from marginbook.domain.market import Market
from marginbook.exact import ONE, ZERO, divide, format_decimal, from_raw, in_exact_context, parse_decimal, round_ceil
from marginbook.margin_calls.quotes import quotes_of_pools
from marginbook.margin_calls.search import least_true
from marginbook.simulate.scenarios import scenario, shocks_of
from marginbook.simulate.shocks import Moved, Shock, shocked
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


class _Book:
    """Accounts with what does not change from probe to probe."""

    def __init__(
        self,
        accounts: Sequence[Account],
        market: Market,
        parameters_of: Callable[[Account], Any],
        at: int,
        measure: str,
    ) -> None:
        self.market, self.at = market, at
        self.problems: list[Problem] = []
        self.rows: list[tuple[Account, Any, Mapping[str, tuple[str, Decimal]], set[Any]]] = []
        for account in accounts:
            try:
                parameters = parameters_of(account)
                module = rule_set(account.rules).module
                sizes = {}
                for pool, found in module.quantities(account, market, parameters, at).items():
                    lending = rule_set(account.rules).family == "lending"
                    sizes[pool] = (found.currency, (found.debt_value if lending else found.notional) or ZERO)
                pools = quotes_of_pools(rule_set(account.rules), account, market, parameters)
                self.rows.append((account, parameters, sizes, {key for keys in pools.values() for key in keys}))
            except BadInput as bad:
                self.problems.append(bad.problem)
        currencies = {currency for _, _, sizes, _ in self.rows for currency, _ in sizes.values()}
        self.currency = next(iter(currencies)) if len(currencies) == 1 else "USD"
        missing = sorted(currencies - market.rates.keys() - {self.currency})
        if missing and measure != "accounts":
            expected = f"rates to {self.currency}, to add up currencies"
            raise BadInput("missing_rate", "prices.rates", ", ".join(missing), expected)
        self.rates = {name: ONE if name == self.currency else market.rates.get(name, ZERO) for name in currencies}
        self.still: dict[str, dict[str, Decimal]] = {}

    def measured(self, market: Market, touched: set[Any]) -> dict[str, Decimal]:
        """Every measure at moved prices; accounts without a moved price are looked at once."""
        total = dict.fromkeys(MEASURES, ZERO)
        for account, parameters, sizes, keys in self.rows:
            if keys.isdisjoint(touched) and account.id in self.still:
                found = self.still[account.id]
            else:
                found = self._of(account, parameters, sizes, market)
                if keys.isdisjoint(touched):
                    self.still[account.id] = found
            for name, value in found.items():
                total[name] += value
        return total

    def _of(
        self, account: Account, parameters: Any, sizes: Mapping[str, tuple[str, Decimal]], market: Market
    ) -> dict[str, Decimal]:
        rules = rule_set(account.rules)
        found = dict.fromkeys(MEASURES, ZERO)
        for pool, risk in rules.module.risk(account, market, parameters, self.at).items():
            if rules.module.is_liquidatable(account, pool, market, parameters, self.at):
                currency, size = sizes[pool]
                lacking = risk.liabilities - risk.assets
                owed = from_raw(lacking, rules.risk_scale) if isinstance(lacking, int) else lacking
                found["bad_debt"] += max(ZERO, owed) * self.rates[currency]
                found["notional"] += size * self.rates[currency]
                found["accounts"] = ONE
        return found


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
    """The smallest move along `weights` that reaches `goal`; a size of 0 where it is reached before any move."""
    book = _Book(accounts, market, parameters_of, at, goal.measure)
    falls = [-weight for weight in weights.values() if weight < 0]
    most = int(divide(Decimal(UNITS), max(falls)).to_integral_value()) - 1 if falls else RISE_MOST
    seen: dict[int, Decimal] = {}

    def value(units: int) -> Decimal:
        if units not in seen:
            then, moved = moved_by(market, weights, units) if units else (market, [])
            seen[units] = book.measured(then, {(m.venue, m.market, m.kind) for m in moved})[goal.measure]
            if tick is not None:
                tick(len(seen), None)
        return seen[units]

    def answer(units: int | None) -> Found:
        there = most if units is None else units
        return Found(
            size=None if units is None else from_raw(units, PLACES),
            reached=value(there),
            one_less=value(units - 1) if units else None,
            moved=tuple(moved_by(market, weights, there)[1]) if there else (),
            currency=book.currency,
            problems=tuple(book.problems),
        )

    low = 0
    if value(0) >= goal.amount:
        return answer(0)
    steps = [most * n // STEPS for n in range(1, STEPS + 1)] if falls else _doubling(most)
    for high in steps:
        if value(high) >= goal.amount:
            share = divide(goal.amount - value(low), value(high) - value(low))
            guess = low + int((share * (high - low)).to_integral_value())
            return answer(least_true(lambda n: value(n) >= goal.amount, low, high, guess))
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
        "moved": [
            {
                "market": m.market,
                "venue": m.venue,
                "kind": m.kind,
                "from": format_decimal(m.before),
                "to": format_decimal(m.after),
            }
            for m in found.moved
        ],
    }
