"""The rule set's side of a walk: a book of three users on a vault that it knows whole, moved by events alone.

What an event cannot say (collateral and size out in one call) goes through the same call by its own function.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account, Side
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Fill, PriceFrame, Stamp, Transfer
from marginbook.domain.market import Index, Market, Quote
from marginbook.exact import CONTEXT, from_raw, in_exact_context, round_ceil
from marginbook.venues.gmx import vault, vault_books, vault_calls, vault_steps
from marginbook.venues.gmx.vault import Held, Parameters, margin_fee, positions_of
from marginbook.venues.gmx.vault_books import SHORTS, TOTALS, VENUE, Books, Prices, funded, index_prices, stable_prices

USERS = ("ann", "bob", "cid")
INDICES = ("BTC", "ETH")
STABLE = "USDC"
TOKENS = (*INDICES, STABLE)
DECIMALS = {"BTC": 8, "ETH": 18, STABLE: 6}
USD = 10**30
START = 1_700_000_000
QUANTITY_PLACES = 60
PLENTY = Decimal(10) ** 40


@dataclass(frozen=True)
class Action:
    """One call, or a move of time or prices."""

    kind: str
    user: str = ""
    index: str = ""
    long: bool = True
    tokens: int = 0  # [collateral units] brought
    taken: int = 0  # [10^-30 USD] of collateral
    size: int = 0  # [10^-30 USD]; seconds of a `time`
    low: int = 0  # [10^-30 USD] prices
    high: int = 0

    @property
    def token(self) -> str:
        """Of the collateral."""
        return self.index if self.long else STABLE

    @property
    def pool(self) -> str:
        """Of the position."""
        return f"isolated:{self.index}/USD:{side_of(self.long)}"


@dataclass(frozen=True)
class World:
    """A book at one time."""

    accounts: dict[str, Account]
    market: Market
    parameters: Parameters
    at: int  # [µs]
    coins: dict[tuple[str, str], int]  # (who, token) -> what the vault has sent [token units]

    @property
    def now(self) -> int:
        """[s]"""
        return self.at // 10**6

    def prices(self, name: str) -> Prices:
        """Min and max of a token."""
        return stable_prices(self.market, name) if name == STABLE else index_prices(self.market, f"{name}/USD")

    def books(self, token: str, index: str = "") -> Books:
        """The vault's totals of a token, and shorts of an index."""
        return vault_books.books_of(self.market, token, f"{index}/USD", DECIMALS[token], self.prices(token))

    def terms(self, token: str) -> vault.Terms:
        """Of a token."""
        return self.parameters.terms_of(token if token == STABLE else f"{token}/USD")

    def held(self, action: Action) -> Held | None:
        """The position that an action is about."""
        return positions_of(self.accounts[action.user], self.parameters).get(action.pool)


def side_of(long: bool) -> Side:
    """As a book says it."""
    return "long" if long else "short"


def quotes_of(token: str, low: int, high: int) -> dict[tuple[str, str, str], Decimal]:
    """Both prices of a token, by the names of a book."""
    name = token if token == STABLE else f"{token}/USD"
    return {(VENUE, name, kind): from_raw(raw, 30) for kind, raw in (("min", low), ("max", high))}


