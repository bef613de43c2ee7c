"""Which zone a pool and an account are in: safe, warning, call, liquidation or bankrupt.

Liquidation is the rule set's own decision. Warning and call are ours: support·a < demand·b on the exact sums, with the
borders of the rule set, of its correlated loops, or the caller's. The transition itself is `book.zoning.next_zone`.
"""

from collections.abc import Mapping
from typing import Any

from marginbook.book.zoning import Family, borders_of_family, next_zone
from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.risk import Risk
from marginbook.domain.zones import Border, Zone
from marginbook.exact import in_exact_context
from marginbook.venues.rules import RuleSet

Borders = Mapping[str, tuple[Border, ...]]
"""Borders per `Family`, replacing the defaults of those families; mildest first."""


def family_of_pool(rule_set: RuleSet, account: Account, pool: str, market: Market, parameters: Any) -> Family:
    """Which borders apply to `pool`; one in an e-mode, or of a market of its own, may be a correlated loop."""
    if rule_set.family == "lending" and (account.emode or any(held.pool for held in account.collateral)):
        for legs in rule_set.module.lower(account, market, parameters).pools:
            if legs.pool == pool:
                return legs.family
    return rule_set.family


def borders_of(rule_set: RuleSet, family: Family, borders: Borders | None = None) -> tuple[Border, ...]:
    """The caller's borders for `family` if given, else those of the rule set or of loops."""
    if borders is not None and family in borders:
        return borders[family]
    return borders_of_family("loop") if family == "loop" else rule_set.borders


@in_exact_context
def zone_of_pool(
    rule_set: RuleSet,
    account: Account,
    pool: str,
    market: Market,
    parameters: Any,
    at: int,
    *,
    risk: Risk[Any] | None = None,
    borders: Borders | None = None,
    previous: Zone = Zone.SAFE,
) -> Zone:
    """The zone of one pool. `risk` saves a computation; `previous` is where it was, for hysteresis.

    At default borders a loan with health 1.3 is in the warning zone, and still so at 1.52 if it came from there.
    """
    module = rule_set.module
    family = family_of_pool(rule_set, account, pool, market, parameters)
    if risk is None:
        risk = module.risk(account, market, parameters, at)[pool]
    liquidatable = module.is_liquidatable(account, pool, market, parameters, at)
    return next_zone(previous, risk, liquidatable, borders_of(rule_set, family, borders))


@in_exact_context
def zone_of_account(
    rule_set: RuleSet,
    account: Account,
    market: Market,
    parameters: Any,
    at: int,
    *,
    borders: Borders | None = None,
) -> Zone:
    """The zone of the worst pool; safe where there is none."""
    risks = rule_set.module.risk(account, market, parameters, at)
    return max(
        (
            zone_of_pool(rule_set, account, pool, market, parameters, at, risk=risk, borders=borders)
            for pool, risk in risks.items()
        ),
        default=Zone.SAFE,
    )
