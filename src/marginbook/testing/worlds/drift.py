"""Random accounts of Drift: deposits and borrows of several assets, perps cross and isolated, orders, all modes."""

from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from marginbook.domain.account import Account, Collateral, Debt, Order, Position
from marginbook.domain.market import Index, IndexKey, Market, Quote, QuoteKey, StateKey
from marginbook.exact import CONTEXT, from_raw
from marginbook.testing.vectors import Setting
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

AT = parse_time("2026-04-02T00:00:00Z")
PERPS = {"SOL-PERP": 150.0, "BTC-PERP": 84_000.0, "ETH-PERP": 2_200.0, "1MBONK-PERP": 13.5, "BET-PERP": 0.4}
SPOTS = {"SOL": 150.0, "USDT": 1.0, "JUP": 0.6}
OVERLAY: dict[str, dict[str, Any]] = {
    "SOL-PERP": {
        "margin_ratio_initial": "0.1",
        "margin_ratio_maintenance": "0.05",
        "imf_factor": "0.00045",
        "liquidator_fee": "0.01",
        "if_liquidation_fee": "0.01",
        "unrealized_pnl_imf_factor": "0.00045",
        "high_leverage_margin_ratio_initial": "0.0198",
        "high_leverage_margin_ratio_maintenance": "0.01",
        "order_step_size": "0.01",
    },
    "BTC-PERP": {
        "margin_ratio_initial": "0.05",
        "margin_ratio_maintenance": "0.03",
        "imf_factor": "0.0009",
        "liquidator_fee": "0.0075",
        "if_liquidation_fee": "0.0075",
        "order_step_size": "0.0001",
    },
    "BET-PERP": {"margin_ratio_initial": "1", "margin_ratio_maintenance": "0.8", "prediction": True},
    "*": {
        "margin_ratio_initial": "0.2",
        "margin_ratio_maintenance": "0.1",
        "imf_factor": "0.001",
        "liquidator_fee": "0.02",
        "order_step_size": "0.001",
    },
}
DEVIATIONS = {
    "drift/2": {"shown_sums_follow": "initial margin has strict prices and weights that scale; legs have those of now"}
}


def step(setting: Setting, market: str) -> Decimal:
    """Distance of two prices that the program tells apart."""
    return Decimal("0.000001")


def world(rules: str, random: Random) -> Setting:
    """An account of `rules`, one in two close to its border."""
    rule = rule_set(rules)
    quotes: dict[QuoteKey, Quote] = {}
    state: dict[StateKey, int | Decimal] = {}
    indices: dict[IndexKey, Index] = {}
    for name, price in {"USDC": 1.0, **SPOTS, **PERPS}.items():
        spread = 0.002 if price == 1.0 else 0.05
        quotes["drift", name, "oracle"] = Quote(_number(random, price, spread, 6))
        quotes["drift", name, "twap"] = Quote(_number(random, price, spread, 6))
    markets = random.sample(sorted(PERPS), random.choice((1, 1, 2, 3)))
    positions = []
    for name in markets:
        positions.append(_position(random, name, quotes["drift", name, "oracle"].price))
        if random.random() < 0.3:
            indices["drift", name, "funding"] = Index(random.randint(10**12, 10**18))
    for name in SPOTS:
        indices["drift", name, "supply"] = Index(random.randint(10**27, 2 * 10**27))
    if random.random() < 0.3:
        state["drift", "system", "slot"] = 300_000_000
    account = Account(
        id="world",
        rules=rules,
        wallet={"USDC": _number(random, random.choice((500.0, 20_000.0)), 0.9, 6)},
        positions=tuple(positions),
        orders=_orders(random, markets, quotes),
        collateral=_deposits(random),
        debt=(Debt(asset="SOL", amount=_number(random, 3.0, 0.9, 9)),) if random.random() < 0.25 else (),
        details=_details(random),
    )
    if account.debt:
        account = replace(account, collateral=tuple(held for held in account.collateral if held.asset != "SOL"))
    market = Market(quotes=quotes, indices=indices, state=state, as_of=AT)
    setting = Setting(account, market, rule.module.parameters(rule.version, AT, OVERLAY), AT)
    return _near_border(setting, random) if random.random() < 0.5 else setting


