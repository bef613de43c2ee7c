"""Seeded walks of the vault, steered to its borders: the check one unit either side, leverage, reserves, profits early.

Actions depend on the book's state alone, so that a walk is the same with or without a chain beside it.
"""

from random import Random

from gmx_bench.scene_1 import INDICES, STABLE, TOKENS, USD, USERS, Action, World
from marginbook.exact import to_raw_floor
from marginbook.venues.gmx import vault
from marginbook.venues.gmx.vault import Held, margin_fee, positions_of

KINDS = {"time": 10, "price": 8, "edge": 26, "pool": 2, "fund": 2, "increase": 24, "decrease": 16, "liquidate": 12}
MIDDLE = {"BTC": 60_000 * USD, "ETH": 3_000 * USD, STABLE: USD}


def walk(random: Random, world: World) -> Action:
    """The next action."""
    kind = random.choices(list(KINDS), list(KINDS.values()))[0]
    user, index, long = random.choice(USERS), random.choice(INDICES), random.random() < 0.5
    open_, weak = _positions(world)
    if weak and random.random() < 0.5:
        kind = "liquidate"
    match kind:
        case "time":
            return _later(random, world, open_)
        case "price":
            return _wander(random, world, random.choice(TOKENS))
        case "edge":
            return _edge(random, world, random.choice(open_)) if open_ else _wander(random, world, index)
        case "pool":
            token = random.choice(TOKENS)
            amount = world.books(token).pool // random.choice([5, 50, 10**6]) + random.randrange(9)
            return Action("pool", index=token, tokens=amount)
        case "fund":
            return Action("fund", index=random.choice(TOKENS))
        case "increase":
            return _increase(random, world, Action("increase", user, index, long))
        case "liquidate" if weak or open_:
            chosen = random.choice(weak if weak and random.random() < 0.9 else open_ or weak)
            return Action("liquidate", chosen.user, chosen.index, chosen.long)
        case "decrease" if open_ and random.random() < 0.95:
            return _decrease(random, world, random.choice(open_))
    return Action("decrease", user, index, long, size=random.choice([0, USD]), taken=random.choice([1, 10 * USD]))


def _positions(world: World) -> tuple[list[Action], list[Action]]:
    """Who holds what, and which of it the check would liquidate."""
    found, weak = [], []
    for user, account in world.accounts.items():
        for held in positions_of(account, world.parameters).values():
            place = Action("", user, held.position.market.partition("/")[0], held.is_long)
            found.append(place)
            if vault.validate(held, world.market, world.at).state:
                weak.append(place)
    return found, weak


def _later(random: Random, world: World, open_: list[Action]) -> Action:
    """Some time, or just up to when a position's small profit counts."""
    if open_ and random.random() < 0.5:
        held = _held(world, random.choice(open_))
        left = (held.increased or 0) + held.terms.min_profit_time - world.now + random.choice([-1, 0, 0, 1])
        if left > 0:
            return Action("time", size=left)
    return Action("time", size=random.choice([1, 60, 3_599, 3_600, 28_800, random.randrange(1, 400_000)]))


def _spread(random: Random, low: int) -> int:
    return low + random.choice([0, 0, 1, low // 10_000, low // 1_000])


def _wander(random: Random, world: World, token: str) -> Action:
    """A move of a few percent, back toward the middle when far from it."""
    low, middle = world.prices(token).low, MIDDLE[token]
    steps = (997, 999, 1_000, 1_001, 1_003) if token == STABLE else (930, 980, 996, 1_001, 1_005, 1_025, 1_080)
    low = low * random.choice(steps) // 1_000 + random.randrange(-9, 9)
    most, least = (102, 98) if token == STABLE else (300, 30)
    low = min(max(low, middle * least // 100), middle * most // 100)
    return Action("price", index=token, low=low, high=_spread(random, low))


def _held(world: World, place: Action) -> Held:
    found = world.held(place)
    assert found is not None
    return found


def _edge(random: Random, world: World, place: Action) -> Action:
    """A price one unit either side of a position's liquidation, of its average or of where its profit counts."""
    held, account = _held(world, place), world.accounts[place.user]
    alone = vault.liquidation_prices(
        type(account)(id=account.id, rules=account.rules, positions=(held.position,)),
        world.market,
        world.parameters,
        world.at,
    )
    price = held.average
    gain = held.average * held.terms.min_profit // 10_000
    if random.random() < 0.2:
        gain = random.choice([gain, gain, gain // 2])
        price += gain if held.is_long else -gain
    elif alone and random.random() < 0.95:
        price = to_raw_floor(alone[0].price, 30)
    away = random.choice([0, 0, 0, 1, -1, 1, -1, 2, -2, price // 1_000, -price // 1_000, price // 50, -price // 50])
    price = min(max(price + away, MIDDLE[place.index] // 10), MIDDLE[place.index] * 10)
    high = _spread(random, price)
    return Action(
        "price",
        index=place.index,
        low=price if held.is_long else 2 * price - high,
        high=high if held.is_long else price,
    )


def _increase(random: Random, world: World, place: Action) -> Action:
    """A size and collateral at a leverage, at the border of the check or of the pool's room, and beyond."""
    held, books = world.held(place), world.books(place.token)
    size = random.choice([20, 300, 5_000, 5_000, 60_000, 400_000]) * USD + random.randrange(10**20)
    if random.random() < 0.12:
        size = max(books.pool - books.reserved + random.choice([-2, 0, 1, 2]), 1) * books.worth(10**9) // 10**9
    tokens = books.tokens_for(size // random.choice([1, 2, 5, 10, 25, 40, 49, 50, 51, 101]))
    if random.random() < 0.4:
        tokens = max(books.tokens_for(_needed(world, place, size)) + random.choice([-1, 0, 0, 1, 2]), 0)
    if held and random.random() < 0.3:
        size = 0
    elif held and random.random() < 0.3:
        tokens = 0
    if random.random() < 0.03:
        size = random.choice([0, 1])
    return Action("increase", place.user, place.index, place.long, tokens=tokens + (size > 0 and not held), size=size)


def _needed(world: World, place: Action, size: int) -> int:
    """What a new position must bring: the larger minimum, its fee, and the loss over the spread."""
    terms, prices = world.terms(place.index), world.prices(place.index)
    fee, paid = margin_fee(size, terms.margin_fee), prices.high if place.long else prices.low
    least = max(-(-size * 10_000 // terms.max_leverage), fee + terms.liquidation_fee_usd)
    return least + fee + size * (prices.high - prices.low) // paid


def _decrease(random: Random, world: World, place: Action) -> Action:
    """Part or all, with collateral up to the border, some beyond."""
    held = _held(world, place)
    size = random.choice([0, 0, held.size, held.size, held.size // 2, held.size - 1, held.size // 97, 1])
    if random.random() < 0.03:
        size = held.size + 1
    room = vault.withdrawable(held, world.market, world.at)
    fee = vault.funding_fee(held, world.market, world.at)
    taken = random.choice(
        [0, room, room, room + 1, room - 1, room // 2, held.collateral, held.collateral + 1, fee, fee + 1]
    )
    if size and random.random() < 0.7:
        taken = 0
    return Action("decrease", place.user, place.index, place.long, taken=max(taken, 0 if size else 1), size=size)
