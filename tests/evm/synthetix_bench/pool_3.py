"""Perps v3 as a whole: accounts by the rule set, around them what the contracts keep of markets, orders, interest."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Event, Fill, LendingAction, Stamp, Transfer
from marginbook.domain.market import Market, Quote
from marginbook.exact import from_raw
from marginbook.venues.synthetix import margins as rules
from marginbook.venues.synthetix.account import POOL, USD, Book, Holding, book_of, is_flagged
from marginbook.venues.synthetix.events import apply, seized
from marginbook.venues.synthetix.funding import rate_after, unrecorded, velocity
from marginbook.venues.synthetix.interest import Curve, accrued, utilisation
from marginbook.venues.synthetix.liquidation import plan_liquidation
from marginbook.venues.synthetix.market import touched
from marginbook.venues.synthetix.orders import OrderCheck, check_order
from marginbook.venues.synthetix.parameters import MarketTerms, Parameters
from marginbook.venues.synthetix.risk import Figures, figures, is_liquidatable, withdrawable
from marginbook.venues.synthetix.wad import mul, state_seconds, state_wad
from marginbook.venues.synthetix.windows import window_of

STAMP = Stamp()
SECOND = 10**6
SETTLEMENT_DELAY, SETTLEMENT_WINDOW = 2, 60


@dataclass(frozen=True)
class MarketState:
    """What the contracts keep of a market."""

    skew: int = 0
    size: int = 0
    rate: int = 0
    value: int = 0
    time: int = 0
    correction: int = 0  # of the debt to traders
    liquidated: tuple[tuple[int, int], ...] = ()  # (amount, second)


@dataclass(frozen=True)
class Order:
    """A committed order."""

    market: str
    change: int
    time: int
    acceptable: int


@dataclass(frozen=True)
class Action:
    """One call, or a move of time, prices, costs or the pool's backing."""

    kind: str
    user: str = ""
    asset: str = ""  # market or collateral
    amount: int = 0
    price: int = 0  # acceptable price, or price of settlement


class Refused(Exception):
    """The contracts refuse: the error's name, and its arguments where the rule set states them."""

    def __init__(self, name: str, *arguments: int) -> None:
        self.reason = [name, *arguments]
        super().__init__(name)


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Everything."""

    parameters: Parameters
    curve: Curve
    time: int
    prices: Mapping[str, int]
    markets: Mapping[str, MarketState]
    capacity: int
    costs: tuple[int, int, int, int]  # settling, flagging, of which per feed, liquidating
    settlement_reward: int
    accounts: Mapping[str, Account] = field(default_factory=dict)
    orders: Mapping[str, Order] = field(default_factory=dict)
    interest: tuple[int, int, int] = (0, 0, 0)  # accrued, rate, time
    keeper: int = 0  # paid so far
    distributed: Mapping[str, int] = field(default_factory=dict)  # seized synths

    @property
    def at(self) -> int:
        """Now [µs]."""
        return self.time * SECOND

    def terms(self, market: str) -> MarketTerms:
        """Terms of a market."""
        return self.parameters.markets[market]

    def account(self, user: str) -> Account:
        """The user's account."""
        return self.accounts.get(user) or Account(id=user, rules="synthetix/3")

    def book(self, user: str) -> Book:
        """The user's holdings."""
        return book_of(self.account(user), self.parameters)

    def with_account(self, account: Account) -> "Pool":
        """With another state of an account."""
        return replace(self, accounts={**self.accounts, account.id: account})

    def with_market(self, name: str, **changes: Any) -> "Pool":
        """With changes to a market."""
        return replace(self, markets={**self.markets, name: replace(self.markets[name], **changes)})


def in_window(pool: Pool, name: str) -> int:
    """What the window that ends now has seen."""
    start = pool.time - pool.terms(name).window_seconds
    return sum(amount for amount, time in pool.markets[name].liquidated if time > start)


