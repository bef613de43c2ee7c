"""The support matrix: rule sets, what each can do as last measured, and by what it is verified.

The measured half is `support.json`, written by trying every rule set (`testing/support`); a test keeps the two equal.
"""

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from marginbook.venues.registry import all_rule_sets

CAPABILITIES = ("margin", "liquidation_price", "planner", "events")
"""Columns that are yes or no."""
FACTS = ("lowering", "interest", "laws", "vectors", "parameters")
"""Columns that say how, how many, or from when to when."""


@cache
def _measured() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(files("marginbook.venues").joinpath("support.json").read_text())
    return found


def support_matrix() -> list[dict[str, Any]]:
    """One row per rule set."""
    rows = []
    for rules in all_rule_sets():
        found = _measured().get(rules.name, {})
        row: dict[str, Any] = {"rules": rules.name, "family": rules.family, "price_kind": rules.price_kind}
        row |= {name: bool(found.get(name)) for name in CAPABILITIES}
        row |= {name: found.get(name, "") for name in FACTS if name != "vectors"}
        row["vectors"] = _vectors(found)
        row["deviations"] = found.get("deviations", {})
        row["evm"] = any("EVM" in text for text in rules.verified)
        row |= {"verified_by": list(rules.verified), "unverified": list(rules.unverified)}
        rows.append(row)
    return rows


def _vectors(found: dict[str, Any]) -> str:
    passed, failed = found.get("vectors_passed", 0), found.get("vectors_failed", 0)
    return "" if not passed + failed else f"{passed} of {passed + failed}"


def support_markdown() -> str:
    """The matrix as a Markdown table, as it stands in the README."""
    columns = ("rules", *CAPABILITIES, "lowering", "interest", "evm", "vectors", "parameters")
    return _table(columns, support_matrix())


def results_markdown(names: Sequence[str]) -> str:
    """What was measured of some rule sets and by what they are verified, as it stands on their venue's page."""
    rows = [row for row in support_matrix() if row["rules"] in names]
    columns = ("rules", "price_kind", "lowering", "interest", "laws", "vectors", "evm", "parameters")
    return f"{_table(columns, rows)}\n\n{evidence_markdown(names)}"


def evidence_markdown(names: Sequence[str] | None = None) -> str:
    """By what each rule set (all where None) is verified, what is not, and which laws it breaks."""
    lines = []
    for row in support_matrix():
        if names is not None and row["rules"] not in names:
            continue
        lines.append(f"- `{row['rules']}` — {'; '.join(row['verified_by']) or 'not verified'}.")
        if row["unverified"]:
            lines.append(f"  Unverified: {'; '.join(row['unverified'])}.")
        lines += [f"  Deviates from *{law.replace('_', ' ')}*: {why}." for law, why in row["deviations"].items()]
    return "\n".join(lines)


def _table(columns: tuple[str, ...], rows: list[dict[str, Any]]) -> str:
    lines = ["| " + " | ".join(name.replace("_", " ") for name in columns) + " |", "|---" * len(columns) + "|"]
    return "\n".join(lines + ["| " + " | ".join(_cell(name, row[name]) for name in columns) + " |" for row in rows])


def _cell(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"`{value}`" if name == "rules" else str(value)
