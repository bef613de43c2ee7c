"""Random accounts in their markets, one module per rule family: what the laws of all rule sets are tried on.

A module is called like the family (first part of the rule name) and defines

    world(rules: str, random: Random) -> Setting    an account that the rule set accepts, often near its border
    step(setting: Setting, market: str) -> Decimal  optional: the price grid of a market; default 10^-8
    DEVIATIONS: {rules: {law: reason}}              optional: laws (`testing/laws`) that a rule set breaks, and why

Seeds, not strategies, so that benches of millions of accounts and tests draw from the same worlds.
"""

from importlib import import_module
from random import Random
from typing import Any

from marginbook.testing.vectors import Setting


def module_of(rules: str) -> Any:
    """The worlds of a family; ModuleNotFoundError where it has none yet."""
    return import_module(f"marginbook.testing.worlds.{rules.partition('/')[0]}")


def world(rules: str, random: Random) -> Setting:
    """A random account of `rules`."""
    found: Setting = module_of(rules).world(rules, random)
    return found
