"""Numbers of risk models: the schedule, historical quantiles, log-normal shortfall, a SPAN array, backtests."""

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from marginbook.exact import ZERO
from marginbook.risk_models import coverage, historical, lognormal_es, schedule, span_array
from marginbook.testing.vectors import Task, Unsupported
from marginbook.units import parse_time

CLASSES = {
    "IR": "Rates",
    "InterestRate": "Rates",
    "RatesFX": "Rates",
    "ForeignExchange": "FX",
    "CreditQ": "Credit",
    "CreditNonQ": "Credit",
}
"""Other names of product classes."""
TRANSITIONS = ("n00", "n01", "n10", "n11")
"""Days of each kind after days of each kind."""
OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def task(case: Mapping[str, Any], asked: Sequence[str]) -> Task:
    """What the group's model answers."""
    kind = str(case.get("kind", case.get("id", "")))
    if kind.startswith("im_schedule"):
        return _schedule(case)
    if kind.startswith("histsim"):
        return _historical(case)
    if kind.startswith("vega"):
        return _shortfall(case)
    return _span(case) if kind.startswith("span") else _coverage(case)


def _inputs(case: Mapping[str, Any]) -> dict[str, Any]:
    return {**case, **case.get("inputs", {})}


def _schedule(case: Mapping[str, Any]) -> Task:
    """Rows of a CRIF: present value and notional of each trade, which net within the trade."""
    rules, function = "risk_models/schedule", "schedule_margin"
    rows = case.get("rows", case.get("trades"))
    if not isinstance(rows, list):
        raise Unsupported("unverified: the trades are described in words only", rules, function)
    start = _date(case.get("asof", case.get("as_of")))
    sums: dict[str, dict[str, Any]] = {}
    for row in rows:
        trade = sums.setdefault(str(row["TradeID"]), {"PV": ZERO, "Notional": ZERO, "row": row})
        trade[str(row["RiskType"])] += Decimal(str(row.get("AmountUSD", row.get("Amount"))))
    trades = [
        schedule.Trade(
            CLASSES.get(str(trade["row"]["ProductClass"]), str(trade["row"]["ProductClass"])),
            trade["Notional"],
            trade["PV"],
            schedule.years_between(start, _date(trade["row"].get("end_date", trade["row"].get("EndDate")))),
        )
        for trade in sums.values()
    ]
    rates = schedule.rates_at(parse_time(start.isoformat()))
    fields = {
        "gross_im": "gross_margin",
        "gross_rc": "gross_replacement_cost",
        "net_rc": "net_replacement_cost",
        "ngr": "net_to_gross",
        "im": "margin",
    }

    def compute(name: str) -> Any:
        side, _, part = name.rpartition(".")
        if part in ("call", "post"):
            raise Unsupported("computed in its parts", rules, function)
        if part not in fields or side not in ("", "call", "post"):
            raise Unsupported(f"no number {name}", rules, function)
        return getattr(schedule.schedule_margin(trades, rates, "post" if side == "post" else "call"), fields[part])

    return Task(rules, function, compute)


def _date(text: Any) -> date:
    """A day, as 2020-12-28 or 28/12/2020.

    >>> _date("28/12/2020") == _date("2020-12-28")
    True
    """
    if match := re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", str(text)):
        return date(int(match[3]), int(match[2]), int(match[1]))
    return date.fromisoformat(str(text)[:10])


def _historical(case: Mapping[str, Any]) -> Task:
    """Quantiles `q01` and tail means `es01` of profits, of which only the two tails may be given."""
    rules = "risk_models/historical"
    worst, best, count = _tails(_inputs(case))
    middle = count - len(worst) - len(best)
    # What lies between the tails is never asked for: any profit between them keeps the order.
    profits = sorted(worst) + [max(worst)] * middle + sorted(best)
    convention = str(case.get("convention", ""))

    def compute(name: str) -> Any:
        match = re.fullmatch(r"(q|var|es)_?(?:0\.)?(\d+)", name, re.IGNORECASE)
        if match is None:
            raise Unsupported(f"no number {name}", rules)
        level = Decimal("0." + match[2])
        index = historical.rank(count, level)
        if middle and (len(worst) <= index + 1 if match[1] == "es" else len(worst) <= index < count - len(best)):
            raise Unsupported("the profits asked for are not in the tails that are given", rules)
        if match[1] == "es":
            return historical.tail_mean(profits, level, "acerbi_tasche" if "Acerbi" in convention else "inclusive")
        return historical.quantile(profits, level, "linear" if "linear" in convention else "floor")

    return Task(rules, "", compute)


