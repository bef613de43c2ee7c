"""What a move of prices does to a book: zones, notional and bad debt before and after, by the exact functions."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput, Problem
from marginbook.domain.market import Market
from marginbook.domain.risk import Risk
from marginbook.domain.zones import Zone
from marginbook.engine.answers import problem_json
from marginbook.exact import ZERO, format_decimal, from_raw, in_exact_context, round_ceil
from marginbook.margin_calls.quotes import quotes_of_pools
from marginbook.margin_calls.zones import Borders, zone_of_pool
from marginbook.simulate.shocks import Shock, moved_rows, shocked
from marginbook.units import STABLE_ASSETS
from marginbook.venues.registry import rule_set

ParametersOf = Callable[[Account], Any]
REPORTING = "USD"
ZONES = tuple(zone for zone in Zone if zone is not Zone.UNDECIDED)
PLACES = 8
LADDER_MOVES = tuple(Decimal(step) * Decimal("0.05") for step in range(-10, 11))


@dataclass(frozen=True, slots=True)
class PoolState:
    """What a book's totals need of one pool."""

    zone: Zone
    currency: str
    notional: Decimal  # [currency]
    bad_debt: Decimal  # [currency] what is owed beyond all assets


@dataclass(slots=True)
class Totals:
    """Sums over a book at one set of prices."""

    counts: Counter[Zone] = field(default_factory=Counter)
    notional: dict[str, Counter[Zone]] = field(default_factory=dict)  # currency -> zone -> amount
    bad_debt: Counter[str] = field(default_factory=Counter)  # currency -> amount

    def add(self, pools: Iterable[PoolState]) -> Zone:
        """Count an account by its worst pool, which is returned; notional by each pool's own zone."""
        worst = Zone.SAFE
        for pool in pools:
            worst = max(worst, pool.zone)
            self.notional.setdefault(pool.currency, Counter())[pool.zone] += pool.notional  # type: ignore[assignment]
            self.bad_debt[pool.currency] += pool.bad_debt  # type: ignore[assignment]
        self.counts[worst] += 1
        return worst


@in_exact_context
def stress(
    accounts: Iterable[Account],
    market: Market,
    parameters_of: ParametersOf,
    shocks: Sequence[Shock | str],
    at: int,
    *,
    only: bool = False,
    borders: Borders | None = None,
    stable: frozenset[str] = STABLE_ASSETS,
    parameters_after: ParametersOf | None = None,
) -> dict[str, Any]:
    """The answer of `stress --json`: shocks, what moved, both sides, and the accounts whose zone changed.

    `parameters_after` are in force after the shock, where they differ from `parameters_of`.
    An account that cannot be judged is in `errors` and counts nowhere. Money is in one currency: the pools' own if they
    share it, else USD by `market.rates`; a missing rate is an error, and the sums stay apart in `by_currency`.
    """
    after_market, moved = shocked(market, shocks, only=only, stable=stable)
    before, after = Totals(), Totals()
    touched = {(m.venue, m.market, m.kind) for m in moved}
    changed: list[tuple[Zone, dict[str, Any]]] = []
    problems: list[Problem] = []
    for account in accounts:
        try:
            parameters = parameters_of(account)
            later = parameters if parameters_after is None else parameters_after(account)
            then = pool_states(account, market, parameters, at, borders)
            now = then
            used = quotes_of_pools(rule_set(account.rules), account, market, parameters).values()
            if later is not parameters or any(not touched.isdisjoint(keys) for keys in used):
                now = pool_states(account, after_market, later, at, borders)
        except BadInput as bad:
            problems.append(bad.problem)
            continue
        old, new = before.add(then), after.add(now)
        if old != new:
            changed.append((new, {"account": account.id, "rules": account.rules, "from": old.label, "to": new.label}))
    currency = common_currency({*before.notional, *after.notional}, market, problems)
    return {
        "shocks": [shock if isinstance(shock, str) else shock.text for shock in shocks],
        "moved": moved_rows(moved),
        "currency": currency,
        "before": side_of(before, currency, market),
        "after": side_of(after, currency, market),
        "accounts": [row for _, row in sorted(changed, key=lambda pair: pair[0], reverse=True)],
        "errors": [problem_json(problem) for problem in problems],
    }


