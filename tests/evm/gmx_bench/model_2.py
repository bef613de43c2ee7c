"""Orders, time and prices on one market of v2, worked out by the rule set alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from gmx_bench.scene_2 import DISCOUNTED, MARKET, START, TRADERS, Setup
from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Fill, Stamp, Transfer
from marginbook.domain.market import Index, Market, Quote
from marginbook.domain.risk import Plan
from marginbook.exact import CONTEXT, format_decimal, from_raw, in_exact_context, round_ceil, to_raw_floor
from marginbook.venues.gmx.applying import apply, settled
from marginbook.venues.gmx.closing import (
    Closing,
    decrease,
    impact_closed,
    plan_liquidation,
    receiver_share,
    size_closed,
    tokens_closed,
)
from marginbook.venues.gmx.impact import balance_of, increase
from marginbook.venues.gmx.margin import Fees, check, fees_of
from marginbook.venues.gmx.orders import adjusted
from marginbook.venues.gmx.parameters import Parameters, Terms
from marginbook.venues.gmx.positions import Held, accrued, claimable_funding, pnl_price, positions_of
from marginbook.venues.gmx.power import apply_factor
from marginbook.venues.gmx.rates import borrowing_factor_per_second, funding_growth, next_funding
from marginbook.venues.gmx.totals import traded

VENUE = "gmx"
SIDES = ("long", "short")
BOUGHT_AT = {"long": "max", "short": "min"}
Key = tuple[str, str, str]
"""(trader, side, "long" or "short" token as collateral)"""
NOTHING = (0, 0, 0, 0, 0, 0)
KEYS = tuple((name, side, held) for name in TRADERS for side in SIDES for held in SIDES)


@dataclass(frozen=True, kw_only=True)
class Action:
    """One call, or a move of time or of a price."""

    kind: str
    key: Key = ("", "", "")
    size: int = 0  # [10^-30 USD], or seconds, or min price
    amount: int = 0  # [collateral token units], or max price
    token: str = ""


@dataclass(frozen=True, kw_only=True)
class State:
    """A market and everything in it."""

    setup: Setup
    market: Market
    time: int = START
    updated: int = 0
    saved: int = 0
    positions: Mapping[Key, Position] = field(default_factory=dict)
    totals: Mapping[Any, int] = field(default_factory=dict)  # sums that no rule of ours reads
    steps: int = 0
    last: Key = KEYS[0]
    printed: tuple[int, ...] = NOTHING  # of the last order: price, its impact, profit, total impact, beyond, unpaid

    @property
    def terms(self) -> Terms:
        """Terms of the market."""
        return self.setup.terms

    @property
    def parameters(self) -> Parameters:
        """A table with this market alone."""
        return Parameters(markets={MARKET: self.terms}, default=None, source="the bench")

    @property
    def at(self) -> int:
        """Now [µs UTC]."""
        return self.time * 10**6

    def own(self, key: Key) -> Key:
        """The position's key: where both tokens are one, either names it."""
        return (*key[:2], "long") if self.terms.long_token == self.terms.short_token else key

    def total(self, *name: str) -> int:
        """One of the sums."""
        return self.totals.get(name, 0)

    def number(self, name: str, decimals: int) -> int:
        """A number of the market's state in raw units."""
        return to_raw_floor(Decimal(self.market.state[VENUE, MARKET, name]), decimals)

    def account(self, key: Key, wallet: Mapping[str, Decimal] | None = None) -> Account:
        """An account with the one position, if it is there."""
        held = self.positions.get(self.own(key))
        return self.account_with(key[0], (held,) if held else (), wallet)

    def account_with(self, name: str, held: tuple[Position, ...], wallet: Mapping[str, Decimal] | None) -> Account:
        """An account of a trader, with the discount that the trader has."""
        discount = format_decimal(from_raw(self.setup.discount if name == DISCOUNTED else 0, 30))
        details = {"discount": discount}
        return Account(id=name, rules="gmx/2", mode="isolated", wallet=wallet or {}, positions=held, details=details)

    def borrowing_factor(self, key: Key) -> int:
        """What a position stores of the side's factor."""
        return to_raw_floor(Decimal(self.positions[self.own(key)].details["borrowing_factor"]), 30)

    def middle_price(self) -> int:
        """⌊(min + max) / 2⌋ of the index token."""
        return sum(price_of(self, self.terms.index_token, kind) for kind in ("min", "max")) // 2

    def held(self, key: Key) -> Held | None:
        """The position as the rule set reads it."""
        return next(iter(positions_of(self.account(key), self.parameters).values()), None)


