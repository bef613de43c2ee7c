"""Which zone a pool and an account are in: safe, warning, call, liquidation or bankrupt.

Liquidation is the rule set's own decision. Warning and call are ours: support·a < demand·b on the exact sums, with the
borders of the rule set, of its e-mode loops, or the caller's.
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any, Literal

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.risk import Risk
from marginbook.domain.zones import LOOP_BORDERS, Border, DistanceBorder, Zone
from marginbook.exact import in_exact_context
from marginbook.venues.rules import RuleSet

Family = Literal["derivatives", "lending", "broker", "loop"]
Borders = Mapping[str, tuple[Border, ...]]
"""Borders per `Family`, replacing the defaults of those families; mildest first."""


def ratio_border(border: DistanceBorder) -> Border:
    """A loop's distance border as one of support against demand.

    In a loop collateral and debt follow the same asset, so what threatens it is the fall of one against the other: the
    loop is `below` away from liquidation where support·(1 − below) < demand.

    >>> ratio_border(DistanceBorder(Zone.WARNING, Decimal("0.05"), Decimal("0.055")))
    Border(zone=<Zone.WARNING: 1>, support_factor=950, demand_factor=1000, rearm_support_factor=945, \
rearm_demand_factor=1000)
    """
    scale = 10 ** max(_decimals(border.below), _decimals(border.rearm), 0)
    return Border(border.zone, scale - int(border.below * scale), scale, scale - int(border.rearm * scale), scale)


def _decimals(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


@cache
def loop_borders() -> tuple[Border, ...]:
    """`domain.zones.LOOP_BORDERS` as ratio borders."""
    return tuple(ratio_border(border) for border in LOOP_BORDERS)


def family_of_pool(rule_set: RuleSet, account: Account, pool: str, market: Market, parameters: Any) -> Family:
    """Which borders apply to `pool`; a lending pool in an e-mode may be a correlated loop, which lowering knows."""
    if rule_set.family == "lending" and account.emode:
        for legs in rule_set.module.lower(account, market, parameters).pools:
            if legs.pool == pool:
                return legs.family
    return rule_set.family


def borders_of(rule_set: RuleSet, family: Family, borders: Borders | None = None) -> tuple[Border, ...]:
    """The caller's borders for `family` if given, else those of the rule set or of loops."""
    if borders is not None and family in borders:
        return borders[family]
    return loop_borders() if family == "loop" else rule_set.borders


def is_below(risk: Risk[Any], border: Border) -> bool:
    """support·a < demand·b: the zone of `border` is entered."""
    return bool(risk.support * border.support_factor < risk.demand * border.demand_factor)


def is_rearmed(risk: Risk[Any], border: Border) -> bool:
    """support·a′ ≥ demand·b′: the zone of `border`, once entered, is left."""
    return bool(risk.support * border.rearm_support_factor >= risk.demand * border.rearm_demand_factor)


@in_exact_context
def next_zone(previous: Zone, risk: Risk[Any], liquidatable: bool, borders: tuple[Border, ...]) -> Zone:
    """The zone after `previous`: entered at a border, left at its inner border only.

    >>> at_health = lambda h: Risk(2 * h, 100, h, h, 100, h, 100)
    >>> from marginbook.domain.zones import LENDING_BORDERS
    >>> [next_zone(Zone.SAFE, at_health(h), h < 100, LENDING_BORDERS).label for h in (150, 149, 110, 109, 99)]
    ['safe', 'warning', 'warning', 'call', 'liquidation']
    >>> [next_zone(Zone.CALL, at_health(h), h < 100, LENDING_BORDERS).label for h in (114, 115, 154, 155)]
    ['call', 'warning', 'warning', 'safe']
    """
    if liquidatable:
        return Zone.BANKRUPT if risk.assets < risk.liabilities or risk.support < 0 else Zone.LIQUIDATION
    zone = Zone.SAFE
    for border in borders:
        if is_below(risk, border) or (previous >= border.zone and not is_rearmed(risk, border)):
            zone = max(zone, border.zone)
    return zone


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