def market_of(pool: Pool, user: str, **prices: int) -> Market:
    """The venue as a book knows it, with the keepers' costs of this account."""
    account = pool.account(user)
    feeds = len(account.positions) + len(account.collateral)
    accrued_, rate, time = pool.interest
    state: dict[tuple[str, str, str], Any] = {
        ("synthetix", "system", "flag_cost_raw"): pool.costs[1] + feeds * pool.costs[2],
        ("synthetix", "system", "liquidate_cost_raw"): pool.costs[3],
        ("synthetix", "system", "interest_accrued_raw"): accrued_,
        ("synthetix", "system", "interest_rate_raw"): rate,
        ("synthetix", "system", "interest_time_raw"): time,
    }
    for name, m in pool.markets.items():
        state["synthetix", name, "skew_raw"] = m.skew
        state["synthetix", name, "market_size_raw"] = m.size
        state["synthetix", name, "funding_rate_raw"] = m.rate
        state["synthetix", name, "funding_value_raw"] = m.value
        state["synthetix", name, "funding_time_raw"] = m.time
        state["synthetix", name, "liquidated_in_window_raw"] = in_window(pool, name)
        if m.liquidated:
            state["synthetix", name, "last_liquidation_time_raw"] = m.liquidated[-1][1]
    known = {**pool.prices, **prices}
    quotes = {("synthetix", name, "oracle"): Quote(from_raw(price, 18)) for name, price in known.items()}
    return Market(quotes=quotes, state=state)


def figures_of(pool: Pool, user: str) -> Figures:
    """The rule set's figures of an account."""
    return figures(pool.book(user), market_of(pool, user), pool.parameters, pool.at)


def next_funding(pool: Pool, name: str, price: int) -> tuple[int, int]:
    """(rate, value) now."""
    m, terms = pool.markets[name], pool.terms(name)
    seconds, speed = pool.time - m.time, velocity(m.skew, terms.skew_scale, terms.max_funding_velocity)
    return rate_after(m.rate, speed, seconds), m.value + unrecorded(m.rate, speed, seconds, price)


def written(pool: Pool, name: str, market: Market) -> Pool:
    """What the rule set has written down of a market."""
    skew, size, rate, value = (
        state_wad(market, name, key) for key in ("skew", "market_size", "funding_rate", "funding_value")
    )
    time = state_seconds(market, name, "funding_time") or 0
    return pool.with_market(name, skew=skew, size=size, rate=rate, value=value, time=time)


def recorded(pool: Pool, user: str, name: str, price: int) -> Pool:
    """Funding recorded at a price."""
    return written(pool, name, touched(market_of(pool, user, **{name: price}), name, pool.terms(name), pool.at))


def totals(pool: Pool) -> dict[str, int]:
    """Collateral of all accounts."""
    found = dict.fromkeys((USD, *pool.parameters.assets), 0)
    for user in pool.accounts:
        book = pool.book(user)
        found[USD] += book.usd
        for synth in book.synths:
            found[synth.asset] += synth.amount
    return found


def collateral_worth(pool: Pool) -> int:
    """Value of all collateral, in full."""
    held = totals(pool)
    worth = held.pop(USD)
    for asset, amount in held.items():
        worth += rules.collateral_value(pool.parameters.assets[asset], amount, pool.prices[asset], False)
    return worth


def backing(pool: Pool) -> tuple[int, int]:
    """(credit that open positions lock, collateral that backs them)."""
    locked = sum(
        mul(mul(m.size, pool.prices[name]), pool.terms(name).locked_oi_ratio) for name, m in pool.markets.items()
    )
    return locked, pool.capacity - collateral_worth(pool)


def with_interest(pool: Pool) -> Pool:
    """Interest recorded, and a new rate."""
    recorded_, rate, time = pool.interest
    if not pool.curve.charges:
        return replace(pool, interest=(recorded_, 0, time))
    now = accrued(recorded_, rate, pool.time - time)
    return replace(pool, interest=(now, pool.curve.rate(utilisation(*backing(pool))), pool.time))


def moved(pool: Pool, name: str, before: Holding | None, after: Holding | None, price: int, closed: bool) -> Pool:
    """The debt to traders after a position has changed at a price; `closed` by a liquidation, it counts as one of 0."""
    m, old, new = pool.markets[name], before.size if before else 0, after.size if after else 0
    at = 0 if closed else price
    correction = m.correction + mul(m.value, new - old) + mul(at, new - old)
    if before:
        correction += mul(old, at - before.entry) + mul(old, m.value - before.funding)
    return with_interest(pool.with_market(name, correction=correction))


