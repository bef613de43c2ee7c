"""Random accounts of Synthetix perps: v3 accounts of several collaterals and markets, v2 positions."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from marginbook.domain.account import Account, Collateral, Debt, Position
from marginbook.domain.market import Index, IndexKey, Market, Quote, QuoteKey, StateKey
from marginbook.exact import CONTEXT, from_raw
from marginbook.testing.vectors import Setting
from marginbook.units import MICROSECONDS, parse_time
from marginbook.venues.registry import rule_set

AT = parse_time("2025-03-01T12:00:00Z")
PRICES = {"BTC": 84_000.0, "ETH": 2_200.0, "SOL": 140.0, "LINK": 15.0, "ARB": 0.4, "DOGE": 0.2}
SYNTHS = {"sWETH": 2_200.0, "scbBTC": 84_000.0, "sUSDC": 1.0}

DEVIATIONS = {
    "synthetix/3": {
        "sums_are_additive": "the keeper's reward is one per account, between a least and a greatest amount",
    }
}


def world(rules: str, random: Random) -> Setting:
    """An account of `rules`, one in two close to its border."""
    rule = rule_set(rules)
    markets = random.sample(sorted(PRICES), random.randint(1, 3))
    quotes: dict[QuoteKey, Quote] = {}
    state: dict[StateKey, int | Decimal] = {}
    indices: dict[IndexKey, Index] = {}
    for name in markets:
        quotes["synthetix", name, "oracle"] = Quote(_number(random, PRICES[name], 0.05, 8))
        _state(random, name, state, indices)
    parameters = rule.module.parameters(rule.version, AT)
    if rules == "synthetix/2":
        account = _isolated(random, markets, quotes)
    else:
        account = _crossed(random, markets, quotes, state)
    setting = Setting(account, Market(quotes=quotes, indices=indices, state=state, as_of=AT), parameters, AT)
    return _near_border(setting, random) if random.random() < 0.5 else setting


def _number(random: Random, around: float, spread: float, places: int) -> Decimal:
    return Decimal(repr(round(around * (1 + spread * (2 * random.random() - 1)), places)))


def _state(random: Random, name: str, state: dict[StateKey, int | Decimal], indices: dict[IndexKey, Index]) -> None:
    if random.random() < 0.5:
        state["synthetix", name, "skew"] = _number(random, 0.0, 0.0, 0) + random.randint(-5_000, 5_000)
    kind = random.random()
    if kind < 0.3:
        indices["synthetix", name, "funding"] = Index(random.randint(1, 10**18))
    elif kind < 0.4:
        state["synthetix", name, "funding_time"] = AT // MICROSECONDS - random.randint(0, 90_000)
        state["synthetix", name, "funding_rate"] = Decimal(random.randint(-100, 100)).scaleb(-4)


def _position(random: Random, name: str, price: Decimal, notional: float) -> Position:
    quantity = _number(random, notional / float(price), 0.1, random.choice((2, 4, 18))) + Decimal("0.01")
    return Position(
        market=name,
        side=random.choice(("long", "short")),
        quantity=quantity,
        entry=_number(random, float(price), 0.03, 8),
        funding_index_raw=random.choice((None, random.randint(-(10**17), 10**17))),
    )


def _crossed(
    random: Random, markets: list[str], quotes: dict[QuoteKey, Quote], state: dict[StateKey, int | Decimal]
) -> Account:
    positions = tuple(
        _position(random, name, quotes["synthetix", name, "oracle"].price, random.choice((500.0, 20_000.0, 800_000.0)))
        for name in (markets if random.random() < 0.9 else ())
    )
    held = tuple(
        Collateral(asset=name, amount=_number(random, random.choice((500.0, 50_000.0)) / SYNTHS[name], 0.5, 6))
        for name in random.sample(sorted(SYNTHS), random.choice((0, 0, 1, 2)))
    )
    for collateral in held:
        quotes["synthetix", collateral.asset, "oracle"] = Quote(_number(random, SYNTHS[collateral.asset], 0.02, 8))
    if random.random() < 0.7:
        state["synthetix", "system", "flag_cost"] = Decimal("0.31")
        state["synthetix", "system", "liquidate_cost"] = Decimal("0.17")
    debt = _number(random, 300.0, 0.9, 6) if random.random() < 0.3 else Decimal(0)
    details: Mapping[str, str] = {"flagged": "true"} if positions and random.random() < 0.05 else {}
    wallet = _number(random, random.choice((0.0, 2_000.0, 60_000.0)), 0.5, 6)
    if not held:
        wallet += 100
    return Account(
        id="world",
        rules="synthetix/3",
        wallet={"snxUSD": wallet},
        positions=positions,
        collateral=held,
        debt=(Debt(asset="snxUSD", amount=debt),) if debt else (),
        details=details,
    )


def _isolated(random: Random, markets: list[str], quotes: dict[QuoteKey, Quote]) -> Account:
    positions = []
    for name in markets:
        notional = random.choice((200.0, 20_000.0, 900_000.0))
        position = _position(random, name, quotes["synthetix", name, "oracle"].price, notional)
        margin = _number(random, notional / random.randint(2, 40), 0.3, 6)
        details = {"flagged": "true"} if random.random() < 0.05 else {}
        positions.append(replace(position, mode="isolated", isolated_wallet=margin, details=details))
    return Account(id="world", rules="synthetix/2", wallet={"sUSD": Decimal(50)}, positions=tuple(positions))


def _near_border(setting: Setting, random: Random) -> Setting:
    """The same account with its money moved so that headroom is within a few units of zero."""
    risks: dict[str, Any] = setting.call("risk")
    account = setting.account
    offset = from_raw(random.choice((-1, 0, 1, random.randint(-(10**18), 10**18))), 18)
    if account.rules == "synthetix/2":
        positions = []
        for position in account.positions:
            risk = risks[f"isolated:{position.market}:{position.side}"]
            money = CONTEXT.add(position.isolated_wallet or Decimal(0), from_raw(risk.demand - risk.support, 18))
            positions.append(replace(position, isolated_wallet=max(Decimal(0), CONTEXT.add(money, offset))))
        return replace(setting, account=replace(account, positions=tuple(positions)))
    (risk,) = risks.values()
    money = CONTEXT.add(account.wallet["snxUSD"], from_raw(risk.demand - risk.support, 18))
    wallet = {"snxUSD": max(Decimal(0), CONTEXT.add(money, offset))}
    return replace(setting, account=replace(account, wallet=wallet))
