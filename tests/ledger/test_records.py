"""Records of the domain as JSON values, and back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

import pytest

from marginbook.domain.errors import BadInput
from marginbook.domain.zones import Zone
from marginbook.ledger.records import from_plain, to_plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Flat:
    name: str
    zone: Zone
    limit: int | None = None
    open: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Deep:
    flats: Mapping[tuple[str, str], Flat] = field(default_factory=dict)
    kind: Literal["a", "b"] = "a"
    amounts: Mapping[str, Decimal] = field(default_factory=dict)
    anything: Mapping[str, Any] = field(default_factory=dict)
    either: int | Decimal = 0


DEEP = Deep(
    flats={("x", "y"): Flat(name="n", zone=Zone.CALL), ("x", "z"): Flat(name="m", zone=Zone.SAFE, limit=3, open=False)},
    kind="b",
    amounts={"USD": Decimal("1.500"), "EUR": Decimal("-0")},
    anything={"rows": [("1", Decimal("0.10"), None)], "deep": {"on": True}},
    either=Decimal("2.0"),
)


def test_what_is_written_is_read():
    back = from_plain(json.loads(json.dumps(to_plain(DEEP, Deep))), Deep)
    assert back == DEEP
    assert repr(back) == repr(DEEP)


def test_defaults_are_not_written_and_columns_may_be_missing():
    assert to_plain(Deep(), Deep) == {}
    plain = to_plain(DEEP, Deep)
    del plain["flats"]["columns"]["limit"]
    assert from_plain(plain, Deep).flats["x", "z"].limit is None


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "c"},
        {"surprise": 1},
        {"amounts": {"USD": "many"}},
        {"flats": {"keys": [["x"]], "columns": {"name": ["n"], "zone": [1]}}},
        {"flats": {"keys": [["x", "y"]], "columns": {"name": ["n"], "zone": [99]}}},
        {"flats": {"keys": [["x", "y"]], "columns": {"name": ["n"], "zone": [1], "surprise": [1]}}},
        {"flats": {"keys": [["x", "y"]], "columns": {"name": [7], "zone": [1]}}},
        {"flats": {"keys": [["x", "y"]], "columns": {"name": ["n", "m"], "zone": [1]}}},
    ],
)
def test_a_record_of_another_shape_is_an_error(change):
    with pytest.raises(BadInput) as error:
        from_plain(to_plain(DEEP, Deep) | change, Deep)
    assert error.value.problem.code == "bad_record"
