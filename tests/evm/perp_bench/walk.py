"""Seeded walks, steered to the border of liquidation, to the last free unit, and to bad debt."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from random import Random

from marginbook.exact import to_raw_exact, to_raw_floor
from marginbook.venues.common.search import borders_around
from marginbook.venues.perp import model, prices
from marginbook.venues.perp.collateral import free_of
from marginbook.venues.perp.risk import liquidation_prices
from marginbook.venues.perp.sales import may_be_sold, most_sold
from marginbook.venues.perp.steps import Trade, apply, only_reduces
from perp_bench.figures import AT, KEEPER, RULES, Action, Given, State, fill, mark, market_after, market_of
from perp_bench.scene import COLLATERALS, MAKERS, MARKETS, TRADERS

Quote = Callable[[Action], Given]
KINDS = {
    "time": 8,
    "whale": 5,
    "index": 6,
    "price": 3,
    "trade": 20,
    "brink": 8,
    "close": 3,
    "deposit": 5,
    "withdraw": 7,
    "edge": 22,
    "crash": 9,
    "fund": 2,
    "liquidate": 2,
    "sell": 1,
    "brim": 4,
}
RISKY = TRADERS[2:]
"""Who has other collateral than the settlement token."""
DEPTH = 2 * 10**25
"""Quote of the widest range order [10^-18]."""
STEP = 10**12
RICH = Decimal(10) ** 9


class Walker:
    """Chooses the next action; some come in pairs."""

    def __init__(self, random: Random, quote: Quote, makers: tuple[str, ...] = MAKERS) -> None:
        self.random, self.quote, self.makers = random, quote, makers
        self.waiting: list[Action | Callable[[State], Action]] = []
        self.tried: set[str] = set()

    def next(self, state: State) -> Action:
        """The next action."""
        action = self._chosen(state)
        if action.kind == "liquidate":
            self.tried.add(action.user)
        elif action.kind in ("time", "index", "price", "trade"):
            self.tried.clear()
        return action

    def _chosen(self, state: State) -> Action:
        if self.waiting:
            waiting = self.waiting.pop(0)
            return waiting if isinstance(waiting, Action) else waiting(state)
        random = self.random
        market = market_of(state)
        rooms = {user: _headroom(state, user, market) for user in TRADERS}
        even = [u for u, room in rooms.items() if room is not None and abs(room) <= STEP and u not in self.tried]
        weak = [user for user, room in rooms.items() if room is not None and room < 0]
        if even and random.random() < 0.8:
            return self._liquidate(state, random.choice(even))
        if weak and random.random() < 0.4:
            user = random.choice(weak)
            return self._liquidate(state, user) if random.random() < 0.75 else self._rescue(state, user, market)
        owing = [user for user in RISKY if may_be_sold(state.accounts[user], market, RULES)]
        if owing and random.random() < 0.25:
            return self._sell(state, random.choice(owing))
        kind, user = random.choices(list(KINDS), list(KINDS.values()))[0], random.choice(TRADERS)
        return getattr(self, f"_{kind}")(state, user)

    def _time(self, state: State, user: str) -> Action:
        seconds = self.random.choice([1, 12, 15, 60, 300, 900, 1_800, 3_600, self.random.randrange(1, 20_000)])
        return Action(kind="time", amount=seconds)

    def _whale(self, state: State, user: str) -> Action:
        """A push of the market, rather back to where it began."""
        name = self.random.choice(list(MARKETS))
        price = prices.price_of_root(state.pits[name].root)
        start = prices.price_of_root(MARKETS[name].root)
        up = self.random.random() < (0.5 + 0.4 * (1 if price < start else -1) * min(1, abs(price / start - 1) * 3))
        worth = self.random.choice([10**4, 10**5, 5 * 10**5]) * self.random.randrange(1, 100) // 50
        amount = worth * 10**36 // price
        return Action(kind="trade", user="whale", name=name, amount=amount if up else -amount)

    def _index(self, state: State, user: str) -> Action:
        """Near the pool's price; now and then so far that the premium is cut."""
        name = self.random.choice(list(MARKETS))
        price = prices.price_of_root(state.pits[name].root) // 10 ** (18 - MARKETS[name].feed)
        spread = self.random.choice([0.001, 0.01, 0.15])
        spot, mean = (int(price * self.random.uniform(1 - spread, 1 + spread)) for _ in range(2))
        return Action(kind="index", name=name, amount=spot, other=mean)

    def _price(self, state: State, user: str) -> Action:
        name = self.random.choice(list(COLLATERALS))
        start = COLLATERALS[name].price
        price = int(state.prices[name] * self.random.gauss(1, 0.05))
        return Action(kind="price", name=name, amount=min(max(price, start // 5), start * 5))

    def _trade(self, state: State, user: str) -> Action:
        """Any size up to a little more than the account can bear; against the position as often as with it."""
        random, name = self.random, self.random.choice(list(MARKETS))
        if random.random() < 0.05:
            user = KEEPER
        market, price = market_of(state), mark(state, name)
        support, demand = model.figures(state.accounts[user], market, RULES).free(RULES.im_ratio)
        room = max(0, support - demand) * 10
        held = _held(state, user, name)
        if room < 10**19 and not (held and held.taken):
            return self._deposit(state, user)
        small = random.randrange(50, 200) * 10**18
        worth = random.choice([room, room // 2, room * random.randrange(1, 130) // 100, small, 10**18, 10**7])
        sign = random.choice((1, -1))
        if random.random() < 0.25:
            return Action(kind="trade", user=user, name=name, amount=sign * max(worth, 10**7), other=1)
        size = worth * 10**18 // price
        if held and held.taken and random.random() < 0.5:
            whole = abs(held.taken)
            sign = -1 if held.taken > 0 else 1
            size = random.choice(
                [whole // 2, whole // 3, whole, whole - 9, whole - 10, whole + 9, whole + 10, 2 * whole]
            )
        return Action(kind="trade", user=user, name=name, amount=sign * max(size, 1_000))

    def _brink(self, state: State, user: str) -> Action:
        """A trade after which free collateral is 0 or a unit short: the money for it is moved in or out first."""
        trade = self._trade(state, user)
        if trade.kind != "trade":
            return trade
        given = self.quote(trade)
        if given.refused:
            return trade
        slack = _slack_after(state, trade, given)
        needed = -(slack // STEP) - self.random.choice([0, 0, 1])
        if needed > 0:
            self.waiting.append(trade)
            return Action(kind="deposit", user=trade.user, name="USDC", amount=needed)
        if needed < 0 and -needed <= free_of(state.accounts[trade.user], "USDC", market_of(state), RULES):
            self.waiting.append(trade)
            return Action(kind="withdraw", user=trade.user, name="USDC", amount=-needed)
        return trade

    def _close(self, state: State, user: str) -> Action:
        name = self.random.choice(list(MARKETS))
        held = _held(state, user, name)
        return Action(kind="close", user=user, name=name, amount=-held.taken if held else 0)

    def _deposit(self, state: State, user: str) -> Action:
        random = self.random
        if random.random() < 0.02:
            return Action(kind="deposit", user=user, name="USDC", amount=0)
        name = random.choice(["USDC", "USDC", *COLLATERALS]) if user in RISKY else "USDC"
        usd = random.choice([5, 20, 300, 5_000, 40_000]) * random.randrange(1, 100)
        if name == "USDC":
            return Action(kind="deposit", user=user, name=name, amount=usd * 10**6 // 50 + random.randrange(9))
        terms = COLLATERALS[name]
        amount = usd * 10 ** (terms.feed + terms.decimals) // state.prices[name] // 50
        return Action(kind="deposit", user=user, name=name, amount=amount + random.randrange(1, 9))

    def _withdraw(self, state: State, user: str) -> Action:
        random = self.random
        user = random.choice([*TRADERS, *TRADERS, KEEPER, "whale", *self.makers])
        held = [one.asset for one in state.accounts[user].collateral]
        name = random.choice(["USDC", *held, *held])
        most = free_of(state.accounts[user], name, market_of(state), RULES)
        amount = random.choice([most, most, most + 1, most // 2, random.randrange(most + 1), 0])
        if user in ("maker", "whale", KEEPER):
            amount = random.choice([most + 1, random.randrange(10**6)])
        return Action(kind="withdraw", user=user, name=name, amount=amount)

    def _fund(self, state: State, user: str) -> Action:
        return Action(kind="fund", user="whale", name="USDC", amount=self.random.randrange(1, 60_000 * 10**6))

    def _edge(self, state: State, user: str, pushes: bool = True) -> Action:
        """A mark or collateral price a unit either side of the user's border; the pool is pushed beyond it first."""
        random = self.random
        found = liquidation_prices(state.accounts[user], market_of(state), RULES, AT)
        random.shuffle(found)
        for border in found:
            inside = (1 if border.when == "at_or_below" else -1) * random.choice([0, 0, 1, 1, -1])
            if border.market in COLLATERALS:
                feed = COLLATERALS[border.market].feed
                price = to_raw_floor(border.price, feed) + inside
                if 0 < price < COLLATERALS[border.market].price * 5:
                    return Action(kind="price", name=border.market, amount=price)
                continue
            price = to_raw_exact(border.price, 18) + inside
            action = _marked(state, border.market, price)
            if action is not None:
                return action
            present = mark(state, border.market)
            if pushes and abs(price - present) * 7 < present:
                self.waiting.append(Action(kind="time", amount=random.choice([15, 20, 60])))
                self.waiting.append(lambda later: self._edge(later, user, pushes=False))
                return _push(state, border.market, price / present - 1 + (0.01 if price > present else -0.01))
        return self._whale(state, user)

    def _crash(self, state: State, user: str) -> Action:
        """Pushes against a position of the weakest, and time until the mark has followed."""
        random, market = self.random, market_of(state)
        rooms = [(room, name) for name in TRADERS if (room := _headroom(state, name, market)) is not None]
        user = min(rooms)[1] if rooms else user
        held = [one for one in model.positions_of(state.accounts[user]) if one.taken]
        if not held:
            return self._trade(state, user)
        one = max(held, key=lambda each: abs(each.open_notional))
        change = (-1 if one.taken > 0 else 1) * random.choice([0.03, 0.08, 0.09])
        for _ in range(random.randrange(4)):
            self.waiting += [Action(kind="time", amount=30), lambda later: _push(later, one.market, change)]
        self.waiting.append(Action(kind="time", amount=random.choice([300, 900, 2_000])))
        self.waiting.append(lambda later: self._liquidate(later, user))
        return _push(state, one.market, change)

    def _rescue(self, state: State, user: str, market: object) -> Action:
        """What makes the account value just cover the requirement, or a unit less."""
        room = _headroom(state, user, market_of(state)) or 0
        return Action(
            kind="deposit", user=user, name="USDC", amount=max(1, -(room // STEP) - self.random.choice([0, 1]))
        )

    def _brim(self, state: State, user: str) -> Action:
        """A collateral price at which other collateral may just be sold, or just not."""
        random, user = self.random, self.random.choice(RISKY)
        held = [one.asset for one in state.accounts[user].collateral]
        if not held:
            return self._deposit(state, user)
        name = random.choice(held)

        def for_sale(price: int) -> bool:
            changed = replace(state, prices={**state.prices, name: price})
            return may_be_sold(state.accounts[user], market_of(changed), RULES)

        below, _ = borders_around(for_sale, state.prices[name])
        if below is None or below > COLLATERALS[name].price * 5:
            return self._trade(state, user)
        self.waiting.append(lambda later: self._sell(later, user))
        return Action(kind="price", name=name, amount=below + random.choice([0, 0, 1]))

    def _sell(self, state: State, user: str) -> Action:
        """About the most that may be sold, in tokens or in what is paid for them."""
        random, account = self.random, state.accounts[user]
        names = [held.asset for held in account.collateral] or list(COLLATERALS)
        name, paid = random.choice(names), random.random() < 0.5
        most = most_sold(account, name, market_of(state), RULES)
        units = most.paid if paid else most.tokens
        amount = random.choice([units, units, units + 1, units // 2, random.randrange(units + 1)])
        return Action(kind="sell", user=user, name=name, amount=amount, by=KEEPER, other=int(paid))

    def _liquidate(self, state: State, user: str) -> Action:
        random = self.random
        if random.random() < 0.03:
            user = random.choice([*TRADERS, *self.makers, "whale"])
        names = [held.market for held in model.positions_of(state.accounts[user])] or list(MARKETS)
        name = random.choice(names if random.random() < 0.95 else list(MARKETS))
        held = _held(state, user, name)
        size = held.taken if held else 10**18
        amount = random.choice([0, 0, size, size // 2, size // 3, size // 4, size * 2, 1 if size > 0 else -1])
        by = KEEPER if random.random() < 0.9 else random.choice([one for one in TRADERS if one != user])
        return Action(
            kind="liquidate", user=user, name=name, amount=-amount if random.random() < 0.02 else amount, by=by
        )


def _held(state: State, user: str, name: str) -> model.Held | None:
    return next((one for one in model.positions_of(state.accounts[user]) if one.market == name), None)


def _headroom(state: State, user: str, market: object) -> int | None:
    """Account value less requirement; None without positions."""
    found = model.figures(state.accounts[user], market, RULES)  # type: ignore[arg-type]
    needed = found.requirement(RULES.mm_ratio)
    return found.value - needed if needed else None


def _slack_after(state: State, trade: Action, given: Given) -> int:
    """Free collateral after a trade, at the ratio that it is held to."""
    account = state.accounts[trade.user]
    rich = replace(account, wallet={"USDC": account.wallet["USDC"] + RICH})
    market = market_after(state, trade.name, given)
    event = fill(trade.user, trade.name, given.size, given.notional, given.fee, "trade")
    after, _ = apply(rich, market, event, RULES, AT)
    held = _held(state, trade.user, trade.name)
    low = held is not None and only_reduces(held, Trade(given.size, given.notional - given.fee))
    support, demand = model.figures(after, market, RULES).free(RULES.mm_ratio if low else RULES.im_ratio)
    return support - demand - int(RICH) * 10**18


def _push(state: State, name: str, change: float) -> Action:
    """The whale's trade that moves the pool's price by about so much."""
    price = prices.price_of_root(state.pits[name].root)
    change = min(max(change, -0.09), 0.09)
    size = int(DEPTH / price * (1 - (1 + change) ** -0.5) * 10**18) or 10**12
    return Action(kind="trade", user="whale", name=name, amount=size)


def _marked(state: State, name: str, price: int) -> Action | None:
    """The index price that makes `price` the mark, where it lies between the two means of the pool."""
    pit, digits = state.pits[name], 10 ** (18 - MARKETS[name].feed)
    now, long, premium = (
        prices.price_of_root(prices.mean_root(pit.memory, pit.root, state.time, window)) for window in (15, 1_800, 900)
    )
    index = price - premium + pit.index_mean * digits
    if not (min(now, long) <= price <= max(now, long) and index > 0):
        return None
    return Action(kind="index", name=name, amount=index // digits, other=pit.index_mean)
