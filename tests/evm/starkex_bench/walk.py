"""Seeded walks, steered to the borders: the last unit of a withdrawal, a liquidation or a deleveraging, prices one
unit either side of a liquidation, balances at the end of their range. Actions depend on the model's state alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random

from marginbook.exact import to_raw_exact
from marginbook.venues.dydx_v3.fixed_point import BALANCE_BOUND, ONE, Asset, least_collateral
from marginbook.venues.dydx_v3.rule import Valued
from starkex_bench.figures import MARKETS, USERS, Action, Model, is_stuck, planned

SMALL = USERS[1:-1]
WHALE, EXACT, RIM = USERS[0], USERS[-2], USERS[-1]
WEALTH = 10**17
KINDS = {
    "deposit": 6,
    "withdraw": 12,
    "trade": 34,
    "reduce": 12,
    "edge": 12,
    "price": 8,
    "funding": 8,
    "liquidate": 6,
    "deleverage": 6,
    "rim": 3,
}
NEAR = (-2, -1, 0, 0, 1, 2)


@dataclass
class Walk:
    """A walk in progress: what it still means to do before it draws again."""

    random: Random
    waiting: list[Callable[[Model], Action]] = field(default_factory=list)

    def next(self, m: Model) -> Action:
        """The next action."""
        random, whale = self.random, m.valued(WHALE)
        if whale.collateral < WEALTH // 4 or whale.support < 4 * whale.demand:
            return Action("deposit", WHALE, collateral=WEALTH)
        if self.waiting:
            return self.waiting.pop(0)(m)
        weak = [user for user in SMALL if m.valued(user).is_liquidatable()]
        under = [user for user in weak if m.valued(user).support < 0]
        kind = random.choices(list(KINDS), list(KINDS.values()))[0]
        if under and random.random() < 0.35:
            user = random.choice(under)
            if random.random() < 0.25:
                lacking = -int(m.valued(user).support.scaleb(6))
                return Action("deposit", user, collateral=lacking * random.randrange(90, 150) // 100 + 1)
            return deleverage(random, m, user)
        if weak and random.random() < 0.35:
            return liquidate(random, m, random.choice(weak))
        user = random.choice(SMALL)
        match kind:
            case "deposit":
                return Action("deposit", user, collateral=10 ** random.randrange(13) + random.randrange(9))
            case "withdraw":
                return _withdraw(random, m, user)
            case "reduce":
                return _reduce(random, m, random.choice(weak) if weak else user)
            case "edge":
                return self._to_edge(m, user)
            case "price":
                return _price(random, m)
            case "funding":
                return _funding(random, m)
            case "liquidate":
                return liquidate(random, m, user)
            case "deleverage":
                return deleverage(random, m, user)
            case "rim":
                return self._at_the_rim(m)
        return _trade(random, m, user)

    def _to_edge(self, m: Model, user: str) -> Action:
        """A price one unit either side of a liquidation price, and then the attempt."""
        firsts = {name: Decimal(price) for name, price in MARKETS.items()}
        found = [p for p in m.call("liquidation_prices", user) if 20 > p.price / firsts[p.market] > Decimal("0.05")]
        if not found:
            return _trade(self.random, m, user)
        price = self.random.choice(found)
        # A book's price has 8 decimals; the system's own unit may be coarser.
        units = to_raw_exact(price.price, 8) + self.random.choice((-1, 0, 0, 1))
        self.waiting.append(lambda now: liquidate(self.random, now, user))
        return Action("price", market=price.market, amount=max(units, 1) * 10**10)

    def _at_the_rim(self, m: Model) -> Action:
        """Up to the last unit that the system holds, or a trade beyond."""
        random = self.random
        if is_stuck(m, RIM):
            return Action("deposit", RIM, collateral=1)
        found = m.valued(RIM)
        if random.random() < 0.4 and found.collateral > BALANCE_BOUND // 2:
            sign = random.choice((True, False))
            return Action("trade", RIM, WHALE, random.choice(list(MARKETS)), sign, random.randrange(1, 10**9), 1)
        if random.random() < 0.3 and found.collateral > 0:
            return Action("withdrawal", RIM, collateral=max(found.collateral + random.choice(NEAR), 1))
        room = BALANCE_BOUND - 1 - found.collateral + random.choice((-1, 0, 0, 1, 2))
        return Action("deposit", RIM, collateral=max(room, 1))


def _withdraw(random: Random, m: Model, user: str) -> Action:
    """What is free, to the unit, or some of it."""
    found = m.valued(user)
    free = max(int((found.support - found.demand).scaleb(6)), 0)
    some = random.choice([free, free, free + 1, free - 1, free // 2, free + 10**6])
    return Action("withdrawal", user, collateral=max(some, 1))


def _asset(random: Random, found: Valued) -> Asset | None:
    held = [asset for asset in found.assets if asset.balance]
    return random.choice(held) if held else None


def _closing(asset: Asset, user: str, other: str, size: int, received: int, **more: int) -> Action:
    """Reducing `user`'s asset by `size` for `received` (< 0: paid)."""
    selling = asset.balance > 0
    if received * asset.balance <= 0:
        received = 1 if selling else -1  # at a price above 0
    kind = more.pop("kind", 0)
    return Action(
        ("trade", "liquidate", "deleverage")[kind], user, other, asset.market, not selling, size, abs(received), **more
    )


