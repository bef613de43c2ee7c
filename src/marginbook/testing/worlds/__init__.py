"""Random accounts in their markets, one module per rule family: what the laws of all rule sets are tried on.

A module is called like the family (first part of the rule name, `/` and `-` as `_`) and defines

    world(rules: str, random: Random) -> Setting    an account that the rule set accepts, often near its border

Seeds, not strategies, so that benches of millions of accounts and tests draw from the same worlds.
"""

from importlib import import_module
from random import Random

from marginbook.testing.vectors import Setting


def world(rules: str, random: Random) -> Setting:
    """A random account of `rules`; ModuleNotFoundError where its family has no worlds yet."""
    family = rules.partition("/")[0].replace("-", "_")
    found: Setting = import_module(f"marginbook.testing.worlds.{family}").world(rules, random)
    return found
