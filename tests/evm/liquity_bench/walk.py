"""Seeded walks, steered to ratios one unit either side of 1, 1.1 and 1.5, last units of draws, and pools used up.

Calls depend on the model's state alone, so that a walk is the same with or without a chain beside it.
"""

from dataclasses import replace
from random import Random

from liquity_bench.scene import TERMS, USERS, Call, Model, book
from marginbook.exact import WAD, mul_div_ceil
from marginbook.units import MICROSECONDS
from marginbook.venues.liquity.holdings import system_of
from marginbook.venues.liquity.risk import borrowable, free_collateral
from marginbook.venues.liquity.stability_pool import compounded

SMALL = USERS[1:]
MIDDLE = 2_000 * WAD
KINDS = {
    "wait": 7,
    "move": 5,
    "edge": 15,
    "open": 16,
    "adjust": 18,
    "close": 2,
    "liquidate": 5,
    "batch": 3,
    "sequence": 3,
    "redeem": 10,
    "provide": 7,
    "withdraw": 4,
    "claim": 2,
}


def opening(price: int) -> list[Call]:
    """The whale's trove, and LUSD for everybody."""
    collateral = 2_000 * WAD * MIDDLE // price
    calls: list[Call] = [("open", "whale", [collateral, 1_500_000 * WAD])]
    calls += [("give", user, [120_000 * WAD + n]) for n, user in enumerate(SMALL)]
    return [*calls, ("provide", "whale", [60_000 * WAD])]


def walk(random: Random, m: Model) -> list[Call]:
    """The next calls."""
    calls = _storm(random, m) if random.random() < 0.015 else [_next(random, m)]
    return [("wait", "", [61])] if _wears_out(m, calls[0]) and random.random() < 0.98 else calls


def _wears_out(m: Model, call: Call) -> bool:
    """Whether a liquidation leaves so little of all stakes that hardly a call is possible afterwards."""
    if call[0] not in ("liquidate", "batch", "sequence"):
        return False
    trial = replace(m, purses=dict(m.purses), surplus=dict(m.surplus))
    return trial.do(call[0], call[1], *call[2]) is None and (trial.system.redistribution.total_stakes or 0) < 10**15


