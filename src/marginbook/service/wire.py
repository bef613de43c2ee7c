"""JSON as it leaves the service: decimals are strings, errors have four fields, every answer names its ground."""

import json
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from marginbook.domain.errors import Problem
from marginbook.engine.answers import problem_json
from marginbook.exact import format_decimal
from marginbook.service.provider import Answer, Json
from marginbook.units import format_time


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format_decimal(value)
    raise TypeError(f"{type(value).__name__} does not go on the wire")


def encode(value: Any) -> bytes:
    """Compact JSON.

    >>> encode({"price": Decimal("1.50")})
    b'{"price":"1.5"}'
    """
    return json.dumps(value, default=_plain, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def stamped(answer: Answer) -> Json:
    """The body with `as_of`, `sequence` and `rules`."""
    stamp = answer.stamp
    return {
        "as_of": format_time(stamp.as_of),
        "sequence": stamp.sequence,
        "rules": list(stamp.rules),
        **answer.body,
    }


class JsonResponse(Response):
    """A response with an already plain body."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return encode(content)


def error_response(status: int, code: str, place: str, value: str, expected: str) -> JsonResponse:
    """The one shape of every refusal."""
    return JsonResponse(problem_json(Problem(code, place, value[:200], expected)), status_code=status)


def merge_patch(old: Any, new: Any) -> Any:
    """The JSON merge patch (RFC 7396) that turns `old` into `new`; lists are replaced whole.

    >>> merge_patch({"a": 1, "b": {"c": 2, "d": 3}}, {"a": 1, "b": {"c": 4}})
    {'b': {'d': None, 'c': 4}}
    """
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    patch = {key: None for key in old if key not in new}
    for key, value in new.items():
        if key not in old:
            patch[key] = value
        elif old[key] != value:
            patch[key] = merge_patch(old[key], value)
    return patch
