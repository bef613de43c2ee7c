"""Seeded walks of perps v2, steered to its edges: a position's last safe price, all that may be withdrawn, the largest
order, the least deposit that saves a position, the sizes and premiums that only an endorsed address may liquidate.

Actions depend on the model's state alone, so that a walk is the same with or without a chain beside it.
"""

from random import Random

from marginbook.exact import in_exact_context, to_raw_exact
from marginbook.venues.synthetix.v2.orders import Kind, check_order
from marginbook.venues.synthetix.v2.risk import Holding, figures, holdings, idle, is_below, least_margin
from marginbook.venues.synthetix.wad import price_of
from synthetix_bench.scene_2 import MARKETS, PARAMETERS, PRICES, RULES, USERS, Action, World, pool_in

WAD = 10**18
KINDS = ["time", "price", "edge", "dynamic", "transfer", "withdraw_all", "order", "close", "flag", "liquidate"]
WEIGHTS = [11, 5, 26, 2, 15, 2, 30, 5, 4, 4]
LEAST_AGE, MOST_AGE = 2, 120
"""Seconds between which a delayed order may be executed."""
LARGE = {"ETH": 25 * WAD, "ODD": 1_700_000 * WAD}
"""About the largest position that anybody may liquidate."""
ANY = 2**200
"""A price that no fill is above."""


@in_exact_context
def walk(random: Random, w: World) -> Action:
    """The next action."""
    kind = random.choices(KINDS, WEIGHTS)[0]
    user, market = random.choice(USERS), random.choice(MARKETS)
    held = next(holdings(w.account(user, market), PARAMETERS), None)
    due = _due(w)
    if due and random.random() < 0.5:
        return _liquidation(random, w, *random.choice(due))
    waiting = [key for key, account in w.accounts.items() if account.orders]
    if waiting and random.random() < 0.4:
        return _pending(random, w, *random.choice(waiting))
    match kind:
        case "time":
            seconds = random.choice([1, 2, 60, 3_600, 86_400, random.randrange(1, 400_000)])
            return Action(kind="time", amount=seconds)
        case "price":
            return _wander(random, w, market)
        case "edge":
            found = _shown(random, w, user, market, held) if held and random.random() < 0.4 else None
            return found or (_edge(random, w, market, held) if held else None) or _wander(random, w, market)
        case "dynamic":
            return Action(kind="dynamic", amount=random.choice([0, 0, 10**15, 12_345_678_901_234_567]))
        case "transfer":
            return Action(kind=kind, user=user, market=market, amount=_amount(random, w, user, market, held))
        case "order":
            return _order(random, w, user, market, held)
        case "close":
            return Action(kind=kind, user=user, market=market, limit=0 if held and held.size > 0 else ANY)
    return Action(kind=kind, user=user, market=market)


def _due(w: World) -> list[tuple[str, str]]:
    """Positions that are flagged or can be."""
    return [key for key, account in w.accounts.items() if (pool := pool_in(account)) and _is_due(w, key, pool)]


def _is_due(w: World, key: tuple[str, str], pool: str) -> bool:
    return RULES.is_liquidatable(w.accounts[key], pool, w.market, PARAMETERS, w.at)


def _liquidation(random: Random, w: World, user: str, market: str) -> Action:
    if not w.account(user, market).positions[0].details:
        if random.random() < 0.4:
            (held,) = holdings(w.account(user, market), PARAMETERS)
            return Action(kind="transfer", user=user, market=market, amount=_amount(random, w, user, market, held))
        return Action(kind="flag", user=user, market=market)
    (pool,) = RULES.risk(w.account(user, market), w.market, PARAMETERS, w.at)
    plan = RULES.plan_liquidation(w.account(user, market), pool, w.market, PARAMETERS, w.at)
    kinds = ["liquidate"] * 12 + ["force", "force_by_keeper", "flag", "order", "transfer"]
    if plan.reason is not None:
        kinds = ["force"] * 3 + ["liquidate"]
    return Action(kind=random.choice(kinds), user=user, market=market, amount=random.choice([1, -1]) * WAD)