def _storm(random: Random, m: Model) -> list[Call]:
    """Troves between both ratios, a pool that can pay, and recovery mode about to begin: then all in one call."""
    s = m.system
    if not s.total_collateral or not s.total_debt or not s.redistribution.total_stakes:
        return [("wait", "", [61])]
    price = mul_div_ceil(25 * 10**17, s.total_debt, s.total_collateral)
    calls: list[Call] = [("move", "", [price]), ("wait", "", [43_200])]
    collateral, debt = s.total_collateral, s.total_debt
    for user, ratio in zip(SMALL, random.sample(range(190, 249), len(SMALL)), strict=True):
        if user not in s.troves:
            amount = random.choice([9_000, 60_000, 150_000]) * WAD
            owed = amount * 1_005 // 1_000 + s.terms.gas_reserve
            brought = owed * ratio * WAD // 100 // price
            calls.append(("open", user, [brought, amount]))
            collateral, debt = collateral + brought, debt + owed
    calls.append(("provide", "whale", [max(m.purses["whale"] * 9 // 10, 1)]))
    price = mul_div_ceil(random.randrange(1_480, 1_500) * 10**15, debt, collateral)
    whos = random.sample(SMALL, len(SMALL))
    if random.random() < 0.3 and is_in_order(m):
        return [*calls, ("move", "", [price]), ("sequence", "", [5])]
    return [*calls, ("move", "", [price]), ("batch", "", [USERS.index(who) for who in whos])]


def _next(random: Random, m: Model) -> Call:
    kind = random.choices(list(KINDS), list(KINDS.values()))[0]
    user = random.choice(SMALL)
    if "whale" not in m.system.troves and random.random() < 0.2:
        return "open", "whale", [2_000 * WAD * MIDDLE // m.system.price, 1_000_000 * WAD]
    weak = [who for who in SMALL if who in m.system.troves and m.system.ratio(who) < m.system.terms.mcr]
    if weak and random.random() < 0.45:
        kind, user = random.choice(["liquidate", "liquidate", "batch", "sequence"]), random.choice(weak)
    if not is_in_order(m) and kind in ("sequence", "redeem"):
        kind = "wait"
    match kind:
        case "wait":
            return kind, "", [random.choice([1, 13, 59, 60, 61, 3_600, 43_200, random.randrange(1, 900_000)])]
        case "move":
            return kind, "", [_near(m.system.price * random.choice([85, 95, 99, 101, 104, 115]) // 100, random)]
        case "edge":
            return "move", "", [_near(_edge(random, m), random)]
        case "open":
            return _open(random, m, next((who for who in SMALL if who not in m.system.troves), user))
        case "adjust":
            owners = list(m.system.troves)
            return _adjust(random, m, random.choice(owners if owners and random.random() < 0.95 else SMALL))
        case "batch" if m.system.in_recovery() and random.random() < 0.7:
            whos = [who for who in m.rising() if random.random() < 0.8]
            return kind, "", [USERS.index(who) for who in whos] or [1]
        case "batch":
            places = random.sample(range(1, len(USERS)), random.choice([1, 2, 3, 5]))
            return kind, "", [*places, *random.choice([[], [], [], [], [], [0], places[:1]])]
        case "sequence":
            return kind, "", [random.choice([1, 2, 3, 6, 9])]
        case "redeem":
            return _redeem(random, m)
        case "provide":
            return _provide(random, m)
        case "withdraw":
            user = random.choice(USERS)
            held = compounded(m.deposits[user], m.system.pool) if user in m.deposits else 0
            return kind, user, [random.choice([0, 1, held, held // 2, held + 1, held - held // 10**9])]
    return kind, user, []


def is_in_order(m: Model) -> bool:
    """Whether the contracts' list is by ratio: troves without a stake fall behind until they are touched."""
    nominal = [m.nominal(who) for who in m.falling]
    return nominal == sorted(nominal, reverse=True)


def _near(price: int, random: Random) -> int:
    return min(max(price + random.randrange(-3, 4), MIDDLE // 20), MIDDLE * 20)


def _edge(random: Random, m: Model) -> int:
    """A price one unit either side of where a ratio becomes 1, 1.1 or 1.5, or the total's 1.5."""
    s = m.system
    troves = [who for who in SMALL if who in s.troves]
    if not troves or random.random() < 0.3 or not s.total_collateral or not s.total_debt:
        collateral, debt = s.total_collateral or 1, s.total_debt or 1
        ratio = s.terms.ccr * random.choice([1_000, 1_000, 999, 995, 980]) // 1_000
    else:
        collateral, debt = s.whole(random.choice(troves))
        ratio = random.choice([WAD, s.terms.mcr, s.terms.mcr, s.terms.mcr, s.terms.ccr])
    price = mul_div_ceil(ratio, debt, collateral)
    if not MIDDLE // 8 < price < MIDDLE * 4:
        return MIDDLE + random.randrange(-(10**20), 10**20)
    return price


def _open(random: Random, m: Model, user: str) -> Call:
    s = m.system
    amount = random.choice([1_800, 1_792, 2_000, 9_000, 60_000, 250_000, 250_000]) * WAD + random.randrange(10**6)
    debt = amount + s.fee(amount) + s.terms.gas_reserve
    ratio = random.choice([s.terms.mcr, s.terms.ccr, 112 * 10**16, 12 * 10**17, 14 * 10**17, 151 * 10**16, 2 * WAD])
    collateral = mul_div_ceil(debt, ratio, s.price) + random.choice([-1, 0, 0, 1, 10**9])
    return "open", user, [max(collateral, 1), amount]


def _adjust(random: Random, m: Model, user: str) -> Call:
    """One side or both; draws and withdrawals up to what the rule set says, and one unit more."""
    s, trove = m.system, m.system.troves.get(user)
    if trove is None:
        return "adjust", user, [0, 0, WAD, 0]
    alone, market = book(s, user)
    seen = system_of(alone, market, TERMS, s.time * MICROSECONDS, s.price)
    room, free = borrowable(seen), free_collateral(seen)
    add = take = draw = repay = 0
    match random.randrange(6):
        case 0:
            draw = max(random.choice([room, room, room + 1, room - 1, room // 2]), 1)
        case 1:
            take = max(random.choice([free, free, free + 1, free // 2, trove.collateral]), 1)
        case 2:
            add = max(trove.collateral // random.choice([1, 9, 10**6]), 1)
        case 3:
            net = max(s.whole(user)[1] - s.terms.gas_reserve - s.terms.min_net_debt, 0)
            repay = max(random.choice([net, net + 1, net // 2, net // 9, m.purses[user] + 1]), 1)
        case 4:
            add, draw = trove.collateral // 7 + 1, random.choice([room, room // 3 + 1]) + WAD
        case _:
            take, repay = free // 3 + 1, random.choice([WAD, s.whole(user)[1] // 5])
            add = random.choice([0, 0, 0, 1])
    return "adjust", user, [add, take, draw, repay]


def _redeem(random: Random, m: Model) -> Call:
    s, terms = m.system, m.system.terms
    healthy = [who for who in m.rising() if s.ratio(who) >= terms.mcr]
    amount = random.choice([1, 50 * WAD, 4_000 * WAD, 90_000 * WAD])
    if healthy:
        first = s.whole(healthy[0])[1] - terms.gas_reserve
        partly = first - terms.min_net_debt
        second = s.whole(healthy[1])[1] // 4 if len(healthy) > 1 else 0
        amount = random.choice([amount, first, first + 1, first - 1, partly, partly + 1, partly // 2, first + second])
    richest = max(USERS, key=lambda who: m.purses[who])
    return "redeem", random.choice([richest, richest, richest, *SMALL]), [max(amount, 0)]


def _provide(random: Random, m: Model) -> Call:
    """Deposits that fill the pool to a trove's debt, one unit more or less, or to crumbs."""
    user = random.choice([*USERS, "whale", "whale", "whale"])
    troves = [who for who in SMALL if who in m.system.troves]
    if user == "whale" and random.random() < 0.6:
        return "provide", user, [max(m.purses[user] // 2, 1)]
    amount = random.choice([1, 10**9, 3_000 * WAD, 60_000 * WAD, m.purses[user], m.purses[user] + 1])
    if troves and random.random() < 0.7:
        missing = m.system.whole(random.choice(troves))[1] - m.system.pool.total
        amount = max(missing + random.choice([-(10**9), -1, 0, 0, 1, 10**6]), 1)
    return "provide", user, [amount]


def hint_of(m: Model, amount: int) -> int:
    """The nominal ratio that a redemption leaves at its last trove, which its caller must know."""
    s, left = m.system, amount
    for who in m.rising():
        if s.ratio(who) < s.terms.mcr:
            continue
        collateral, debt = s.whole(who)
        if left < debt - s.terms.gas_reserve:
            return (collateral - left * WAD // s.price) * 10**20 // (debt - left)
        left -= debt - s.terms.gas_reserve
    return 0
