"""Seeded walks, steered to the edges: the last unit of a loan, prices one unit either side of health, dust, bad debt.

Actions depend on the model's state alone, so that a walk is the same with or without a chain beside it.
"""

from dataclasses import replace
from random import Random

from marginbook.venues.morpho.market import Isolated, accrued, is_healthy
from marginbook.venues.morpho.math import PRICE_SCALE, most_debt, to_assets_up, to_shares_down
from marginbook.venues.morpho.risk import least_collateral
from morpho_bench.figures import USERS, Action

SMALL = USERS[1:]
WAD = 10**18
TOO_MUCH = 2**128
KINDS = {
    "time": 8,
    "price": 4,
    "edge": 10,
    "accrue": 2,
    "supply": 6,
    "withdraw": 6,
    "supply_collateral": 6,
    "withdraw_collateral": 8,
    "borrow": 22,
    "repay": 10,
    "liquidate": 18,
}


def walk(random: Random, m: Isolated) -> Action:
    """The next action."""
    kind = random.choices(list(KINDS), list(KINDS.values()))[0]
    user = random.choice(SMALL)
    now = accrued(m)
    weak = [name for name in SMALL if not is_healthy(now, name)]
    if m.totals.supply_assets < 10**12:
        return Action("supply", "whale", assets=10**15 + random.randrange(10**9))
    if weak and random.random() < 0.6:
        kind = "liquidate"
    if random.random() < 0.02:
        return _refused(random, user)
    match kind:
        case "time":
            return Action("time", assets=random.choice([1, 12, 3_600, 86_400, random.randrange(1, 1_000_000)]))
        case "price":
            price = m.price * random.choice([900, 980, 995, 1_005, 1_020, 1_100]) // 1_000
            return Action("price", assets=min(max(price + random.randrange(9), 10**24), 10**40))
        case "edge":
            return _to_edge(random, now, user) or Action("accrue")
        case "accrue":
            return Action("accrue")
        case "liquidate":
            return _liquidate(random, now, random.choice(weak) if weak else user)
        case "supply_collateral":
            units = 10 ** random.randrange(1, 14) * PRICE_SCALE // m.price + random.randrange(1, 9)
            return Action(kind, user, assets=units)
        case "withdraw_collateral":
            return _withdraw_collateral(random, now, user)
        case "borrow":
            return _borrow(random, now, user)
        case "supply":
            return _either(random, kind, random.choice(USERS), 10 ** random.randrange(0, 14), 10**6)
        case "repay":
            held = now.position(user).borrow_shares
        case "withdraw":
            user = random.choice(USERS)
            held = now.position(user).supply_shares
    return _part(random, kind, user, held, now)


def _either(random: Random, kind: str, user: str, assets: int, shares_each: int) -> Action:
    if random.random() < 0.5:
        return Action(kind, user, assets=assets + random.randrange(9))
    return Action(kind, user, shares=assets * shares_each + random.randrange(10**6))


def _part(random: Random, kind: str, user: str, shares: int, now: Isolated) -> Action:
    """Some, all, or one too many of the user's shares, in shares or in assets."""
    t = now.totals
    of = (t.borrow_assets, t.borrow_shares) if kind == "repay" else (t.supply_assets, t.supply_shares)
    if random.random() < 0.5:
        some = random.choice([shares, shares + 1, shares - 1, shares // 2, random.randrange(shares + 1), 1])
        return Action(kind, user, shares=max(some, 1))
    assets = to_assets_up(shares, *of)
    some = random.choice([assets, assets + 1, assets - 1, assets // 3, random.randrange(assets + 1), 1, 2])
    return Action(kind, user, assets=max(some, 1))


def _borrow(random: Random, now: Isolated, user: str) -> Action:
    position = now.position(user)
    if not position.collateral:
        units = 10 ** random.randrange(3, 14) * PRICE_SCALE // now.price
        return Action("supply_collateral", user, assets=units + random.randrange(1, 99))
    room = max(most_debt(position.collateral, now.price, now.lltv) - now.debt(user), 0)
    if random.random() < 0.1:
        room = now.totals.supply_assets - now.totals.borrow_assets
    assets = random.choice([room, room, room + 1, room - 1, room - 2, room // 2, random.randrange(room + 1), 1])
    if random.random() < 0.7:
        return Action("borrow", user, assets=max(assets, 1))
    shares = to_shares_down(max(assets, 1), now.totals.borrow_assets, now.totals.borrow_shares)
    return Action("borrow", user, shares=max(shares + random.randrange(-2, 3), 1))


def _withdraw_collateral(random: Random, now: Isolated, user: str) -> Action:
    held = now.position(user).collateral
    free = max(held - least_collateral(now.debt(user), now.price, now.lltv), 0)
    some = random.choice([held, held + 1, free, free, free + 1, free - 1, random.randrange(free + 1)])
    return Action("withdraw_collateral", user, assets=max(some, 1))


def _to_edge(random: Random, now: Isolated, user: str) -> Action | None:
    """The price one unit either side of the user's health, or some way below."""
    position = now.position(user)
    if not (position.borrow_shares and position.collateral):
        return None
    edge = least_price(now, user)
    price = edge * random.choice([WAD] * 4 + [WAD * 99 // 100, WAD * 9 // 10, WAD * 6 // 10]) // WAD
    return Action("price", assets=max(price + random.randrange(-2, 2), 10**22))


def least_price(now: Isolated, user: str) -> int:
    """Lowest price at which the user is healthy, by halving."""
    low, high = 0, 1
    while not is_healthy(replace(now, price=high), user):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_healthy(replace(now, price=middle), user) else (middle, high)
    return high


def _liquidate(random: Random, now: Isolated, user: str) -> Action:
    position = now.position(user)
    if random.random() < 0.5:
        held = position.collateral
        seized = random.choice([held, held, held - 1, held + 1, held // 2, random.randrange(held + 1), 1, 2])
        return Action("liquidate", user, assets=max(seized, 1))
    held = position.borrow_shares
    shares = random.choice([held, held, held - 1, held + 1, held // 2, random.randrange(held + 1), 1, 10**6])
    return Action("liquidate", user, shares=max(shares, 1))


def _refused(random: Random, user: str) -> Action:
    kind = random.choice(["supply", "withdraw", "borrow", "repay", "liquidate", "supply_collateral"])
    if kind == "supply_collateral":
        return Action(kind, user, assets=random.choice([0, TOO_MUCH]))
    both = random.choice([(0, 0), (5, 5), (TOO_MUCH, 0)])
    if kind in ("withdraw", "liquidate") and both[0] == TOO_MUCH:
        both = (0, 0)
    return Action(kind, user, assets=both[0], shares=both[1])
