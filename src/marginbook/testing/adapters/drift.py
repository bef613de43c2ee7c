"""Numbers of the tests of Drift's program: weights by size, and the base that covers a shortage.

The same reader serves the group `drift_size_premium` of initial margin models, which is a formula without numbers.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from marginbook.testing.vectors import Task, Unsupported
from marginbook.venues.drift.shortage import base_to_cover
from marginbook.venues.drift.units import WEIGHT
from marginbook.venues.drift.weights import size_discount_weight, size_premium_weight

RULES = "drift/2"

SIZE = ("size_1e9", "size")
FACTOR = ("imf_factor", "imf")
BASE_WEIGHT = ("base_weight_1e4", "base_weight", "w0")
"""Names that stand for one number."""


def task(case: Mapping[str, Any], asked: Sequence[str]) -> Task:
    """What the case asks, or why it cannot be answered."""
    function = str(case.get("function", case.get("id", "")))
    inputs = case.get("inputs", case)
    if function in ("size premium/discount weight", "drift_size_premium"):
        if not any(name in inputs for name in SIZE):
            raise Unsupported("a formula without numbers", RULES, function)
        return Task(RULES, function, _weight(inputs))
    if function == "calculate_base_asset_amount_to_cover_margin_shortage":
        return Task(RULES, function, _cover(inputs))
    raise Unsupported(f"no function {function}", RULES, function)


def _weight(inputs: Mapping[str, Any]) -> Callable[[str], Any]:
    size, factor, weight = (_first(inputs, names) for names in (SIZE, FACTOR, BASE_WEIGHT))
    kind = str(inputs.get("kind", "liability"))
    if kind not in ("liability", "asset"):
        raise Unsupported(f"no weight of {kind}", RULES)
    if kind == "asset":
        found = size_discount_weight(size, factor, weight)
    else:
        found = size_premium_weight(size, factor, weight, int(inputs.get("precision", WEIGHT)))
    return lambda name: found


def _first(inputs: Mapping[str, Any], names: Sequence[str]) -> int:
    """The first of `names` that is stated; 0 where none is."""
    return next((int(inputs[name]) for name in names if name in inputs), 0)


def _cover(inputs: Mapping[str, Any]) -> Callable[[str], Any]:
    shortage, ratio, fee, insurance, price = (
        int(inputs.get(name, 0))
        for name in ("margin_shortage", "margin_ratio", "liquidation_fee", "if_liquidation_fee", "oracle_price")
    )
    found = base_to_cover(shortage, ratio, fee, insurance, price, int(inputs.get("quote_oracle_price", 10**6)))
    return lambda name: found
