"""The model's side of every comparison of perps v2, with or without a chain: the rule set's own public functions."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.events import AccountSnapshot, Fill, PriceFrame, Stamp, Transfer
from marginbook.domain.market import Market, Quote
from marginbook.exact import from_raw, round_floor
from marginbook.venues.registry import rule_set
from marginbook.venues.synthetix.funding import unrecorded, velocity
from marginbook.venues.synthetix.margins import fill_price
from marginbook.venues.synthetix.v2.liquidation import displayed_price
from marginbook.venues.synthetix.v2.market import funding_rate, touched
from marginbook.venues.synthetix.v2.orders import check_order, order_fee, rates_of
from marginbook.venues.synthetix.v2.risk import figures, holdings, least_margin
from marginbook.venues.synthetix.wad import mul, price_of, state_wad

USERS = ("ann", "bob", "cid", "dot")
FLAGGER, KEEPER, ENDORSED, POOL = "flagger", "keeper", "endorsed", "fee pool"
PAID = (FLAGGER, KEEPER, ENDORSED, POOL)
RICH = 10**26
START = 1_700_000_000
RULES = rule_set("synthetix/2").module
OVERLAY: dict[str, dict[str, str]] = {
    "system": {
        "min_keeper_fee": "2",
        "max_keeper_fee": "57.5",
        "liquidation_fee_ratio": "0.0035",
        "keeper_liquidation_fee": "3.000000000000000001",
        "min_initial_margin": "40",
    },
    "ETH": {
        "skew_scale": "10000",
        "liquidation_buffer_ratio": "0.01",
        "liquidation_premium_multiplier": "1.5",
        "max_leverage": "25",
        "max_liquidation_delta": "0.0025",
        "max_pd": "0.0028",
        "max_funding_velocity": "9",
        "maker_fee": "0.0005",
        "taker_fee": "0.001",
        "maker_fee_delayed": "0.0004",
        "taker_fee_delayed": "0.0009",
        "maker_fee_offchain": "0.0002",
        "taker_fee_offchain": "0.0006",
        "max_market_size": "60",
    },
    "ODD": {
        "skew_scale": "333333333.333333333333333333",
        "liquidation_buffer_ratio": "0.0175",
        "liquidation_premium_multiplier": "11.3",
        "max_leverage": "10.5",
        "max_liquidation_delta": "0.005",
        "max_pd": "0.0042",
        "max_funding_velocity": "3.7",
        "maker_fee": "0.000333333333333333",
        "taker_fee": "0.000777777777777777",
        "maker_fee_delayed": "0",
        "taker_fee_delayed": "0.01",
        "maker_fee_offchain": "0.000123456789012345",
        "taker_fee_offchain": "0.000654321098765432",
        "max_market_size": "2500000",
    },
}
MARKETS = ("ETH", "ODD")
PRICES = {"ETH": 1_871_234_567_890_123_456_789, "ODD": 71_234_567_890_123_456}
PARAMETERS = RULES.parameters("2", 0, OVERLAY)
PROBES = {"ETH": 7_654_321_098_765_432_109, "ODD": 123_456_789_012_345_678_901_234}
"""Sizes at which fill prices and fees are asked."""
STAMP = Stamp()


@dataclass(frozen=True, kw_only=True)
class Action:
    """One call, or a move of time, price or dynamic fee."""

    kind: str
    user: str = ""
    market: str = ""
    amount: int = 0
    limit: int | None = None


@dataclass(frozen=True, kw_only=True)
class World:
    """The two markets, an account for every user in each of them, and everybody's balances."""

    market: Market
    time: int = START
    accounts: Mapping[tuple[str, str], Account] = field(default_factory=dict)
    usd: Mapping[str, int] = field(default_factory=dict)
    flaggers: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def at(self) -> int:
        """Now [µs UTC]."""
        return self.time * 10**6

    def account(self, user: str, market: str) -> Account:
        """The account of a user in a market."""
        return self.accounts[user, market]

    def with_account(self, user: str, market: str, account: Account) -> "World":
        """Another account in its place."""
        return replace(self, accounts={**self.accounts, (user, market): account})

    def paid(self, **amounts: int) -> "World":
        """Balances after payments."""
        return replace(self, usd={**self.usd, **{name: self.usd[name] + amount for name, amount in amounts.items()}})


