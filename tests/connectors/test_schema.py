"""The JSON Schema agrees with the reader, and every starter book is whole."""

import json
import re
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from marginbook.connectors.books import load_book_bytes, market_of
from marginbook.connectors.schema import json_schema, new_book
from marginbook.domain.errors import BadInput
from marginbook.engine.evaluate import evaluate, parameters_source
from marginbook.venues.registry import all_rule_sets

EXAMPLES = Path(__file__).parents[2] / "examples"
RULES = [rules.name for rules in all_rule_sets()]


def violations(schema: dict[str, Any], value: Any, path: str = "") -> list[str]:
    """The few keywords of JSON Schema that ours uses; an unknown keyword fails the test."""
    known = (
        "$schema title description type properties required additionalProperties propertyNames minProperties items"
        " enum anyOf pattern minimum exclusiveMinimum minLength maxLength"
    )
    assert set(schema) <= set(known.split()), set(schema)
    if "anyOf" in schema:
        return [] if any(not violations(s, value, path) for s in schema["anyOf"]) else [path]
    if "enum" in schema:
        return [] if value in schema["enum"] else [path]
    types = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, Decimal)}
    if "type" in schema:
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(
            isinstance(value, types[name]) and (name == "boolean") == isinstance(value, bool)  # type: ignore[arg-type]
            for name in names
        ):
            return [path]
    found: list[str] = []
    if isinstance(value, dict):
        properties, rest = schema.get("properties", {}), schema.get("additionalProperties", True)
        found += [f"{path}/{name}" for name in schema.get("required", ()) if name not in value]
        found += [path] if len(value) < schema.get("minProperties", 0) else []
        for name, item in value.items():
            if "propertyNames" in schema:
                found += violations(schema["propertyNames"], name, f"{path}/{name}")
            inner = properties.get(name, rest)
            if inner is False:
                found.append(f"{path}/{name}")
            elif inner is not True:
                found += violations(inner, item, f"{path}/{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += violations(schema.get("items", {}), item, f"{path}/{index}")
    elif isinstance(value, str):
        good = re.search(schema.get("pattern", ""), value) and len(value) >= schema.get("minLength", 0)
        found += [] if good and len(value) <= schema.get("maxLength", len(value)) else [path]
    elif isinstance(value, int | Decimal) and not isinstance(value, bool):
        below = "minimum" in schema and value < schema["minimum"]
        found += [path] if below or ("exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]) else []
    return found


def test_the_schema_is_plain_json() -> None:
    assert json.loads(json.dumps(json_schema())) == json_schema()


@pytest.mark.parametrize("text", [(EXAMPLES / "two-accounts.toml").read_text(), *map(new_book, RULES)])
def test_valid_books_satisfy_the_schema(text: str) -> None:
    assert violations(json_schema(), tomllib.loads(text, parse_float=Decimal)) == []


@pytest.mark.parametrize(
    ("book", "path"),
    [
        ({"acount": []}, "/acount"),
        ({"account": [{"id": "a"}]}, "/account/0/rules"),
        ({"account": [{"id": "a", "rules": "x"}]}, "/account/0/rules"),
        ({"account": [{"id": "", "rules": "x/1"}]}, "/account/0/id"),
        ({"account": [{"id": "a", "rules": "x/1", "mode": "both"}]}, "/account/0/mode"),
        ({"account": [{"id": "a", "rules": "x/1", "wallet": {"U": "1 USD"}}]}, "/account/0/wallet/U"),
        ({"account": [{"id": "a", "rules": "x/1", "wallet": {"U": True}}]}, "/account/0/wallet/U"),
        ({"account": [{"id": "a", "rules": "x/1", "fixed": {"demand": -1}}]}, "/account/0/fixed/demand"),
        ({"account": [{"id": "a", "rules": "x/1", "debt": [{"amount": 1}]}]}, "/account/0/debt/0/asset"),
        ({"prices": {"binance": {"X": "-1"}}}, "/prices/binance/X"),
        ({"prices": {"binance": {"X": {"close": "1"}}}}, "/prices/binance/X"),
        ({"zones": {"bank": {}}}, "/zones/bank"),
    ],
)
def test_schema_and_reader_refuse_the_same(book: dict[str, Any], path: str) -> None:
    assert violations(json_schema(), book) == [path]
    read = load_book_bytes([("b.json", json.dumps(book).encode())])
    assert len(read.problems) + len(read.rejected) == 1


@pytest.mark.parametrize("rules", RULES)
def test_a_starter_book_loads_and_evaluates(rules: str) -> None:
    book = load_book_bytes([("new.toml", new_book(rules).encode())])
    assert (book.problems, book.rejected) == ((), ())
    (account,) = book.accounts
    assert account.rules == rules
    assert book.as_of is not None
    report = evaluate(account, market_of(book), parameters_source(book.overlays, book.as_of), book.as_of)
    assert report.error is None
    assert report.worst is not None


def test_no_starter_for_unknown_rules() -> None:
    with pytest.raises(BadInput) as raised:
        new_book("bybit/linear")
    assert raised.value.problem.code == "unknown_rules"
    with pytest.raises(BadInput):
        new_book("aave/9.9")