def holding(pool: Pool, user: str, market: str) -> Holding | None:
    """A position."""
    return next((held for held in pool.book(user).holdings if held.market == market), None)


def applied(pool: Pool, user: str, event: Event, **prices: int) -> Pool:
    """The account and its market after an event, by the rule set."""
    account, market = apply(pool.account(user), market_of(pool, user, **prices), event, pool.parameters, pool.at)
    pool = pool.with_account(account)
    return written(pool, event.market, market) if isinstance(event, Fill) else pool


def pending(pool: Pool, user: str) -> bool:
    """Whether an order waits that has not expired."""
    order = pool.orders.get(user)
    return order is not None and pool.time <= order.time + SETTLEMENT_DELAY + SETTLEMENT_WINDOW


def without_order(pool: Pool, user: str) -> Pool:
    """The order gone."""
    return replace(pool, orders={name: order for name, order in pool.orders.items() if name != user})


def settlement_cost(pool: Pool) -> int:
    """What settling an order costs."""
    return pool.costs[0] + pool.settlement_reward


def check(pool: Pool, user: str, market: str, change: int, price: int | None = None) -> OrderCheck:
    """The rule set's check of an order."""
    return check_order(
        pool.account(user),
        market,
        change,
        market_of(pool, user),
        pool.parameters,
        pool.at,
        settlement_cost(pool),
        price,
    )


def checked(pool: Pool, user: str, market: str, change: int, price: int | None = None) -> OrderCheck:
    """The same; `Refused` where the contracts refuse."""
    found = check(pool, user, market, change, price)
    if found.reason == "the account has as many positions as it may have":
        raise Refused("MaxPositionsPerAccountReached")
    if found.reason == "the account is liquidatable":
        raise Refused("AccountLiquidatable")
    if found.fill_price < 0:
        raise Refused("OverflowInt256ToUint256")
    if found.reason is not None:
        raise Refused("InsufficientMargin", found.margin, found.fees if found.margin < found.fees else found.required)
    held = holding(pool, user, market)
    old = held.size if held else 0
    new = old + change
    if new and (abs(new) > abs(old) or (new > 0) != (old > 0)):
        locked, delegated = backing(pool)
        delta = mul(mul(abs(new) - abs(old), pool.prices[market]), pool.terms(market).locked_oi_ratio)
        if delegated < locked + delta:
            raise Refused("ExceedsMarketCreditCapacity")
    return found


def commit(pool: Pool, user: str, market: str, change: int, acceptable: int) -> tuple[Pool, list[int]]:
    """An order committed."""
    if is_flagged(pool.account(user)):
        raise Refused("AccountLiquidatable")
    if pending(pool, user):
        raise Refused("PendingOrderExists")
    found = checked(pool, user, market, change)
    pool = recorded(pool, user, market, pool.prices[market])
    order = Order(market, change, pool.time, acceptable)
    return replace(pool, orders={**pool.orders, user: order}), [found.fees]


def order_of(pool: Pool, user: str) -> Order:
    """The order that may be settled or cancelled now."""
    order = pool.orders.get(user)
    if order is None:
        raise Refused("OrderNotValid")
    if pool.time < order.time + SETTLEMENT_DELAY:
        raise Refused("SettlementWindowNotOpen")
    if not pending(pool, user):
        raise Refused("SettlementWindowExpired")
    return order


def exceeded(order: Order, filled: int) -> bool:
    """Whether the fill price is worse than the acceptable one."""
    return filled > order.acceptable if order.change > 0 else filled < order.acceptable