def token_of(terms: Terms, held: str) -> str:
    """The market's long or short token."""
    return terms.pnl_token(held == "long")


def quoted(terms: Terms, token: str) -> tuple[str, int]:
    """(name under which a token is quoted, decimals of its price)."""
    decimals = terms.index_decimals if token == terms.index_token else terms.decimals(token)
    return MARKET if token == terms.index_token else token, 30 - decimals


def opening(setup: Setup) -> State:
    """The empty market."""
    terms, quotes, state = setup.terms, {}, {}
    for token, price in setup.prices.items():
        name, decimals = quoted(terms, token)
        for kind in ("min", "max"):
            quotes[VENUE, name, kind] = Quote(from_raw(price, decimals))
    for side, amount in zip(SIDES, setup.pool, strict=True):
        state |= {f"{side}_open_interest": 0, f"{side}_open_interest_in_tokens": 0}
        state[f"{side}_pool_amount"] = from_raw(amount, terms.decimals(token_of(terms, side)))
    state["impact_pool"] = from_raw(setup.impact_pool, terms.index_decimals)
    if setup.virtual is not None:
        decimals = terms.index_decimals if terms.open_interest_in_tokens else 30
        state["virtual_inventory"] = from_raw(setup.virtual, decimals)
    indices = {}
    for side in SIDES:
        indices[VENUE, f"{MARKET}:{side}", "borrow"] = Index(0)
        for token in (terms.long_token, terms.short_token):
            for kind in ("funding", "supply"):
                indices[VENUE, f"{MARKET}:{side}:{token}", kind] = Index(0)
    market = Market(
        quotes=quotes, indices=indices, state={(VENUE, MARKET, name): Decimal(value) for name, value in state.items()}
    )
    return State(setup=setup, market=market)


def interest(state: State, side: str, collateral: str) -> int:
    """Open interest of a side by collateral [10^-30 USD], halved where both tokens are one."""
    half = state.terms.long_token == state.terms.short_token
    return state.total("interest", side, token_of(state.terms, collateral)) // (2 if half else 1)


def balances(state: State) -> tuple[int, int]:
    """Both sides' open interest as balance counts it [10^-30 USD]."""
    if state.terms.open_interest_in_tokens:
        found = [state.number(f"{side}_open_interest_in_tokens", state.terms.index_decimals) for side in SIDES]
        return found[0] * state.middle_price(), found[1] * state.middle_price()
    return state.number("long_open_interest", 30), state.number("short_open_interest", 30)


def price_of(state: State, token: str, kind: str) -> int:
    """A token's price [10^-30 USD per unit]."""
    name, decimals = quoted(state.terms, token)
    return to_raw_floor(state.market.price(VENUE, name, kind), decimals)


def borrowing_rate(state: State, side: str) -> int:
    """The side's rate of now."""
    terms = state.terms
    if side == "long":
        tokens = state.number("long_open_interest_in_tokens", terms.index_decimals)
        reserved = tokens * price_of(state, terms.index_token, "max")
    else:
        reserved = state.number("short_open_interest", 30)
    token = token_of(terms, side)
    amount = state.number(f"{side}_pool_amount", terms.decimals(token))
    if terms.long_token == terms.short_token:
        amount //= 2
    own, other = balances(state) if side == "long" else balances(state)[::-1]
    return borrowing_factor_per_second(terms, reserved, amount * price_of(state, token, "min"), own, other)


