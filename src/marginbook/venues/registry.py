"""Names to rule sets. Modules are imported when first asked for, so that a small `check` pays for one venue only."""

from collections.abc import Iterator
from functools import cache
from importlib import import_module

from marginbook.domain.errors import BadInput
from marginbook.venues.rules import RuleSet

FAMILIES: dict[str, tuple[str, ...]] = {
    "aave": ("aave_v3",),
    "binance": ("binance_usdm", "binance_coinm", "binance_multi_assets", "binance_portfolio"),
    "bitget": ("bitget",),
    "bitmex": ("bitmex",),
    "broker": ("broker",),
    "bybit": ("bybit",),
    "cme": ("cme",),
    "compound": ("compound",),
    "deribit": ("deribit",),
    "drift": ("drift",),
    "dydx": ("dydx", "dydx_v3"),
    "euler": ("euler",),
    "ftx": ("ftx",),
    "generic": ("generic",),
    "hyperliquid": ("hyperliquid",),
    "gmx": ("gmx",),
    "htx": ("htx",),
    "liquity": ("liquity",),
    "maker": ("maker",),
    "morpho": ("morpho",),
    "okx": ("okx",),
    "perp": ("perp",),
    "synthetix": ("synthetix",),
}
"""First part of a rule name -> modules of this room that define `RULE_SETS: tuple[RuleSet, ...]`."""


@cache
def rule_set(name: str) -> RuleSet:
    """The rule set called `name`; BadInput `unknown_rules` listing the known ones otherwise."""
    family = name.partition("/")[0]
    for candidate in _rule_sets(family):
        if candidate.name == name:
            return candidate
    raise BadInput("unknown_rules", "rules", name, "one of " + ", ".join(sorted(r.name for r in all_rule_sets())))


def all_rule_sets() -> tuple[RuleSet, ...]:
    """Every registered rule set, by name."""
    return tuple(sorted((rules for family in FAMILIES for rules in _rule_sets(family)), key=lambda r: r.name))


def _rule_sets(family: str) -> Iterator[RuleSet]:
    for module in FAMILIES.get(family, ()):
        yield from import_module(f"marginbook.venues.{module}").RULE_SETS
