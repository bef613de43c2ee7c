"""Other people's numbers through the rule sets: `marginbook conform`.

A number passes if |computed − printed| is less than one unit of the last printed digit, or at most the stated
tolerance. Every compared number counts once, under its file, rule set and function; what cannot be computed counts as
unsupported, with the reason. Keys that end in `_reported_only` are not scored, nor are keys that begin with
`tolerance_`: they state how exact the printed numbers are in a unit that the venue's adapter knows.

One's own vectors, a list or `{"vectors": [...]}` in JSON, or `[[vectors]]` in TOML:

    {"id": "cross", "rules": "binance/usdm", "function": "quantities",
     "inputs": {"account": {…book keys…}, "prices": {…}, "parameters": {…}, "at": "2026-10-01T00:00:00Z"},
     "expected": {"margin_balance": "8600"}, "tolerance": {"margin_balance": "0.01"}, "source": "where it was printed"}

`function` is a function of a rule set (quantities, risk, is_liquidatable, liquidation_prices, plan_liquidation), the
name of one quantity, or `check`, whose answer is that of `marginbook check`. Keys of `expected` are names in the
answer, joined by dots: `cross:USDT.margin_balance`, or `margin_balance` alone for an account of one pool; a market, or
`liquidation_price`. A single number needs no key.

A tolerance is a number, or a text with `abs 0.005`, `rel 1e-8` or `abs 1e-8 below 1e-10` (of the printed number).

Files of other shapes (`examples`, `cases`, `groups`) are read by `testing/adapters`; an adapter is handed the inputs
and the names of the printed quantities, never their values.
"""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.exact import CONTEXT, format_decimal
from marginbook.testing.vectors import Task, Unsupported, task_of_vector