def _size(random: Random, balance: int) -> int:
    whole = abs(balance)
    return max(1, random.choice([whole, whole, whole // 2, random.randrange(1, whole + 1), 1, whole + 1]))


def _least(found: Valued, asset: Asset, size: int) -> int:
    """Least collateral [units] for a reduction by `size`."""
    left = (abs(asset.balance) - size) * (1 if asset.balance > 0 else -1)
    after = Asset(
        market=asset.market, balance=left, price=asset.price, segments=asset.segments, by_balance=asset.by_balance
    )
    before = found.status
    return least_collateral(before, after.value - asset.value, before.risk - asset.risk + after.risk)


def _reduce(random: Random, m: Model, user: str) -> Action:
    """A trade that makes a position smaller: at its least collateral and about it, or at the oracle price."""
    found = m.valued(user)
    asset = _asset(random, found)
    if asset is None:
        return _trade(random, m, user)
    size = _size(random, asset.balance)
    if size <= abs(asset.balance) and random.random() < 0.7:
        received = _least(found, asset, size) + random.choice(NEAR)
    else:
        received = size * asset.price // ONE * (1 if asset.balance > 0 else -1)
    return _closing(asset, user, WHALE, size, received)


def liquidate(random: Random, m: Model, user: str) -> Action:
    """By the plan or one unit off it, in part at the least collateral and about it, or too much."""
    found = m.valued(user)
    plan = planned(m, user)
    if plan is not None and random.random() < 0.5:
        market, size, paid = plan
        asset, off = next(a for a in found.assets if a.market == market), random.choice((0, 0, -1, 1))
        action = _closing(asset, user, WHALE, size, paid + off, kind=1)
        return replace(action, plan=off) if action.collateral == abs(paid + off) else action
    chosen = _asset(random, found)
    if chosen is None:
        return Action("liquidate", user, WHALE, "BTC-USD", random.choice((True, False)), 1, 1)
    size = _size(random, chosen.balance)
    inside = size <= abs(chosen.balance) and found.status.risk > 0
    received = _least(found, chosen, size) if inside else size * chosen.price // ONE * (1 if chosen.balance > 0 else -1)
    fee = random.choice((0, 0, random.randrange(10**6)))
    other = random.choice((WHALE, WHALE, *(name for name in SMALL[:2] if name != user)))
    return _closing(chosen, user, other, size, received + random.choice(NEAR), fee=fee, kind=1)


def deleverage(random: Random, m: Model, user: str) -> Action:
    """At the fair amount and one unit off it, against somebody who has the other side, mostly."""
    found = m.valued(user)
    asset = _asset(random, found)
    if asset is None:
        other = random.choice([name for name in SMALL if name != user])
        return Action("deleverage", user, other, "BTC-USD", random.choice((True, False)), 1, 1)
    opposite = {
        name: held
        for name in (WHALE, *SMALL)
        for held in m.valued(name).assets
        if name != user and held.market == asset.market and held.balance * asset.balance < 0
    }
    others = list(opposite) if opposite and random.random() < 0.9 else [n for n in SMALL if n != user]
    other = random.choice(others)
    size = _size(random, asset.balance)
    if other in opposite and random.random() < 0.9:
        size = min(size, abs(opposite[other].balance))
    if size > abs(asset.balance):
        return _closing(asset, user, other, size, 1, kind=2)
    fair = _least(found, asset, size)
    if fair * asset.balance <= 0 and random.random() < 0.9:
        return Action("deposit", user, collateral=max(1, -int(found.support.scaleb(6))))
    return _closing(asset, user, other, size, fair + random.choice((0, 0, 0, 1, -1)), kind=2)


def _trade(random: Random, m: Model, user: str) -> Action:
    """Sizes from dust to more than the account can bear, at about the oracle price."""
    found = m.valued(user)
    if found.collateral <= 0 and not found.assets:
        return Action("deposit", user, collateral=10 ** random.randrange(7, 13) + random.randrange(10**6))
    name = "ONE-USD" if user == EXACT else random.choice(list(MARKETS))
    price = m.internal(name)
    owned = max(int(found.support.scaleb(6)), 10**6)
    value = owned * random.choice([1, 2, 5, 9, 15, 30]) // random.choice([1, 2, 10])
    size = max(1, value * ONE // price // random.choice([1, 1, 1, 100, 10**6]))
    if user == EXACT:
        size = 4 * size  # risk of a quarter of the value: whole units
    paid = max(1, size * price // ONE * random.choice([1000, 1000, 999, 1001, 1050]) // 1000)
    other = WHALE if random.random() < 0.6 else random.choice([n for n in SMALL[:-1] if n != user])
    fee = random.choice((0, random.randrange(1 + paid // 1000)))
    return Action("trade", user, other, name, random.choice((True, False)), size, paid, fee)


def _price(random: Random, m: Model) -> Action:
    name = random.choice(list(MARKETS))
    if name == "ONE-USD":
        return Action("price", market=name, amount=random.randrange(4, 17) * 10**18)
    first = to_raw_exact(Decimal(MARKETS[name]), 18)
    moved = m.prices[name] * random.choice([700, 850, 950, 990, 999, 1_001, 1_010, 1_050, 1_150, 1_400]) // 1_000
    return Action("price", market=name, amount=min(max(moved, first // 20), first * 20) + random.randrange(10**9))


def _funding(random: Random, m: Model) -> Action:
    name = random.choice(list(MARKETS))
    # At most a hundredth of the price, and sometimes the smallest change there is.
    change = random.choice([1, -1, random.randrange(-m.internal(name) // 100 - 1, m.internal(name) // 100 + 2)])
    return Action("funding", market=name, amount=m.indices[name] + change)
