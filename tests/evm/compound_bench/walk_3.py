"""Seeded walks of a Comet, steered to its edges: both collateral factors, the least borrow, caps, reserves, cash."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from compound_bench.scene_3 import CONFIG, PRICES, USERS
from marginbook.venues.compound.comet.absorption import collateral_reserves
from marginbook.venues.compound.comet.actions import accrued_balance
from marginbook.venues.compound.comet.collateral import debt_value, is_liquidatable, support, values_of
from marginbook.venues.compound.comet.interest import accrue
from marginbook.venues.compound.comet.state import ALL, Pool
from marginbook.venues.compound.comet.steps import Action, step

SMALL = USERS[1:]
ASSETS = tuple(CONFIG.assets)
BASE = CONFIG.base
KINDS = ["time", "price", "edge", "pledge", "release", "lend", "borrow", "repay", "accrue", "absorb", "buy", "drain"]
WEIGHTS = [12, 5, 16, 10, 8, 4, 24, 6, 3, 6, 8, 2]


def opening() -> Iterator[Action]:
    """The whale lends."""
    yield Action(kind="supply", user="whale", asset=BASE, amount=30_000_000 * 10**6 + 12345)


def walk(random: Random, pool: Pool) -> Action:
    """The next action."""
    kind = random.choices(KINDS, WEIGHTS)[0]
    user, asset = random.choice(SMALL), random.choice(ASSETS)
    weak = [name for name in SMALL if is_liquidatable(accrue(pool), name)]
    even = [name for name in SMALL if debt_value(pool, name) and _headroom(pool, name) == 0]
    if even and random.random() < 0.8:
        return Action(kind="absorb", user=random.choice(even))
    if weak and random.random() < 0.5:
        name = random.choice(weak)
        return Action(kind="absorb", user=name) if random.random() < 0.7 else _rescue(random, pool, name)
    balance = accrued_balance(pool, user)
    match kind:
        case "time":
            seconds = random.choice([1, 12, 3_600, 86_400, random.randrange(1, 1_000_000)])
            return Action(kind="time", amount=seconds)
        case "price":
            return _wander(random, pool, random.choice((BASE, *ASSETS)))
        case "edge":
            return _edge(random, pool, user) or _wander(random, pool, asset)
        case "pledge":
            return Action(kind="supply", user=user, asset=asset, amount=_amount(random, pool, asset))
        case "release":
            held = pool.user(user).collateral.get(asset, 0)
            amount = random.choice([held, held + 1, held // 2, 1, 0])
            return _near(random, pool, Action(kind="withdraw", user=user, asset=asset, amount=amount), held)
        case "lend":
            return Action(kind="supply", user=random.choice(USERS), asset=BASE, amount=random.randrange(10**12))
        case "borrow":
            room = support(values_of(pool, user), CONFIG.assets, initial=True) - debt_value(pool, user)
            most = max(balance, 0) + max(room, 0) * CONFIG.scale // pool.prices[BASE]
            if most < CONFIG.borrow_min and random.random() < 0.6:
                return Action(kind="supply", user=user, asset=asset, amount=_amount(random, pool, asset))
            least = max(balance, 0) + CONFIG.borrow_min + random.randrange(-2, 3)
            amount = random.choice([most // 2, least, random.randrange(most + 1), 1, 0, ALL])
            return _near(random, pool, Action(kind="withdraw", user=user, asset=BASE, amount=amount), most * 2)
        case "repay":
            debt = max(-balance, 0)
            amount = random.choice([ALL, debt, debt + 1, debt - 1, debt // 2, 1, 0])
            return Action(kind="supply", user=user, asset=BASE, amount=max(amount, 0))
        case "accrue":
            return Action(kind="accrue")
        case "absorb":
            return Action(kind="absorb", user=user)
        case "drain":
            cash = pool.cash or 0
            amount = random.choice([cash, cash + 1, cash // 2])
            return Action(kind="withdraw", user="whale", asset=BASE, amount=amount)
    left = collateral_reserves(pool, asset) * pool.prices[asset] * CONFIG.scale // CONFIG.assets[asset].scale
    amount = random.choice([1, 0, 10**9, left // pool.prices[BASE], left // pool.prices[BASE] // 2])
    return Action(kind="buy", asset=asset, amount=amount)


def _headroom(pool: Pool, user: str) -> int:
    """What the liquidate factors leave above the debt."""
    return support(values_of(pool, user), CONFIG.assets, initial=False) - debt_value(pool, user)


def _rescue(random: Random, pool: Pool, user: str) -> Action:
    """Collateral of so fine a unit that it makes the factors just cover the debt, or a unit of value less."""
    pool = accrue(pool)

    def short(amount: int) -> bool:
        collateral = {**pool.user(user).collateral}
        collateral["LOW"] = collateral.get("LOW", 0) + amount
        return _headroom(pool.with_user(user, replace(pool.user(user), collateral=collateral)), user) < 0

    low, high = 0, CONFIG.assets["LOW"].supply_cap
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if short(middle) else (low, middle)
    return Action(kind="supply", user=user, asset="LOW", amount=high - random.choice([0, 0, 1]))


def _amount(random: Random, pool: Pool, asset: str) -> int:
    if random.random() < 0.06:
        return random.choice([0, 1, 2, CONFIG.assets[asset].supply_cap + 1])
    value = random.randrange(1, 100_000) * 10**8
    return value * CONFIG.assets[asset].scale // pool.prices[asset] + random.randrange(3)


def _near(random: Random, pool: Pool, action: Action, top: int) -> Action:
    """Half the time about the largest amount that is accepted."""
    if random.random() < 0.5:
        return action
    low, high = 0, max(top, 1)
    while high - low > 1:
        middle = (low + high) // 2
        trial = Action(kind=action.kind, user=action.user, asset=action.asset, amount=middle)
        low, high = (middle, high) if step(pool, trial)[2] in (None, "BorrowTooSmall") else (low, middle)
    amount = max(low + random.randrange(-1, 3), 0)
    return Action(kind=action.kind, user=action.user, asset=action.asset, amount=amount)


def _wander(random: Random, pool: Pool, asset: str) -> Action:
    price = int(pool.prices[asset] * random.gauss(1, 0.002 if asset == BASE else random.choice([0.01, 0.1])))
    start = PRICES[asset]
    return Action(kind="price", asset=asset, amount=min(max(price, start // 8), start * 8))


def _edge(random: Random, pool: Pool, user: str) -> Action | None:
    """A price at which one of the two factors just covers the debt, or just not."""
    held = [asset for asset, amount in pool.user(user).collateral.items() if amount]
    if not held or pool.user(user).principal >= 0:
        return None
    asset, initial = random.choice([*held, BASE]), random.random() < 0.4

    def short(price: int) -> bool:
        trial = pool.with_prices({asset: price})
        return support(values_of(trial, user), CONFIG.assets, initial) < debt_value(trial, user)

    low, high = 1, pool.prices[asset] * 4
    at_low = short(low)
    if at_low == short(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if short(middle) == at_low else (low, middle)
    price = low + random.randrange(-1, 3)
    if random.random() < 0.3:
        price = price * random.choice([97, 103, 70]) // 100
    start = PRICES[asset]
    return Action(kind="price", asset=asset, amount=min(max(price, start // 20, 1), start * 20))
