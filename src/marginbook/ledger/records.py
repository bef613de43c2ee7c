"""Plain JSON values for the frozen dataclasses of the domain, driven by their type hints.

Decimals are text, tuples are lists, mappings with compound keys are lists of pairs, and fields at their default are
left out, so that a field added later with a default reads old records. A union of dataclasses is tagged with `"type"`;
a mapping of flat dataclasses is written by columns.
"""

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import cache
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from marginbook.domain.errors import BadInput


class Codec(NamedTuple):
    """Both directions for one type."""

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


def to_plain(value: object, kind: Any) -> Any:
    """`value` of type `kind` as JSON values.

    >>> from marginbook.domain.account import Fixed
    >>> to_plain(Fixed(support=Decimal("1.50")), Fixed)
    {'support': '1.50'}
    """
    return codec(kind).encode(value)


def from_plain(plain: Any, kind: Any) -> Any:
    """What `to_plain` was given. BadInput `bad_record` if the record does not have the shape of `kind`."""
    try:
        return codec(kind).decode(plain)
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation) as error:
        raise BadInput("bad_record", "record", repr(plain)[:200], f"a {_name(kind)} ({error})") from error


@cache
def codec(kind: Any) -> Codec:
    """The codec of a type, built once from its hints."""
    if kind is Any or kind is object or kind == int | Decimal:
        return Codec(_encode_any, _decode_any)
    if kind is Decimal:
        return Codec(str, Decimal)
    if kind in (str, int, bool, float, type(None)):
        return Codec(_same, _checked(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return Codec(lambda member: member.value, kind._value2member_map_.__getitem__)
    if is_dataclass(kind):
        return _dataclass_codec(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return Codec(_same, _one_of(arguments))
    if origin in (Union, types.UnionType):
        return _union_codec(arguments)
    if origin is tuple:
        return _tuple_codec(arguments)
    if origin in (Mapping, dict) or kind in (Mapping, dict):
        return _mapping_codec(arguments or (str, Any))
    if origin in (frozenset, set):
        (item,) = map(codec, arguments)
        return Codec(lambda values: sorted(map(item.encode, values)), lambda plain: origin(map(item.decode, plain)))
    raise TypeError(f"no record form for {kind!r}")


def _name(kind: Any) -> str:
    return getattr(kind, "__name__", str(kind))


def _same(value: Any) -> Any:
    return value


def _checked(kind: type) -> Callable[[Any], Any]:
    def decode(plain: Any) -> Any:
        if type(plain) is not kind:
            raise TypeError(f"{plain!r} is not {_name(kind)}")
        return plain

    return decode


def _one_of(choices: tuple[Any, ...]) -> Callable[[Any], Any]:
    def decode(plain: Any) -> Any:
        if plain not in choices:
            raise ValueError(f"{plain!r} is none of {', '.join(map(repr, choices))}")
        return plain

    return decode


def _dataclass_codec(kind: Any) -> Codec:
    hints = get_type_hints(kind)
    parts: list[tuple[str, Any, Codec]] = []
    for field in fields(kind):
        default = field.default if field.default_factory is MISSING else field.default_factory()
        parts.append((field.name, default, codec(hints[field.name])))
    readers = [(name, _plain_type(hints[name]), part.decode) for name, _, part in parts]

    def encode(value: Any) -> dict[str, Any]:
        plain = {}
        for name, default, part in parts:
            item = getattr(value, name)
            if item is not default and (default is MISSING or not _identical(item, default)):
                plain[name] = part.encode(item)
        return plain

    def decode(plain: Any) -> Any:
        if not isinstance(plain, dict):
            raise TypeError(f"{plain!r} is not {_name(kind)}")
        values = {}
        for name, expected, read in readers:
            if name in plain:
                item = plain[name]
                values[name] = item if type(item) is expected else read(item)
        if len(values) != len(plain) - ("type" in plain):
            raise TypeError(f"fields {sorted(plain)} are not those of {_name(kind)}")
        return kind(**values)

    return Codec(encode, decode)


def _plain_type(kind: Any) -> Any:
    """The type whose values are written as they are, for a shortcut past the codec; Ellipsis: there is none."""
    members = [member for member in get_args(kind) if member is not type(None)]
    if get_origin(kind) in (Union, types.UnionType) and len(members) == 1:
        kind = members[0]
    return kind if kind in (str, int, bool) else Ellipsis


def _identical(item: Any, default: Any) -> bool:
    """Equal and written alike: 0 and 0.00 are different records."""
    return type(item) is type(default) and item == default and str(item) == str(default)


def _union_codec(arguments: tuple[Any, ...]) -> Codec:
    members = [argument for argument in arguments if argument is not type(None)]
    if len(members) == 1:
        inner = codec(members[0])
        return Codec(
            lambda value: None if value is None else inner.encode(value),
            lambda plain: None if plain is None else inner.decode(plain),
        )
    if not all(is_dataclass(member) for member in members):
        return Codec(_encode_any, _decode_any)
    by_name = {_name(member): codec(member) for member in members}

    def encode(value: Any) -> Any:
        name = type(value).__name__
        return {"type": name, **by_name[name].encode(value)}

    return Codec(encode, lambda plain: by_name[plain["type"]].decode(plain))


def _tuple_codec(arguments: tuple[Any, ...]) -> Codec:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        item = codec(arguments[0])
        return Codec(
            lambda values: [item.encode(value) for value in values],
            lambda plain: tuple(item.decode(value) for value in plain),
        )
    if set(arguments) == {str}:
        return Codec(list, _texts(len(arguments)))
    items = tuple(map(codec, arguments))
    return Codec(
        lambda values: [item.encode(value) for item, value in zip(items, values, strict=True)],
        lambda plain: tuple(item.decode(value) for item, value in zip(items, plain, strict=True)),
    )


def _texts(count: int) -> Callable[[Any], Any]:
    def decode(plain: Any) -> Any:
        if len(plain) != count or set(map(type, plain)) != {str}:
            raise TypeError(f"{plain!r} is not {count} texts")
        return tuple(plain)

    return decode


def _mapping_codec(arguments: tuple[Any, ...]) -> Codec:
    key, value = codec(arguments[0]), codec(arguments[1])
    if is_dataclass(arguments[1]) and all(map(_is_flat, get_type_hints(arguments[1]).values())):
        return _table_codec(key, arguments[1])
    if arguments[0] is str:
        return Codec(
            lambda mapping: {name: value.encode(item) for name, item in mapping.items()},
            lambda plain: {str(name): value.decode(item) for name, item in plain.items()},
        )
    return Codec(
        lambda mapping: [[key.encode(name), value.encode(item)] for name, item in mapping.items()],
        lambda plain: {key.decode(name): value.decode(item) for name, item in plain},
    )


def _is_flat(kind: Any) -> bool:
    return _plain_type(kind) is not Ellipsis or (isinstance(kind, type) and issubclass(kind, Enum))


def _table_codec(key: Codec, kind: Any) -> Codec:
    """Many flat records of one kind as columns: {"keys": […], "columns": {field: […]}}."""
    hints = get_type_hints(kind)
    parts = [(field.name, codec(hints[field.name]), _plain_type(hints[field.name])) for field in fields(kind)]

    def encode(mapping: Mapping[Any, Any]) -> dict[str, Any]:
        columns = {name: [part.encode(getattr(item, name)) for item in mapping.values()] for name, part, _ in parts}
        return {"keys": [key.encode(name) for name in mapping], "columns": columns}

    def decode(plain: Any) -> Any:
        given = dict(plain["columns"])
        columns = {
            name: [item if type(item) is expected else part.decode(item) for item in given.pop(name)]
            for name, part, expected in parts
            if name in given
        }
        if given:
            raise TypeError(f"fields {sorted(given)} are not those of {_name(kind)}")
        keys = [key.decode(name) for name in plain["keys"]]
        names = tuple(columns)
        rows = [kind(**dict(zip(names, row, strict=True))) for row in zip(*columns.values(), strict=True)]
        return dict(zip(keys, rows, strict=True))

    return Codec(encode, decode)


def _encode_any(value: Any) -> Any:
    if isinstance(value, Decimal):
        return {"$decimal": str(value)}
    if isinstance(value, tuple):
        return {"$tuple": [_encode_any(item) for item in value]}
    if isinstance(value, list):
        return [_encode_any(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): _encode_any(item) for name, item in value.items()}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"{value!r} has no record form")


def _decode_any(plain: Any) -> Any:
    if isinstance(plain, list):
        return [_decode_any(item) for item in plain]
    if isinstance(plain, dict):
        if plain.keys() == {"$decimal"}:
            return Decimal(plain["$decimal"])
        if plain.keys() == {"$tuple"}:
            return tuple(_decode_any(item) for item in plain["$tuple"])
        return {name: _decode_any(item) for name, item in plain.items()}
    return plain