@in_exact_context
def accrue(state: State) -> State:
    """Funding and borrowing up to now, as every order does first."""
    terms, indices = state.terms, dict(state.market.indices)
    seconds, saved = (state.time - state.updated if state.updated else 0), 0
    by_side = {side: tuple(interest(state, side, held) for held in SIDES) for side in SIDES}
    if all(sum(parts) for parts in by_side.values()):
        funding = next_funding(terms, *balances(state), state.saved, seconds)
        saved = funding.saved
        pays, gets = SIDES if funding.longs_pay else SIDES[::-1]
        tokens = (terms.long_token, terms.short_token)
        prices = (price_of(state, tokens[0], "max"), price_of(state, tokens[1], "max"))
        payers = (by_side[pays][0], by_side[pays][1])
        grown = funding_growth(terms, funding.factor_per_second, seconds, payers, sum(by_side[gets]), prices)
        for token, fee, claim in zip(tokens, grown.fees, grown.claims, strict=True):
            for side, kind, growth in ((pays, "funding", fee), (gets, "supply", claim)):
                key = (VENUE, f"{MARKET}:{side}:{token}", kind)
                indices[key] = Index(indices[key].value_raw + growth)
    for side in SIDES:
        key = (VENUE, f"{MARKET}:{side}", "borrow")
        index = Index(indices[key].value_raw, borrowing_rate(state, side), state.time - seconds)
        indices[key] = Index(accrued(index, state.at))
    numbers = dict(state.market.state)
    numbers[VENUE, MARKET, "impact_pool"] -= from_raw(_distributed(state, seconds), terms.index_decimals)
    market = replace(state.market, indices=indices, state=numbers)
    return replace(state, market=market, updated=state.time, saved=saved)


def _distributed(state: State, seconds: int) -> int:
    """What leaves the impact pool with time [index token units]: no rule of ours, but it makes the pool small."""
    spare = state.number("impact_pool", state.terms.index_decimals) - state.setup.least_impact_pool
    return max(0, min(spare, apply_factor(seconds, state.setup.distribution)))


def step(state: State, action: Action) -> tuple[State, None, str | None]:
    """(state, nothing, why it was refused)."""
    counted = replace(state, steps=state.steps + 1, printed=NOTHING, last=action.key if action.key[0] else state.last)
    if action.kind == "time":
        return replace(counted, time=state.time + action.size), None, None
    if action.kind == "price":
        name, decimals = quoted(state.terms, action.token)
        prices = {"min": action.size, "max": action.amount}
        changes = {(VENUE, name, kind): from_raw(raw, decimals) for kind, raw in prices.items()}
        return replace(counted, market=state.market.with_prices(changes)), None, None
    now = accrue(counted)
    if action.kind == "update":
        return now, None, None
    try:
        return DO[action.kind](now, replace(action, key=state.own(action.key))), None, None
    except BadInput as problem:
        return counted, None, "min_position_size" if problem.problem.code in TOO_SMALL else problem.problem.code