def scene() -> World:
    """Empty markets, rich users."""
    state: dict[tuple[str, str, str], int | Decimal] = {}
    for name in MARKETS:
        state["synthetix", name, "funding_time"] = 0
        state["synthetix", name, "market_size"] = Decimal(0)
    quotes = {("synthetix", name, "oracle"): Quote(from_raw(price, 18)) for name, price in PRICES.items()}
    accounts = {(u, m): Account(id=f"{u} {m}", rules="synthetix/2") for u in USERS for m in MARKETS}
    usd = {**dict.fromkeys(USERS, RICH), **dict.fromkeys(PAID, 0)}
    return World(market=Market(quotes=quotes, state=state), accounts=accounts, usd=usd)


def step(world: World, action: Action) -> tuple[World, str | None]:
    """(the world after the call, why it was refused)."""
    try:
        return _done(world, action), None
    except Refused as refused:
        return world, str(refused)
    except BadInput as bad:
        if bad.problem.code != "refused":
            raise
        return world, bad.problem.value


class Refused(Exception):
    """The contracts' words."""


class Disagreement(AssertionError):
    """The rule set contradicts itself."""


def _done(w: World, action: Action) -> World:
    user, name = action.user, action.market
    match action.kind:
        case "time":
            return replace(w, time=w.time + action.amount)
        case "price":
            frame = PriceFrame(stamp=STAMP, prices={("synthetix", name, "oracle"): from_raw(action.amount, 18)})
            return replace(w, market=w.market.with_prices(frame.prices))
        case "dynamic":
            state = {
                **w.market.state,
                **{("synthetix", m, "dynamic_fee_rate"): from_raw(action.amount, 18) for m in MARKETS},
            }
            return replace(w, market=replace(w.market, state=state))
        case "transfer":
            return _transferred(w, user, name, action.amount)
        case "withdraw_all":
            return _transferred(w, user, name, -accessible(w, user, name))
        case "order":
            return _traded(w, user, name, action.amount, action.limit)
        case "close":
            size = sum(held.size for held in holdings(w.account(user, name), PARAMETERS))
            if not size:
                raise Refused("No position open")
            return _traded(w, user, name, -size, action.limit)
        case "flag":
            return _flagged(w, user, name)
        case "liquidate" | "force" | "force_by_keeper":
            return _liquidated(w, user, name, action.kind)
    raise ValueError(action.kind)


def _applied(w: World, user: str, name: str, event: Any) -> World:
    account, market = RULES.apply(w.account(user, name), w.market, event, PARAMETERS, w.at)
    return replace(w.with_account(user, name, account), market=market)


def pool_in(account: Account) -> str | None:
    """The pool of the account's position, if it has one."""
    held = next(holdings(account, PARAMETERS), None)
    return held.pool if held else None


def accessible(w: World, user: str, name: str) -> int:
    """What the venue shows as accessible."""
    account = w.account(user, name)
    found = RULES.quantities(account, w.market, PARAMETERS, w.at)
    shown = [each.venue["accessible_margin"] for each in found.values()] or [account.wallet.get("sUSD", Decimal(0))]
    return int(shown[0].scaleb(18))


def _transferred(w: World, user: str, name: str, amount: int) -> World:
    account = w.account(user, name)
    pool = pool_in(account)
    if amount > w.usd[user]:
        raise Refused("sUSD balance")
    event = Transfer(
        stamp=STAMP,
        account=account.id,
        kind="deposit" if amount > 0 else "withdrawal",
        asset="sUSD",
        amount=from_raw(amount, 18),
        pool=pool,
    )
    if pool and amount < 0:
        _check_free(w, event, user, name)
    w = _applied(w, user, name, event).paid(**{user: -amount})
    return w if pool else _touched(w, name)  # a wallet is of no market: the call was made in this one


def _check_free(w: World, event: Transfer, user: str, name: str) -> None:
    """What is withdrawable goes, one unit more does not."""
    (held,) = holdings(w.account(user, name), PARAMETERS)
    found = figures(held, w.market, PARAMETERS, w.at)
    free = 0 if held.flagged else max(0, found.margin - least_margin(found, held.terms, PARAMETERS.system))
    (shown,) = RULES.quantities(w.account(user, name), w.market, PARAMETERS, w.at).values()
    try:
        _applied(w, user, name, event)
    except BadInput:
        fits = -event.amount > from_raw(free, 18)
    else:
        fits = -event.amount <= from_raw(free, 18)
    if not fits or shown.withdrawable != round_floor(from_raw(free, 18), 8):
        raise Disagreement(f"{-event.amount} against {free} withdrawable, {shown.withdrawable} shown")


