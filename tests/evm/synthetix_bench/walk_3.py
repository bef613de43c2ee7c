"""Seeded walks of perps v3, steered to its edges: margin of orders, withdrawals, liquidation, windows, debts."""

from collections.abc import Callable
from decimal import Decimal
from random import Random

from marginbook.exact import WAD
from marginbook.venues.synthetix.account import POOL, USD
from marginbook.venues.synthetix.liquidation import liquidation_prices
from marginbook.venues.synthetix.margins import fill_price
from marginbook.venues.synthetix.risk import is_liquidatable, withdrawable
from synthetix_bench.pool_3 import (
    SETTLEMENT_WINDOW,
    Action,
    Pool,
    check,
    collateral_worth,
    figures_of,
    market_of,
    pending,
    step,
)
from synthetix_bench.scene_3 import MARKETS, PRICES, SYNTHS, USERS

KINDS = {
    "time": 10,
    "price": 8,
    "edge": 12,
    "deposit": 8,
    "withdraw": 6,
    "repay": 3,
    "commit": 22,
    "settle": 4,
    "cancel": 3,
    "liquidate": 4,
    "liquidate_margin": 2,
    "capacity": 1,
    "costs": 1,
    "interest": 1,
}


def walk(random: Random, pool: Pool) -> Action:
    """The next action."""
    kind = random.choices(list(KINDS), list(KINDS.values()))[0]
    user = random.choice(USERS)
    urgent = _urgent(random, pool)
    if urgent is not None and random.random() < 0.5:
        return urgent
    waiting = [name for name in pool.orders if pending(pool, name)]
    if waiting and random.random() < 0.5:
        name = random.choice(waiting)
        return _settle(random, pool, name) if pool.time - pool.orders[name].time >= 2 else Action("time", amount=2)
    match kind:
        case "time":
            return Action(
                "time", amount=random.choice([1, 2, 2, 7, 30, 61, 3_600, 86_400, random.randrange(1, 400_000)])
            )
        case "price":
            return _wander(random, pool, random.choice(list(PRICES)))
        case "edge":
            return _edge(random, pool, user) or _deposit(random, pool, user)
        case "deposit":
            return _deposit(random, pool, user)
        case "withdraw":
            return _withdraw(random, pool, user)
        case "repay":
            debt = pool.book(user).debt
            return Action("repay", user, amount=random.choice([debt, debt + 1, debt // 2, 1]) or 1)
        case "commit":
            return _commit(random, pool, user)
        case "settle":
            return _settle(random, pool, random.choice([*waiting, user]))
        case "cancel":
            name = random.choice([*waiting, user])
            order = pool.orders.get(name)
            price = pool.prices[order.market if order else "ETH"]
            return Action("cancel", name, price=price * random.choice([1, 90, 100, 110, 400]) // 100)
        case "capacity":
            delegated = random.choice([30_000, 1_000_000, 3_000_000, 10_000_000, 30_000_000]) * WAD
            return Action("capacity", amount=collateral_worth(pool) + delegated + random.randrange(1_000))
        case "costs":
            return Action("costs", amount=random.choice([0, 1, WAD // 10, 3 * WAD]))
        case "interest":
            return Action("interest")
    return Action(kind, user)


def _urgent(random: Random, pool: Pool) -> Action | None:
    """What a user's state asks for: a liquidation, the end of a debtor's position, the edge of one who has none."""
    user = random.choice(USERS)
    account, book = pool.account(user), pool.book(user)
    if is_weak(pool, user) and (random.random() < 0.2 or not book.flagged):
        rescue = None if book.flagged or random.random() < 0.5 else _rescue(random, pool, user)
        if rescue is not None:
            return rescue
        only = not account.positions and random.random() < 0.8
        return Action("liquidate_margin" if only else "liquidate", user)
    if not book.debt:
        return None
    if random.random() < 0.2:
        return _withdraw(random, pool, user)
    if not book.holdings:
        return _edge(random, pool, user)
    held = random.choice(book.holdings)
    return (
        None if user in pool.orders else Action("commit", user, held.market, -held.size, 0 if held.size > 0 else 2**90)
    )


def _rescue(random: Random, pool: Pool, user: str) -> Action | None:
    """A deposit that just covers what is asked of a user, or that is one unit short of it."""

    def short(amount: int) -> bool:
        after, _, reason = step(pool, Action("transfer", user, USD, amount))
        return reason is not None or is_weak(after, user)

    most = 10**6 * WAD
    return None if short(most) else Action("transfer", user, USD, border(short, 0, most) + random.randrange(2) or 1)


def is_weak(pool: Pool, user: str) -> bool:
    """Whether the user may be liquidated."""
    account = pool.account(user)
    return is_liquidatable(account, POOL, market_of(pool, user), pool.parameters, pool.at)


def _wander(random: Random, pool: Pool, name: str) -> Action:
    price = int(pool.prices[name] * random.gauss(1, random.choice([0.001, 0.01, 0.1]))) + random.randrange(9)
    start = PRICES[name]
    return Action("price", asset=name, amount=min(max(price, start // 10), start * 10))


def _edge(random: Random, pool: Pool, user: str) -> Action | None:
    """A price one step either side of the user's liquidation, or some way beyond."""
    found = liquidation_prices(pool.account(user), market_of(pool, user), pool.parameters, pool.at)
    if not found:
        return None
    price = random.choice(found)
    terms = pool.parameters.markets.get(price.market)
    tick = terms.tick if terms else Decimal("1E-8")
    steps = random.choice([-1, 0, 0, 1])
    if random.random() < 0.2:
        steps = int(price.price / tick) // random.choice([-50, 50, 200, -10])
    at = int((price.price + steps * tick).scaleb(18))
    start = PRICES[price.market]
    return Action("price", asset=price.market, amount=at) if start // 20 < at < start * 20 else None


def _deposit(random: Random, pool: Pool, user: str) -> Action:
    asset = random.choice([*SYNTHS] if user in USERS[2:] else [USD, USD, *SYNTHS])
    worth = random.randrange(1, 60_000) * WAD
    if random.random() < 0.05:
        return Action("transfer", user, asset, random.choice([1, 2, 10**6]))
    return Action("transfer", user, asset, worth * WAD // pool.prices.get(asset, WAD) + random.randrange(9))


def _withdraw(random: Random, pool: Pool, user: str) -> Action:
    book = pool.book(user)
    held = {synth.asset: synth.amount for synth in book.synths} | {USD: book.usd}
    asset = random.choice(list(held))
    most = held[asset]
    free = max(0, withdrawable(figures_of(pool, user))) * WAD // pool.prices.get(asset, WAD)
    amount = random.choice([most, most + 1, most // 2, free, free + 1, free - 1, free + 2, 1])
    return Action("transfer", user, asset, -max(amount, 1))


def _commit(random: Random, pool: Pool, user: str) -> Action:
    market = random.choice(list(MARKETS))
    held = {holding.market: holding.size for holding in pool.book(user).holdings}
    if held and random.random() < 0.5:
        market = random.choice(list(held))
    size, price = held.get(market, 0), pool.prices[market]
    pick = random.random()
    if size and pick < 0.35:
        some = [-size, -size // 2, -size // 3, -size - 1, -size + 1, -size * 2, -1, size // 4 or 1]
        change = -size if random.random() < 0.3 else random.choice(some)
    elif pick < 0.75:
        change = _most(random, pool, user, market, random.choice([1, -1])) + random.randrange(-1, 2)
    else:
        change = random.choice([1, -1]) * random.randrange(1, 50_000) * WAD * WAD // price
    acceptable = price * random.choice([10, 10, 10, 10, 10, 10, 9, 11]) // 10
    if random.random() < 0.85:
        acceptable = acceptable * (2 if change > 0 else 0)
    elif random.random() < 0.5 and change:
        terms = pool.terms(market)
        acceptable = max(0, fill_price(pool.markets[market].skew, terms.skew_scale, change, price))
    return Action("commit", user, market, change or 1, acceptable)


def _most(random: Random, pool: Pool, user: str, market: str, side: int) -> int:
    """The largest order that the margin allows, or a part of it."""

    def passes(size: int) -> bool:
        return check(pool, user, market, side * size).reason is None

    low, high = 0, 10**7 * WAD * WAD // pool.prices[market]
    low = border(passes, low, high)
    return side * random.choice([low, low, low // 2, low * 4 // 5, low // 10])


def border(passes: Callable[[int], bool], low: int, high: int) -> int:
    """The last size that passes, by halving."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if passes(middle) else (low, middle)
    return low


def _settle(random: Random, pool: Pool, user: str) -> Action:
    """At the oracle's price or another; sometimes at the border of what the margin allows."""
    order = pool.orders.get(user)
    if order is None:
        return Action("settle", user, price=WAD)
    price = pool.prices[order.market]
    if not check(pool, user, order.market, order.change).fill_price:
        return Action("time", amount=SETTLEMENT_WINDOW + 1)  # a fill at 0, which the rule set does not take
    if random.random() < 0.2 and step(pool, Action("settle", user, price=price))[2] is None:
        worse = random.choice([3, 2]) * price if order.change > 0 else price // 3

        def passes(gap: int) -> bool:
            at = price + (gap if worse > price else -gap)
            return step(pool, Action("settle", user, price=at))[2] is None

        gap = border(passes, 0, abs(worse - price)) + random.randrange(0, 2)
        return Action("settle", user, price=price + (gap if worse > price else -gap))
    price = price * random.choice([1_000, 1_000, 1_000, 999, 1_003, 990, 1_020]) // 1_000
    if random.random() < 0.05:
        price = order.acceptable or price
    return Action("settle", user, price=min(price, 2**100))
