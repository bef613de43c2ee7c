"""What every rule set can do, found out by trying it: the measured half of the support matrix (`venues/support.json`).

`python -m marginbook.testing.pages` writes it; a test fails while anything that was measured differs from what is
written, for better or for worse.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.domain.events import IndexUpdate, LendingAction, Stamp, Transfer
from marginbook.testing.conformance import conform
from marginbook.testing.laws import LAWS, deviations, settings
from marginbook.testing.vectors import Setting
from marginbook.units import format_time
from marginbook.venues.registry import all_rule_sets, rule_set
from marginbook.venues.rules import RuleSet

WORLDS = 16
AT = 1_790_856_000_000_000
"""2026-10-01T12:00:00Z: a time that every shipped table has begun before."""
FILE = Path(__file__).parent.parent / "venues" / "support.json"


def measured(vectors: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """Rule set -> what was found."""
    passed = _vectors(vectors)
    return {rules.name: _measured(rules, passed.get(rules.name, Counter())) for rules in all_rule_sets()}


def as_text(found: Mapping[str, Any]) -> str:
    """The contents of the file."""
    return json.dumps(found, indent=1, sort_keys=True) + "\n"


def _vectors(paths: Iterable[Path]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for row in conform(list(paths))["results"]:
        counts = found.setdefault(row["rules"], Counter())
        for outcome in ("passed", "failed"):
            counts[outcome] += row[outcome]
    return found


def _measured(rules: RuleSet, vectors: Counter[str]) -> dict[str, Any]:
    tried = list(settings(rules.name, WORLDS))
    pools = [pool for setting in tried for pool in _lower(rules, setting)]
    plans = [s.call("plan_liquidation", p) for s in tried for p in s.call("risk")]
    return {
        "margin": any(q.margin_balance is not None for s in tried for q in s.call("quantities").values()),
        "liquidation_price": any(p.source == "exact" for s in tried for p in s.call("liquidation_prices")),
        "planner": any(plan.reason is None and plan.close_most > 0 for plan in plans),
        "events": any(_accepts(s, _deposit(s)) for s in tried),
        "lowering": _lowering([pool.opaque for pool in pools]),
        "interest": _interest(rules, tried),
        "laws": f"{len(LAWS) - len(deviations(rules.name))} of {len(LAWS)}",
        "deviations": dict(sorted(deviations(rules.name).items())),
        "vectors_passed": vectors["passed"],
        "vectors_failed": vectors["failed"],
        "parameters": _dates(rules),
    }


def _lower(rules: RuleSet, setting: Setting) -> Any:
    return rules.module.lower(setting.account, setting.market, setting.parameters).pools


def _lowering(opaque: list[bool]) -> str:
    if all(opaque):
        return "opaque"
    return "kernel and opaque" if any(opaque) else "kernel"


def _deposit(setting: Setting) -> list[Any]:
    account, stamp = setting.account, Stamp(time=setting.at)
    assets = [*account.wallet, *(held.asset for held in account.collateral)]
    assets += [p.details["collateral"] for p in account.positions if "collateral" in p.details]
    assets += [found.currency for found in setting.call("quantities").values()]
    pools = [None, *setting.call("risk")]
    return [
        Transfer(stamp=stamp, account=account.id, kind="deposit", asset=asset, amount=Decimal(1), pool=pool)
        for asset in assets
        for pool in pools
    ] + [_supply(setting, asset, pool) for asset in assets for pool in (None, *_lending_pools(setting))]


def _lending_pools(setting: Setting) -> list[str]:
    return [held.pool for held in setting.account.collateral if held.pool is not None]


def _supply(setting: Setting, asset: str, pool: str | None) -> Any:
    stamp = Stamp(time=setting.at)
    return LendingAction(
        stamp=stamp, account=setting.account.id, kind="supply", asset=asset, amount=Decimal(1), pool=pool
    )


def _accepts(setting: Setting, events: Iterable[Any]) -> bool:
    module = rule_set(setting.account.rules).module
    for event in events:
        try:
            after, market = module.apply(setting.account, setting.market, event, setting.parameters, setting.at)
            replace(setting, account=after, market=market).call("risk")
        except BadInput:
            continue
        return True
    return False


def _interest(rules: RuleSet, tried: list[Setting]) -> str:
    if hasattr(rules.module, "accrued_index"):
        return "accrued"
    for setting in tried:
        for position in setting.account.positions:
            event = IndexUpdate(
                stamp=Stamp(time=setting.at), venue=rules.venue, asset=position.market, kind="funding", value=Decimal(1)
            )
            if _accepts(setting, [event]):
                return "funding"
    return ""


def _dates(rules: RuleSet) -> str:
    """From when to when the shipped table is known, or that the book brings its own."""
    try:
        now = rules.module.parameters(rules.version, AT)
    except BadInput:
        return "the book's own"
    until = format_time(now.as_of)[:10] if getattr(now, "as_of", None) is not None else "always"
    try:
        rules.module.parameters(rules.version, 0)
    except BadInput as bad:
        since = re.search(r"\d{4}-\d{2}-\d{2}", bad.problem.expected)
        return f"{since[0]} to {until}" if since else until
    return until
