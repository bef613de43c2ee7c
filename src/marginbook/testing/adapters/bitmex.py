"""Worked examples of BitMEX: one isolated position with every field of the venue, in its raw units."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account, Position
from marginbook.domain.market import Market, Quote
from marginbook.exact import ZERO, from_raw, to_raw_exact
from marginbook.testing.vectors import Setting, Task, Unsupported, liquidation_price
from marginbook.units import parse_time
from marginbook.venues.bitmex.margins import displayed_prices, margins, profit_raw
from marginbook.venues.bitmex.parameters import Bitmex
from marginbook.venues.contracts.model import Holding
from marginbook.venues.registry import rule_set

AT = parse_time("2021-12-31")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def task(case: Mapping[str, Any], asked: Sequence[str]) -> Task:
    """The case as an account of `bitmex/linear` or `bitmex/inverse`."""
    market = str(case.get("product", "")).partition(" ")[0]
    rules = "bitmex/linear" if market.endswith("USDT") else "bitmex/inverse"
    size, entry, mark = (_number(case, name) for name in ("qty", "entry", "mark"))
    if not size or not entry or mark is None:
        raise Unsupported("the case has no position with entry and mark price", rules)
    row = {
        ours: str(value)
        for theirs, ours in (("mmr", "maintenance"), ("taker_fee", "taker_fee"), ("funding_rate", "funding_rate"))
        if (value := _number(case, theirs)) is not None
    }
    found = rule_set(rules)
    parameters: Bitmex = found.module.parameters(found.version, AT, {market: row} if row else None)
    isolated = "cross" not in str(case.get("margin_mode", "")).lower()
    own = _number(case.get("collateral") or {}, "posMargin")
    position = Position(
        market=market,
        side="short" if str(case.get("side")).lower() == "short" else "long",
        quantity=abs(size),
        entry=entry,
        leverage=_number(case, "leverage"),
        isolated_wallet=None if own is None else from_raw(int(own), parameters.decimals),
    )
    account = Account(
        id=str(case.get("id", "case")),
        rules=rules,
        mode="isolated" if isolated else "cross",
        wallet={parameters.currency_of(market): ZERO},
        positions=(position,),
    )
    at_mark = Market(quotes={("bitmex", market, "mark"): Quote(mark)})
    setting = Setting(account, at_mark, parameters, AT)
    holding = Holding(position, parameters.terms_of(market))

    def compute(name: str) -> Any:
        fields = margins(holding, account, at_mark, parameters)
        pools = setting.call("risk")
        sums = next((value for pool, value in pools.items() if pool.startswith("isolated:")), None)
        answers: dict[str, Any] = {
            "posInit": lambda: fields.init,
            "posComm": lambda: fields.comm,
            "posMargin": lambda: fields.init + fields.comm,
            "posMaint": lambda: fields.maint,
            "posCost": lambda: fields.cost,
            "unrealisedPnl": lambda: profit_raw(holding, mark, parameters),
            "bankruptPrice": lambda: displayed_prices(holding, account, at_mark, parameters)[0],
            "liquidationPrice": lambda: liquidation_price(setting.call("liquidation_prices"), market),
        }
        if name == "maintMargin" and sums is not None:
            return to_raw_exact(sums.support, parameters.decimals)
        if name not in answers:
            raise Unsupported(f"no quantity {name}")
        return answers[name]()

    return Task(rules, "", compute)


def _number(values: Mapping[str, Any], name: str) -> Decimal | None:
    """The first number of a field: `0.02 ETH (2000 lots)` is 0.02."""
    found = NUMBER.search(str(values.get(name) if values.get(name) is not None else ""))
    return None if found is None else Decimal(found.group())
