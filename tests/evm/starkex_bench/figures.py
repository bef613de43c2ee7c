"""The model's side of every comparison, with or without the machine: accounts under `dydx/3`."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Literal

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Fill, Stamp, Transfer
from marginbook.domain.market import Market, Quote
from marginbook.exact import ZERO, from_raw, in_exact_context, to_raw_exact
from marginbook.units import parse_time
from marginbook.venues.common.amounts import price_that_pays
from marginbook.venues.dydx_v3 import fixed_point, rule, transition
from marginbook.venues.dydx_v3.fixed_point import internal_price
from marginbook.venues.dydx_v3.rule import POOL, Valued
from marginbook.venues.registry import rule_set

RULES = "dydx/3"
USERS = ("whale", "ann", "bob", "cid", "dot", "eve", "rim")
MARKETS = {"BTC-USD": "40000", "ETH-USD": "2500", "ONE-USD": "8"}
"""First price of each market [USDC per coin]; ONE-USD is a book's own, of which borders can be met exactly."""
IDS = {name: number + 2 for number, name in enumerate(MARKETS)}
AT = parse_time("2022-06-01")
STAMP = Stamp()
MODULE = rule_set(RULES).module
SEGMENTS = {
    True: {"ETH-USD": [["4", "0.05"], ["40", "0.0625"], ["Infinity", "0.2"]]},
    False: {"ETH-USD": [["10000", "0.05"], ["100000", "0.0625"], ["Infinity", "0.2"]]},
}
"""By balance [coins], or by value [USDC]."""

Kind = Literal["deposit", "withdrawal", "trade", "liquidate", "deleverage", "funding", "price"]


@dataclass(frozen=True)
class Action:
    """One transaction. `buying` is of `user`; a price's `amount` is external [10^-18], a funding's an index [32.32]."""

    kind: Kind
    user: str = ""
    other: str = ""
    market: str = ""
    buying: bool = True
    amount: int = 0
    collateral: int = 0
    fee: int = 0
    plan: int | None = None  # a liquidation by the rule set's plan, the account receiving so many units more


@dataclass(frozen=True)
class Model:
    """Accounts, prices and indices."""

    accounts: dict[str, Account]
    prices: dict[str, int]  # [10^-18 USDC]
    indices: dict[str, int]
    parameters: Any
    by_balance: bool
    time: int = 1_650_000_000
    cells: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def market(self) -> Market:
        """What the rule set looks at."""
        if "market" not in self.cells:
            quotes = {("dydx", name, "oracle"): Quote(from_raw(price, 18)) for name, price in self.prices.items()}
            state = {("dydx", name, "funding_index_raw"): index for name, index in self.indices.items()}
            self.cells["market"] = Market(quotes=quotes, state=state)
        return self.cells["market"]  # type: ignore[no-any-return]

    def internal(self, name: str, external: int | None = None) -> int:
        """A market's price in the system [32.32]."""
        resolution = self.parameters.terms_of(name).resolution
        return internal_price(self.prices[name] if external is None else external, resolution)

    def valued(self, user: str, account: Account | None = None) -> Valued:
        """An account at the oracle prices."""
        return rule.valued(account or self.accounts[user], self.market, self.parameters)

    def call(self, name: str, user: str, *more: Any) -> Any:
        """A public function of the rule set."""
        return getattr(MODULE, name)(self.accounts[user], *more, self.market, self.parameters, AT)


def scene(seed: int) -> Model:
    """Empty accounts; risk by balance in odd seeds, by value in even ones."""
    by_balance = seed % 2 == 1
    book = {
        "BTC-USD": {"risk_factor": "0.03", "risk_by": "balance" if by_balance else "value"},
        "ETH-USD": {"segments": SEGMENTS[by_balance]["ETH-USD"], "risk_by": "balance" if by_balance else "value"},
        "ONE-USD": {"resolution": "6", "risk_factor_raw": str(2**30)},
    }
    return Model(
        accounts={user: Account(id=user, rules=RULES) for user in USERS},
        prices={name: to_raw_exact(Decimal(price), 18) for name, price in MARKETS.items()},
        indices=dict.fromkeys(MARKETS, 0),
        parameters=MODULE.parameters("3", AT, book),
        by_balance=by_balance,
    )


@in_exact_context
def numbers(model: Model, user: str) -> list[Any]:
    """Stored collateral, balance and index of each market; collateral after funding, total value and risk, and code."""
    account = model.accounts[user]
    held = {p.market: p for p in account.positions}
    stored = [rule.usdc_units(account.wallet.get("USDC", ZERO), user)]
    for name in MARKETS:
        p = held.get(name)
        units = rule.synthetic_units(p, model.parameters.terms_of(name)) if p else 0
        stored += [units, int(p.details["funding_index_raw"])] if p else [0, 0]
    if is_stuck(model, user):
        return [*stored, 0, 0, 0, STUCK]
    found = model.valued(user)
    code = fixed_point.range_refusal(found.status)
    if code:
        return [*stored, found.collateral, 0, 0, code]
    risk, shown = model.call("risk", user)[POOL], model.call("quantities", user)[POOL]
    funded = to_raw_exact(shown.venue["collateral_balance"], 6)
    value, needed = risk.support.scaleb(6) * 2**32, risk.demand.scaleb(6) * 2**64
    return [*stored, funded, int(value), int(needed), "SUCCESS"]


STUCK = "asserted"
"""What an assertion without a name gives: funding that leaves the range of a balance."""


def is_stuck(model: Model, user: str) -> bool:
    """Whether funding takes the collateral out of its range, so that no transaction can touch the position."""
    try:
        model.valued(user)
    except BadInput as bad:
        return bad.problem.code == "out_of_range"
    return False