@in_exact_context
def _increase(state: State, action: Action) -> State:
    terms, (name, side, held_as) = state.terms, action.key
    token = token_of(terms, held_as)
    decimals = terms.decimals(token)
    held, stamp = state.held(action.key), Stamp(time=state.at)
    if not action.size:
        if held is None:
            raise BadInput("min_position_size", name, 0, "a position")
        amount = from_raw(action.amount, decimals)
        event: Any = Transfer(stamp=stamp, account=name, kind="deposit", asset=token, amount=amount, pool=held.pool)
        fees, tokens, carried = fees_of(held, state.market, state.at, 0, False), 0, 0
        state = replace(state, printed=(price_of(state, terms.index_token, BOUGHT_AT[side]), *NOTHING[1:]))
    else:
        low, high = (price_of(state, terms.index_token, kind) for kind in ("min", "max"))
        blank = held or _blank(state, action.key)
        try:
            found = increase(terms, balance_of(blank, state.market), action.size, side == "long", low, high)
        except ValueError:
            raise BadInput("impact_too_large", name, action.size, "a smaller impact") from None
        factor = state.setup.ui_factor
        fees = fees_of(blank, state.market, state.at, action.size, found.improved, ui_factor=factor)
        if held is None:
            fees = replace(fees, borrowing=0, funding=0)
        tokens, carried = found.base_tokens, found.impact_amount
        state = replace(state, printed=(found.price, found.impact_usd, *NOTHING[2:]))
        event = Fill(
            stamp=stamp,
            account=name,
            market=MARKET,
            side="buy" if side == "long" else "sell",
            quantity=from_raw(tokens, terms.index_decimals),
            price=round_ceil(CONTEXT.divide(from_raw(action.size, 30), from_raw(tokens, terms.index_decimals)), 70),
            fee=from_raw(fees.position - fees.discount + fees.ui, decimals),
            position_side=side,
            leverage=_leverage(state, token, action) if action.amount else None,
        )
        held = blank
    account = state.account(action.key, {token: from_raw(action.amount, decimals)} if action.size else None)
    after, _ = apply(account, state.market, event, state.parameters, state.at)
    position = after.positions[0]
    state = _funded(state, action.key, after)
    kept = fees.without_funding - fees.ui - receiver_share(held, fees)
    changes = {
        ("fees", token): receiver_share(held, fees),
        ("ui", token): fees.ui,
        ("collateral", side, token): action.amount - fees.total,
        ("pending",): carried,
    }
    return _traded(state, action.key, held, position, action.size, tokens, {token: kept}, changes)