@in_exact_context
def ladder(
    accounts: Sequence[Account],
    market: Market,
    parameters_of: ParametersOf,
    at: int,
    *,
    asset: str = "all",
    moves: Sequence[Decimal] = LADDER_MOVES,
) -> list[dict[str, Any]]:
    """What is liquidatable at each move of `asset` in both directions: accounts, and notional by venue and currency."""
    steps = []
    for move in moves:
        then = shocked(market, [Shock(target=asset, move=move)])[0] if move else market
        notional: dict[str, Counter[str]] = {}
        hit = 0
        for account in accounts:
            states = pool_states(account, then, parameters_of(account), at)
            fallen = [state for state in states if state.zone >= Zone.LIQUIDATION]
            hit += bool(fallen)
            for state in fallen:
                notional.setdefault(rule_set(account.rules).venue, Counter())[state.currency] += state.notional  # type: ignore[assignment]
        steps.append(
            {
                "move": format_decimal(move),
                "accounts": hit,
                "notional": {
                    venue: {currency: _text(Decimal(amount)) for currency, amount in sums.items()}
                    for venue, sums in notional.items()
                },
            }
        )
    return steps


@in_exact_context
def pool_states(
    account: Account, market: Market, parameters: Any, at: int, borders: Borders | None = None
) -> list[PoolState]:
    """Zone, notional and bad debt of every pool of an account."""
    rules = rule_set(account.rules)
    risks = rules.module.risk(account, market, parameters, at)
    quantities = rules.module.quantities(account, market, parameters, at)
    states = []
    for pool, risk in risks.items():
        zone = zone_of_pool(rules, account, pool, market, parameters, at, risk=risk, borders=borders)
        figures = quantities[pool]
        bad_debt = _bad_debt(risk, rules.risk_scale) if zone is Zone.BANKRUPT else ZERO
        states.append(PoolState(zone, figures.currency, figures.notional or ZERO, bad_debt))
    return states


def _bad_debt(risk: Risk[Any], scale: int) -> Decimal:
    lacking = risk.liabilities - risk.assets
    return max(ZERO, from_raw(lacking, scale) if isinstance(lacking, int) else lacking)


def common_currency(currencies: set[str], market: Market, problems: list[Problem]) -> str | None:
    """The currency that totals are told in; None, with a problem, where rates are missing."""
    if len(currencies) <= 1:
        return next(iter(currencies), REPORTING)
    missing = sorted(currencies - market.rates.keys() - {REPORTING})
    if missing:
        problems.append(
            Problem("missing_rate", "prices.rates", ", ".join(missing), f"rates to {REPORTING}, to add up currencies")
        )
        return None
    return REPORTING


def side_of(totals: Totals, currency: str | None, market: Market) -> dict[str, Any]:
    """Totals at one set of prices, as they stand in answers."""
    by_currency = {
        name: {
            "notional": {zone.label: _text(Decimal(sums[zone])) for zone in ZONES if zone in sums},
            "bad_debt": _text(Decimal(totals.bad_debt[name])),
        }
        for name, sums in totals.notional.items()
    }
    side: dict[str, Any] = {"counts": {zone.label: totals.counts[zone] for zone in ZONES}}
    if currency is not None:
        rates = {name: _rate(name, currency, market) for name in totals.notional}
        notional: Mapping[Zone, Decimal] = {
            zone: sum((sums[zone] * rates[name] for name, sums in totals.notional.items()), ZERO) for zone in ZONES
        }
        side["notional"] = {zone.label: _text(amount) for zone, amount in notional.items()}
        side["bad_debt"] = _text(sum((Decimal(totals.bad_debt[name]) * rate for name, rate in rates.items()), ZERO))
    else:
        side |= {"notional": {}, "bad_debt": None}
    return side | {"by_currency": by_currency}


def _rate(source: str, target: str, market: Market) -> Decimal:
    return Decimal(1) if source == target else market.rates[source]


def _text(amount: Decimal) -> str:
    return format_decimal(round_ceil(amount, PLACES))
