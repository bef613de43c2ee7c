"""Numeric groups of initial margin models (`groups`): how a group divides into cases, and the reader of each model.

A group prints its numbers in `expected`, or in rows beside the inputs. `cases_of` makes one case of every row and moves
what was printed to `expected`, so that a reader sees inputs only; a reader with a function `cases` of its own divides
its groups itself. A group of an unknown id is read as the group whose model it names.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import import_module
from typing import Any

from marginbook.testing.vectors import Task, Unsupported

READERS: dict[str, str] = {
    "drift_size_premium": "drift",
    "cboe_naked_equity_options": "broker",
    "regt_account_walkthrough": "broker",
    "im_schedule_ore": "risk_models",
    "im_schedule_simmlib": "risk_models",
    "histsim_var_ore": "risk_models",
    "vega_lognormal_es": "risk_models",
    "span_futures_risk_array": "risk_models",
    "kupiec_basel_250": "risk_models",
    "derive_pmrm2": "derive",
    "paradex_scan": "derive",
}
"""Id of a group -> module of this package with the same `task`."""

MODELS = {
    "bcbs-iosco": "im_schedule_ore",
    "historical simulation": "histsim_var_ore",
    "log-normal": "vega_lognormal_es",
    "span": "span_futures_risk_array",
    "kupiec": "kupiec_basel_250",
    "pmrm": "derive_pmrm2",
    "paradex": "paradex_scan",
    "finra 4210": "cboe_naked_equity_options",
    "reg t": "regt_account_walkthrough",
    "drift": "drift_size_premium",
}
"""A word of a model's name -> the group that is read alike."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Where a group keeps its rows and what of a row (without rows: of the group) was printed, by pattern."""

    rows: tuple[str, ...] = ()
    printed: tuple[str, ...] = ()
    near_zero: str = ""  # how numbers close to zero are compared, beside the stated tolerance


SHAPES = {
    "im_schedule_simmlib": Shape(("cases",), ("im",)),
    "span_futures_risk_array": Shape(printed=("pnl_*", "loss_*", "risk_array_*", "requirement")),
    "kupiec_basel_250": Shape(("rows",), ("LR_*", "p_value*", "binom_*", "zone")),
    # The venue's test compares absolutely where a number is within 10^-10 of zero.
    "derive_pmrm2": Shape(("cases",), ("our_*",), "abs 1e-8 below 1e-10"),
}


def kind_of(group: Mapping[str, Any]) -> str:
    """The id under which a group is read: its own, else that of the group of the same model.

    >>> kind_of({"id": "more", "model": "Kupiec POF, T=500"}), kind_of({"id": "x", "model": "other"})
    ('kupiec_basel_250', 'x')
    """
    own, model = str(group.get("id", "")), str(group.get("model", "")).lower()
    if own in READERS or own in SHAPES:
        return own
    return next((kind for word, kind in MODELS.items() if word in model), own)


def cases_of(group: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The cases of a group, what was printed in `expected`.

    >>> rows = [{"x": 1, "zone": "green"}, {"x": 5, "zone": "yellow"}]
    >>> found = list(cases_of({"id": "kupiec_basel_250", "rows": rows}))
    >>> [(case["id"], case["x"], case["expected"]) for case in found]
    [('kupiec_basel_250.rows[0]', 1, {'zone': 'green'}), ('kupiec_basel_250.rows[1]', 5, {'zone': 'yellow'})]
    """
    kind = kind_of(group)
    own = getattr(_reader(kind), "cases", None)
    for case in own(group) if own else _split(group, SHAPES.get(kind, Shape())):
        yield {**case, "kind": kind}


def _split(group: Mapping[str, Any], shape: Shape) -> Iterator[dict[str, Any]]:
    lists = [name for name in shape.rows if isinstance(group.get(name), list)]
    common = {name: value for name, value in group.items() if name not in lists}
    common["tolerance"] = _tolerance(group.get("tolerance"), shape.near_zero)
    if not lists:
        yield _case(common, group, shape)
    for name in lists:
        for number, row in enumerate(group[name]):
            label = row.get("name", row.get("id", f"{name}[{number}]"))
            yield {**_case(common, row, shape), "id": f"{group.get('id', '')}.{label}"}


def _case(common: Mapping[str, Any], row: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    def is_printed(name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in shape.printed)

    expected = row.get("expected", row.get("reported"))
    if expected is None:
        expected = {name: value for name, value in row.items() if is_printed(name)}
    whole = {name: value for name, value in {**row, **common}.items() if not is_printed(name)}
    return {**whole, "expected": expected}


def _tolerance(stated: Any, near_zero: str) -> Any:
    """A number, or a text with `abs …` or `rel …`; other texts leave the last printed digit to decide."""
    if not isinstance(stated, str):
        return stated
    if "abs " in stated or "rel " in stated:
        return f"{stated}, {near_zero}" if near_zero and "rel " in stated else stated
    return None


def _reader(kind: str) -> Any:
    return import_module(f"marginbook.testing.adapters.{READERS[kind]}") if kind in READERS else None


def task(case: Mapping[str, Any], asked: Sequence[str]) -> Task:
    """What the model's reader makes of a case; Unsupported with the model that is missing."""
    model = str(case.get("model", "unknown"))
    reader = _reader(str(case.get("kind", kind_of(case))))
    if reader is None:
        raise Unsupported(f"no model {model}", model, "initial_margin")
    found: Task = reader.task(case, asked)
    return found
