"""The rule set's side of every comparison, with or without a chain."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Fill, Stamp, Transfer
from marginbook.domain.market import Index, Market, Quote
from marginbook.exact import CONTEXT, format_decimal, from_raw, to_raw_exact
from marginbook.oracle.twap import Pool, created, moved
from marginbook.venues.perp import collateral, model, parameters, prices, sales, steps
from marginbook.venues.perp.risk import is_liquidatable
from perp_bench.scene import COLLATERALS, MARKETS, SHOWN, START, TERMS

POOL, KEEPER = "cross:USDC", "keeper"
AT = START * 10**6
STAMP = Stamp()
TOO_SMALL = "SafeCast: value doesn't fit in 24 bits"
OVERLAY = {
    name: {
        "collateral_ratio": str(from_raw(terms.ratio, 6)),
        "decimals": str(terms.decimals),
        "price_decimals": str(terms.feed),
        "discount_ratio": str(from_raw(terms.discount, 6)),
    }
    for name, terms in COLLATERALS.items()
} | {name: {"tick": "1E-18"} for name in MARKETS}
OVERLAY["*"] = {name: str(from_raw(value, 6)) for name, value in TERMS.items()}
RULES = parameters("2", AT, OVERLAY)


@dataclass(frozen=True)
class Action:
    """One call, or a move of time or of a price."""

    kind: str
    user: str = ""
    name: str = ""  # market or asset
    amount: int = 0  # trades: signed from the account's side
    by: str = ""  # who liquidates
    other: int = 0  # index: its mean; trades and sales: 1 where `amount` is of the quote, or of the settlement token


@dataclass(frozen=True)
class Given:
    """What only the pool knows: how a swap would end, and where it leaves the price."""

    size: int = 0
    notional: int = 0
    fee: int = 0
    fund_fee: int = 0
    root: int = 0
    tick: int = 0
    refused: str = ""


@dataclass(frozen=True)
class Pit:
    """A market: its pool's memory, its index and its premium's growth."""

    memory: Pool
    root: int
    index: int  # [units of the feed]
    index_mean: int
    growth: int = 0
    growth_by_root: int = 0  # only for what range orders pay: the rule set takes that as given
    settled: int = 0
    first_trade: int | None = None


@dataclass(frozen=True, eq=False)
class State:
    """Everything at one time; equal only to itself, so that what follows from it is computed once."""

    time: int
    pits: Mapping[str, Pit]
    prices: Mapping[str, int]
    accounts: Mapping[str, Account]
    fund_balance: int = 0  # [10^-6]
    fund_owed: int = 0  # [10^-18]

    def with_pit(self, name: str, **changes: Any) -> "State":
        """With a changed market."""
        return replace(self, pits={**self.pits, name: replace(self.pits[name], **changes)})

    def with_account(self, user: str, account: Account) -> "State":
        """With a changed account."""
        return replace(self, accounts={**self.accounts, user: account})


def scene(ticks: Mapping[str, int]) -> State:
    """The start: nobody has anything."""
    pits = {
        name: Pit(created(START, ticks[name], 0, 800), terms.root, terms.price, terms.price)
        for name, terms in MARKETS.items()
    }
    accounts = {name: Account(id=name, rules="perp/2", wallet={"USDC": Decimal(0)}) for name in SHOWN}
    return State(START, pits, {name: terms.price for name, terms in COLLATERALS.items()}, accounts)


def opening() -> Iterator[Action]:
    """Money for those that the walk needs."""
    yield Action(kind="time", amount=2_000)
    for user, usd in (("maker", 10**9), ("rim", 40_000), ("whale", 10**9), (KEEPER, 10**8)):
        yield Action(kind="deposit", user=user, name="USDC", amount=usd * 10**6)


def opened(ticks: Mapping[str, int]) -> State:
    """The rule set's state after the opening, whose liquidity settles funding for the first time."""
    state = scene(ticks)
    for action in opening():
        state, refused = step(state, action, Given())
        assert refused is None
    return settled(state, MARKETS)


def scaled(name: str, price: int) -> int:
    """An index price at 18 decimals."""
    return price * int(10 ** (18 - MARKETS[name].feed))


