"""Impact curves as text, for command lines and files.

    sqrt:sigma=0.05,volume=1e9        Y·σ·√(q/V); Y=1 unless given
    linear:depth=5e6                  1 % for every 5 million
    pool:reserve=1e7                  a constant-product pool with so much on its quote side
    none
    1%:5e6,2%:9e6                     cumulative depth of an order book, both sides alike

An asset may stand before them: `ETH=sqrt:…`.
"""

from collections.abc import Callable

from marginbook.domain.errors import BadInput
from marginbook.simulate import impact
from marginbook.simulate.impact import Impact

DEFAULT = "sqrt:Y=1,sigma=0.05,volume=1e9"
"""A convention, not a measurement: 5 % a day, a billion of reporting currency traded a day."""
EXPECTED = "sqrt:sigma=0.05,volume=1e9, linear:depth=5e6, pool:reserve=1e7 or none, perhaps after ETH="
FORMS: dict[str, tuple[tuple[str, ...], dict[str, float], Callable[[dict[str, float]], Impact]]] = {
    "sqrt": (("sigma", "volume"), {"Y": 1.0}, lambda n: impact.square_root(n["sigma"], n["volume"], n["Y"])),
    "linear": (("depth",), {}, lambda n: impact.linear(n["depth"])),
    "pool": (("reserve",), {}, lambda n: impact.constant_product(n["reserve"])),
}
"""Name -> (what must be given, what may be, the curve)."""


def asset_and_rest(text: str) -> tuple[str | None, str]:
    """`ETH=linear:depth=1` as its asset, in capitals, and the rest; None where no asset stands before.

    >>> asset_and_rest("eth=linear:depth=1"), asset_and_rest("linear:depth=1")
    (('ETH', 'linear:depth=1'), (None, 'linear:depth=1'))
    """
    asset, equals, rest = text.partition("=")
    return (asset.strip().upper(), rest.strip()) if equals and ":" not in asset else (None, text.strip())


def parse_impact(text: str) -> Impact:
    """A curve from its text, without an asset; BadInput `bad_impact` otherwise.

    >>> float(parse_impact("linear:depth=5e6")(1e7)), float(parse_impact("none")(1e7))
    (0.98, 1.0)
    """
    name, _, given = text.partition(":")
    if name == "none" and not given:
        return impact.none
    if name not in FORMS:
        raise BadInput("bad_impact", "impact", text, EXPECTED)
    asked, known, make = FORMS[name]
    numbers: dict[str, float] = dict(known)
    for part in given.split(","):
        key, _, value = part.partition("=")
        if key.strip() not in (*asked, *known):
            raise BadInput("bad_impact", f"impact {text}", part, EXPECTED)
        numbers[key.strip()] = _number(value, text)
    if not set(asked) <= numbers.keys():
        raise BadInput("bad_impact", f"impact {text}", given, f"{name} with {', '.join(asked)}")
    return make(numbers)


def parse_levels(text: str) -> list[tuple[float, float]]:
    """(move, cumulative depth) of `1%:5e6,2%:9e6`.

    >>> parse_levels("1%:5e6, 2%:9e6")
    [(0.01, 5000000.0), (0.02, 9000000.0)]
    """
    levels = []
    for part in text.split(","):
        move, colon, depth = (piece.strip() for piece in part.partition(":"))
        if not colon or not move.endswith("%"):
            raise BadInput("bad_impact", f"depth {text}", part, "levels such as 1%:5e6,2%:9e6, or a file of depth")
        levels.append((_number(move[:-1], text) / 100.0, _number(depth, text)))
    return levels


def _number(text: str, whole: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadInput("bad_impact", f"impact {whole}", text, "a number such as 0.05 or 5e6") from None
