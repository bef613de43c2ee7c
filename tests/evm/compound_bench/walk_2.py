"""Seeded walks of Compound v2, steered to its edges: zero shortfall, the close factor, all cTokens, all cash.

Actions depend on the model's state alone, so that a walk is the same with or without a chain beside it.
"""

from collections.abc import Iterator
from random import Random

from compound_bench.scene_2 import CONFIGS, PRICES, USERS
from marginbook.venues.compound.v2.liquidation import close_limit, largest_call
from marginbook.venues.compound.v2.liquidity import liquidity
from marginbook.venues.compound.v2.state import ALL, Pool, Revert, owed, supplied
from marginbook.venues.compound.v2.steps import Action, step

SMALL = USERS[1:]
FIRST = {"USD": 40_000_000, "ETH": 20_000, "BTC": 500, "ODD": 90_000_000}
KINDS = ["blocks", "price", "edge", "mint", "redeem", "underlying", "borrow", "repay", "enter", "leave", "liquidate"]
WEIGHTS = [12, 5, 14, 9, 5, 6, 24, 6, 4, 3, 12]


def opening() -> Iterator[Action]:
    """The whale fills the pool."""
    for asset, amount in FIRST.items():
        yield Action(kind="mint", user="whale", asset=asset, amount=amount * 10 ** CONFIGS[asset].decimals + 12345)


def walk(random: Random, pool: Pool) -> Action:
    """The next action."""
    kind = random.choices(KINDS, WEIGHTS)[0]
    user, asset = random.choice(SMALL), random.choice(list(CONFIGS))
    weak = [name for name in SMALL if liquidity(pool, name, threshold=True).shortfall]
    if weak and random.random() < 0.55:
        return _liquidate(random, pool, random.choice(weak))
    match kind:
        case "blocks":
            count = random.choice([1, 1, 2, 50, 7_200, random.randrange(1, 100_000)])
            return Action(kind="blocks", amount=count)
        case "price":
            return _wander(random, pool, asset)
        case "edge":
            return _edge(random, pool, user) or _wander(random, pool, asset)
        case "mint":
            return Action(kind="mint", user=user, asset=asset, amount=_amount(random, pool, asset))
        case "redeem":
            tokens = pool.user(user).position(asset).tokens
            amount = random.choice([tokens, tokens + 1, tokens // 2, 1, 0])
            return _near(random, pool, Action(kind="redeem", user=user, asset=asset, amount=amount), tokens)
        case "underlying":
            name = random.choice([*SMALL, "whale"])
            held = supplied(pool, name, asset)
            amount = random.choice([held, held + 1, held // 3, 1, 0, random.randrange(held + 1)])
            return _near(random, pool, Action(kind="redeem_underlying", user=name, asset=asset, amount=amount), held)
        case "borrow":
            return _borrow(random, pool, user, asset)
        case "repay":
            debt = owed(pool, user, asset)
            amount = random.choice([ALL, debt, debt + 1, debt // 2, 1, 0])
            return Action(kind="repay", user=user, asset=asset, amount=amount)
        case "enter" | "leave":
            return Action(kind="enter" if kind == "enter" else "leave", user=user, asset=asset)
    if random.random() < 0.05:
        return Action(kind="factor", asset="ODD", amount=random.choice([0, CONFIGS["ODD"].collateral_factor]))
    return _liquidate(random, pool, user)


def _for_value(pool: Pool, asset: str, value: int) -> int:
    """Token units worth `value` [USD · 10^-18]."""
    return value * 10**18 // pool.prices[asset]


def _amount(random: Random, pool: Pool, asset: str) -> int:
    if random.random() < 0.08:
        return random.choice([0, 1, 2, 199])
    return _for_value(pool, asset, random.randrange(1, 200_000) * 10**18) + random.randrange(3)


def _near(random: Random, pool: Pool, action: Action, top: int) -> Action:
    """Half the time about the largest amount that is accepted."""
    if random.random() < 0.5:
        return action
    low, high = 0, max(top, 1)
    while high - low > 1:
        middle = (low + high) // 2
        trial = Action(kind=action.kind, user=action.user, asset=action.asset, amount=middle)
        low, high = (middle, high) if step(pool, trial)[2] is None else (low, middle)
    return Action(kind=action.kind, user=action.user, asset=action.asset, amount=max(low + random.randrange(-1, 3), 0))


def _borrow(random: Random, pool: Pool, user: str, asset: str) -> Action:
    room = _for_value(pool, asset, liquidity(pool, user).liquidity)
    if room == 0:
        idle = [a for a in CONFIGS if pool.user(user).position(a).tokens and a not in pool.user(user).entered]
        if idle:
            return Action(kind="enter", user=user, asset=random.choice(idle))
        return Action(kind="mint", user=user, asset=asset, amount=_amount(random, pool, asset))
    amount = random.choice([room // 2, random.randrange(room + 2), 1, 0])
    if random.random() < 0.02:
        amount = 10 ** (CONFIGS[asset].decimals + 9)
    return _near(random, pool, Action(kind="borrow", user=user, asset=asset, amount=amount), room * 2)


def _wander(random: Random, pool: Pool, asset: str) -> Action:
    price = int(pool.prices[asset] * random.gauss(1, 0.002 if asset == "USD" else random.choice([0.01, 0.1])))
    start = PRICES[asset]
    return Action(kind="price", asset=asset, amount=_posted(asset, min(max(price, start // 8), start * 8)))


def _posted(asset: str, price: int) -> int:
    """A price as a feed of 8 decimals posts it."""
    step: int = 10 ** (28 - CONFIGS[asset].decimals)
    return price // step * step


def _edge(random: Random, pool: Pool, user: str) -> Action | None:
    """A price at which the user has no liquidity and no shortfall, or just one or the other."""
    state = pool.user(user)
    assets = [a for a, p in state.positions.items() if a in state.entered and (p.tokens or p.principal)]
    if not assets or not any(owed(pool, user, a) for a in assets):
        return None
    asset, threshold = random.choice(assets), random.random() < 0.7

    def short(price: int) -> bool:
        return liquidity(pool.with_prices({asset: price}), user, threshold=threshold).shortfall > 0

    low, high = 1, pool.prices[asset] * 4
    at_low = short(low)
    if at_low == short(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if short(middle) == at_low else (low, middle)
    price = low + random.randrange(-1, 3)
    if random.random() < 0.3:
        price = price * random.choice([97, 103, 80, 120]) // 100
    start = PRICES[asset]
    price = min(max(price, start // 20), start * 20)
    return Action(kind="price", asset=asset, amount=_posted(asset, price) if random.random() < 0.7 else price)


def _liquidate(random: Random, pool: Pool, user: str) -> Action:
    state = pool.user(user)
    debts = [a for a in CONFIGS if owed(pool, user, a)] or ["USD"]
    held = [a for a in CONFIGS if state.position(a).tokens] or ["ETH"]
    debt, collateral = random.choice(debts), random.choice(held)
    outside = [asset for asset in held if asset not in state.entered]
    if outside and random.random() < 0.4:
        collateral = random.choice(outside)
    most = close_limit(pool, user, debt)
    try:
        best = largest_call(pool, user, collateral, debt)
    except Revert:
        best = most
    amount = random.choice([best, best, best + 1, best - 1, most, most + 1, most // 2, 1, 0, ALL])
    if random.random() < 0.03:
        return Action(kind="repay", user=user, asset=debt, amount=ALL)
    return Action(kind="liquidate", user=user, asset=debt, collateral=collateral, amount=max(amount, 0))