@lru_cache(64)
def growth_now(state: State, name: str) -> tuple[int, int]:
    """The premium's growth at the state's time, and the same by √price."""
    pit = state.pits[name]
    if not pit.settled or pit.settled == state.time:
        return pit.growth, pit.growth_by_root
    window = prices.premium_window(pit.first_trade, state.time)
    index = scaled(name, pit.index_mean if window else pit.index)
    root = prices.mean_root(pit.memory, pit.root, state.time, window)
    change = prices.premium_growth(root, index, state.time - pit.settled)
    by_root = abs(change) * 2**96 // pit.root
    return pit.growth + change, pit.growth_by_root + (by_root if change > 0 else -by_root)


@lru_cache(64)
def mark(state: State, name: str) -> int:
    """The mark price."""
    pit = state.pits[name]
    return prices.mark_price(pit.memory, pit.root, state.time, scaled(name, pit.index), scaled(name, pit.index_mean))


@lru_cache(64)
def market_of(state: State) -> Market:
    """What the rule set looks at."""
    quotes = {("perp", name, "oracle"): Quote(from_raw(mark(state, name), 18)) for name in MARKETS}
    quotes |= {("perp", n, "oracle"): Quote(from_raw(p, COLLATERALS[n].feed)) for n, p in state.prices.items()}
    indices = {("perp", name, "funding"): Index(growth_now(state, name)[0]) for name in MARKETS}
    capacity = from_raw(state.fund_balance * 10**12 + state.fund_owed, 18)
    return Market(quotes=quotes, indices=indices, state={("perp", "USDC", "insurance_fund_capacity"): capacity})


def settled(state: State, names: Any) -> State:
    """With the growth of some markets written down."""
    for name in names:
        growth, by_root = growth_now(state, name)
        state = state.with_pit(name, growth=growth, growth_by_root=by_root, settled=state.time)
    return state


