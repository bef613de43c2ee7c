"""Seeded walks of v2, steered to its edges: the liquidation border, the least collateral, caps of profit and impact.

Actions depend on the model's state alone, so that a walk is the same with or without a chain beside it.
"""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from gmx_bench.model_2 import KEYS, Action, Key, State, accrue, balances, price_of, quoted, step, token_of
from marginbook.exact import from_raw, in_exact_context, to_raw_floor
from marginbook.venues.gmx.closing import size_closed
from marginbook.venues.gmx.margin import check
from marginbook.venues.gmx.orders import withdrawable
from marginbook.venues.gmx.positions import Held
from marginbook.venues.gmx.risk import liquidation_prices

USD = 10**30
KINDS = {"time": 8, "price": 7, "edge": 16, "open": 18, "add": 8, "part": 14, "withdraw": 8, "close": 6, "adl": 4}
KINDS |= {"liquidate": 10, "update": 1}


def opening(state: State) -> Iterator[Action]:
    """Both sides, so that there is a balance, and time, so that there is funding."""
    for key, size in ((("ann", "long", "long"), 1_900_000), (("bob", "short", "short"), 1_800_000)):
        yield Action(kind="increase", key=key, size=size * USD, amount=_units(state, key, size // 5))
    for seconds in (3_600, 500):
        yield Action(kind="time", size=seconds)
        yield Action(kind="update")


def _units(state: State, key: Key, usd: int) -> int:
    """Collateral worth `usd`."""
    return usd * USD // price_of(state, token_of(state.terms, key[2]), "min")


@in_exact_context
def walk(random: Random, state: State) -> Action:
    """The next action."""
    kind = random.choices(list(KINDS), list(KINDS.values()))[0]
    here = [key for key in KEYS if key in state.positions]
    key = random.choice(here) if here else KEYS[0]
    weak = [one for one in here if check(_held(state, one), state.market, state.at).reason]
    if weak and random.random() < 0.5:
        return Action(kind="liquidate", key=random.choice(weak))
    if not here or kind == "open":
        return _open(random, state, random.choice(KEYS))
    match kind:
        case "time":
            return Action(kind="time", size=random.choice([1, 60, 3_600, 86_400, random.randrange(1, 500_000)]))
        case "price":
            return _wander(random, state)
        case "edge":
            return _edge(random, state, key) or _wander(random, state)
        case "add":
            return _add(random, state, key)
        case "part" | "adl":
            return _part(random, state, key, "adl" if kind == "adl" else "decrease")
        case "withdraw":
            return _withdraw(random, state, key)
        case "close":
            held = _held(state, key)
            return Action(kind="decrease", key=key, size=held.size_usd, amount=random.choice([0, 0, 10**6]))
    return Action(kind=kind, key=random.choice(KEYS) if random.random() < 0.1 else key)


def _held(state: State, key: Key) -> Held:
    held = state.held(key)
    assert held is not None
    return held


def _room(state: State, side: str) -> int:
    """Size that the side's pool can still reserve [10^-30 USD]."""
    terms, token = state.terms, token_of(state.terms, side)
    amount = state.number(f"{side}_pool_amount", terms.decimals(token))
    pool = amount * price_of(state, token, "min") // (2 if terms.long_token == terms.short_token else 1)
    if side == "long":
        used = state.number("long_open_interest_in_tokens", terms.index_decimals)
        used *= price_of(state, terms.index_token, "max")
    else:
        used = state.number("short_open_interest", 30)
    return max(0, (pool * terms.open_interest_reserve_factor // USD - used) * 9 // 10)


def _open(random: Random, state: State, key: Key) -> Action:
    """A new or larger position, mostly with much leverage."""
    long, short = balances(state)
    if random.random() < 0.6:
        key = (key[0], "long" if long < short else "short", key[2])
    usd = random.choice([12, 5_000, 80_000, 600_000, 3_000_000])
    size = min(random.randrange(usd * USD // 2, usd * USD), _room(state, key[1]))
    if random.random() < 0.06:
        size = min(random.choice([10 * USD - 1, USD, 1, 10 * USD]), _room(state, key[1]))
    leverage = random.choice([2, 10, 40, 90, 99, 110, 180])
    price = price_of(state, token_of(state.terms, key[2]), "min")
    action = Action(kind="increase", key=key, size=size, amount=max(1, size // leverage // price))
    if not size:
        return Action(kind="update")
    return _near(random, state, action) if random.random() < 0.5 else action


def _add(random: Random, state: State, key: Key) -> Action:
    """A deposit, or a larger size without one."""
    held = _held(state, key)
    if random.random() < 0.5:
        amount = random.choice([1, held.collateral // 3 + 1, _units(state, key, random.randrange(1, 20_000)) + 1])
        action = Action(kind="increase", key=key, amount=amount)
        return _near(random, state, action) if random.random() < 0.4 else action
    size = min(random.randrange(1, held.size_usd), _room(state, key[1]))
    return Action(kind="increase", key=key, size=size) if size else Action(kind="update")


def _near(random: Random, state: State, action: Action) -> Action:
    """About the least collateral with which it is accepted."""
    low, high = 0, max(2, action.amount * 8)
    if step(state, replace(action, amount=high))[2] is not None:
        return action
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if step(state, replace(action, amount=middle))[2] is None else (middle, high)
    return replace(action, amount=max(1, high + random.randrange(-2, 2)))


def _part(random: Random, state: State, key: Key, kind: str) -> Action:
    """A part, sometimes with collateral, sometimes all but a little."""
    held = _held(state, key)
    tokens = random.randrange(1, held.size_tokens) if held.size_tokens > 1 else 1
    size = size_closed(held, tokens)
    if random.random() < 0.3:
        size = random.choice([held.size_usd // 2, held.size_usd - 1, held.size_usd, 1, held.size_usd + 1])
    if random.random() < 0.1:
        size = max(1, held.size_usd - state.terms.min_position_size_usd + random.randrange(-1, 2))
    amount = random.randrange(held.collateral + 2) if random.random() < 0.3 else 0
    return Action(kind=kind, key=key, size=min(size, held.size_usd + 1), amount=amount)


def _withdraw(random: Random, state: State, key: Key) -> Action:
    """About as much as may leave."""
    now = accrue(state)
    held = _held(now, key)
    if random.random() < 0.6:
        most = withdrawable(held, now.market, now.at) // price_of(state, held.token, "min")
        amount = most + random.randrange(-1, 2)
    else:
        amount = random.choice([1, held.collateral // 2, held.collateral, held.collateral + 1])
    return Action(kind="decrease", key=key, amount=max(1, amount))


def _wander(random: Random, state: State) -> Action:
    token = random.choice(list(state.setup.prices))
    factor = random.gauss(1, 0.0005 if token == "USDC" else random.choice([0.003, 0.03, 0.3]))
    start = state.setup.prices[token]
    low = min(max(int(price_of(state, token, "min") * factor), start // 3), start * 3)
    return _price(token, low, low + random.choice([0, 0, 1, low // 5_000]))


def _price(token: str, low: int, high: int) -> Action:
    return Action(kind="price", token=token, size=low, amount=high)


def _edge(random: Random, state: State, key: Key) -> Action | None:
    """A price one unit either side of where the position becomes liquidatable, or somewhat beyond."""
    held, terms = _held(state, key), state.terms
    tokens = [terms.index_token] + ([held.token] if held.token not in (terms.index_token, "USDC") else [])
    token = random.choice(tokens)
    name, decimals = quoted(terms, token)
    now = accrue(state)
    start = state.setup.prices[token]
    if random.random() < 0.2:
        found = liquidation_prices(now.account(key), now.market, now.parameters, now.at)
        prices = [to_raw_floor(one.price, decimals) for one in found if one.market == name]
        if not prices:
            return None
        price = prices[0] + random.randrange(-1, 2)
        return _price(token, price, price) if start // 3 <= price <= start * 3 else None

    def falls(price: int) -> bool:
        changes = {("gmx", name, kind): from_raw(price, decimals) for kind in ("min", "max")}
        return bool(check(held, now.market.with_prices(changes), now.at).reason)

    low, high = start // 3, start * 3
    at_low = falls(low)
    if at_low == falls(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if falls(middle) == at_low else (low, middle)
    price = low + random.randrange(-1, 3)
    if random.random() < 0.35:
        side = -1 if at_low else 1
        price += side * price * random.choice([1, 5, 20, 80]) // 1_000
    return _price(token, price, price + random.choice([0, 0, 0, 1]))
