"""Seeded walks, steered to the edges of the rules: health 1 and 0.95, 1000 and 2000 USD, dust, caps, limits.

Actions depend on the model's state alone, so that a walk is the same with or without a chain beside it.
"""

from collections.abc import Iterator
from random import Random

from aave_bench.scene import DOLLAR, SOURCE, USERS
from marginbook.venues.aave_v3.account_data import account_data, owed, supplied
from marginbook.venues.aave_v3.liquidation import CLOSE_FACTOR_HEALTH
from marginbook.venues.aave_v3.state import ALL, Pool, price_key
from marginbook.venues.aave_v3.steps import Action, step

WAD = 10**18
SMALL = USERS[1:]
HERMIT = USERS[-1]
"""Mostly supplies the isolated asset."""
FIRST = {
    "ETH": 20_000,
    "STE": 9_000,
    "BTC": 400,
    "USD": 40_000_000,
    "DAI": 30_000_000,
    "ISO": 900_000,
    "SIL": 5_000_000,
}


def opening() -> Iterator[Action]:
    """The whale fills the pool."""
    for asset, amount in FIRST.items():
        decimals = {"BTC": 8, "USD": 6, "ISO": 9, "SIL": 7}.get(asset, 18)
        yield Action(kind="supply", user="whale", asset=asset, amount=amount * 10**decimals + 12345)


def walk(random: Random, pool: Pool) -> Action:
    """The next action."""
    kind = random.choices(
        [
            "time",
            "price",
            "edge",
            "supply",
            "withdraw",
            "borrow",
            "repay",
            "collateral",
            "emode",
            "liquidate",
            "ltv",
            "close",
            "fill",
        ],
        [10, 5, 8, 8, 6, 24, 4, 3, 4, 24, 1, 1, 3],
    )[0]
    user = random.choice(SMALL)
    weak = [u for u in SMALL if account_data(pool, u).health_factor < WAD]
    if weak and random.random() < 0.6:
        kind = "liquidate"
    if kind == "liquidate" and not weak and random.random() < 0.9:
        return _tip(random, pool) or _borrow(random, pool, user)
    match kind:
        case "time":
            seconds = random.choice([1, 2, 12, 12, 3_600, 86_400, random.randrange(1, 1_000_000)])
            return Action(kind="time", amount=seconds)
        case "price":
            return _wander(random, pool)
        case "edge":
            return _to_edge(random, pool, user) or _wander(random, pool)
        case "supply":
            asset = "ISO" if user == HERMIT and random.random() < 0.8 else _asset(random, pool)
            return Action(kind="supply", user=user, asset=asset, amount=_supply(random, pool, asset))
        case "withdraw":
            return _withdraw(random, pool, random.choice(USERS))
        case "borrow":
            return _borrow(random, pool, user)
        case "repay":
            return _repay(random, pool, user)
        case "collateral":
            if random.random() < 0.5:
                return Action(kind="collateral", user=HERMIT, asset="ISO", amount=1)
            return Action(kind="collateral", user=user, asset=_asset(random, pool), amount=random.randrange(2))
        case "emode":
            if not pool.emodes:
                return _borrow(random, pool, user)
            category = random.choice([0, 0, *pool.emodes, 9])
            return Action(kind="emode", user=user, amount=category)
        case "liquidate":
            return _liquidate(random, pool, weak)
        case "close":
            return _drain(random, pool)
        case "fill":
            return _fill(random, pool)
    # governance takes the LTV of an asset away for a while
    asset = random.choice(["ETH", "BTC", "DAI"])
    normal = {"ETH": 8050, "BTC": 7300, "DAI": 6300}[asset]
    return Action(kind="ltv", asset=asset, amount=0 if pool.configs[asset].ltv and random.random() < 0.4 else normal)


def _asset(random: Random, pool: Pool) -> str:
    return random.choice(list(pool.configs))


def _dollar(pool: Pool) -> int:
    return DOLLAR[pool.version.base]


def _for_value(pool: Pool, asset: str, value: int) -> int:
    """Token units worth `value` [base currency]."""
    return value * pool.configs[asset].unit // pool.prices[asset]


def _supply(random: Random, pool: Pool, asset: str) -> int:
    if random.random() < 0.08:
        return random.choice([0, 1, 2, 3, 7])
    value = random.choice([1_000, 2_000, 1_500, random.randrange(1, 30_000), random.randrange(10_000, 200_000)])
    return _for_value(pool, asset, value * _dollar(pool)) + random.randrange(-3, 4)