def _touched(w: World, name: str) -> World:
    return replace(w, market=touched(w.market, name, PARAMETERS.terms_of(name), w.at))


def _traded(w: World, user: str, name: str, change: int, limit: int | None) -> World:
    account = w.account(user, name)
    check = check_order(account, name, change, w.market, PARAMETERS, w.at, limit=limit)
    if check.reason is not None:
        raise Refused(check.reason)
    event = Fill(
        stamp=STAMP,
        account=account.id,
        market=name,
        side="buy" if change > 0 else "sell",
        quantity=from_raw(abs(change), 18),
        price=from_raw(check.fill_price, 18),
        fee=from_raw(check.fee, 18),
    )
    after = _applied(w, user, name, event).paid(**{POOL: check.fee})
    left = after.account(user, name)
    kept = sum(held.margin for held in holdings(left, PARAMETERS)) or int(left.wallet["sUSD"].scaleb(18))
    if kept != check.margin:
        raise Disagreement(f"the check leaves {check.margin}, the fill {kept}")
    return after


def _flagged(w: World, user: str, name: str) -> World:
    account = w.account(user, name)
    pool = pool_in(account)
    if pool and account.positions[0].details:
        raise Refused("Position flagged")
    if not pool or not RULES.is_liquidatable(account, pool, w.market, PARAMETERS, w.at):
        raise Refused("Position cannot be liquidated")
    (position,) = account.positions
    flagged = replace(account, positions=(replace(position, details={"flagged": "true"}),))
    w = _applied(w, user, name, AccountSnapshot(stamp=STAMP, account=flagged))
    return _touched(replace(w, flaggers={**w.flaggers, (user, name): FLAGGER}), name)


def _liquidated(w: World, user: str, name: str, kind: str) -> World:
    account = w.account(user, name)
    pool = pool_in(account)
    if not pool or not account.positions[0].details:
        raise Refused("Position not flagged")
    plan = RULES.plan_liquidation(account, pool, w.market, PARAMETERS, w.at)
    if kind == "force_by_keeper":
        raise Refused("address not endorsed")
    if kind == "liquidate" and plan.reason is not None:
        raise Refused(
            "price impact of liquidation exceeded" if "position" in plan.reason else "instantaneous P/D exceeded"
        )
    (position,) = account.positions
    (held,) = holdings(account, PARAMETERS)
    found = figures(held, w.market, PARAMETERS, w.at)
    keeper = found.keeper_fee if kind == "liquidate" else 0
    got = {flow.party: int(flow.amount.scaleb(18)) for flow in plan.flows}
    if kind == "force" and plan.reason is None:  # endorsed where nobody has to be: the keeper's fee stays in the margin
        left = max(0, found.margin)
        got |= {"liquidator": found.fee, "protocol": max(0, left - found.fee)}
    event = Fill(
        stamp=STAMP,
        account=account.id,
        market=name,
        side="sell" if position.side == "long" else "buy",
        quantity=position.quantity,
        price=from_raw(price_of(w.market, name), 18),
        kind="liquidation",
    )
    w = _applied(w, user, name, event)
    paid = {w.flaggers[user, name]: got["liquidator"] - keeper, KEEPER if keeper else ENDORSED: keeper}
    flaggers = {key: value for key, value in w.flaggers.items() if key != (user, name)}
    return replace(w, flaggers=flaggers).paid(**paid, **{POOL: got.get("protocol", 0)})