def _tails(inputs: Mapping[str, Any]) -> tuple[list[Decimal], list[Decimal], int]:
    whole = next((inputs[name] for name in ("pnl", "profits", "pnls") if name in inputs), None)
    if whole is not None:
        profits = [Decimal(str(value)) for value in whole]
        return profits, [], len(profits)
    lists: dict[str, Any] = {
        side: next((value for name, value in inputs.items() if re.match(rf"{side}(_\d+)?$", name)), [])
        for side in ("worst", "best")
    }
    worst, best = ([Decimal(str(value)) for value in lists[side]] for side in ("worst", "best"))
    return worst, best, int(inputs.get("n", len(worst) + len(best)))


def _number(value: Any) -> float:
    """A number, or one written as a sum, product or quotient.

    >>> _number("1/(4*25)"), _number(Decimal("1.5"))
    (0.01, 1.5)
    """

    def worth(node: ast.AST) -> float:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return float(node.value)
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            return OPERATORS[type(node.op)](worth(node.left), worth(node.right))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -worth(node.operand)
        raise ValueError(f"{value!r} is not a number")

    return worth(ast.parse(str(value), mode="eval").body)


def _shortfall(case: Mapping[str, Any]) -> Task:
    inputs = _inputs(case)
    names = ("mu", "sigma", "tau", "lambda")
    drift, volatility, years, level = (_number(inputs.get(name, 0)) for name in names)
    found = lognormal_es.margin_factors(drift, volatility, years, level)
    return Task("risk_models/lognormal_es", "margin_factors", lambda name: Decimal(repr(getattr(found, name))))


def _span(case: Mapping[str, Any]) -> Task:
    """The array of one future, as profits of a position; a source that rounds thirds keeps three digits of them."""
    rules, inputs = "risk_models/span_array", _inputs(case)
    price, extreme, cover = (
        Decimal(str(inputs[name])) for name in ("price_scan_range", "extreme_multiplier", "extreme_cover")
    )
    array = span_array.future_array(span_array.Ranges(price, extreme, cover))

    def losses(position: Decimal) -> tuple[Decimal, ...]:
        return span_array.scenario_losses({"future": position}, {"future": array})

    def compute(name: str) -> Any:
        if match := re.fullmatch(r"(pnl|loss|risk_array)_(long|short)_(\d+)", name):
            position = Decimal(match[3]) * (1 if match[2] == "long" else -1)
            return [-loss if match[1] == "pnl" else loss for loss in losses(position)]
        if name == "requirement":
            return span_array.scan_risk(losses(Decimal(str(inputs.get("position", 1)))))
        raise Unsupported(f"no number {name}", rules)

    return Task(rules, "", compute, tolerance=lambda name, stated: price / 2000 if "_" in name else None)


def _coverage(case: Mapping[str, Any]) -> Task:
    rules, inputs = "risk_models/coverage", _inputs(case)
    words = " ".join(str(inputs.get(name, "")) for name in ("model", "id"))
    days, exceeded = int(_stated(inputs, ("T", "n", "days"), r"T\s*=\s*(\d+)", words)), int(inputs["x"])
    expected = _stated(inputs, ("p", "expected_rate", "alpha"), r"p\s*=\s*([\d.]+%?)", words)
    test = coverage.kupiec(exceeded, days, float(expected))
    answers: dict[str, Callable[[], Any]] = {
        "LR_pof": lambda: test.statistic,
        "p_value": lambda: test.p_value,
        "binom_cdf": lambda: coverage.binomial_at_most(exceeded, days, float(expected)),
        "zone": lambda: coverage.basel_zone(exceeded, days, float(expected)),
    }

    if all(name in inputs for name in TRANSITIONS):
        clustered = coverage.independence(*(int(inputs[name]) for name in TRANSITIONS))
        answers["LR_ind"] = lambda: clustered.statistic
        answers["LR_cc"] = lambda: test.statistic + clustered.statistic

    def compute(name: str) -> Any:
        if name not in answers:
            raise Unsupported(f"no number {name}", rules)
        return answers[name]()

    return Task(rules, "", compute)


def _stated(inputs: Mapping[str, Any], names: Sequence[str], pattern: str, words: str) -> Fraction:
    """A number that is a field, or is said in the name of the model."""
    found = next((str(inputs[name]) for name in names if name in inputs), None)
    if found is None:
        match = re.search(pattern, words)
        if match is None:
            raise Unsupported(f"{names[0]} is not stated", "risk_models/coverage")
        found = match[1]
    return Fraction(found.rstrip("%")) / (100 if found.endswith("%") else 1)