def settle(pool: Pool, user: str, price: int) -> tuple[Pool, list[int]]:
    """The order filled at the price that its oracle tells."""
    order = order_of(pool, user)
    name = order.market
    found = checked(pool, user, name, order.change, price)
    if exceeded(order, found.fill_price):
        raise Refused("AcceptablePriceExceeded")
    before = holding(pool, user, name)
    fill = Fill(
        stamp=STAMP,
        account=user,
        market=name,
        side="buy" if order.change > 0 else "sell",
        quantity=from_raw(abs(order.change), 18),
        price=from_raw(found.fill_price, 18),
        fee=from_raw(found.fees, 18),
    )
    after = applied(pool, user, fill, **{name: price})
    after = moved(after, name, before, holding(after, user, name), found.fill_price, False)
    return without_order(replace(after, keeper=after.keeper + settlement_cost(pool)), user), []


def cancel(pool: Pool, user: str, price: int) -> tuple[Pool, list[int]]:
    """The order cancelled, because of its price or because the pool's backing is used up."""
    order = order_of(pool, user)
    terms, skew = pool.terms(order.market), pool.markets[order.market].skew
    filled = rules.fill_price(skew, terms.skew_scale, order.change, price)
    if filled < 0:
        raise Refused("OverflowInt256ToUint256")
    held = holding(pool, user, order.market)
    old = held.size if held else 0
    new = old + order.change
    locked, delegated = backing(pool)
    delta = mul(mul(abs(new) - abs(old), pool.prices[order.market]), terms.locked_oi_ratio)
    shrinks = abs(new) < abs(old) and new * old >= 0
    if (delegated >= locked + delta or shrinks) and not exceeded(order, filled):
        raise Refused("AcceptablePriceNotExceeded")
    if pool.settlement_reward:
        fee = from_raw(-pool.settlement_reward, 18)
        pool = applied(pool, user, Transfer(stamp=STAMP, account=user, kind="fee", asset=USD, amount=fee))
    return without_order(replace(pool, keeper=pool.keeper + pool.settlement_reward), user), []


def transfer(pool: Pool, user: str, asset: str, amount: int) -> tuple[Pool, list[int]]:
    """Collateral in or out."""
    if amount < 0 and totals(pool)[asset] < -amount:
        raise Refused("InsufficientCollateral")
    if is_flagged(pool.account(user)):
        raise Refused("AccountLiquidatable")
    book = pool.book(user)
    held = {synth.asset: synth.amount for synth in book.synths} | ({USD: book.usd} if book.usd else {})
    full = asset not in held and len(held) >= pool.parameters.guards.max_collaterals
    if full and amount < 0:  # the rule set says instead that there is nothing to withdraw
        raise Refused("MaxCollateralsPerAccountReached")
    if pending(pool, user) and not full:
        raise Refused("PendingOrderExists")
    kind: Any = "deposit" if amount > 0 else "withdrawal"
    event = Transfer(stamp=STAMP, account=user, kind=kind, asset=asset, amount=from_raw(amount, 18))
    try:
        return applied(pool, user, event), []
    except BadInput as bad:
        code, found = bad.problem.code, figures_of(pool, user)
    if code == "too_many_collaterals":
        raise Refused("MaxCollateralsPerAccountReached")
    if code == "insufficient_balance":
        raise Refused("InsufficientSynthCollateral", held.get(asset, 0), -amount)
    assert code == "insufficient_margin"
    if withdrawable(found) < 0:
        raise Refused("AccountLiquidatable")
    value = -amount
    if asset != USD:
        value = rules.collateral_value(pool.parameters.assets[asset], value, pool.prices[asset], False)
    raise Refused("InsufficientCollateralAvailableForWithdraw", withdrawable(found), value)


def repay(pool: Pool, user: str, amount: int) -> tuple[Pool, list[int]]:
    """A debt paid."""
    if pending(pool, user):
        raise Refused("PendingOrderExists")
    event = LendingAction(stamp=STAMP, account=user, kind="repay", asset=USD, amount=from_raw(amount, 18))
    try:
        return with_interest(applied(pool, user, event)), []
    except BadInput as bad:
        raise Refused({"no_debt": "NonexistentDebt"}[bad.problem.code]) from None


