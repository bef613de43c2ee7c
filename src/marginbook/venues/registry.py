"""Names to rule sets. Modules are imported when first asked for, so that a small `check` pays for one venue only."""

from functools import cache
from importlib import import_module

from marginbook.domain.errors import BadInput
from marginbook.venues.rules import RuleSet

FAMILIES: dict[str, str] = {
    "aave": "marginbook.venues.aave_v3",
    "binance": "marginbook.venues.binance_usdm",
    "generic": "marginbook.venues.generic",
}
"""First part of a rule name -> module that defines `RULE_SETS: tuple[RuleSet, ...]`."""


@cache
def rule_set(name: str) -> RuleSet:
    """The rule set called `name`; BadInput `unknown_rules` listing the known ones otherwise."""
    family = name.partition("/")[0]
    if family in FAMILIES:
        for candidate in import_module(FAMILIES[family]).RULE_SETS:
            if candidate.name == name:
                return candidate  # type: ignore[no-any-return]
    raise BadInput("unknown_rules", "rules", name, "one of " + ", ".join(sorted(r.name for r in all_rule_sets())))


def all_rule_sets() -> tuple[RuleSet, ...]:
    """Every registered rule set, by name."""
    found = [r for module in FAMILIES.values() for r in import_module(module).RULE_SETS]
    return tuple(sorted(found, key=lambda r: r.name))
