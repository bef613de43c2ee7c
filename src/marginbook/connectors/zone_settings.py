"""Zone thresholds of a book (`[zones.derivatives]`, `[zones.lending]`, `[zones.loop]`, `[zones.broker]`) as borders.

Derivatives and broker thresholds are demand / support, lending ones are health, loops are judged by distance down.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from marginbook.connectors.tables import POSITIVE, Key, Table
from marginbook.connectors.values import join, shown, suggestion
from marginbook.domain.errors import BadInput
from marginbook.domain.zones import Border, DistanceBorder, Zone
from marginbook.exact import CONTEXT, to_raw_exact

Zones = Mapping[str, tuple[Border, ...]]
FAMILIES = ("derivatives", "lending", "loop", "broker")
THRESHOLD_DECIMALS = 6
"""Most decimals of a threshold."""

THRESHOLDS = Table(
    "zone thresholds",
    {
        "warning": Key(shape=POSITIVE, required=True, note="where the warning zone begins"),
        "call": Key(shape=POSITIVE, required=True, note="where the margin call zone begins"),
        "rearm": Key(shape=POSITIVE, required=True, note="how far inside a border a zone is left again"),
    },
    {"margin_call": "call", "warn": "warning", "hysteresis": "rearm"},
)


def read_zones(value: Any, place: str) -> Zones:
    """Borders by family; thresholds must be ordered by danger.

    >>> read_zones({"lending": {"warning": "1.5", "call": "1.1", "rearm": "0.05"}}, "f:")["lending"][0].demand_factor
    1500000
    """
    if not isinstance(value, dict):
        raise BadInput("wrong_type", place, shown(value), "a table of thresholds by family")
    zones: dict[str, tuple[Border, ...]] = {}
    for family, table in value.items():
        here = join(place, family)
        if family not in FAMILIES:
            raise BadInput("unknown_key", here, shown(family), ", ".join(FAMILIES) + suggestion(family, FAMILIES))
        given = THRESHOLDS.read(table, here)
        warning, call, rearm = given["warning"], given["call"], given["rearm"]
        if family in ("derivatives", "broker"):
            ordered = warning < call and (call < 1 or (family == "broker" and call == 1))
        else:
            ordered = warning > call and (warning < 1 if family == "loop" else call >= 1)
        if not ordered or rearm >= min(warning, call):
            raise BadInput("inconsistent", here, f"warning {warning}, call {call}, rearm {rearm}", _ORDER[family])
        build = _BORDERS[family]
        zones[family] = (
            build(Zone.WARNING, warning, rearm, here),
            build(Zone.CALL, call, rearm, here),
        )
    return zones


_ORDER = {
    "derivatives": "rearm < warning < call < 1, as demand / support",
    "broker": "rearm < warning < call <= 1, as demand / support",
    "lending": "warning > call >= 1 > rearm, as health",
    "loop": "1 > warning > call > rearm, as distance down",
}


def _scaled(value: Decimal, place: str) -> int:
    try:
        return to_raw_exact(value, THRESHOLD_DECIMALS)
    except ValueError:
        raise BadInput("out_of_range", place, value, f"at most {THRESHOLD_DECIMALS} decimals") from None


def _demand_border(zone: Zone, threshold: Decimal, rearm: Decimal, place: str) -> Border:
    one = 10**THRESHOLD_DECIMALS
    inner = CONTEXT.subtract(threshold, rearm)
    return Border(zone, _scaled(threshold, place), one, _scaled(inner, place), one)


def _health_border(zone: Zone, threshold: Decimal, rearm: Decimal, place: str) -> Border:
    one = 10**THRESHOLD_DECIMALS
    inner = CONTEXT.add(threshold, rearm)
    return Border(zone, one, _scaled(threshold, place), one, _scaled(inner, place))


def _distance_border(zone: Zone, threshold: Decimal, rearm: Decimal, place: str) -> Border:
    from marginbook.book.zoning import ratio_border

    inner = CONTEXT.add(threshold, rearm)
    _scaled(threshold, place)
    _scaled(inner, place)
    return ratio_border(DistanceBorder(zone, threshold, inner))


_BORDERS = {
    "derivatives": _demand_border,
    "lending": _health_border,
    "loop": _distance_border,
    "broker": _demand_border,
}