LABELS_OF_MARKET = (
    "skew",
    "size",
    "funding time",
    "recorded rate",
    "rate",
    "velocity",
    "unrecorded",
    "recorded value",
    "price",
    "fill price of a purchase",
    "fill price of a sale",
    *(f"fee of a {side}, {kind}" for side in ("purchase", "sale") for kind in ("atomic", "delayed", "offchain")),
)
LABELS_OF_ACCOUNT = (
    "margin",
    "last price",
    "size",
    "funding value at the last change",
    "notional",
    "profit",
    "funding",
    "remaining margin",
    "accessible margin",
    "liquidation price",
    "liquidation fee",
    "liquidatable",
    "flagged",
    "liquidation margin",
    "leverage",
)
LABELS = [
    *(f"{name} {label}" for name in MARKETS for label in LABELS_OF_MARKET),
    *(f"{user} {name} {label}" for user in USERS for name in MARKETS for label in LABELS_OF_ACCOUNT),
    *(f"{name} sUSD" for name in (*USERS, *PAID)),
]


def numbers(w: World) -> list[int]:
    """Every number, in the order of `LABELS`."""
    found: list[int] = []
    for name in MARKETS:
        found += _of_market(w, name)
    for user in USERS:
        for name in MARKETS:
            found += _of_account(w, user, name)
    return found + [w.usd[name] for name in (*USERS, *PAID)]


def _of_market(w: World, name: str) -> list[int]:
    terms, market = PARAMETERS.terms_of(name), w.market
    skew, price = state_wad(market, name, "skew", 0), price_of(market, name)
    speed = velocity(skew, terms.skew_scale, terms.max_funding_velocity)
    last = state_wad(market, name, "funding_rate", 0)
    seconds = int(market.state["synthetix", name, "funding_time"])
    found = [skew, state_wad(market, name, "market_size"), seconds, last]
    found += [funding_rate(market, name, terms, w.at), speed, unrecorded(last, speed, w.time - seconds, price)]
    found += [state_wad(market, name, "funding_value", 0), price]
    fills = [fill_price(skew, terms.skew_scale, change, price) for change in (PROBES[name], -PROBES[name])]
    found += fills
    for change, filled in zip((PROBES[name], -PROBES[name]), fills, strict=True):
        for kind in ("atomic", "delayed", "offchain"):
            found.append(order_fee(rates_of(terms, market, name, kind), skew, change, filled))  # type: ignore[arg-type]
    return found


def _of_account(w: World, user: str, name: str) -> list[int]:
    account = w.account(user, name)
    shown = RULES.quantities(account, w.market, PARAMETERS, w.at)
    if not shown:
        idle = int(account.wallet.get("sUSD", Decimal(0)).scaleb(18))
        return [idle, 0, 0, 0, 0, 0, 0, idle, idle, 0, 0, 0, 0, 0, 0]
    ((pool, q),) = shown.items()
    (held,) = holdings(account, PARAMETERS)
    now = figures(held, w.market, PARAMETERS, w.at)
    venue = {key: int(value.scaleb(18)) for key, value in q.venue.items()}
    liquidatable = RULES.is_liquidatable(account, pool, w.market, PARAMETERS, w.at)
    (risk,) = RULES.risk(account, w.market, PARAMETERS, w.at).values()
    sums = (0 if held.flagged else now.margin, now.liquidation_margin + now.premium)
    if (risk.support, risk.demand) != sums:
        raise Disagreement(f"{risk} is not {sums}")
    signed = now.notional if held.size > 0 else -now.notional
    below = now.margin - now.premium <= now.liquidation_margin
    remaining = venue["remaining_margin"]
    return [
        held.margin,
        held.entry,
        held.size,
        held.funding,
        signed,
        now.pnl,
        now.funding,
        remaining,
        venue["accessible_margin"],
        displayed_price(held, w.market, PARAMETERS, w.at),
        venue["liquidation_fee"] if below else 0,
        int(liquidatable),
        int(held.flagged),
        venue["liquidation_margin"],
        leverage(signed, remaining),
    ]


def leverage(notional: int, margin: int) -> int:
    """Signed notional by what is left, 0 without any."""
    return 0 if not margin else (1 if notional > 0 else -1) * (abs(notional) * 10**18 // margin)


def near_border(w: World) -> int:
    """Open positions whose margin is within what three units of the price move, or a hundred units, of the border."""
    count = 0
    for account in w.accounts.values():
        for held in holdings(account, PARAMETERS):
            now = figures(held, w.market, PARAMETERS, w.at)
            away = abs(now.margin - now.premium - now.liquidation_margin)
            count += not held.flagged and away <= 100 + mul(abs(held.size), 3)
    return count
