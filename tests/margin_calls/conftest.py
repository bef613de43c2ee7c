"""A small derivatives rule set that needs no venue: support = wallet + profit, demand in two brackets of notional."""

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Fill, Transfer
from marginbook.domain.legs import Legs, PoolLegs, Sums
from marginbook.domain.market import Market, Quote
from marginbook.domain.risk import Quantities, Risk
from marginbook.domain.zones import DERIVATIVES_BORDERS
from marginbook.venues.rules import RuleSet

RATE, KINK, RATE_ABOVE, INITIAL = Decimal("0.05"), Decimal(50_000), Decimal("0.25"), Decimal("0.3")


def maintenance(notional: Decimal) -> Decimal:
    return notional * RATE + max(notional - KINK, Decimal(0)) * (RATE_ABOVE - RATE)


def risk(account: Account, market: Market, parameters: Any, at: int) -> dict[str, Risk[Any]]:
    support = account.wallet["USDT"]
    demand = notional = Decimal(0)
    for p in account.positions:
        price = market.price("toy", p.market, "mark")
        support += p.sign * p.quantity * (price - p.entry)
        demand += maintenance(p.quantity * price)
        notional += p.quantity * price
    zero = Decimal(0)
    return {"cross:USDT": Risk(support, zero, support, support, notional * INITIAL, support, demand)}


def is_liquidatable(account: Account, pool: str, market: Market, parameters: Any, at: int) -> bool:
    found = risk(account, market, parameters, at)[pool]
    return bool(found.demand > 0 and found.support < found.demand)


def quantities(account: Account, market: Market, parameters: Any, at: int) -> dict[str, Quantities]:
    found = risk(account, market, parameters, at)["cross:USDT"]
    return {"cross:USDT": Quantities(currency="USDT", margin_balance=found.support)}


def apply(account: Account, market: Market, event: Any, parameters: Any, at: int) -> tuple[Account, Market]:
    if isinstance(event, Transfer):
        return replace(account, wallet={"USDT": account.wallet["USDT"] + event.amount}), market
    assert isinstance(event, Fill)
    sign = 1 if event.side == "buy" else -1
    for p in account.positions:
        if p.market == event.market and p.sign == -sign:
            if event.quantity > p.quantity:
                raise BadInput("too_much", "fill", event.quantity, f"at most {p.quantity}")
            profit = p.sign * event.quantity * (event.price - p.entry) - event.fee
            kept = replace(p, quantity=p.quantity - event.quantity)
            others = tuple(kept if o is p else o for o in account.positions if o is not p or kept.quantity)
            return replace(account, positions=others, wallet={"USDT": account.wallet["USDT"] + profit}), market
    raise BadInput("unknown_position", "fill", event.market, "a position to reduce")


def lower(account: Account, market: Market, parameters: Any) -> Legs:
    inputs = tuple((("quote", "toy", p.market, "mark"),) for p in account.positions)
    return Legs((PoolLegs("cross:USDT", Sums(), (), 0.0, 0.0, False, "derivatives", opaque=True, inputs=inputs),))


@pytest.fixture(scope="session")
def toy() -> RuleSet:
    module = SimpleNamespace(
        risk=risk,
        is_liquidatable=is_liquidatable,
        quantities=quantities,
        apply=apply,
        liquidation_prices=lambda *_: [],
        lower=lower,
    )
    return RuleSet(
        name="toy/1",
        version="1",
        venue="toy",
        family="derivatives",
        price_kind="mark",
        risk_scale=0,
        borders=DERIVATIVES_BORDERS,
        module=module,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="session")
def toy_market() -> Market:
    prices = {"BTCUSDT": "100", "ETHUSDT": "10", "USDCUSDT": "1"}
    return Market(quotes={("toy", name, "mark"): Quote(Decimal(price)) for name, price in prices.items()})
