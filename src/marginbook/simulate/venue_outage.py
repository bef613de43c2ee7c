"""A venue out of reach: what of an owner's collateral and hedges is there, and who elsewhere can no longer be saved.

Accounts with the same `owner` are one portfolio. While a venue is down its accounts stay as they are: nothing can be
withdrawn from them, closed or added to. In the owner's currency (or USD by `[prices] rates`):

    equity              all assets − all liabilities, in reach and out of reach
    delta               change of equity per unit of relative move of an asset, (E(1.01·p) − E(p)) · 100
    need                what accounts in reach lack of initial margin, where they are in call or liquidation
    available           free margin of the accounts that are in neither zone, with the venue up and down

An owner whose need is met only with the venue up is `stranded`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput, Problem
from marginbook.domain.market import Market
from marginbook.domain.zones import Zone
from marginbook.engine.answers import problem_json
from marginbook.engine.evaluate import Measures, Report, evaluate
from marginbook.exact import ONE, ZERO, format_decimal, from_raw, in_exact_context, round_floor
from marginbook.margin_calls.assets import is_stable, underlying
from marginbook.simulate.shocks import Shock, shocked
from marginbook.simulate.sweeps import reporting_currency
from marginbook.units import STABLE_ASSETS
from marginbook.venues.registry import rule_set

ParametersOf = Callable[[Account], Any]
BUMP = Decimal("0.01")
PLACES = 2
MONEY_ONLY = Measures(distances=False, liquidation_prices=False, remedies=())
CURED = Zone.WARNING
"""The mildest zone that needs nothing."""


@in_exact_context
def venue_down(
    venue: str, accounts: Sequence[Account], market: Market, parameters_of: ParametersOf, at: int
) -> dict[str, Any]:
    """Every owner with an account on `venue`; BadInput where nobody has one, `missing_rate` where sums need a rate."""
    owners: dict[str, list[Account]] = {}
    for account in accounts:
        owners.setdefault(account.owner or account.id, []).append(account)
    chosen = {name: found for name, found in owners.items() if any(a.venue == venue for a in found)}
    if not chosen:
        known = ", ".join(sorted({account.venue for account in accounts}))
        raise BadInput("unknown_venue", "venue-down", venue, f"one of {known}")
    problems: list[Problem] = []
    rows = [_owner(name, found, venue, market, parameters_of, at, problems) for name, found in sorted(chosen.items())]
    return {
        "venue_down": venue,
        "owners": rows,
        "stranded": [row["owner"] for row in rows if row["stranded"]],
        "outage_errors": [problem_json(problem) for problem in problems],
    }


def _owner(
    name: str,
    accounts: Sequence[Account],
    venue: str,
    market: Market,
    parameters_of: ParametersOf,
    at: int,
    problems: list[Problem],
) -> dict[str, Any]:
    reports = {}
    for account in accounts:
        report = evaluate(account, market, parameters_of, at, measures=MONEY_ONLY)
        if report.error is not None:
            problems.append(report.error)
        else:
            reports[account.id] = report
    judged = [account for account in accounts if account.id in reports]
    currency, rates = _currency([reports[account.id] for account in judged], market)
    there = [account for account in judged if account.venue == venue]
    here = [account for account in judged if account.venue != venue]

    def total(found: Iterable[Account], field: str) -> Decimal:
        reported = (reports[account.id] for account in found)
        return sum((r.money.get(field, ZERO) * rates[str(r.currency)] for r in reported), ZERO)

    fine = {account.id for account in judged if (reports[account.id].zone or Zone.SAFE) <= CURED}
    need = -total([account for account in here if account.id not in fine], "free_margin")
    up = total([account for account in judged if account.id in fine], "free_margin")
    down = total([account for account in here if account.id in fine], "free_margin")
    return {
        "owner": name,
        "currency": currency,
        "accounts_in_reach": [account.id for account in here],
        "accounts_out_of_reach": [account.id for account in there],
        "equity_in_reach": _text(total(here, "account_equity")),
        "equity_out_of_reach": _text(total(there, "account_equity")),
        "delta": _deltas(judged, market, parameters_of, at, rates, reports),
        "delta_in_reach": _deltas(here, market, parameters_of, at, rates, reports),
        "need": _text(need),
        "available_up": _text(up),
        "available_down": _text(down),
        "stranded": bool(up >= need > down),
    }


def _currency(reports: Sequence[Report], market: Market) -> tuple[str, dict[str, Decimal]]:
    names = {pool.quantities.currency for report in reports for pool in report.pools}
    target = reporting_currency(names, market)
    return target, {name: ONE if name == target else market.rates[name] for name in {*names, target}}


def _deltas(
    accounts: Sequence[Account],
    market: Market,
    parameters_of: ParametersOf,
    at: int,
    rates: Mapping[str, Decimal],
    reports: Mapping[str, Report],
) -> dict[str, str]:
    """Asset -> change of equity per unit of relative move."""
    assets = sorted({underlying(key[1]) for key in market.quotes if not is_stable(key[1], STABLE_ASSETS)})
    found = {}
    for asset in assets:
        bumped = shocked(market, [Shock(target=asset, move=BUMP)])[0]
        change = ZERO
        for account in accounts:
            rate = rates[str(reports[account.id].currency)]
            change += rate * (_equity(account, bumped, parameters_of, at) - _equity(account, market, parameters_of, at))
        if change:
            found[asset] = _text(change / BUMP)
    return found


def _equity(account: Account, market: Market, parameters_of: ParametersOf, at: int) -> Decimal:
    rules = rule_set(account.rules)
    total = ZERO
    for risk in rules.module.risk(account, market, parameters_of(account), at).values():
        kept = risk.assets - risk.liabilities
        total += from_raw(kept, rules.risk_scale) if isinstance(kept, int) else kept
    return total


def _text(value: Decimal) -> str:
    return format_decimal(round_floor(value, PLACES))