def _leverage(state: State, token: str, action: Action) -> Decimal:
    """The leverage that asks for exactly the amount of collateral."""
    price = price_of(state, token, "min")
    return CONTEXT.divide(Decimal(action.size), Decimal(action.amount * price - price // 2))


def _blank(state: State, key: Key) -> Held:
    position = Position(
        market=MARKET,
        side="long" if key[1] == "long" else "short",
        quantity=Decimal(1),
        entry=Decimal(1),
        mode="isolated",
        isolated_wallet=Decimal(0),
        details=_blank_details(state, key),
    )
    return next(iter(positions_of(state.account_with(key[0], (position,), None), state.parameters).values()))


def _blank_details(state: State, key: Key) -> dict[str, str]:
    terms, found = state.terms, {"collateral": token_of(state.terms, key[2])}
    indices = state.market.indices
    found["borrowing_factor"] = format_decimal(from_raw(indices[VENUE, f"{MARKET}:{key[1]}", "borrow"].value_raw, 30))
    for token in (terms.long_token, terms.short_token):
        found[f"claimable_{token}_raw"] = str(indices[VENUE, f"{MARKET}:{key[1]}:{token}", "supply"].value_raw)
    name = f"{MARKET}:{key[1]}:{found['collateral']}"
    return {**found, "funding_fee_per_size_raw": str(indices[VENUE, name, "funding"].value_raw)}


@in_exact_context
def _decrease(state: State, action: Action) -> State:
    held = state.held(action.key)
    if held is None:
        raise BadInput("unknown_pool", action.key[0], MARKET, "a position")
    adl = action.kind == "adl"
    size, withdrawn = adjusted(held, state.market, action.size, action.amount)
    closing, fees = decrease(held, state.market, state.at, size, withdrawn, state.setup.ui_factor)
    if closing.failed and not (adl and size == held.size_usd):
        raise BadInput("insufficient_collateral", held.place, closing.failed, "enough")
    after = settled(state.account(action.key), held, state.market, closing, state.at)
    event = _event(state, held, closing, fees, withdrawn, adl)
    if event is not None:
        applied, _ = apply(state.account(action.key), state.market, event, state.parameters, state.at)
        if isinstance(event, Transfer):
            token = held.token
            applied = replace(applied, wallet=after.wallet)
            assert applied.positions[0].isolated_wallet == after.positions[0].isolated_wallet, token
        else:
            assert applied == after, f"{event}: {applied}, {after}"
    state = replace(_funded(state, action.key, after, paid=True), printed=_printed(held, state.market, closing))
    position = after.positions[0] if after.positions else None
    changes = _of_closing(held, closing, fees)
    pool = {token: amount for (party, token), amount in closing.amounts.items() if party == "pool"}
    state = _traded(state, action.key, held, position, -size, -closing.tokens, pool, changes)
    if position is not None:
        left = state.held(action.key)
        assert left is not None
        if check(left, state.market, state.at, for_liquidation=False).is_too_thin:
            raise BadInput("liquidatable_position", held.place, size, "enough")
    return state


def _event(state: State, held: Held, closing: Closing, fees: Fees, withdrawn: int, adl: bool) -> Any:
    """The event that says the same to the rule set, or None: an order for both, or a size that tokens do not tell."""
    stamp, terms = Stamp(time=state.at), held.terms
    if not closing.size:
        taken = from_raw(-closing.output, terms.decimals(held.token))
        return Transfer(stamp=stamp, account="", kind="withdrawal", asset=held.token, amount=taken, pool=held.pool)
    if withdrawn or size_closed(held, tokens_closed(held, closing.size)) != closing.size:
        return None
    return Fill(
        stamp=stamp,
        account="",
        market=MARKET,
        side="sell" if held.is_long else "buy",
        quantity=from_raw(closing.tokens, terms.index_decimals),
        price=from_raw(pnl_price(held, state.market), 30 - terms.index_decimals),
        fee=from_raw(fees.position - fees.discount + fees.ui, terms.decimals(held.token)),
        kind="adl" if adl else "trade",
        position_side=held.position.side,
    )


def _printed(held: Held, market: Market, closing: Closing) -> tuple[int, ...]:
    """What the venue's event of a decrease says."""
    impact = impact_closed(held, market, closing.size).usd
    return closing.price, impact, closing.profit, closing.impact, closing.beyond, closing.unpaid


def _of_closing(held: Held, closing: Closing, fees: Fees) -> dict[Any, int]:
    """What a decrease adds to the sums."""
    changes: dict[Any, int] = {("ui", held.token): closing.ui, ("pending",): -closing.pending}
    changes["impact_pool",] = closing.impact_pool
    changes["collateral", held.position.side, held.token] = closing.collateral - held.collateral
    changes["fees", held.token] = closing.receiver
    for token in dict.fromkeys((held.token, closing.profit_token)):
        own = closing.receiver + closing.ui if token == held.token else 0
        changes["claims", token] = closing.amounts["protocol", token] - own + closing.claims[token]
    return changes


@in_exact_context
def _liquidate(state: State, action: Action) -> State:
    held = state.held(action.key)
    if held is None:
        raise BadInput("unknown_pool", action.key[0], MARKET, "a position")
    account = state.account(action.key)
    plan = plan_liquidation(account, held.pool, state.market, state.parameters, state.at)
    if plan.reason == "the remaining collateral is enough":
        raise BadInput("not_liquidatable", held.place, plan.reason, "less")
    if plan.reason is not None:
        raise BadInput(plan.reason, held.place, plan.reason, "less")
    closing, fees = decrease(held, state.market, state.at, held.size_usd, liquidation=True)
    fill = Fill(
        stamp=Stamp(time=state.at),
        account=account.id,
        market=MARKET,
        side="sell" if held.is_long else "buy",
        quantity=plan.close_most,
        price=plan.price or Decimal(0),
        fee=plan.fee,
        kind="liquidation",
        position_side=held.position.side,
    )
    after, _ = apply(account, state.market, fill, state.parameters, state.at)
    _agree(held, closing, plan, after)
    state = replace(_funded(state, action.key, after, paid=True), printed=_printed(held, state.market, closing))
    pool = {
        flow.asset: to_raw_floor(flow.amount, held.terms.decimals(flow.asset))
        for flow in plan.flows
        if flow.party == "pool"
    }
    changes = _of_closing(held, closing, fees)
    return _traded(state, action.key, held, None, -held.size_usd, -held.size_tokens, pool, changes)


def _agree(held: Held, closing: Closing, plan: Plan, after: Account) -> None:
    """The plan gives the account what the fill leaves in its wallet, its claims beside it, and says what is unpaid."""
    assert to_raw_floor(plan.bad_debt, 30) == closing.unpaid
    for token in dict.fromkeys((held.token, closing.profit_token)):
        told = sum((flow.amount for flow in plan.flows if (flow.party, flow.asset) == ("account", token)), Decimal(0))
        given = held.collateral if token == held.token else 0
        claimed = from_raw(closing.claims[token] - given, held.terms.decimals(token))
        assert told == after.wallet.get(token, 0) + claimed, f"{plan}: {after}"


def _funded(state: State, key: Key, after: Account, paid: bool = False) -> State:
    """The sums of funding to be claimed, and what the trader was paid beside it."""
    totals, before = dict(state.totals), state.held(key)
    terms = state.terms
    claims = claimable_funding(before, state.market) if before else {}
    for token, amount in claims.items():
        totals["funding", token] = totals.get(("funding", token), 0) + amount
    for token in dict.fromkeys((terms.long_token, terms.short_token)):
        if paid:
            gained = to_raw_floor(after.wallet.get(token, Decimal(0)), terms.decimals(token)) - claims.get(token, 0)
            totals["paid", key[0], token] = totals.get(("paid", key[0], token), 0) + gained
    return replace(state, totals=totals)


def _traded(
    state: State,
    key: Key,
    held: Held,
    position: Position | None,
    size: int,
    tokens: int,
    pool: Mapping[str, int],
    changes: Mapping[Any, int],
) -> State:
    side, token = key[1], token_of(state.terms, key[2])
    totals, market = dict(state.totals), traded(state.market, held, size, tokens, pool)
    sums = {**changes, ("interest", side, token): size, ("tokens", side, token): tokens}
    factor = state.market.indices[VENUE, f"{MARKET}:{side}", "borrow"].value_raw
    was = state.positions.get(key)
    before = state.held(key)
    borrowed = 0
    if was is not None and before is not None:
        borrowed -= apply_factor(before.size_usd, state.borrowing_factor(key))
    positions = {name: one for name, one in state.positions.items() if name != key}
    if position is not None:
        positions[key] = position
        borrowed += apply_factor(to_raw_floor(Decimal(position.details["size_in_usd"]), 30), factor)
    elif before is not None and size + before.size_usd:
        borrowed += apply_factor(before.size_usd + size, factor)
    sums["borrowing", side] = borrowed
    moved = dict(market.state)
    if ("impact_pool",) in sums:
        key_ = (VENUE, MARKET, "impact_pool")
        moved[key_] = Decimal(moved[key_]) + from_raw(sums.pop(("impact_pool",)), state.terms.index_decimals)
    for name, change in sums.items():
        totals[name] = totals.get(name, 0) + change
    if state.own(("", "", "short"))[2] == "long":  # two halves, each cut
        both = {"open_interest": ("interest", 30), "open_interest_in_tokens": ("tokens", state.terms.index_decimals)}
        for name, (total, decimals) in both.items():
            shown = totals[total, side, token] // 2 * 2
            moved[VENUE, MARKET, f"{side}_{name}"] = from_raw(shown, decimals)
    return replace(state, market=replace(market, state=moved), totals=totals, positions=positions)


TOO_SMALL = ("bad_position", "min_position_size")
"""A position whose price would have more decimals than the rule set keeps is one below the least size."""
DO = {"increase": _increase, "decrease": _decrease, "adl": _decrease, "liquidate": _liquidate}