def liquidate(pool: Pool, user: str) -> tuple[Pool, list[int]]:
    """One call of `liquidate`: positions by what their windows allow, the keeper by the plan."""
    account, market = pool.account(user), market_of(pool, user)
    if account.positions:
        weak = is_liquidatable(account, POOL, market, pool.parameters, pool.at)
    else:
        weak = figures_of(pool, user).available < 0
    if not weak:
        raise Refused("NotEligibleForLiquidation")
    plan = plan_liquidation(account, POOL, market, pool.parameters, pool.at)
    reward = int(plan.fee.scaleb(18))
    distributed = dict(pool.distributed)
    for flow in plan.flows:
        if flow.party == "pool" and flow.asset != USD:
            distributed[flow.asset] = distributed.get(flow.asset, 0) + int(flow.amount.scaleb(18))
    book = pool.book(user)
    after = replace(without_order(pool, user), keeper=pool.keeper + reward, distributed=distributed)
    after = after.with_account(seized(account))
    for held in book.holdings:
        name, price = held.market, pool.prices[held.market]
        after = recorded(after, user, name, price)
        window = window_of(market, name, held.terms, pool.at)
        amount = rules.liquidatable_amount(held.terms, abs(held.size), window)
        if name == plan.market:
            assert amount == int(plan.close_most.scaleb(18)), f"plan {plan.close_most}, window {amount}"
        if not amount:
            continue
        fill = Fill(
            stamp=STAMP,
            account=user,
            market=name,
            side="sell" if held.size > 0 else "buy",
            quantity=from_raw(amount, 18),
            price=from_raw(price, 18),
            kind="liquidation",
        )
        after = applied(after, user, fill)
        left = holding(after, user, name)
        if rules.max_liquidation_in_window(held.terms):
            seen = with_liquidation(after.markets[name].liquidated, amount, pool.time)
            after = after.with_market(name, liquidated=seen)
        after = moved(after, name, held, left, price, left is None)
    return after, [reward]


def with_liquidation(seen: tuple[tuple[int, int], ...], amount: int, time: int) -> tuple[tuple[int, int], ...]:
    """One more liquidation; those of a second are one."""
    if seen and seen[-1][1] == time:
        return (*seen[:-1], (seen[-1][0] + amount, time))
    return (*seen, (amount, time))


def liquidate_margin(pool: Pool, user: str) -> tuple[Pool, list[int]]:
    """`liquidateMarginOnly`."""
    account, market = pool.account(user), market_of(pool, user)
    if account.positions:
        raise Refused("AccountHasOpenPositions")
    if not is_liquidatable(account, POOL, market, pool.parameters, pool.at):
        raise Refused("NotEligibleForMarginLiquidation")
    plan = plan_liquidation(account, POOL, market, pool.parameters, pool.at)
    distributed = dict(pool.distributed)
    for flow in plan.flows:
        if flow.party == "pool" and flow.asset != USD:
            distributed[flow.asset] = distributed.get(flow.asset, 0) + int(flow.amount.scaleb(18))
    reward = int(plan.fee.scaleb(18))
    after = replace(without_order(pool, user), keeper=pool.keeper + reward, distributed=distributed)
    return after.with_account(seized(account)), [reward]


def step(pool: Pool, action: Action) -> tuple[Pool, list[int], list[Any] | None]:
    """(pool, what the call returned, why it was refused)."""
    kind, user, asset, amount = action.kind, action.user, action.asset, action.amount
    try:
        match kind:
            case "time":
                return replace(pool, time=pool.time + amount), [], None
            case "price":
                return replace(pool, prices={**pool.prices, asset: amount}), [], None
            case "capacity":
                return replace(pool, capacity=amount), [], None
            case "costs":
                return replace(pool, costs=(amount, 2 * amount + 1, amount // 3, amount // 2)), [], None
            case "interest":
                return with_interest(pool), [], None
            case "commit":
                return (*commit(pool, user, asset, amount, action.price), None)
            case "settle":
                return (*settle(pool, user, action.price), None)
            case "cancel":
                return (*cancel(pool, user, action.price), None)
            case "transfer":
                return (*transfer(pool, user, asset, amount), None)
            case "repay":
                return (*repay(pool, user, amount), None)
            case "liquidate":
                return (*liquidate(pool, user), None)
            case "liquidate_margin":
                return (*liquidate_margin(pool, user), None)
    except Refused as refused:
        return pool, [], refused.reason
    raise AssertionError(kind)
