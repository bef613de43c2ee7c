"""Tables with named keys, described as data: one description reads, writes and documents.

`Shape` is the way of one value (how to read it, how to write it, its JSON Schema); `Key` is a named value of a table;
`Table` reads a parsed table into keyword arguments, refusing unknown keys with a suggestion. An empty place means that
the caller reads again, with the place, if this fails: composing places costs more than reading.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

from marginbook.connectors import values
from marginbook.connectors.values import join, shown, suggestion
from marginbook.domain.errors import BadInput
from marginbook.exact import format_decimal
from marginbook.units import format_time

Read = Callable[[Any, str], Any]
Write = Callable[[Any], Any]


def _as_is(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Shape:
    """How one value is read, written and described."""

    read: Read
    schema: Mapping[str, Any]
    write: Write = _as_is


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key of a table. `attribute` is the domain's name where it differs (`position` -> `positions`)."""

    shape: Shape
    note: str
    required: bool = False
    attribute: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of keys; `aliases` are names that people use for a key, answered with a hint, never accepted."""

    name: str
    keys: Mapping[str, Key]
    aliases: Mapping[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "required", tuple(name for name, key in self.keys.items() if key.required))

    def read(self, value: Any, place: str) -> dict[str, Any]:
        """Keyword arguments by attribute name; absent keys are left out."""
        if not isinstance(value, dict):
            raise BadInput("wrong_type", place, shown(value), f"a table describing {self.name}")
        keys = self.keys
        arguments = {}
        for name, item in value.items():
            key = keys.get(name)
            if key is None:
                raise self.unknown(name, place)
            arguments[key.attribute or name] = key.shape.read(item, place and join(place, name))
        for name in self.required:
            if name not in value:
                raise BadInput("missing_key", join(place, name), "nothing", keys[name].note)
        return arguments

    def unknown(self, name: str, place: str) -> BadInput:
        """The error for a key that the table does not have."""
        alias = self.aliases.get(name)
        hint = f"; did you mean {alias}?" if alias else suggestion(name, self.keys)
        return BadInput("unknown_key", join(place, name), shown(name), "one of " + ", ".join(self.keys) + hint)

    def write(self, value: Any, defaults: Any = None) -> dict[str, Any]:
        """The table of a domain object, without the keys whose value is the field's default."""
        written = {}
        for name, key in self.keys.items():
            attribute = key.attribute or name
            item = getattr(value, attribute)
            if key.required or item != getattr(defaults, attribute):
                written[name] = key.shape.write(item)
        return written

    def schema(self) -> dict[str, Any]:
        """JSON Schema of the table."""
        return {
            "type": "object",
            "properties": {name: {**key.shape.schema, "description": key.note} for name, key in self.keys.items()},
            "required": list(self.required),
            "additionalProperties": False,
        }


def choice(*options: str) -> Shape:
    """One word of a few."""

    def read(value: Any, place: str) -> str:
        if isinstance(value, str) and value in options:
            return value
        hint = suggestion(value.lower(), options) if isinstance(value, str) else ""
        code = "unknown_choice" if isinstance(value, str) else "wrong_type"
        raise BadInput(code, place, shown(value), " or ".join(options) + hint)

    return Shape(read, {"enum": list(options)})


def mapping_of(shape: Shape, what: str) -> Shape:
    """A table whose keys are names (currencies, quantities) and whose values are all of one shape."""

    def read(value: Any, place: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise BadInput("wrong_type", place, shown(value), f"a table of {what}")
        read_item = shape.read
        result = {}
        for name, item in value.items():
            here = place and join(place, name)
            result[values.read_text(name, here)] = read_item(item, here)
        return result

    def write(value: Mapping[str, Any]) -> dict[str, Any]:
        return {name: shape.write(item) for name, item in value.items()}

    return Shape(read, {"type": "object", "additionalProperties": dict(shape.schema)}, write)


def list_of(table: Table, build: Callable[..., Any], defaults: Any) -> Shape:
    """A list of tables, each built into a domain object."""

    def read(value: Any, place: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise BadInput("wrong_type", place, shown(value), f"a list of tables, each describing {table.name}")
        return tuple(build(**table.read(item, place and join(place, index))) for index, item in enumerate(value))

    def write(items: tuple[Any, ...]) -> list[Any]:
        return [table.write(item, defaults) for item in items]

    return Shape(read, {"type": "array", "items": table.schema()}, write)


def one_of_table(table: Table, build: Callable[..., Any], defaults: Any) -> Shape:
    """One table, built into a domain object."""

    def read(value: Any, place: str) -> Any:
        return build(**table.read(value, place))

    return Shape(read, table.schema(), partial(table.write, defaults=defaults))


_DECIMAL_TEXT = r"^\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$"
_UNSIGNED_TEXT = r"^\s*\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$"


def _number(pattern: str, **bound: int) -> dict[str, Any]:
    return {"anyOf": [{"type": "number", **bound}, {"type": "string", "pattern": pattern}]}


def _write_decimal(value: Decimal) -> str:
    return format_decimal(value)


DECIMAL = Shape(values.read_decimal, _number(_DECIMAL_TEXT), _write_decimal)
POSITIVE = Shape(values.read_positive, _number(_UNSIGNED_TEXT, exclusiveMinimum=0), _write_decimal)
NOT_NEGATIVE = Shape(values.read_not_negative, _number(_UNSIGNED_TEXT, minimum=0), _write_decimal)
RAW = Shape(
    values.read_integer,
    {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]{1,80}$"}]},
    str,
)
SIGNED_RAW = Shape(
    values.read_signed_integer,
    {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^-?[0-9]{1,80}$"}]},
    str,
)
INTEGER = Shape(values.read_small_integer, {"type": "integer", "minimum": 0})
FLAG = Shape(values.read_flag, {"type": "boolean"})
TEXT = Shape(values.read_text, {"type": "string", "minLength": 1, "maxLength": values.TEXT_MAX})
WORD = Shape(values.read_word, {"type": ["string", "number", "boolean"]})
RULES = Shape(values.read_rules, {"type": "string", "pattern": "^[^/]+/.+$"})
TIME = Shape(values.read_time, {"type": ["string", "integer"]}, format_time)
PLAIN = Shape(values.read_plain, {})
