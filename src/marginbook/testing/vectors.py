"""What a numeric case becomes: a rule set, a function, and a way to compute each asked number."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from marginbook.connectors.books import load_book_bytes, market_of
from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.domain.risk import LiquidationPrice, MarginRatio, Plan, Quantities, Risk
from marginbook.engine.answers import report_json
from marginbook.engine.evaluate import evaluate
from marginbook.exact import format_decimal
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

OVERLAY = "vector"
MARKET = ("prices", "indices", "state")


class Unsupported(Exception):
    """A case that no rule set can compute, and why."""

    def __init__(self, reason: str, rules: str = "", function: str = "") -> None:
        self.reason, self.rules, self.function = reason, rules, function
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Task:
    """`compute(name)` gives one number; BadInput or `Unsupported` where it cannot."""

    rules: str
    function: str  # empty: the quantity's own name
    compute: Callable[[str], Any]
    unsigned: frozenset[str] = frozenset()  # numbers that some venues print with the sign of the side
    tolerance: Callable[[str, Mapping[str, Any]], Decimal | None] | None = (
        None  # by what is stated and how inputs are rounded
    )


@dataclass(frozen=True, slots=True)
class Setting:
    """An account in its market under its parameters."""

    account: Account
    market: Market
    parameters: Any
    at: int

    def call(self, function: str, *arguments: Any) -> Any:
        """One of the rule set's functions of (account, …, market, parameters, at)."""
        module = rule_set(self.account.rules).module
        return getattr(module, function)(self.account, *arguments, self.market, self.parameters, self.at)


def task_of_vector(raw: Mapping[str, Any], asked: Sequence[str]) -> Task:
    """A user's own vector; BadInput where its inputs are no account."""
    rules, function = str(raw["rules"]), str(raw["function"])
    if function == "maintenance_amount":
        return Task(rules, function, lambda name: maintenance_amount(raw["inputs"]))
    setting = setting_of(rules, raw["inputs"])
    if function == "check":
        return Task(rules, function, lambda name: _at_path(_report(setting), name.split(".")))
    answers: dict[str, Callable[[str], Any]] = {
        "quantities": lambda name: _of_pools(setting.call("quantities"), name),
        "risk": lambda name: _of_pools(setting.call("risk"), name),
        "is_liquidatable": lambda name: _liquidatable(setting, name),
        "liquidation_prices": lambda name: liquidation_price(setting.call("liquidation_prices"), name),
        "plan_liquidation": lambda name: _plan(setting, name),
    }
    if function in {field.name for field in fields(Quantities)}:
        found = answers["quantities"]
        return Task(rules, function, lambda name: found(_or_own(name, function)))
    answers["liquidation_price"] = answers["liquidation_prices"]
    if function not in answers:
        raise Unsupported(f"no function {function}", rules, function)
    asked_of = answers[function]
    own = "liquidation_price" if function.startswith("liquidation_price") else function
    return Task(rules, function, lambda name: asked_of(_or_own(name, own)))


def _or_own(name: str, own: str) -> str:
    """The name of the only number where a vector gives none."""
    return own if name == "value" else name


def setting_of(rules: str, inputs: Mapping[str, Any]) -> Setting:
    """An account, its market and parameters in the keys of a book file."""
    beside = (*MARKET, "parameters", "at")
    given = inputs.get("account", {key: inputs[key] for key in inputs if key not in beside})
    account = {"id": "vector", **(given[0] if isinstance(given, list) else given), "rules": rules}
    book: dict[str, Any] = {"account": [account]}
    if "parameters" in inputs:
        account["parameters"] = OVERLAY
        book["parameters"] = {OVERLAY: inputs["parameters"]}
    book |= {key: inputs[key] for key in MARKET if key in inputs}
    loaded = load_book_bytes([("vector.json", json.dumps(book, default=_plain).encode())])
    problems = [*loaded.problems, *(rejected.problem for rejected in loaded.rejected)]
    if problems:
        first = problems[0]
        raise BadInput(first.code, first.place, first.value, first.expected)
    at = parse_time(str(inputs["at"])) if "at" in inputs else (loaded.as_of or 0)
    rule = rule_set(rules)
    overlay = loaded.overlays.get(OVERLAY)
    found = loaded.accounts[0]
    parameters = rule.module.parameters(rule.version, at, overlay, found.network)
    return Setting(found, market_of(loaded), parameters, at)


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return format_decimal(value)
    raise TypeError(f"{value!r} does not belong in a vector")


def maintenance_amount(inputs: Mapping[str, Any]) -> Decimal:
    """`cum` of a bracket from its floor, the two rates and the amount before it."""
    from marginbook.venues.brackets import next_maintenance_amount

    names = ("floor", "mmr_previous", "mmr", "cum_previous")
    floor, before, rate, cum = (Decimal(str(inputs[name])) for name in names)
    return next_maintenance_amount(floor, before, rate, cum)


def liquidation_price(prices: Sequence[LiquidationPrice], name: str) -> Decimal | None:
    """The price named `pool.market`, `market` or `liquidation_price`: as the venue displays it, else the exact one."""
    found = [
        price
        for price in prices
        if name in ("liquidation_price", price.market, f"{price.pool}.{price.market}", f"{price.market}.{price.side}")
    ]
    displayed = [price for price in found if price.source == "venue_displayed"]
    return (displayed or found)[0].price if found else None


def quantity(found: Quantities, name: str) -> Any:
    """A quantity by name, the venue's own print of it where that differs."""
    if name in found.venue:
        return found.venue[name]
    if name not in {field.name for field in fields(found)}:
        raise Unsupported(f"no quantity {name}")
    value = getattr(found, name)
    return value.value if isinstance(value, MarginRatio) else value


def _of_pools(pools: Mapping[str, Quantities] | Mapping[str, Risk[Any]], name: str) -> Any:
    pool, _, rest = name.rpartition(".")
    if not pool:
        if len(pools) != 1:
            raise BadInput("ambiguous_quantity", "expected", name, "pool.name, as there are " + ", ".join(pools))
        pool = next(iter(pools))
    if pool not in pools:
        raise BadInput("unknown_pool", "expected", pool, "one of " + ", ".join(pools))
    found = pools[pool]
    return quantity(found, rest) if isinstance(found, Quantities) else getattr(found, rest)


def _only_pool(setting: Setting, name: str, own: str) -> str:
    pools = setting.call("risk")
    return next(iter(pools)) if name == own and len(pools) == 1 else name


def _liquidatable(setting: Setting, name: str) -> bool:
    return bool(setting.call("is_liquidatable", _only_pool(setting, name, "is_liquidatable")))


def _plan(setting: Setting, name: str) -> Any:
    pool, _, field = name.rpartition(".")
    plan: Plan = setting.call("plan_liquidation", pool or _only_pool(setting, "plan", "plan"))
    return getattr(plan, field)


def _report(setting: Setting) -> dict[str, Any]:
    return report_json(evaluate(setting.account, setting.market, lambda account: setting.parameters, setting.at))


def _at_path(value: Any, path: Sequence[str]) -> Any:
    for step in path:
        value = value[int(step)] if isinstance(value, list) else value.get(step)
    return value