def _withdraw(random: Random, pool: Pool, user: str) -> Action:
    held = [a for a, p in pool.user(user).positions.items() if p.scaled_supply] or ["ETH"]
    asset = random.choice(held)
    balance = supplied(pool, user, asset)
    if user == "whale":
        share = random.choice([0.001, 0.01, 0.3, 1.0])
        return Action(kind="withdraw", user=user, asset=asset, amount=int(balance * share))
    amount = random.choice([ALL, balance, balance + 1, balance - 1, balance // 2, random.randrange(balance + 1), 1, 0])
    if random.random() < 0.4:
        amount = _last_accepted(pool, Action(kind="withdraw", user=user, asset=asset), balance) + random.randrange(
            -2, 3
        )
    return Action(kind="withdraw", user=user, asset=asset, amount=max(amount, 0))


def _borrow(random: Random, pool: Pool, user: str) -> Action:
    asset = _asset(random, pool)
    emode = pool.emode_of(pool.user(user))
    if emode and random.random() < 0.9:
        asset = random.choice(sorted(emode.borrowable))
    room = account_data(pool, user).available_borrows
    if room == 0 and random.random() < 0.7:
        supplied_asset = "ISO" if user == HERMIT else random.choice(["ETH", "BTC", "USD", "DAI"])
        return Action(kind="supply", user=user, asset=supplied_asset, amount=_supply(random, pool, supplied_asset))
    most = _for_value(pool, asset, room)
    amount = random.choice([most // 2, random.randrange(most + 2), most // 3, random.choice([1, 2, 0, 5])])
    if random.random() < 0.5:
        top = most * 11 // 10 + 10
        amount = _last_accepted(pool, Action(kind="borrow", user=user, asset=asset), top) + random.randrange(-2, 3)
    if random.random() < 0.01:
        amount = 10 ** (pool.configs[asset].decimals + 8)
    return Action(kind="borrow", user=user, asset=asset, amount=max(amount, 0))


def _repay(random: Random, pool: Pool, user: str) -> Action:
    borrowed = [a for a, p in pool.user(user).positions.items() if p.borrowing] or ["USD"]
    asset = random.choice(borrowed)
    debt = owed(pool, user, asset)
    amount = random.choice([ALL, debt, debt - 1, debt + 1, debt // 2, random.randrange(debt + 1), 1, 2, 0])
    return Action(kind="repay", user=user, asset=asset, amount=max(amount, 0))


def _last_accepted(pool: Pool, action: Action, top: int) -> int:
    """About the largest amount that the model accepts."""
    low, high = 0, max(top, 1)
    while high - low > 1:
        middle = (low + high) // 2
        trial = Action(kind=action.kind, user=action.user, asset=action.asset, amount=middle)
        low, high = (middle, high) if step(pool, trial)[2] is None else (low, middle)
    return low


BOUNDS = {
    "ETH": (150, 9_000),
    "STE": (150, 9_500),
    "BTC": (5_000, 200_000),
    "USD": (0.8, 1.2),
    "DAI": (0.8, 1.2),
    "ISO": (1, 60),
    "SIL": (0.1, 15),
    SOURCE: (150, 9_000),
}


def _bounded(pool: Pool, asset: str, price: int) -> int:
    low, high = BOUNDS[asset]
    return min(max(price, int(low * _dollar(pool))), int(high * _dollar(pool)))


def _wander(random: Random, pool: Pool) -> Action:
    asset = random.choice(list(pool.prices))
    stable = asset in ("USD", "DAI")
    factor = random.gauss(1, 0.002 if stable else random.choice([0.01, 0.05, 0.2]))
    return Action(kind="price", asset=asset, amount=_bounded(pool, asset, int(pool.prices[asset] * factor)))


def _to_edge(random: Random, pool: Pool, user: str, share_of_values: float = 0.35, deep: bool = False) -> Action | None:
    """A price that puts the user's health at 1 or 0.95 to the last digit, or a holding at 1000 or 2000 USD."""
    state = pool.user(user)
    emode = pool.emode_of(state)
    flagged = [a for a, p in state.positions.items() if p.collateral]
    if not flagged or not state.borrows:
        return None
    asset = random.choice(flagged)
    key = price_key(asset, emode)
    if random.random() < share_of_values:
        sides = [(a, True) for a in flagged] + [(a, False) for a, p in state.positions.items() if p.borrowing]
        asset, is_supply = random.choice(sides)
        key = price_key(asset, emode)
        amount = supplied(pool, user, asset) if is_supply else owed(pool, user, asset)
        if amount == 0:
            return None
        value = random.choice([1_000, 2_000]) * _dollar(pool)
        price = value * pool.configs[asset].unit // amount + random.randrange(-1, 2)
        return Action(kind="price", asset=key, amount=_bounded(pool, key, price))
    goals = [WAD, CLOSE_FACTOR_HEALTH, WAD * 97 // 100, WAD * 90 // 100]
    goal = random.choice(goals[1:] * 2 + [WAD * 99 // 100, WAD * 70 // 100, WAD * 30 // 100] if deep else goals)
    if deep and random.random() < 0.5:
        key = price_key(random.choice([a for a, p in state.positions.items() if p.borrowing]), emode)

    def below(price: int) -> bool:
        return account_data(pool.with_prices({key: price}), user).health_factor < goal

    low, high = 1, pool.prices[key] * 4
    below_at_low = below(low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if below(middle) == below_at_low else (low, middle)
    return Action(kind="price", asset=key, amount=_bounded(pool, key, low + random.randrange(-2, 3)))


def _tip(random: Random, pool: Pool) -> Action | None:
    """A price that makes some borrower liquidatable, a little or a lot."""
    borrowers = [u for u in SMALL if pool.user(u).borrows]
    random.shuffle(borrowers)
    if random.random() < 0.7:  # the weakest first: its price is within bounds
        borrowers.sort(key=lambda name: account_data(pool, name).health_factor)
    for user in borrowers:
        action = _to_edge(random, pool, user, share_of_values=0, deep=True)
        if action and account_data(pool.with_prices({action.asset: action.amount}), user).health_factor < WAD:
            return action
    return None


def _liquidate(random: Random, pool: Pool, weak: list[str]) -> Action:
    user = random.choice(weak) if weak and random.random() < 0.97 else random.choice(SMALL)
    if pool.user(user).borrows and not any(p.collateral for p in pool.user(user).positions.values()):
        return _repay(random, pool, user)  # only the borrower can still do something
    state = pool.user(user)
    flagged = [a for a, p in state.positions.items() if p.collateral]
    borrowed = [a for a, p in state.positions.items() if p.borrowing]
    collateral, debt = _asset(random, pool), _asset(random, pool)
    if flagged and random.random() < 0.97:
        collateral = random.choice(flagged)
    if borrowed and random.random() < 0.97:
        debt = random.choice(borrowed)
    both = sorted(set(flagged) & set(borrowed))
    if both and random.random() < 0.3:
        collateral = debt = random.choice(both)
    amount = owed(pool, user, debt)
    leave = random.choice([1_000, 1_000, 2_000, 500]) * _dollar(pool)
    cover = random.choice(
        [ALL, ALL, amount, amount // 2, amount // 2 + 1, amount - 1, random.randrange(amount + 1), 1, 2, 0]
        + [amount - _for_value(pool, debt, leave) + random.randrange(-2, 3)] * 3
    )
    if random.random() < 0.2:  # leave about 1000 USD of collateral
        value = supplied(pool, user, collateral) * pool.prices[collateral] // pool.configs[collateral].unit - leave
        cover = _for_value(pool, debt, value * 10_000 // max(pool.configs[collateral].liquidation_bonus, 1))
        cover += random.randrange(-2, 3)
    return Action(kind="liquidate", user=user, asset=debt, collateral=collateral, amount=max(cover, 0))


def _fill(random: Random, pool: Pool) -> Action:
    """The whale brings back what was drained."""
    open_assets = (
        [a for a, config in pool.configs.items() if not config.supply_cap] if random.random() < 0.9 else ["STE"]
    )
    asset = min(open_assets, key=lambda a: (pool.reserves[a].cash or 0) * pool.prices[a] // pool.configs[a].unit)
    amount = _for_value(pool, asset, 20_000_000 * _dollar(pool)) if random.random() < 0.9 else 1
    return Action(kind="supply", user="whale", asset=asset, amount=amount + random.randrange(1_000))


def _drain(random: Random, pool: Pool) -> Action:
    """The whale takes what the reserve holds, to the unit: usage at 100 %, and nothing left to pay out."""
    asset = _asset(random, pool)
    cash = pool.reserves[asset].cash or 0
    kept = _for_value(pool, asset, 60_000 * _dollar(pool))
    amount = random.choice([cash, cash + 1, cash - kept, cash - kept])
    return Action(kind="withdraw", user="whale", asset=asset, amount=max(amount, 0))