ADAPTERS = {"examples": "cex", "cases": "perp_dex", "groups": "initial_margin"}
"""Top-level key of a foreign file -> adapter."""
HIDDEN = ("expected", "reported", "check", "formula", "tolerance")
"""What an adapter never sees."""
NOT_SCORED = "_reported_only"
STATED = "tolerance_"
UNREADABLE = (BadInput, LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
"""What a malformed case may raise: it fails, and the other cases go on."""


class NoCases(Exception):
    """A readable file of some other content."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a file, its inputs apart from what was printed."""

    id: str
    inputs: Mapping[str, Any]
    expected: Mapping[str, Any]
    tolerance: Any
    task_of: Callable[[Mapping[str, Any], Sequence[str]], Task]


@dataclass(slots=True)
class Tally:
    """Results while they are counted."""

    counts: dict[tuple[str, str, str], Counter[str]] = field(default_factory=dict)
    reasons: dict[tuple[str, str, str], Counter[str]] = field(default_factory=dict)
    failures: list[dict[str, str]] = field(default_factory=list)

    def add(self, file: str, rules: str, function: str, outcome: str, reason: str | None = None) -> None:
        """Count one number."""
        key = (file, rules, function)
        self.counts.setdefault(key, Counter())[outcome] += 1
        if reason is not None:
            self.reasons.setdefault(key, Counter())[reason] += 1

    def fail_file(self, file: str, why: str) -> None:
        """Count a file that could not be read."""
        self.add(file, "", "", "failed")
        self.failures.append({"id": file, "quantity": "file", "expected": "a file of numeric cases", "got": why})

    def answer(self) -> dict[str, Any]:
        """The answer of `conform --json`."""
        results = []
        for key, counts in self.counts.items():
            file, rules, function = key
            row: dict[str, Any] = {"file": file, "rules": rules, "function": function}
            row |= {name: counts[name] for name in ("passed", "failed", "unsupported")}
            if key in self.reasons:
                row["reasons"] = dict(self.reasons[key])
            results.append(row)
        return {"results": results, "failures": self.failures}


def conform(paths: Sequence[Path]) -> dict[str, Any]:
    """Every case of the files and folders in `paths`, computed and compared."""
    tally = Tally()
    for path in paths:
        for file in _files(Path(path)):
            try:
                cases = list(_cases(file))
            except NoCases as none:
                # A folder may hold other data; a file that was named was meant.
                if Path(path).is_dir():
                    tally.add(str(file), "", "", "unsupported", str(none))
                else:
                    tally.fail_file(str(file), str(none))
                continue
            except (OSError, *UNREADABLE) as error:
                tally.fail_file(str(file), str(error))
                continue
            for case in cases:
                _run(case, str(file), tally)
    return tally.answer()


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(found for found in path.rglob("*") if found.suffix in (".json", ".toml"))
    return [path]


def _cases(file: Path) -> Iterator[Case]:
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".toml":
        content: Any = tomllib.loads(text, parse_float=Decimal)
    else:
        content = json.loads(text, parse_float=Decimal)
    if isinstance(content, Mapping) and "rules" in content:
        content = [content]
    if isinstance(content, list):
        content = {"vectors": content}
    key = next((key for key in ("vectors", *ADAPTERS) if key in content), None)
    if key is None:
        raise NoCases("none of the keys vectors, " + ", ".join(ADAPTERS))
    task_of, raws = task_of_vector, content[key]
    if key != "vectors":
        adapter = import_module(f"marginbook.testing.adapters.{ADAPTERS[key]}")
        task_of = adapter.task
        if split := getattr(adapter, "cases_of", None):
            raws = [case for raw in raws for case in (split(raw) if isinstance(raw, Mapping) else (raw,))]
    for number, raw in enumerate(raws):
        if not isinstance(raw, Mapping):
            raise ValueError(f"{key}[{number}] is not a table")
        expected = raw.get("expected", raw.get("reported"))
        yield Case(
            id=str(raw.get("id", f"{key}[{number}]")),
            inputs={name: value for name, value in raw.items() if name not in HIDDEN},
            expected=expected if isinstance(expected, Mapping) else {"value": expected},
            tolerance=raw.get("tolerance"),
            task_of=task_of,
        )


def _run(case: Case, file: str, tally: Tally) -> None:
    stated = {name: value for name, value in case.expected.items() if name.startswith(STATED)}
    scored = {
        name: value for name, value in case.expected.items() if name not in stated and not name.endswith(NOT_SCORED)
    }
    try:
        task = case.task_of(case.inputs, tuple(scored))
    except Unsupported as no:
        for _ in scored or ("",):
            tally.add(file, no.rules, no.function, "unsupported", no.reason)
        return
    except UNREADABLE as error:
        tally.add(file, str(case.inputs.get("rules", "")), str(case.inputs.get("function", "")), "failed")
        tally.failures.append({"id": case.id, "quantity": "inputs", "expected": "a readable case", "got": str(error)})
        return
    waiting = list(scored.items())
    while waiting:
        name, printed = waiting.pop(0)
        function = task.function or name
        try:
            got = task.compute(name)
        except Unsupported as no:
            if isinstance(printed, Mapping):  # a table that is not computed as a whole may be in parts
                waiting += [(f"{name}.{part}", value) for part, value in printed.items()]
                continue
            tally.add(file, task.rules, function, "unsupported", no.reason)
            continue
        except UNREADABLE as bad:
            got = str(bad)
        tolerance = case.tolerance.get(name) if isinstance(case.tolerance, Mapping) else case.tolerance
        if tolerance is None and task.tolerance is not None:
            tolerance = task.tolerance(name, stated)
        if name in task.unsigned and str(printed).startswith("-"):
            printed = str(printed)[1:]
        if agrees(got, printed, tolerance):
            tally.add(file, task.rules, function, "passed")
        else:
            tally.add(file, task.rules, function, "failed")
            tally.failures.append({"id": case.id, "quantity": name, "expected": _text(printed), "got": _text(got)})


def agrees(got: Any, printed: Any, tolerance: Any = None) -> bool:
    """Whether a computed value is what was printed.

    >>> agrees(Decimal("1114.78496"), "1114.78"), agrees(Decimal("1114.79"), "1114.78")
    (True, False)
    >>> agrees(Decimal("7.60299750"), "7.60299749"), agrees(Decimal("7.60299750"), "7.60299749", "1e-8")
    (False, True)
    >>> agrees(True, True), agrees(None, None), agrees(None, "1")
    (True, True, False)

    Tables and lists agree part by part, a rational `{num, den}` by its value.

    >>> agrees({"num": 1, "den": 2}, {"num": 50, "den": "100"}), agrees([1, {"a": 2}], [1, {"a": 3}])
    (True, False)
    """
    if isinstance(printed, Mapping) and isinstance(got, Mapping):
        if got.keys() != printed.keys():
            return False
        if got.keys() == {"num", "den"}:
            return Fraction(int(got["num"]), int(got["den"])) == Fraction(int(printed["num"]), int(printed["den"]))
        return all(agrees(got[name], printed[name], tolerance) for name in printed)
    if isinstance(printed, list) and isinstance(got, list):
        return len(got) == len(printed) and all(agrees(*pair, tolerance) for pair in zip(got, printed, strict=True))
    if isinstance(printed, bool) or isinstance(got, bool) or printed is None or got is None:
        return got is printed
    ours, theirs = _number(got), _number(printed)
    if ours is None or theirs is None:
        return str(got) == str(printed)
    if not ours.is_finite() or not theirs.is_finite():
        return ours == theirs
    difference = abs(CONTEXT.subtract(ours, theirs))
    allowed = _allowed(tolerance, theirs)
    if allowed is not None and difference <= allowed:
        return True
    exponent = theirs.as_tuple().exponent
    assert isinstance(exponent, int)
    return difference < Decimal((0, (1,), min(exponent, 0)))


def _allowed(tolerance: Any, printed: Decimal) -> Decimal | None:
    """The largest difference: a number, or a text with `abs 0.5`, `rel 1e-8` and `abs 1e-8 below 1e-10`.

    >>> _allowed("rel 1e-8", Decimal("-200")), _allowed("abs 0.5 (rounded)", Decimal(7)), _allowed("exact", Decimal(7))
    (Decimal('0.00000200'), Decimal('0.5'), None)
    >>> _allowed("rel 1e-8, abs 1e-8 below 1e-10", Decimal("1e-12"))
    Decimal('1E-8')
    """
    if tolerance is None or (plain := _number(tolerance)) is not None:
        return None if tolerance is None else plain
    found = re.findall(r"\b(abs|rel) ([\d.]+(?:e[+-]?\d+)?)(?: below ([\d.]+(?:e[+-]?\d+)?))?", str(tolerance))
    applies = [
        Decimal(size) * (abs(printed) if kind == "rel" else 1)
        for kind, size, below in found
        if not below or abs(printed) < Decimal(below)
    ]
    return max(applies, default=None)


def _number(value: Any) -> Decimal | None:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def _text(value: Any) -> str:
    return format_decimal(value) if isinstance(value, Decimal) else str(value)
