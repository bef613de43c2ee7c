"""Seeded walks, steered to the last unit of a loan and of a withdrawal, equality of both sides, dust, worthless assets.

Calls depend on the model alone (with the totals of collateral vaults, which a book states).
"""

from random import Random

from euler_bench.scene import NAMES, USERS, Call, Model, book, parameters
from marginbook.exact import WAD
from marginbook.units import MICROSECONDS
from marginbook.venues.euler import liquidation_prices, vault
from marginbook.venues.euler.risk import borrowable, most_out
from marginbook.venues.euler.vault import Loan, Revert

KINDS = {
    "wait": 9,
    "price": 5,
    "edge": 18,
    "ltv": 4,
    "supply": 10,
    "withdraw": 9,
    "redeem": 6,
    "borrow": 22,
    "repay": 7,
    "liquidate": 10,
}


def walk(random: Random, m: Model) -> Call:
    """The next call."""
    kind = random.choices(list(KINDS), list(KINDS.values()))[0]
    who, place = random.choice(USERS), random.randrange(2)
    weak = [one for one, loan in m.loans.items() if loan.is_liquidatable]
    if weak and random.random() < 0.4:
        kind, who = "liquidate", random.choice(weak)
    if random.random() < 0.06:
        return _crumbs(random, m, USERS[-1]) or ("wait", "", [1])
    loan, name = m.loans[who], NAMES[place]
    if kind in ("withdraw", "redeem") and not loan.balances[name]:
        kind = "supply"
    if kind == "liquidate" and not loan.owed:
        kind = "borrow"
    match kind:
        case "wait":
            return kind, "", [random.choice([1, 1, 2, 29, 30, 3_600, 86_400, random.randrange(1, 900_000)])]
        case "price":
            return _wander(random, m)
        case "edge":
            return _edge(random, m, who) or _wander(random, m)
        case "ltv":
            return _ltv(random, m, name)
        case "supply":
            return kind, who, [place, _supply(random, m, who, place)]
        case "withdraw":
            most = max(vault.share_value(most_out(loan, name), *loan.totals[name]), 1)
            return kind, who, [place, max(most + random.choice([-1, 0, 0, 1, -(most // 2), -(most - 1), 10**9]), 1)]
        case "redeem":
            most, all_of_it = most_out(loan, name), loan.balances[name]
            return kind, who, [place, max(random.choice([most, most + 1, most // 2, all_of_it, all_of_it + 1, 1]), 1)]
        case "borrow":
            most = borrowable(loan)
            part = random.choice([most, most, most + 1, most - 1, most // 2, 1, m.cash + 1])
            return kind, who, [max(part if random.random() < 0.9 else most // 10**5, 1)]
        case "repay":
            debt = loan.debt
            return kind, who, [max(random.choice([debt, debt + 1, debt - 1, debt // 2, debt // 9, 1]), 1)]
    return kind, who, _liquidate(random, loan, place)


def _price(mid: int, random: Random) -> list[int]:
    spread = random.choice([0, 0, mid // 1_000, mid // 100])
    return [mid, mid - spread, mid + spread]


def _wander(random: Random, m: Model) -> Call:
    asset = random.choice(["TST", "ONE", "TWO", "TWO"])
    start = m.scene.prices[asset]
    mid = m.any.prices[asset].mid * random.choice([70, 93, 99, 101, 105, 125]) // 100 + random.randrange(-3, 4)
    if asset == "TWO" and random.random() < 0.05:
        return "price", asset, [random.randrange(1, 100)] * 3  # worthless
    return "price", asset, _price(min(max(mid, start // 8), start * 8), random)


def _edge(random: Random, m: Model, who: str) -> Call | None:
    """A price one unit either side of where an account becomes liquidatable."""
    owing = [one for one, loan in m.loans.items() if loan.owed]
    if not owing:
        return None
    who = who if who in owing else random.choice(owing)
    found = liquidation_prices(*book(m, who), parameters(m), m.time * MICROSECONDS)
    if not found:
        return None
    border = random.choice(found)
    mid, start = int(border.price.scaleb(18)) + random.choice([-1, 0, 0, 1]), m.scene.prices[border.market]
    if not start // 30 < mid < start * 30:
        return None
    return "price", border.market, _price(mid, random)


def _crumbs(random: Random, m: Model, who: str) -> Call | None:
    """A debt too small to be written off: from a full account to an empty one, to one of crumbs, to its liquidation."""
    loan = m.loans[who]
    held = [place for place, name in enumerate(NAMES) if loan.balances[name]]
    if loan.owed and loan.liability() >= vault.LEAST_SOCIALIZED:
        return "repay", who, [loan.debt]
    if loan.owed and loan.is_liquidatable:
        return "liquidate", who, [held[0] if held else 0, -1]
    if loan.owed and held:
        asset = NAMES[held[0]][1:]
        return "price", asset, [max(loan.prices[asset].mid * random.choice([30, 60, 80]) // 100, 1)] * 3
    large = [place for place in held if loan.balances[NAMES[place]] > 5_000]
    if large:
        return "redeem", who, [large[0], loan.balances[NAMES[large[0]]]]
    if held:
        return "borrow", who, [max(borrowable(loan), 1)]
    fine = [place for place in range(2) if m.scene.decimals[place + 1] == 18]
    return ("supply", who, [fine[0], random.randrange(1, 2_000)]) if fine and m.scene.decimals[0] == 18 else None


def _ltv(random: Random, m: Model, name: str) -> Call:
    now = m.ltv_of(name)
    target = random.choice([8_500, 9_000, 7_000, 9_999, now, max(now - 700, 0), 0])
    ramp = random.choice([0, 1, 777, 86_400 * 3]) if target < now else 0
    return "ltv", name, [min(target, random.choice([8_000, 8_500, 8_999, target])), target, ramp]


def _supply(random: Random, m: Model, who: str, place: int) -> int:
    unit = 10 ** m.scene.decimals[place + 1]
    if random.random() < (0.03 if any(m.loans[who].balances.values()) else 0.25):
        return random.choice([1, 2, 999])
    value = random.choice([50, 4_000, 90_000])
    return max(value * WAD * unit // m.any.prices[NAMES[place][1:]].mid + random.randrange(3), 1) % (10**9 * unit) + 1


def _liquidate(random: Random, loan: Loan, place: int) -> list[int]:
    others = [i for i, name in enumerate(NAMES) if loan.balances[name]]
    place = random.choice(others) if others and random.random() < 0.9 else place
    try:
        most = vault.largest(loan, NAMES[place]).repaid
    except Revert:
        most = loan.debt
    return [place, max(random.choice([-1, -1, -1, most, most, most + 1, most - 1, most // 2, 1, 0]), -1)]