def fill(model: Model, user: str, action: Action, buying: bool, fee: int, kind: Any = "trade") -> Account:
    """`user` after its side of a trade, by the rule set's `apply`; BadInput where the balance goes out of range."""
    quantity = from_raw(action.amount, model.parameters.terms_of(action.market).resolution)
    paid = from_raw(action.collateral, 6)
    event = Fill(
        stamp=STAMP,
        account=user,
        market=action.market,
        side="buy" if buying else "sell",
        quantity=quantity,
        price=price_that_pays(paid, quantity, 6),
        fee=from_raw(fee, 6),
        kind=kind,
    )
    return MODULE.apply(model.accounts[user], model.market, event, model.parameters, AT)[0]


def moved(model: Model, user: str, amount: int) -> Account:
    """`user` after a deposit (> 0) or a withdrawal."""
    kind: Any = "deposit" if amount >= 0 else "withdrawal"
    event = Transfer(stamp=STAMP, account=user, kind=kind, asset="USDC", amount=from_raw(amount, 6))
    return MODULE.apply(model.accounts[user], model.market, event, model.parameters, AT)[0]


def step(model: Model, action: Action) -> tuple[Model, str | None]:
    """(model afterwards, why it was refused)."""
    if action.kind == "funding":
        indices = {**model.indices, action.market: action.amount}
        return replace(model, indices=indices, time=model.time + 60, cells={}), None
    if action.kind == "price":
        return replace(model, prices={**model.prices, action.market: action.amount}, cells={}), None
    after, reason = dict[str, Account](), _first_checks(model, action)
    for user in _order(action):
        if reason is None:
            after[user], reason = _changed(model, user, action)
    if reason is None and action.kind == "deleverage":
        reason = _unfair(model, action, after)
    return (model, reason) if reason else (replace(model, accounts={**model.accounts, **after}, cells={}), None)


def planned(model: Model, user: str) -> tuple[str, int, int] | None:
    """(market, units closed, USDC units received) of the rule set's plan for a liquidation."""
    plan = model.call("plan_liquidation", user, POOL)
    if plan.reason is not None:
        return None
    received = sum((f.amount for f in plan.flows if f.party == "account" and f.asset == "USDC"), ZERO)
    size = to_raw_exact(plan.close_most, model.parameters.terms_of(plan.market).resolution)
    return plan.market, size, to_raw_exact(received, 6)


def _order(action: Action) -> list[str]:
    """Whom the system looks at first: the buyer, the liquidated, the deleveraged."""
    users = [action.user, action.other] if action.other else [action.user]
    return users[::-1] if action.kind == "trade" and not action.buying else users


def _changed(model: Model, user: str, action: Action) -> tuple[Account, str | None]:
    """(a position after its side of the transaction, why it is refused)."""
    a, account = action, model.accounts[user]
    if is_stuck(model, user):
        return account, STUCK
    if a.kind == "deleverage" and not account.positions and not account.wallet.get("USDC", ZERO):
        return account, "INVALID_PUBLIC_KEY"
    try:
        if a.kind in ("deposit", "withdrawal"):
            after = moved(model, user, a.collateral if a.kind == "deposit" else -a.collateral)
        else:
            pays = a.kind == "trade" or (a.kind == "liquidate" and user == a.other)
            after = fill(model, user, a, a.buying == (user == a.user), a.fee if pays else 0, FILLS[a.kind])
    except BadInput as bad:
        if bad.problem.code == "out_of_range":
            return account, "OUT_OF_RANGE_BALANCE"
        if bad.problem.code != "insufficient_collateral":
            raise
        left = account.wallet.get("USDC", ZERO) - from_raw(a.collateral, 6)
        reason = transition.change_refusal(
            account, replace(account, wallet={"USDC": left}), model.market, model.parameters
        )
        assert reason is not None, "apply refuses what the transition does not"
        return account, reason
    return after, transition.change_refusal(account, after, model.market, model.parameters)


FILLS = {"trade": "trade", "liquidate": "liquidation", "deleverage": "adl"}


def _first_checks(model: Model, action: Action) -> str | None:
    """What a liquidation asks of the position before it is changed."""
    if action.kind != "liquidate":
        return None
    if is_stuck(model, action.user):
        return STUCK
    found = model.valued(action.user)
    outside = fixed_point.range_refusal(found.status)
    if outside:
        return outside
    liquidatable = found.status.is_liquidatable()
    assert model.call("is_liquidatable", action.user, POOL) is (liquidatable and found.status.risk > 0)
    if not liquidatable:
        return "UNLIQUIDATABLE_POSITION"
    return None if _has(found, action, -1) else ENLARGING


ENLARGING = "ILLEGAL_POSITION_TRANSITION_ENLARGING_SYNTHETIC_HOLDINGS"


def _has(found: Valued, action: Action, sign: int) -> bool:
    """Whether a position holds the amount: of `user` (sign −1) what it reduces, of `other` (1) likewise."""
    held = next((asset.balance for asset in found.assets if asset.market == action.market), 0)
    signed = held * sign if action.buying else -held * sign
    return signed >= action.amount


def _unfair(model: Model, action: Action, after: dict[str, Account]) -> str | None:
    """What only a deleveraging asks, after both positions."""
    if not _has(model.valued(action.other), action, 1):
        return ENLARGING
    before = model.valued(action.user).status
    if not before.is_deleveragable():
        return "UNDELEVERAGABLE_POSITION"
    now = model.valued(action.user, after[action.user]).status
    return None if fixed_point.is_fair_deleverage(before, now) else "UNFAIR_DELEVERAGE"
