"""What a book file may say, for editors (`marginbook schema`), and books to start from (`marginbook new`)."""

from typing import Any

from marginbook.connectors.accounts import ACCOUNT
from marginbook.connectors.prices import INDEX, QUOTE, RATES
from marginbook.connectors.starters import starter, starters
from marginbook.connectors.tables import DECIMAL, POSITIVE, TEXT, TIME
from marginbook.connectors.zone_settings import FAMILIES, THRESHOLDS
from marginbook.domain.errors import BadInput
from marginbook.venues.registry import rule_set

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _by_name(schema: Any) -> dict[str, Any]:
    return {"type": "object", "propertyNames": dict(TEXT.schema), "additionalProperties": schema}


def json_schema() -> dict[str, Any]:
    """JSON Schema of a book in JSON or TOML.

    It says what keys and types there are; that ids are unique or that an amount and a scaled balance exclude each
    other, only reading the book says.

    >>> sorted(json_schema()["properties"])
    ['account', 'indices', 'parameters', 'prices', 'state', 'zones']
    """
    quote = {**QUOTE.schema(), "minProperties": 1}
    price = {"anyOf": [dict(POSITIVE.schema), quote]}
    return {
        "$schema": DIALECT,
        "title": "A marginbook book",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "account": {"type": "array", "items": ACCOUNT.schema(), "description": "accounts"},
            "parameters": {
                **_by_name(_by_name({"type": "object"})),
                "description": "overlays on the shipped tables: name, then market or asset, then parameter",
            },
            "prices": {
                "type": "object",
                "description": "prices by venue, then market or asset",
                "properties": {
                    "as_of": {**TIME.schema, "description": "time of the prices, and the default of --at"},
                    "rates": {**RATES.schema, "description": "reporting currency per unit of a currency"},
                    "max_age": {**POSITIVE.schema, "description": "age after which a price is stale [s]"},
                },
                "additionalProperties": _by_name(price),
            },
            "indices": {**_by_name(_by_name(INDEX.schema())), "description": "growth indices by venue, then asset"},
            "state": {
                **_by_name(_by_name(_by_name(dict(DECIMAL.schema)))),
                "description": "venue state by venue, then market or asset, then name",
            },
            "zones": {
                "type": "object",
                "properties": {family: THRESHOLDS.schema() for family in FAMILIES},
                "additionalProperties": False,
                "description": "zone thresholds by family",
            },
        },
    }


def new_book(rules: str) -> str:
    """A commented TOML book for a rule set; BadInput `unknown_rules` lists the known ones otherwise."""
    text = starter(rule_set(rules).name)
    if text is None:
        raise BadInput("unsupported", "rules", rules, "a rule set with a starter book: " + ", ".join(starters()))
    return text
