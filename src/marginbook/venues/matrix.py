"""The support matrix: rule sets, their capabilities, and by what each is verified."""

from typing import Any

from marginbook.venues.registry import all_rule_sets

CAPABILITIES = {
    "margin": "quantities",
    "liquidation_price": "liquidation_prices",
    "planner": "plan_liquidation",
    "events": "apply",
    "lowering": "lower",
}
"""Column of the matrix -> function of the rule module that provides it."""


def support_matrix() -> list[dict[str, Any]]:
    """One row per rule set: a capability is present where the module defines the function."""
    rows = []
    for rules in all_rule_sets():
        row: dict[str, Any] = {"rules": rules.name, "family": rules.family, "price_kind": rules.price_kind}
        row |= {column: hasattr(rules.module, function) for column, function in CAPABILITIES.items()}
        row |= {"verified_by": list(rules.verified), "unverified": list(rules.unverified)}
        rows.append(row)
    return rows


def support_markdown() -> str:
    """The matrix as a Markdown table, as it stands in the README."""
    columns = ["rules", *CAPABILITIES, "verified_by", "unverified"]
    lines = ["| " + " | ".join(name.replace("_", " ") for name in columns) + " |", "|---" * len(columns) + "|"]
    for row in support_matrix():
        cells = [_cell(row[name]) for name in columns]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "; ".join(value) if isinstance(value, list) else f"`{value}`"
