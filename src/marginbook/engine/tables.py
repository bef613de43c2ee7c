"""Parameter tables in use: which table an account has, read once and changed only by events.

A table is read for the time at which it is first needed, so that a replay reads the same one; later versions of a
venue's table come as `ParameterChange` events, between two frames and for all holders at once.
"""

from collections.abc import Mapping
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.events import ParameterChange
from marginbook.engine.state import Overlay, Table, TableKey
from marginbook.venues.registry import rule_set


class Tables:
    """Resolves (rules, overlay name, network) to a parameter table."""

    def __init__(self, overlays: Mapping[str, Overlay], tables: Mapping[TableKey, Table], clock: int) -> None:
        self.overlays = overlays
        self.used = dict(tables)
        self.clock = clock
        self._built: dict[TableKey, Any] = {}

    def of(self, account: Account) -> Any:
        """The parameters of an account; BadInput where there are none."""
        key = (account.rules, account.parameters, account.network)
        built = self._built.get(key)
        if built is None:
            table = self.used.get(key) or Table(at=self.clock, changes=self._changes_before(key))
            built = self._built[key] = self._build(key, table)
            self.used[key] = table
        return built

    def build(self) -> None:
        """Read all tables in use now."""
        for key, table in self.used.items():
            self._built[key] = self._build(key, table)

    def change(self, event: ParameterChange, at: int) -> None:
        """New parameters for every account of `event.rules` and `event.name`; BadInput: nothing changes."""
        name = event.name
        keys = [key for key in self.used if key[:2] == (event.rules, name)] or [(event.rules, name, None)]
        tables = {}
        for key in keys:
            old = self.used.get(key)
            changes = merged(old.changes if old else None, event.overlay)
            tables[key] = Table(at=at, changes=changes)
        built = {key: self._build(key, table) for key, table in tables.items()}
        self.used.update(tables)
        self._built.update(built)

    def _changes_before(self, key: TableKey) -> Overlay | None:
        """What was changed for the same rules and name on another network counts here too."""
        return next((table.changes for other, table in self.used.items() if other[:2] == key[:2]), None)

    def _build(self, key: TableKey, table: Table) -> Any:
        rules_name, name, network = key
        rules = rule_set(rules_name)
        if name is not None and name not in self.overlays and table.changes is None:
            known = ", ".join(sorted(self.overlays)) or "no tables: the book has none"
            raise BadInput("unknown_parameters", f"parameters.{name}", name, f"one of {known}")
        overlay = merged(self.overlays.get(name) if name is not None else None, table.changes or {})
        return rules.module.parameters(rules.version, table.at, overlay or None, network)


def merged(below: Overlay | None, above: Overlay) -> Overlay:
    """`above` on `below`, market by market and parameter by parameter.

    >>> merged({"WETH": {"ltv": "0.8", "cap": "1"}}, {"WETH": {"ltv": "0.7"}, "WBTC": {"ltv": "0.6"}})
    {'WETH': {'ltv': '0.7', 'cap': '1'}, 'WBTC': {'ltv': '0.6'}}
    """
    result = dict(below or {})
    for market, values in above.items():
        old = result.get(market)
        both = isinstance(old, Mapping) and isinstance(values, Mapping)
        result[market] = {**old, **values} if both else values  # type: ignore[dict-item]
    return result
