"""Numbers of US margin accounts: uncovered options one by one, and an account step by step.

A group of options lists `type`, `K`, `P`, `U`, `n` and what was printed beside them; a walkthrough lists events in
words ("buy 500 XYZ @ 40") and the account after each. Every option and every step becomes a case.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Fill, Stamp, Transfer
from marginbook.domain.market import Market, Quote
from marginbook.domain.risk import Quantities
from marginbook.exact import ZERO, format_decimal
from marginbook.testing.vectors import Setting, Task, Unsupported, quantity
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

RULES = "broker/finra-4210"
AT = parse_time("2026-10-01T12:00:00Z")
EXPIRY = "2027-01-15"
PRINTED = ("margin", "rule", "ib", "initial", "maintenance", "requirement")
NAMES = {
    "cash": "wallet_balance",
    "smv": "stock_value",
    "elv": "margin_balance",
    "im": "initial_margin",
    "mm": "maintenance_margin",
    "available": "free_margin",
    "excess": "headroom",
    "margin": "maintenance_margin",
    "rule": "maintenance_margin",
    "requirement": "maintenance_margin",
    "initial": "initial_margin",
    "maintenance": "maintenance_margin",
}
MONEY = re.compile(r"^(deposit|withdraw\w*)\D*([\d.,]+)", re.IGNORECASE)
TRADE = re.compile(
    r"^(buy|sell|short|cover)\w*\s+([\d.,]+)\s+(?:shares\s+(?:of\s+)?)?(\S+)\s*(?:@|at)\s*([\d.,]+)", re.IGNORECASE
)
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


def cases(group: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The options and steps of a group, each with what was printed of it apart."""
    shared = {name: group[name] for name in ("model", "tolerance", "source") if name in group}
    options = [("cases", one) for one in group.get("cases", ())] + [
        ("quotes", one) for one in group.get("ib_quotes", ())
    ]
    for number, (kind, one) in enumerate(options):
        asked = {name: one[name] for name in PRINTED if name in one}
        given = {name: value for name, value in one.items() if name not in asked}
        yield {**shared, "id": f"{group['id']}.{kind}[{number}]", "option": given, "expected": asked}
    events: list[str] = []
    for number, one in enumerate(group.get("steps", ())):
        events = [*events, str(one["event"])]
        asked = {name: value for name, value in one.items() if name != "event"}
        yield {**shared, "id": f"{group['id']}[{number}]", "events": events, "expected": asked}


def task(case: Mapping[str, Any], asked: Sequence[str]) -> Task:
    """An option alone, or an account after some events."""
    if "option" in case:
        found = _option(case["option"])
    elif "events" in case:
        found = _walk(case["events"])
    else:
        raise Unsupported("neither an option nor an account's events", RULES)

    def compute(name: str) -> Any:
        if name == "ib":
            raise Unsupported("a broker's own figure at prices of another moment", RULES, "maintenance_margin")
        return quantity(found, NAMES.get(name, name))

    return Task(RULES, "", compute)


def _option(raw: Mapping[str, Any]) -> Quantities:
    right = str(raw.get("type", raw.get("right", "")))[:1].upper()
    strike, price, underlying = (Decimal(str(raw[name])) for name in ("K", "P", "U"))
    market = f"XYZ {EXPIRY} {format_decimal(strike)} {right}"
    contracts = Decimal(str(raw.get("n", 1)))
    row = {}
    if "leverage" in raw:
        row["leverage"] = str(raw["leverage"])
    if raw.get("index") or raw.get("broad_based"):
        row["option_rate"] = "0.15"
    position = Position(
        market=market,
        side="long" if str(raw.get("side", "short")).lower() == "long" else "short",
        quantity=abs(contracts),
        entry=price,
        details={"multiplier": str(raw["multiplier"])} if "multiplier" in raw else {},
    )
    rules = rule_set(RULES)
    quotes = {("broker", market, "mark"): Quote(price), ("broker", "XYZ", "mark"): Quote(underlying)}
    parameters = rules.module.parameters(rules.version, AT, {"XYZ": row} if row else None)
    setting = Setting(Account(id="case", rules=RULES, positions=(position,)), Market(quotes=quotes), parameters, AT)
    found: Mapping[str, Quantities] = setting.call("quantities")
    return next(iter(found.values()))


def _walk(events: Sequence[str]) -> Quantities:
    """The account after `events`; SMA is looked at after each."""
    rules = rule_set(RULES)
    parameters = rules.module.parameters(rules.version, AT)
    account, market = Account(id="case", rules=RULES, wallet={"USD": ZERO}, details={"sma": "0"}), Market()
    found: Quantities | None = None
    for number, text in enumerate(events):
        stamp = Stamp(source_sequence=number + 1, time=AT)
        if match := MONEY.match(text):
            sign = 1 if match[1].lower() == "deposit" else -1
            kind: Any = "deposit" if sign > 0 else "withdrawal"
            amount = sign * _number(match[2])
            event: Any = Transfer(stamp=stamp, account="case", kind=kind, asset="USD", amount=amount)
        elif match := TRADE.match(text):
            side: Any = "buy" if match[1].lower() in ("buy", "cover") else "sell"
            size, name, price = _number(match[2]), match[3], _number(match[4])
            event = Fill(stamp=stamp, account="case", market=name, side=side, quantity=size, price=price)
            market = market.with_prices({("broker", name, "mark"): price})
        else:
            event, market = None, _moved(text, account, market)
        if event is not None:
            account, market = rules.module.apply(account, market, event, parameters, AT)
        (found,) = rules.module.quantities(account, market, parameters, AT).values()
        account = replace(account, details={"sma": format_decimal(found.venue["sma"])})
    if found is None:
        raise BadInput("missing_key", "events", "nothing", "at least one event")
    return found


def _moved(text: str, account: Account, market: Market) -> Market:
    """The last number of `text` is the price of the share that it names, or of the only one; without one a day ends."""
    numbers = NUMBER.findall(text)
    held = [position.market for position in account.positions]
    named = [name for name in held if re.search(rf"\b{re.escape(name)}\b", text)] or held
    if numbers and len(named) == 1:
        return market.with_prices({("broker", named[0], "mark"): _number(numbers[-1])})
    if numbers or "day" not in text.lower():
        raise Unsupported(f"event not understood: {text}", RULES)
    return market


def _number(text: str) -> Decimal:
    return Decimal(text.replace(",", "").rstrip("."))