def parameters(seed: int) -> Parameters:
    """Fees, leverage, minimal profits and funding of a seed."""
    common = {
        "max_leverage": ("50", "100", "30.5", "11")[seed % 4],
        "margin_fee": ("0.001", "0", "0.0025")[seed % 3],
        "liquidation_fee_usd": ("5", "2", "0")[seed // 2 % 3],
        "min_profit_time": ("0", "10800", "86400")[seed % 3],
        "funding_interval": ("3600", "28800")[seed % 2],
        "tick": "1e-30",
    }
    overlay: dict[str, Any] = {
        "*": common,
        "BTC/USD": {"decimals": "8", "min_profit": "0.015", "funding_factor": ("600", "10000")[seed % 2]},
        "ETH/USD": {"min_profit": "0.0075", "funding_factor": ("600", "10000")[seed % 2], "max_short_size": "2000000"},
        STABLE: {"decimals": "6", "funding_factor": ("300", "9999")[seed // 2 % 2]},
    }
    return vault.parameters("1", START * 10**6, overlay)


def scene(seed: int) -> World:
    """The empty vault of a seed."""
    state = {(VENUE, token, name): 0 for token in TOKENS for name in TOTALS}
    state |= {(VENUE, f"{index}/USD", name): 0 for index in INDICES for name in SHORTS}
    quotes = quotes_of("BTC", 60_000 * USD, 60_000 * USD) | quotes_of("ETH", 3_000 * USD + 7, 3_001 * USD)
    quotes |= quotes_of(STABLE, USD - 10**26, USD)
    return World(
        accounts={
            user: Account(id=user, rules="gmx/1", mode="isolated", position_mode="hedge", wallet={"USD": PLENTY})
            for user in USERS
        },
        market=Market(
            quotes={key: Quote(price) for key, price in quotes.items()},
            indices={(VENUE, token, "funding"): Index(0) for token in TOKENS},
            state=state,
        ),
        parameters=parameters(seed),
        at=START * 10**6,
        coins={(who, token): 0 for who in (*USERS, "keeper") for token in TOKENS},
    )


def opening() -> list[Action]:
    """The pool is filled."""
    amounts = {"BTC": 40 * 10**8 + 3, "ETH": 700 * 10**18 + 11, STABLE: 2_000_000 * 10**6 + 17}
    return [Action("pool", index=token, tokens=amount) for token, amount in amounts.items()]


@in_exact_context
def step(world: World, action: Action) -> tuple[World, str | None]:
    """(world, why it was refused)."""
    try:
        match action.kind:
            case "time":
                return replace(world, at=world.at + action.size * 10**6), None
            case "price":
                frame = PriceFrame(stamp=Stamp(), prices=quotes_of(action.index, action.low, action.high))
                return replace(world, market=_applied(world, USERS[0], frame)[1]), None
            case "pool":
                books = world.books(action.index)
                books = replace(books, balance=books.balance + action.tokens).with_pool(action.tokens)
                return _with(world, action.index, books), None
            case "fund":
                terms, books = world.terms(action.index), world.books(action.index)
                return _with(
                    world, action.index, funded(books, terms.funding_factor, terms.funding_interval, world.now)
                ), None
            case "liquidate":
                return _liquidate(world, action)
            case "decrease" if action.size and action.taken:
                return _decrease(world, action)
        return _paid(world, action, *_applied(world, action.user, _event(world, action))), None
    except BadInput as refused:
        return world, reason_of(refused, action, world.held(action) is None)


def reason_of(refused: BadInput, action: Action, empty: bool) -> str:
    """The vault's reason; what a book refuses by itself is named as the vault does."""
    problem = refused.problem
    if problem.code == "unknown_pool" and action.kind == "increase":
        return "invalid position size"
    if problem.code in ("closes_too_much", "unknown_pool"):
        return "empty position" if empty else "position size exceeded"
    return problem.value if problem.code == "refused" else f"{problem.code}: {problem}"


def _applied(world: World, user: str, event: Any) -> tuple[Account, Market]:
    return vault_steps.apply(world.accounts[user], world.market, event, world.parameters, world.at)


def _with(world: World, token: str, books: Books) -> World:
    return replace(world, market=vault_books.with_books(world.market, token, "", books))


def _event(world: World, action: Action) -> Any:
    """The event of a book for a call."""
    stamp, prices = Stamp(time=world.at), world.prices(action.index)
    worth = from_raw(world.books(action.token).worth(action.tokens), 30)
    if not action.size:
        taken = -from_raw(action.taken, 30)
        move: dict[str, Any] = {"kind": "deposit", "pool": action.pool, "amount": worth}
        if action.kind == "decrease":
            move = {"kind": "transfer", "pool": action.pool, "to_pool": "wallet", "amount": -taken}
        return Transfer(stamp=stamp, account=action.user, asset="USD", **move)
    growing = action.kind == "increase"
    price = from_raw(prices.high if action.long == growing else prices.low, 30)
    size, held = from_raw(action.size, 30), world.held(action)
    quantity = round_ceil(size / price, QUANTITY_PLACES)
    if not growing and held:
        full = held.position.quantity
        part = round_ceil(full * action.size / held.size, QUANTITY_PLACES)
        quantity = full if action.size == held.size else part
    return Fill(
        stamp=stamp,
        account=action.user,
        market=f"{action.index}/USD",
        side="buy" if action.long == growing else "sell",
        quantity=quantity,
        price=price,
        fee=from_raw(margin_fee(action.size, world.terms(action.index).margin_fee), 30),
        position_side=side_of(action.long),
        leverage=CONTEXT.divide(size, worth) if growing and worth else None,
    )


def _paid(world: World, action: Action, account: Account, market: Market) -> World:
    """The world after a call; a rise of the wallet is paid in tokens."""
    gained = account.wallet["USD"] - world.accounts[action.user].wallet["USD"]
    coins = dict(world.coins)
    if gained > 0:
        coins[action.user, action.token] += world.books(action.token).tokens_out(int(gained.scaleb(30, CONTEXT)))
    return replace(world, accounts={**world.accounts, action.user: account}, market=market, coins=coins)


def _decrease(world: World, action: Action) -> tuple[World, str | None]:
    """Collateral and size out in one call, which no event says."""
    account, held, prices = world.accounts[action.user], world.held(action), world.prices(action.index)
    if held is None:
        return world, "empty position"
    fee = margin_fee(action.size, held.terms.margin_fee)
    found, market = vault_steps.called(
        world.market,
        held,
        lambda books: vault_calls.decrease(books, held, prices, action.taken, action.size, fee, world.at),
        prices,
        action.user,
    )
    left = round_ceil(held.position.quantity * (held.size - action.size) / held.size, QUANTITY_PLACES)
    account = vault_steps.settled(account, held, found.held, left)
    money = account.wallet["USD"] + from_raw(found.paid, 30)
    return _paid(world, action, replace(account, wallet={"USD": money}), market), None


def _liquidate(world: World, action: Action) -> tuple[World, str | None]:
    """The vault's own fill; the keeper is paid what the plan says."""
    held, account = world.held(action), world.accounts[action.user]
    if held is None:
        return world, "empty position"
    plan = vault_steps.plan_liquidation(account, action.pool, world.market, world.parameters, world.at)
    prices = world.prices(action.index)
    fill = Fill(
        stamp=Stamp(time=world.at),
        account=action.user,
        market=f"{action.index}/USD",
        side="sell" if action.long else "buy",
        quantity=held.position.quantity,
        price=from_raw(prices.low if action.long else prices.high, 30),
        kind="liquidation",
        position_side=side_of(action.long),
    )
    try:
        after = _paid(world, action, *_applied(world, action.user, fill))
    except BadInput:
        assert plan.reason is not None, "the plan speaks of a liquidation that is refused"
        raise
    assert plan.reason is None, plan.reason
    flows = {flow.party: flow.amount for flow in plan.flows}
    assert sum(flows.values()) == 0
    due = from_raw(held.collateral, 30) + flows.get("account", 0)
    assert after.accounts[action.user].wallet["USD"] - account.wallet["USD"] == due, "what the plan leaves the account"
    books = world.books(action.token)
    kept = after.books(action.token).fees - books.fees
    assert kept == books.tokens_out(int(plan.protocol_fee.scaleb(30, CONTEXT))), "what the plan gives the reserve"
    coins = dict(after.coins)
    coins["keeper", action.token] += books.tokens_out(int(plan.seized.scaleb(30, CONTEXT)))
    return replace(after, coins=coins), None


def numbers(world: World) -> list[int]:
    """What `Desk.look` shows: totals, payments, shorts, and every position with its check after funding."""
    found: list[int] = []
    for token in TOKENS:
        books = world.books(token)
        found += [books.pool, books.reserved, books.fees, books.guaranteed, books.balance]
        found += [books.rate // vault_books.RATE_UNIT, books.updated]
        found += [world.coins[who, token] for who in (*USERS, "keeper")]
    for index in INDICES:
        books, high = world.books(STABLE, index), world.prices(index).high
        delta = vault_calls.short_delta(books, high) if books.short_size else 0
        gain = books.short_size and books.short_average > high
        found += [books.short_size, books.short_average, int(gain), abs(delta)]
    for user in USERS:
        held = positions_of(world.accounts[user], world.parameters)
        for index in INDICES:
            for long in (True, False):
                found += _position(world, user, held.get(Action("", index=index, long=long).pool))
    return found


def _position(world: World, user: str, held: Held | None) -> list[int]:
    if held is None:
        return [0] * 12
    account, market, terms, at = world.accounts[user], world.market, world.parameters, world.at
    check, funding = vault.validate(held, market, at), vault.funding_fee(held, market, at)
    risk = vault.risk(replace(account, positions=(held.position,)), market, terms, at)[held.pool]
    decided = vault.is_liquidatable(account, held.pool, market, terms, at)
    assert decided == (check.state != 0) == (risk.support < risk.demand), "the decision is that of the sums"
    delta = check.delta
    return [
        held.size,
        held.collateral,
        held.average,
        held.rate // vault_books.RATE_UNIT,
        held.reserve or 0,
        abs(held.realised),
        int(held.realised >= 0),
        held.increased or 0,
        check.state,
        check.charged if check.state == 1 else check.fees,
        2 * delta.amount + delta.has_profit,
        funding,
    ]


def labels() -> list[str]:
    """What each number is."""
    totals = ("pool", "reserved", "fees", "guaranteed", "balance", "rate", "updated", *USERS, "keeper")
    found = [f"{token} {name}" for token in TOKENS for name in totals]
    found += [f"{index} shorts {name}" for index in INDICES for name in ("size", "average", "gain", "delta")]
    shown = ("size", "collateral", "average", "entry rate", "reserve", "realised", "realised gain", "increased")
    shown += ("state", "fees", "delta", "funding")
    places = [(user, index, side) for user in USERS for index in INDICES for side in ("long", "short")]
    return found + [f"{user} {index} {side} {name}" for user, index, side in places for name in shown]
