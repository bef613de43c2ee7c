"""What if a parameter were another: who, how much, and how much sooner.

    marginbook stress BOOK --parameter aave.WETH.liquidation_threshold=0.80

A change is `VENUE.MARKET.PARAMETER=VALUE`, or with a full rule name in place of the venue; the parameter has the name
that it has under `[parameters]` in a book file, and lies over the account's own table. Accounts of the venue are judged
under both tables: zones and sums as in any stress, the smallest common fall that makes each changed one liquidatable,
and the ladder of what is liquidatable at each fall.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.engine.tables import merged
from marginbook.exact import format_decimal
from marginbook.margin_calls.distance import distances_of_account
from marginbook.simulate.stress import ladder
from marginbook.venues.registry import FAMILIES, all_rule_sets, rule_set

Overlays = Mapping[str, Mapping[str, Mapping[str, Any]]]
ParametersOf = Callable[[Account], Any]
LADDER_MOVES = tuple(Decimal(step) / 20 for step in range(-10, 1))
DISTANCES_MOST = 1000
"""Most accounts whose distances are worked out; further ones are counted only."""


@dataclass(frozen=True, slots=True)
class Change:
    """One parameter of one market: `where` is a venue or a rule name."""

    where: str
    market: str
    parameter: str
    value: Any
    text: str

    def touches(self, account: Account) -> bool:
        """Whether the account is of the venue, or of the rule set, that changes."""
        return self.where in (account.venue, account.rules)


def parse_change(text: str) -> Change:
    """A change from its text; a value that begins with a bracket is JSON. BadInput `bad_change` otherwise.

    >>> change = parse_change("aave.USDC.e.liquidation_threshold=0.80")
    >>> change.where, change.market, change.parameter, change.value
    ('aave', 'USDC.e', 'liquidation_threshold', '0.80')
    >>> parse_change("aave/3.6.WETH.ltv=0.5").where
    'aave/3.6'
    """
    expected = "VENUE.MARKET.PARAMETER=VALUE, such as aave.WETH.liquidation_threshold=0.80"
    place, separator, value = (part.strip() for part in text.partition("="))
    where = place.partition(".")[0]
    if "/" in where:
        known = [rules.name for rules in all_rule_sets() if place.startswith(f"{rules.name}.")]
        where = max(known, key=len, default=where)
    market, dot, parameter = place[len(where) + 1 :].rpartition(".")
    if not separator or not dot or not market or not parameter or not value:
        raise BadInput("bad_change", "parameter", text, expected)
    if where.partition("/")[0] not in FAMILIES:
        raise BadInput("bad_change", "parameter", text, "a venue: one of " + ", ".join(sorted(FAMILIES)))
    read: Any = value
    if value.startswith("["):
        try:
            read = json.loads(value, parse_float=Decimal, parse_int=Decimal)
        except ValueError:
            raise BadInput("bad_change", f"parameter {text}", value, "a JSON list") from None
    return Change(where, market, parameter, read, text)


def changed_parameters(
    parameters_of: ParametersOf, overlays: Overlays, changes: Sequence[Change], at: int
) -> ParametersOf:
    """`parameters_of` with the changes laid over the tables of the accounts that they touch."""
    built: dict[tuple[str, str | None, str | None], Any] = {}

    def changed(account: Account) -> Any:
        mine = [change for change in changes if change.touches(account)]
        if not mine:
            return parameters_of(account)
        key = (account.rules, account.parameters, account.network)
        if key not in built:
            parameters_of(account)  # says what is wrong with the account's own table first
            overlay: Mapping[str, Any] = overlays.get(account.parameters or "", {})
            for change in mine:
                overlay = merged(overlay, {change.market: {change.parameter: change.value}})
            rules = rule_set(account.rules)
            built[key] = rules.module.parameters(rules.version, at, overlay, account.network)
        return built[key]

    return changed


def effect(
    accounts: Sequence[Account],
    market: Market,
    before: ParametersOf,
    after: ParametersOf,
    changes: Sequence[Change],
    at: int,
    named: Sequence[str],
) -> dict[str, Any]:
    """The ladder under both tables, and the least common fall of each account in `named` under both."""
    touched = [account for account in accounts if any(change.touches(account) for change in changes)]
    if not touched:
        places = ", ".join(change.where for change in changes)
        raise BadInput("unknown_venue", "parameter", places, "a venue that an account of the book is on")
    judged = [account for account in touched if _judged(account, market, before, after, at)]
    rows = []
    for account in [account for account in judged if account.id in set(named)][:DISTANCES_MOST]:
        sides = [
            distances_of_account(rule_set(account.rules), account, market, parameters(account), at).down
            for parameters in (before, after)
        ]
        texts = [None if side is None else format_decimal(side) for side in sides]
        rows.append({"account": account.id, "down_before": texts[0], "down_after": texts[1]})
    return {
        "parameters": [change.text for change in changes],
        "touched": len(touched),
        "distances": rows,
        "ladder": {
            "before": ladder(judged, market, before, at, moves=LADDER_MOVES),
            "after": ladder(judged, market, after, at, moves=LADDER_MOVES),
        },
    }


def _judged(account: Account, market: Market, before: ParametersOf, after: ParametersOf, at: int) -> bool:
    try:
        for parameters in (before, after):
            rule_set(account.rules).module.risk(account, market, parameters(account), at)
    except BadInput:
        return False  # told among the errors of the stress itself
    return True
