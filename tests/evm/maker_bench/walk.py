"""Seeded walks, steered to the last unit of a draw, the border price, dust, the room of auctions and their ends.

Calls depend on the model alone, so that a walk is the same with or without a chain beside it.
"""

from random import Random

from maker_bench.scene import FILED, RAD, TYPES, USERS, Call, System
from marginbook.exact import RAY, WAD
from marginbook.venues.maker import auction, vat

MIDDLE = 3_000 * WAD
KINDS = {
    "wait": 9,
    "move": 5,
    "edge": 16,
    "drip": 5,
    "open": 16,
    "draw": 9,
    "repay": 6,
    "free": 7,
    "add": 3,
    "bark": 8,
    "take": 22,
    "redo": 5,
    "file": 4,
}


def walk(random: Random, s: System) -> Call:
    """The next call."""
    kind = random.choices(list(KINDS), list(KINDS.values()))[0]
    name, who = random.choice(TYPES), random.choice(USERS)
    k = s.kinds[name]
    weak = [(n, one) for n in TYPES for one in USERS if _unsafe(s, n, one)]
    if weak and random.random() < 0.25:
        kind, (name, who) = "bark", random.choice(weak)
        k = s.kinds[name]
    if (s.hole <= s.dirt or k.ilk.hole <= k.dirt) and random.random() < 0.2:
        limits = [("limit", "", [9_000_000 * RAD]), ("file", name, [FILED.index("hole"), 6_000_000 * RAD])]
        return random.choice(limits)
    if not k.ilk.liquidations and random.random() < 0.3:
        return "file", name, [FILED.index("liquidations"), 1]
    if s.hole - s.dirt < 5_000 * RAD and random.random() < 0.3:
        return "limit", "", [s.dirt + random.randrange(100_000 * RAD)]
    done = [which for which, sale in k.sales.items() if auction.needs_reset(sale, k.ilk, s.time)]
    if done and random.random() < 0.1:
        return "redo", name, [random.choice(done)]
    whom, urn = f"{name}/{who}", k.urns[who]
    match kind:
        case "wait":
            return kind, "", [random.choice([1, 13, 90, 600, 3_600, random.randrange(1, 9_500), *_ends(random, s)])]
        case "move":
            price = s.price * random.choice([80, 93, 99, 101, 105, 118]) // 100
            price = random.choice([price, price, (price + MIDDLE) // 2])
            return kind, "", [min(max(price + random.randrange(-3, 4), MIDDLE // 20), MIDDLE * 20)]
        case "edge":
            even = MIDDLE + 16 * WAD * random.randrange(-40, 40)  # at which collateral can carry just the debt
            return "move", "", [even if random.random() < 0.15 else _edge(random, s)]
        case "drip":
            return kind, name, []
        case "open":
            return "frob", whom, _open(random, s, name, who)
        case "draw":
            most = max((urn.ink * s.spot(name) - urn.art * k.rate) // RAY, 1)
            return kind, whom, [max(most + random.choice([-1, 0, 0, 1, -(most // 2), -(most // 10**5)]), 1)]
        case "repay":
            keep = -(-k.ilk.dust // k.rate)
            part = random.choice([urn.art, urn.art - keep, urn.art - keep + 1, urn.art // 3, urn.art + 1, 1])
            return "frob", whom, [random.choice([0, 0, 0, urn.ink // 5, -(urn.ink // 9), -urn.ink]), -max(part, 0)]
        case "free":
            needed = -(-urn.art * k.rate // max(s.spot(name), 1))
            spare = max(urn.ink - needed, 0)
            return "frob", whom, [-random.choice([spare, spare, spare + 1, spare // 2, urn.ink, urn.ink + 1, 1]), 0]
        case "add":
            return "frob", whom, [random.choice([1, urn.ink // 7 + 1, urn.ink // 10**6 + 1]), 0]
        case "take" | "redo" if not k.sales or random.random() < 0.02:
            return ("redo", name, [k.kicks + 1]) if kind == "redo" else (kind, name, [max(k.kicks, 1), WAD, 2**200])
        case "take":
            return kind, name, _take(random, s, name)
        case "redo":
            return kind, name, [random.choice(list(k.sales))]
        case "file":
            return _file(random, s, name)
    return kind, whom, []


def _unsafe(s: System, name: str, who: str) -> bool:
    k = s.kinds[name]
    return vat.is_unsafe(k.urns[who], k.rate, s.spot(name))


def _ends(random: Random, s: System) -> list[int]:
    """Seconds to the last moment of an auction, and one more."""
    running = [(k.ilk, sale) for k in s.kinds.values() for sale in k.sales.values()]
    if not running:
        return []
    ilk, sale = random.choice(running)
    left = sale.tic + ilk.tail - s.time
    return [max(left, 1), max(left + 1, 1)]


def _edge(random: Random, s: System) -> int:
    """A price within a unit of a vault's border, after a drip or before it."""
    found = [(n, k.urns[who]) for n, k in s.kinds.items() for who in USERS if k.urns[who].art and k.urns[who].ink]
    if not found:
        return MIDDLE + random.randrange(WAD)
    name, urn = random.choice(found)
    k = s.kinds[name]
    rate = random.choice([k.rate, vat.dripped(k.rate, k.duty, s.time - k.rho)])
    price = vat.price_of_spot(-(-urn.art * rate // urn.ink), s.par, k.ilk.mat) + random.choice([-2, -1, -1, 0, 0, 1])
    return price if MIDDLE // 8 < price < MIDDLE * 4 else MIDDLE + random.randrange(WAD)


def _open(random: Random, s: System, name: str, who: str) -> list[int]:
    """Collateral, and debt up to the last unit that it carries; or about dust, or the ceiling."""
    k, spot = s.kinds[name], s.spot(name)
    urn = k.urns[who]
    if random.random() < 0.01:
        return [random.choice([1, 2, 1_000]), random.choice([0, 1, 2_000])]
    dink = 0 if urn.ink and random.random() < 0.5 else random.randrange(3 * WAD, 250 * WAD)
    most = max((urn.ink + dink) * spot // k.rate - urn.art, 0)
    dust = -(-k.ilk.dust // k.rate) - urn.art
    line = (k.ilk.line or 0) // k.rate - k.total_art
    dart = random.choice([most, most, most + 1, most - most // 10**6, most // 2, dust, dust - 1, line, line + 1])
    return [dink, max(dart, 0)]


def _take(random: Random, s: System, name: str) -> list[int]:
    k = s.kinds[name]
    which = random.choice(list(k.sales))
    sale = k.sales[which]
    price = auction.price_at(k.ilk, sale.top, s.time - sale.tic)
    whole = sale.tab // price if price else sale.lot
    least = max(sale.tab - auction.least_left(k.ilk), 0) // price if price else 0
    part = random.choice(
        [whole, whole + 1, whole - 1, least, least + 1, sale.lot, sale.lot - 1, sale.lot // 3, *[2**200] * 4, 0]
    )
    return [which, max(part, 0), random.choice([2**200, 2**200, 2**200, price, max(price - 1, 0)])]


def _file(random: Random, s: System, name: str) -> Call:
    """Governance: any parameter, near where it was."""
    k = s.kinds[name]
    if random.random() < 0.15:
        return "duty", name, [random.choice([RAY, RAY + 10**18 + random.randrange(10**18), RAY + 10**19])]
    if random.random() < 0.1:
        return "target", "", [random.choice([RAY, RAY + random.randrange(-(10**25), 10**25)])]
    if random.random() < 0.15:
        return (
            "limit",
            "",
            [random.choice([500_000 * RAD, 900_000 * RAD, s.dirt, s.dirt + random.randrange(30_000 * RAD)])],
        )
    choices = {
        "mat": [145 * RAY // 100, 150 * RAY // 100 + random.randrange(10**20), 101 * RAY // 100],
        "dust": [0, 5_000 * RAD, 7_500 * RAD + random.randrange(RAD), 30_000 * RAD],
        "chop": [WAD, 113 * WAD // 100, 108 * WAD // 100 + random.randrange(10**9)],
        "hole": [300_000 * RAD, 900_000 * RAD, k.dirt, k.dirt + random.randrange(40_000 * RAD)],
        "line": [10_000_000 * RAD, 10_000_000 * RAD, k.total_art * k.rate + random.randrange(20_000 * RAD)],
        "buf": [RAY, 13 * RAY // 10, 11 * RAY // 10 + random.randrange(10**9)],
        "tail": [7_200, 600, 12_000],
        "cusp": [0, 40 * RAY // 100, 45 * RAY // 100 + random.randrange(10**9)],
        "chip": [0, WAD // 1_000, WAD // 777],
        "tip": [0, 250 * RAD, 300 * RAD + random.randrange(RAD)],
        "liquidations": [0, 1, 1, 1],
    }
    place = random.choice([*range(len(FILED)), len(FILED) - 1])
    return "file", name, [place, random.choice(choices[FILED[place]])]