def _pending(random: Random, w: World, user: str, market: str) -> Action:
    """Execution, waiting, or the end of a delayed order."""
    age = w.time - w.submitted[user, market]
    if age > MOST_AGE:
        return Action(kind=random.choice(["cancel", "cancel_own"]), user=user, market=market)
    if not LEAST_AGE < age < MOST_AGE or w.published.get(market, 0) >= w.time:
        return Action(kind="time", amount=random.choice([1, 3, 3, 3, 3, MOST_AGE]))
    price = price_of(w.market, market) * random.randrange(990, 1011) // 1000
    return Action(kind="execute", user=user, market=market, amount=price // 10**10 * 10**10)


def _wander(random: Random, w: World, market: str) -> Action:
    price = int(price_of(w.market, market) * random.gauss(1, random.choice([0.003, 0.03])))
    start = PRICES[market]
    return Action(kind="price", market=market, amount=min(max(price, start // 5), start * 5))


def _shown(random: Random, w: World, user: str, market: str, held: Holding) -> Action | None:
    """The rule set's liquidation price, or one tick on the safe side of it; `limit` says which."""
    prices = RULES.liquidation_prices(w.account(user, market), w.market, PARAMETERS, w.at)
    exact = [price for price in prices if price.source == "exact"]
    if not exact:
        return None
    price, beyond = random.choice(exact), random.randrange(2)
    away = 0 if beyond else held.terms.tick if price.when == "at_or_below" else -held.terms.tick
    amount = to_raw_exact(price.price + away, 18)
    if not PRICES[market] // 8 < amount < PRICES[market] * 8:
        return None
    return Action(kind="price", user=user, market=market, amount=amount, limit=beyond)


def _edge(random: Random, w: World, market: str, held: Holding) -> Action | None:
    """A price one unit either side of the position's border, or some way beyond."""
    if held.flagged:
        return None
    long, now = held.size > 0, price_of(w.market, market)

    def below(price: int) -> bool:
        return is_below(figures(held, w.market, PARAMETERS, w.at, price))

    low, high = (1, now * 3) if long else (now // 3, now * 3)
    if below(low) == below(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if below(middle) == below(low) else (low, middle)
    price = low + random.randrange(-1, 3)
    if random.random() < 0.3:
        price = price * random.choice([995, 1005, 970, 1030]) // 1000
    start = PRICES[market]
    return Action(kind="price", market=market, amount=min(max(price, start // 8), start * 8))


def _amount(random: Random, w: World, user: str, market: str, held: Holding | None) -> int:
    """Of a transfer: deposits of all sizes, and withdrawals about the most that goes."""
    if held is None:
        lies = idle(w.account(user, market))
        if lies and random.random() < 0.4:
            return random.choice([-lies, -lies - 1, -lies // 2, -1])
        return random.randrange(30, 3_000) * WAD + random.randrange(WAD)
    found = figures(held, w.market, PARAMETERS, w.at)
    if is_below(found):
        saving = max(found.liquidation_margin - found.margin, 0)
        return random.choice(
            [saving, saving + 1, saving + 2, saving + found.premium, saving + found.premium + 1, 1, -1]
        )
    free = found.margin - least_margin(found, held.terms, PARAMETERS.system)
    if random.random() < 0.4:
        return random.randrange(1, 300) * WAD + random.randrange(WAD)
    some = [free, free, free + 1, free - 1, free + 2, free // 2, random.randrange(max(free, 1)), found.margin, 0]
    beyond = [
        found.margin + 1,
        found.margin - found.liquidation_margin,
        found.margin - PARAMETERS.system.min_initial_margin,
    ]
    return -max(random.choice(some + beyond), 0)


def _order(random: Random, w: World, user: str, market: str, held: Holding | None) -> Action:
    """Small, half, all, turning, too large, or about the largest that is accepted."""
    margin = held.margin if held else idle(w.account(user, market))
    if not held and margin < 45 * WAD and random.random() < 0.9:
        return Action(kind="transfer", user=user, market=market, amount=_amount(random, w, user, market, None))
    kind: Kind = "offchain" if random.random() < 0.3 else "atomic"
    price, size = price_of(w.market, market), held.size if held else 0
    most = margin * PARAMETERS.terms_of(market).max_leverage // price
    side = random.choice([1, -1])
    change = side * random.choice([most // 20, most // 3, most * 2 // 3, LARGE[market], LARGE[market] * 11 // 10])
    if size and random.random() < 0.35:
        change = random.choice([-size, -size // 2, -size - size // 3, -2 * size, size // 4, -size + 1, -size - 1])
    elif random.random() < 0.55:
        change = _largest(w, user, market, side * max(most * 2, 1), kind) + random.randrange(-1, 2)
    elif random.random() < 0.06:
        change = random.choice([0, 1, -1, 10_000 * LARGE[market]])
    if kind == "offchain":
        limit = price * (1000 + side * random.choice([1, 90, 90, 90])) // 1000
        return Action(kind="submit", user=user, market=market, amount=change, limit=limit)
    limit = None
    if random.random() < 0.06:
        limit = check_order(w.account(user, market), market, change, w.market, PARAMETERS, w.at, kind).fill_price
        limit += random.randrange(-1, 2)
    return Action(kind="order", user=user, market=market, amount=change, limit=limit)


def _largest(w: World, user: str, market: str, top: int, kind: Kind) -> int:
    """About the largest change toward `top` that is accepted, by halving."""
    side, low, high = (1 if top > 0 else -1), 0, abs(top)
    while high - low > 1:
        middle = (low + high) // 2
        check = check_order(w.account(user, market), market, side * middle, w.market, PARAMETERS, w.at, kind)
        low, high = (middle, high) if check.reason is None else (low, middle)
    return side * low
