"""Worked examples of Deribit: one future under standard margin, and a simulated portfolio of inverse futures.

An unlabelled `rate`, `coin` or `usd` is an initial margin, except in the cases of `MAINTENANCE`: the same article
prints both for the same inputs, and nothing in a case says which it is. Profits of a portfolio's moves are the venue's
doubles.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market, Quote
from marginbook.exact import CONTEXT, ONE, ZERO, divide
from marginbook.testing.vectors import Setting, Task, Unsupported
from marginbook.units import parse_time
from marginbook.venues.deribit.instruments import Instrument, instrument
from marginbook.venues.deribit.parameters import Deribit
from marginbook.venues.deribit.portfolio import ADDITIONS, largest_loss
from marginbook.venues.registry import rule_set

AT = parse_time("2025-08-31T00:00:00Z")
MAINTENANCE = frozenset(("der-lin-05", "der-lin-06"))
"""Cases whose unlabelled margin is the maintenance margin."""
UNLABELLED = ("rate", "coin", "usd")
MOVE = re.compile(r"(perp|fut\w*)_at_([+-]?\d+(?:\.\d+)?)%")
SETTINGS = {
    "price_range": "price_range",
    "buckets_count": "buckets",
    "min_annualised_move": "least_annualised_move",
    "mm_factor": "maintenance_factor",
    "delta_total_liq_shock_threshold": "delta_threshold",
}
"""The venue's name of a setting -> ours."""


def task(case: Mapping[str, Any], asked: Sequence[str]) -> Task:
    """The case as an account of `deribit/standard` or `deribit/portfolio`."""
    words = f"{case.get('product', '')} {case.get('margin_mode', '')}".lower()
    return _portfolio(case) if "portfolio" in words else _standard(case, asked)


def _standard(case: Mapping[str, Any], asked: Sequence[str]) -> Task:
    rules = "deribit/standard"
    what = _instrument(case, rules)
    size, mark = _number(case, "qty"), _number(case, "mark")
    if mark is None and set(asked) <= {"rate", "coin"}:
        mark = ONE  # a margin in coins of a size in coins does not depend on it
    if what.is_option:
        raise Unsupported("an option's case without its index price", rules)
    if not size or mark is None:
        raise Unsupported(f"the case has no {'mark price' if size else 'size'}", rules)
    by_coins = what.quote is None and bool(set(asked) & set(UNLABELLED))
    amount = CONTEXT.multiply(abs(size), mark) if by_coins else abs(size)
    position = Position(market=what.name, side=_side(case), quantity=amount, entry=_number(case, "entry") or mark)
    index = _number(case, "index") or mark
    quotes = {("deribit", what.name, "mark"): Quote(mark), ("deribit", what.index, "index"): Quote(index)}
    found = rule_set(rules)
    account = Account(id=str(case.get("id", "case")), rules=rules, wallet={what.currency: ZERO}, positions=(position,))
    try:
        parameters = found.module.parameters(found.version, AT)
        parameters.rates_of(what.name)
    except BadInput as bad:
        raise Unsupported(f"{bad.problem.expected} are not known", rules) from None
    setting = Setting(account, Market(quotes=quotes), parameters, AT)
    coins = divide(amount, mark) if what.quote is None else amount

    def compute(name: str) -> Any:
        (sums,) = setting.call("risk").values()
        if name == "size_currency":
            return coins
        if name in ("initial_margin", "maintenance_margin"):
            return sums.demand_initial if name == "initial_margin" else sums.demand
        if name == "unrealized_pnl":
            return sums.margin_balance
        if name not in UNLABELLED:
            raise Unsupported(f"no quantity {name}")
        margin = sums.demand if case.get("id") in MAINTENANCE else sums.demand_initial
        in_coins = margin if what.quote is None else divide(margin, index)
        return {"coin": in_coins, "usd": CONTEXT.multiply(in_coins, index), "rate": divide(in_coins, coins)}[name]

    return Task(rules, "", compute, unsigned=frozenset(("size_currency",)))