def fill(user: str, name: str, size: int, quote: int, fee: int, kind: Any) -> Fill:
    """A fill whose quantity times price is `quote` to the unit."""
    price = -(-abs(quote) * 10**38 // abs(size))
    side: Any = "buy" if size > 0 else "sell"
    quantity = from_raw(abs(size), 18)
    return Fill(
        stamp=STAMP,
        account=user,
        market=name,
        side=side,
        quantity=quantity,
        price=Decimal(price).scaleb(-38, CONTEXT),
        fee=from_raw(fee, 18),
        kind=kind,
    )


def step(state: State, action: Action, given: Given) -> tuple[State, str | None]:
    """(the state afterwards, why it was refused)."""
    kind, name, amount = action.kind, action.name, action.amount
    match kind:
        case "time":
            return replace(state, time=state.time + amount), None
        case "index":
            return state.with_pit(name, index=amount, index_mean=action.other), None
        case "price":
            return replace(state, prices={**state.prices, name: amount}), None
        case "deposit" | "withdraw":
            return _transfer(state, action)
        case "fund":
            return replace(state, fund_balance=state.fund_balance + amount), None
        case "liquidate":
            return liquidated(state, action)
        case "sell":
            return _sold(state, action)
    return _traded(state, action, given)


def _transfer(state: State, action: Action) -> tuple[State, str | None]:
    out = action.kind == "withdraw"
    decimals = 6 if action.name == "USDC" else COLLATERALS[action.name].decimals
    event = Transfer(
        stamp=STAMP,
        account=action.user,
        kind="withdrawal" if out else "deposit",
        asset=action.name,
        amount=from_raw(-action.amount if out else action.amount, decimals),
    )
    account = state.accounts[action.user]
    try:
        changed, _ = steps.apply(account, market_of(state), event, RULES, AT)
    except BadInput as refused:
        return state, {"bad_amount": "V_ZA", "not_enough_free_collateral": "V_NEFC"}[refused.problem.code]
    if out:
        state = settled(state, [position.market for position in account.positions])
    return state.with_account(action.user, changed), None


def _traded(state: State, action: Action, given: Given) -> tuple[State, str | None]:
    name, user = action.name, action.user
    held = next((one for one in model.positions_of(state.accounts[user]) if one.market == name), None)
    if action.kind == "close" and (held is None or not held.taken):
        return state, "CH_PSZ"
    if given.refused:
        return state, given.refused
    event = fill(user, name, given.size, given.notional, given.fee, "trade")
    try:
        account, _ = steps.apply(state.accounts[user], market_after(state, name, given), event, RULES, AT)
    except BadInput as refused:
        if refused.problem.code != "not_enough_free_collateral":
            raise
        trade = steps.Trade(given.size, given.notional - given.fee)
        return state, "CH_NEFCM" if held is not None and steps.only_reduces(held, trade) else "CH_NEFCI"
    state = after_swap(state, name, given)
    return replace(state.with_account(user, account), fund_owed=state.fund_owed + given.fund_fee), None


def after_swap(state: State, name: str, given: Given) -> State:
    """The market after a swap, its funding settled before it."""
    state = settled(state, [name])
    pit = state.pits[name]
    memory = pit.memory if given.tick == pit.memory.tick else moved(pit.memory, state.time, given.tick)
    first = state.time if pit.first_trade is None else pit.first_trade
    return state.with_pit(name, memory=memory, root=given.root, first_trade=first)


def market_after(state: State, name: str, given: Given) -> Market:
    """What the check of a trade looks at: the swap has moved the pool."""
    return market_of(after_swap(state, name, given))


def liquidated(state: State, action: Action) -> tuple[State, str | None]:
    """A liquidator takes over `amount` of a position, or all that it may."""
    user, name, market = action.user, action.name, market_of(state)
    account, keeper = state.accounts[user], state.accounts[action.by]
    if model.has_orders(account):
        return state, "CH_CLWTISO"
    found = model.figures(account, market, RULES)
    if found.value >= found.requirement(RULES.mm_ratio):
        return state, "CH_EAV"
    held = next((one for one in model.positions_of(account) if one.market == name), None)
    if held is None or not held.taken:
        return state, "CH_PSZ"
    if held.taken * action.amount < 0:
        return state, "CH_WLD"
    if not steps.liquidatable_size(held, market, found, RULES):
        return state, TOO_SMALL
    done = steps.takeover(account, held, market, RULES, action.amount)
    capacity = market.state["perp", "USDC", "insurance_fund_capacity"]
    if done.lacking > to_raw_exact(Decimal(capacity), 18) + done.to_fund:
        return state, "CH_IIC"
    taken = fill(action.by, name, done.size, done.notional - done.to_liquidator, 0, "liquidation")
    keeper, _ = steps.apply(keeper, market, taken, RULES, AT)
    support, demand = model.figures(keeper, market, RULES).free(RULES.im_ratio)
    if support < demand:
        return state, "CH_NEFCI"
    given = fill(user, name, -done.size, done.notional, done.penalty, "liquidation")
    account, _ = steps.apply(account, market, given, RULES, AT)
    assert account == done.after or done.notional == 0
    if action.amount == 0:
        _as_planned(state, user, name, market, done)
    state = settled(state, [name]).with_account(user, account).with_account(action.by, keeper)
    state = replace(state, fund_owed=state.fund_owed + done.to_fund)
    return without_bad_debt(state, user, market), None


def without_bad_debt(state: State, user: str, market: Market) -> State:
    """The fund pays what an account without anything else owes."""
    paid = steps.settled_bad_debt(state.accounts[user], market, RULES)
    if not paid:
        return state
    event = Transfer(stamp=STAMP, account=user, kind="settlement", asset="USDC", amount=from_raw(paid, 18))
    account, _ = steps.apply(state.accounts[user], market, event, RULES, AT)
    return replace(state.with_account(user, account), fund_balance=state.fund_balance - paid // 10**12)


def _sold(state: State, action: Action) -> tuple[State, str | None]:
    """A liquidator buys collateral."""
    user, name, market, amount = action.user, action.name, market_of(state), action.amount
    account = state.accounts[user]
    asked = {"paid": amount} if action.other else {"tokens": amount}
    try:
        sale = sales.sale_of(account, name, market, RULES, **asked)
    except BadInput as refused:
        return state, {"not_liquidatable": "V_NL", "too_much": "V_MSAE" if action.other else "V_MCAE"}[
            refused.problem.code
        ]
    if sale == sales.sale_of(account, name, market, RULES):
        plan = sales.plan_sale(account, POOL, name, market, RULES)
        assert (plan.close_most, plan.fee) == (from_raw(sale.paid, 6), from_raw(sale.to_fund, 6))
    state = state.with_account(user, sales.sold(account, name, sale, RULES))
    state = replace(state, fund_balance=state.fund_balance + sale.to_fund)
    return without_bad_debt(state, user, market), None


def _as_planned(state: State, user: str, name: str, market: Market, done: Any) -> None:
    """The plan says the same, where it names this position."""
    plan = steps.plan_liquidation(state.accounts[user], POOL, market, RULES, AT)
    if plan.market != name:
        return
    flows = {(flow.party, flow.asset): to_raw_exact(flow.amount, 18) for flow in plan.flows}
    expected = {
        ("account", name): -done.size,
        ("liquidator", name): done.size,
        ("account", "USDC"): done.notional - done.penalty,
        ("liquidator", "USDC"): done.to_liquidator - done.notional,
        ("insurance", "USDC"): done.to_fund,
    }
    assert flows == {key: amount for key, amount in expected.items() if amount}
    assert to_raw_exact(plan.bad_debt, 18) == done.lacking


def labels() -> list[str]:
    """Names of `numbers` of one account."""
    found = [f"{name} {what}" for name in MARKETS for what in ("size", "notional", "growth", "liquidatable", "funding")]
    found += ["owed", "unrealized", "pending fee", "balance", *COLLATERALS, "account value", "settlement value"]
    found += ["free collateral", "free at mm ratio", "requirement", "absolute", "debt", "free USDC"]
    found += [f"free {name}" for name in COLLATERALS]
    return [*found, "for sale", *(f"{name} {what}" for name in COLLATERALS for what in ("most paid", "most sold"))]


def numbers(state: State, user: str) -> list[int]:
    """What the rule set says of an account, in the contracts' own units."""
    market, account = market_of(state), state.accounts[user]
    known = {held.market: held for held in model.positions_of(account)}
    total = model.figures(account, market, RULES)
    found: list[int] = []
    for name in MARKETS:
        held = known.get(name)
        if held is None:
            found += [0] * 5
            continue
        found += [held.kept, held.open_notional, held.position.funding_index_raw or 0]
        found += [steps.liquidatable_size(held, market, total, RULES), model.funding_of(held, market)]
    assert is_liquidatable(account, POOL, market, RULES, AT) == (total.value < total.requirement(RULES.mm_ratio) > 0)
    held_amounts = {held.asset: held.amount for held in account.collateral}
    support, demand = total.free(RULES.im_ratio)
    low_support, low_demand = total.free(RULES.mm_ratio)
    found += [model.owed(account, "owed_realized_pnl"), total.unrealized, model.owed(account, "pending_fee")]
    found.append(model.settlement_balance(account, RULES) // total.step)
    found += [to_raw_exact(held_amounts.get(n) or Decimal(0), terms.decimals) for n, terms in COLLATERALS.items()]
    found += [total.value // total.step, (total.settlement + total.unrealized) // total.step]
    found += [max(0, support - demand) // total.step, (low_support - low_demand) // total.step]
    found += [total.requirement(RULES.mm_ratio), total.absolute, total.debt]
    found += [collateral.free_of(account, name, market, RULES) for name in ("USDC", *COLLATERALS)]
    found.append(int(sales.may_be_sold(account, market, RULES)))
    for name in COLLATERALS:
        most = sales.most_sold(account, name, market, RULES) if held_amounts.get(name) else sales.Sale(0, 0)
        found += [most.paid, most.tokens]
    return found


def common(state: State) -> list[int]:
    """Per market the mark price, and the fund's capacity."""
    capacity = (state.fund_balance * 10**12 + state.fund_owed) // 10**12
    return [mark(state, name) for name in MARKETS] + [capacity]


def with_orders(state: State, user: str, fee: int, sums: Mapping[str, Mapping[str, int]]) -> State:
    """With what the chain says that an account's range orders hold, owe and have earned."""
    account = state.accounts[user]
    positions = {position.market: position for position in account.positions}
    for name, given in sums.items():
        details = {key: format_decimal(from_raw(value, 18)) for key, value in given.items()}
        old = positions.get(name) or Position(market=name, side="long", quantity=Decimal(0), entry=Decimal(1))
        positions[name] = replace(old, details={**old.details, **details})
    details = {**account.details, "pending_fee": format_decimal(from_raw(fee, 18))}
    return state.with_account(user, replace(account, positions=tuple(positions.values()), details=details))