def _number(random: Random, around: float, spread: float, places: int) -> Decimal:
    return Decimal(repr(round(around * (1 + spread * (2 * random.random() - 1)), places)))


def _position(random: Random, name: str, price: Decimal) -> Position:
    notional = random.choice((300.0, 15_000.0, 2_000_000.0))
    isolated = random.random() < 0.2
    details = {"max_margin_ratio": "0.5"} if random.random() < 0.1 else {}
    return Position(
        market=name,
        side=random.choice(("long", "short")),
        quantity=_number(random, notional / float(price), 0.3, 2) + Decimal("0.01"),
        entry=_number(random, float(price), 0.04, 6),
        mode="isolated" if isolated else None,
        isolated_wallet=_number(random, notional / 10, 0.8, 6) if isolated else None,
        funding_index_raw=random.choice((None, random.randint(10**12, 10**18))),
        details=details,
    )


def _orders(random: Random, markets: list[str], quotes: dict[QuoteKey, Quote]) -> tuple[Order, ...]:
    found = []
    for number in range(random.choice((0, 0, 1, 3))):
        name = random.choice([*markets, "SOL"] if random.random() < 0.3 else markets)
        price = quotes["drift", name, "oracle"].price
        found.append(
            Order(
                id=str(number),
                market=name,
                side=random.choice(("buy", "sell")),
                quantity=_number(random, 2_000.0 / float(price), 0.5, 2) + Decimal("0.01"),
                price=price,
                reduce_only=random.random() < 0.2,
            )
        )
    return tuple(found)


def _deposits(random: Random) -> tuple[Collateral, ...]:
    names = random.sample(sorted(SPOTS), random.choice((0, 1, 1, 2)))
    return tuple(_deposit(random, name) for name in names)


def _deposit(random: Random, name: str) -> Collateral:
    amount = _number(random, 5_000.0 / SPOTS[name], 0.9, 6)
    if random.random() < 0.8:
        return Collateral(asset=name, amount=amount)
    return Collateral(asset=name, scaled_raw=int(amount * 10**9), index_raw=random.choice((None, 11 * 10**26)))


def _details(random: Random) -> dict[str, str]:
    details = {}
    if random.random() < 0.2:
        details["margin_mode"] = random.choice(("high_leverage", "high_leverage_maintenance"))
    if random.random() < 0.1:
        details["max_margin_ratio"] = "0.2"
    if random.random() < 0.1:
        details["being_liquidated"] = "true"
    if random.random() < 0.3:
        details["last_active_slot"] = str(300_000_000 - random.randint(0, 20_000))
    return details


def _near_border(setting: Setting, random: Random) -> Setting:
    """The same account with its money moved so that headroom is within a few units of zero."""
    risks: dict[str, Any] = setting.call("risk")
    account, offset = setting.account, random.choice((-1, 0, 1, random.randint(-(10**6), 10**6)))
    quote = setting.market.price("drift", "USDC", "oracle")

    def moved(money: Decimal, pool: str) -> Decimal:
        gap = from_raw(risks[pool].demand - risks[pool].support + offset, 6)
        return Decimal(repr(round(float(CONTEXT.add(money, CONTEXT.divide(gap, quote))), 6)))

    positions = []
    for position in account.positions:
        if position.mode == "isolated":
            pool = f"isolated:{position.market}:{position.side}"
            deposit = max(Decimal(0), moved(position.isolated_wallet or Decimal(0), pool))
            position = replace(position, isolated_wallet=deposit)
        positions.append(position)
    wallet = {"USDC": moved(account.wallet["USDC"], "cross")} if "cross" in risks else account.wallet
    return replace(setting, account=replace(account, positions=tuple(positions), wallet=wallet))
