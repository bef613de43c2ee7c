"""Random accounts of contracts, shared by the worlds of exchanges: modes, hedges, orders, funding, borders."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from marginbook.domain.account import Account, Order, Position
from marginbook.domain.market import Index, Market, Quote
from marginbook.exact import CONTEXT, ONE, ZERO
from marginbook.testing.vectors import Setting
from marginbook.venues.registry import rule_set

UNIT = Decimal("0.00000001")
Overlay = Mapping[str, Mapping[str, Any]]


def contract_world(
    rules: str,
    random: Random,
    at: int,
    prices: Mapping[str, Decimal],
    overlay: Overlay,
    currency: Any,
    inverse: Any,
    *,
    most: int = 3,
    index: Mapping[str, Decimal] | None = None,
) -> Setting:
    """An account of one to `most` of the markets in `prices`, about half of them within 1 % of their border.

    `index` are USD prices of currencies that back each other. `currency(market)` and `inverse(market)` say in what a
    market settles and whether it is coin-margined.
    """
    found = rule_set(rules)
    names = random.sample(sorted(prices), random.randint(1, min(most, len(prices))))
    positions, indices = [], {}
    for name in names:
        position = _position(random, name, prices[name], inverse(name))
        if random.random() < 0.3:
            indices[found.venue, name, "funding"] = Index(random.randint(-(10**17), 10**17) if not inverse(name) else 0)
        positions.append(position)
    orders = tuple(_order(random, name, prices[name]) for name in names if random.random() < 0.2)
    hedged = random.random() < 0.2
    if hedged:
        orders = tuple(replace(order, position_side=random.choice(("long", "short"))) for order in orders)
        for held in tuple(positions):
            if random.random() < 0.6:
                other = _position(random, held.market, prices[held.market], inverse(held.market))
                side: Any = "short" if held.side == "long" else "long"
                positions.append(replace(other, side=side, mode=held.mode, isolated_wallet=held.isolated_wallet))
    currencies = {currency(name) for name in names}
    account = Account(
        id="a",
        rules=rules,
        position_mode="hedge" if hedged else "one-way",
        wallet=dict.fromkeys(sorted(currencies), ZERO),
        positions=tuple(positions),
        orders=orders,
    )
    quotes = {(found.venue, name, "mark"): Quote(prices[name]) for name in sorted(prices)}
    quotes |= {(found.venue, name, "index"): Quote(price) for name, price in (index or {}).items()}
    market = Market(quotes=quotes, indices=indices)
    chosen = {name: entry for name, entry in overlay.items() if name in names or name in (index or {})}
    setting = Setting(account, market, found.module.parameters(found.version, at, chosen or None), at)
    return near_the_border(setting, random)


def _position(random: Random, name: str, price: Decimal, inverse: bool) -> Position:
    leverage = random.choice((2, 3, 5, 10, 20, 50))
    drift = Decimal(repr(1 + random.uniform(-0.6, 0.6) / leverage)).quantize(Decimal("0.000001"))
    worth = Decimal(repr(10 ** random.uniform(1, 6)))
    quantity = worth.quantize(ONE) if inverse else max(Decimal("0.001"), (worth / price).quantize(Decimal("0.001")))
    isolated = random.random() < 0.4
    return Position(
        market=name,
        side=random.choice(("long", "short")),
        quantity=quantity,
        entry=(price * drift).quantize(Decimal("0.0001")),
        leverage=Decimal(leverage),
        mode="isolated" if isolated else "cross",
        isolated_wallet=ZERO if isolated else None,
    )


def _order(random: Random, name: str, price: Decimal) -> Order:
    side = random.choice(("buy", "sell"))
    return Order(
        id=f"{name} {side}",
        market=name,
        side="buy" if side == "buy" else "sell",
        quantity=Decimal(repr(random.uniform(0.001, 1))).quantize(Decimal("0.001")) + Decimal("0.001"),
        price=(price * (Decimal("0.98") if side == "buy" else Decimal("1.02"))).quantize(Decimal("0.01")),
    )


def near_the_border(setting: Setting, random: Random) -> Setting:
    """The same account with money such that support is a random multiple of demand, often nearly 1."""
    account = setting.account
    for pool, sums in setting.call("risk").items():
        share = random.choice((random.uniform(0.3, 30), random.uniform(0.99, 1.01), 1 + random.uniform(-1, 1) * 1e-7))
        wanted = CONTEXT.multiply(sums.demand, Decimal(repr(share)))
        change = CONTEXT.subtract(wanted, sums.support).quantize(UNIT)
        if pool == "cross":
            wallet = {**account.wallet, "USDT": account.wallet.get("USDT", ZERO) + change}
            account = replace(account, wallet=wallet)
            continue
        if pool.startswith("cross:"):
            currency = pool.removeprefix("cross:")
            account = replace(account, wallet={**account.wallet, currency: account.wallet[currency] + change})
            continue
        positions = [
            replace(position, isolated_wallet=(position.isolated_wallet or ZERO) + change)
            if pool == f"isolated:{position.market}:{position.side}"
            else position
            for position in account.positions
        ]
        account = replace(account, positions=tuple(positions))
    return replace(setting, account=account)


def step(setting: Setting, market: str) -> Decimal:
    """Grid of a market's liquidation price: its tick, else 8 decimals."""
    tick: Decimal | None = setting.parameters.terms_of(market).tick
    return tick or UNIT