def _portfolio(case: Mapping[str, Any]) -> Task:
    rules = "deribit/portfolio"
    mark = _number(case, "mark")
    held = (case.get("collateral") or {}).get("positions")
    if mark is None or not isinstance(held, Mapping) or not held:
        raise Unsupported("the case has no positions with a mark price", rules)
    deltas = {str(name): Decimal(str(delta)) for name, delta in held.items()}
    coin = instrument(next(iter(deltas))).coin
    given = {str(key): str(value) for key, value in (case.get("params") or {}).items()}
    overlay = {ours: given[theirs] for theirs, ours in SETTINGS.items() if theirs in given}
    if (move := given.get(f"annualised_move_risk_{coin.lower()}")) is not None:
        overlay["annualised_move"] = move
    expiries = [when for name in deltas if (when := instrument(name).expiry) is not None]
    at = min([AT, *expiries])
    stated = {name: given[key] for name in ADDITIONS for key in (name, f"{name}_margin") if key in given}
    account = Account(
        id=str(case.get("id", "case")),
        rules=rules,
        wallet={coin: ZERO},
        positions=tuple(
            Position(
                market=name,
                side="long" if delta > 0 else "short",
                quantity=CONTEXT.multiply(abs(delta), mark),
                entry=mark,
            )
            for name, delta in deltas.items()
        ),
        details=stated,
    )
    quotes = {("deribit", name, "mark"): Quote(mark) for name in deltas}
    found = rule_set(rules)
    parameters: Deribit = found.module.parameters(found.version, at, {"portfolio": overlay} if overlay else None)
    setting = Setting(account, Market(quotes=quotes), parameters, at)
    settings = parameters.settings
    if settings is None:
        raise Unsupported("no settings of portfolio margin at the time of the case", rules)
    total = sum(deltas.values(), ZERO)

    def compute(name: str) -> Any:
        (sums,) = setting.call("risk").values()
        if (asked := MOVE.fullmatch(name)) is not None:
            return _move(deltas, asked.group(1) == "perp", Decimal(asked.group(2)))
        if name == "initial_margin" and not stated:
            raise Unsupported("the case does not state the mmp and open-order margins that the initial margin includes")
        answers: dict[str, Callable[[], Decimal]] = {
            "worst_case": lambda: largest_loss(total, settings),
            "roll_shock": lambda: sum(map(abs, deltas.values()), ZERO) * settings.least_annualised_move,
            "risk_matrix_margin": lambda: divide(sums.demand, settings.maintenance_factor),
            "initial_margin": lambda: sums.demand_initial,
            "maintenance_margin": lambda: sums.demand,
        }
        if name not in answers:
            raise Unsupported(f"no quantity {name}")
        return answers[name]()

    return Task(rules, "", compute)


def _move(deltas: Mapping[str, Decimal], perpetual: bool, percent: Decimal) -> Decimal:
    """Profit of one position after a move as the simulation answers it: the product of two doubles."""
    found = [delta for name, delta in deltas.items() if (instrument(name).kind == "perpetual") == perpetual]
    if len(found) != 1:
        raise Unsupported("the case has not one position of the kind")
    move = float(percent) / 100
    return Decimal(repr(float(found[0]) * (move / (1 + move))))


def _instrument(case: Mapping[str, Any], rules: str) -> Instrument:
    product = str(case.get("product", ""))
    name = product.partition(" ")[0]
    if name.isalpha() and "perpetual" in product.lower():
        name = f"{name}-PERPETUAL"
    try:
        return instrument(name)
    except BadInput as bad:
        raise Unsupported(f"{bad.problem.value} is no instrument", rules) from None


def _side(case: Mapping[str, Any]) -> Any:
    return "short" if str(case.get("side")).lower() == "short" else "long"


def _number(case: Mapping[str, Any], name: str) -> Decimal | None:
    value = case.get(name)
    return None if value is None else Decimal(str(value)) * ONE
