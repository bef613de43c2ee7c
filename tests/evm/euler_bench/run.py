"""One walk on the chain, in the model and in the book, compared number by number."""

from collections import Counter
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from random import Random
from typing import Any

from euler_bench.events import as_event
from euler_bench.market import Deployed, deploy
from euler_bench.scene import LABELS, NAMES, OF_USER, USERS, VAULT, Call, Model, book, parameters, scene
from euler_bench.walk import walk
from marginbook.exact import from_raw
from marginbook.units import MICROSECONDS
from marginbook.venues.euler import is_liquidatable, liquidation_prices, plan_liquidation, risk
from marginbook.venues.euler.planning import HEALTHY
from marginbook.venues.euler.risk import borrowable, most_out

POOL = f"main:{VAULT}"


class Difference(AssertionError):
    """Chain and rule set disagree."""


@dataclass
class Tally:
    """What a walk met."""

    steps: int = 0
    numbers: int = 0
    events: int = 0  # calls that a book took as an event
    decisions: int = 0  # of accounts with debt
    near: int = 0  # prices within three units of an account's border
    planned: int = 0  # plans carried out on the chain and undone
    lost: int = 0  # of them with bad debt
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


Record = Callable[[Call, str | None, list[int]], None]


def compare(contracts: dict[str, Any], seed: int, steps: int, record: Record | None = None) -> Tally:
    """Walk `steps` steps; `Difference` at the first number that is not equal."""
    random, tally = Random(seed), Tally()
    m = Model(scene(seed))
    chain = deploy(contracts, m.scene)
    while tally.steps < steps:
        call = walk(random, m)
        where = f"seed {seed}, step {tally.steps}: {call}"
        reason = chain.do(call)
        try:
            check = as_event(m, call, reason)
            predicted = m.do(call)
        except ArithmeticError as error:
            raise Difference(f"{where}: {error}") from error
        if predicted != reason:
            raise Difference(f"{where}: the chain says {reason}, the model {predicted}")
        shown = chain.numbers()
        if record:
            record(call, reason, shown)
        for name in NAMES:
            totals = chain.totals(name)
            if tuple(totals) != m.any.totals[name]:
                if call[0] != "wait":
                    raise Difference(f"{where}: {name} has {totals}, the model {m.any.totals[name]}")
                m.totals(name, *totals)
                if record:
                    record(("totals", name, totals), None, shown)
        ours = m.numbers()
        if shown != ours:
            wrong = [f"{n}: chain {a}, model {b}" for n, a, b in zip(LABELS, shown, ours, strict=True) if a != b]
            raise Difference(f"{where}: " + "; ".join(wrong[:8]))
        said = check(m) if check else None
        tally.events += check is not None
        if said:
            raise Difference(f"{where}: {said}")
        _decisions(random, m, chain, shown, tally, where)
        tally.steps += 1
        tally.numbers += len(shown)
        tally.done[call[0]] += reason is None
        if reason:
            tally.refused[f"{call[0]}: {reason}"] += 1
    return tally


def _decisions(random: Random, m: Model, chain: Deployed, shown: list[int], tally: Tally, where: str) -> None:
    """What a book says of every account with debt; of one of them also what may move and where its borders are."""
    at, terms = m.time * MICROSECONDS, parameters(m)
    owing = [who for who in USERS if m.loans[who].owed]
    for who in owing:
        own = dict(zip(OF_USER, shown[USERS.index(who) * len(OF_USER) :], strict=False))
        account, market = book(m, who)
        tally.decisions += 1
        sums = risk(account, market, terms, at)[POOL]
        told = (sums.support, sums.demand, sums.support_initial, sums.demand_initial)
        names = ("supports", "liability", "supports borrowing", "liability when borrowing")
        if told != tuple(from_raw(own[name], 18) for name in names):
            raise Difference(f"{where}: {who}: {own}, the book {told}")
        decided = is_liquidatable(account, POOL, market, terms, at)
        if decided != (own["supports"] <= own["liability"] and own["liability"] > 0):
            raise Difference(f"{where}: {who} is liquidatable: {decided}, the chain {own}")
        plan = plan_liquidation(account, POOL, market, terms, at)
        if (plan.reason == HEALTHY) == decided:
            raise Difference(f"{where}: {who} is liquidatable: {decided}, the plan says {plan.reason}")
        if decided:
            _planned(m, chain, who, plan, own, tally, where)
    if owing:
        _borders(random.choice(owing), m, chain, tally, where)


def _planned(m: Model, chain: Deployed, who: str, plan: Any, own: dict[str, int], tally: Tally, where: str) -> None:
    """The plan carried out, and what it moves."""
    if plan.reason == "E_LiquidationCoolOff" or plan.collateral is None:
        cools = own["repay of eONE"] == own["repay of eTWO"] == -1
        if cools != (plan.reason == "E_LiquidationCoolOff") or (not cools and (own["eONE"] or own["eTWO"])):
            raise Difference(f"{where}: the plan for {who} says {plan.reason}, the chain {own}")
        return
    repaid = int(plan.close_most.scaleb(m.scene.decimals[0]))
    place = NAMES.index(plan.collateral)
    call: Call = ("liquidate", who, [place, repaid])
    if not own["debt"]:
        return
    reason, after = chain.tried([call])
    trial = copy(m)
    trial.loans, trial.taken = dict(m.loans), dict(m.taken)
    if reason is not None or trial.do(call) is not None or trial.numbers() != after:
        raise Difference(f"{where}: the plan {call}: {reason}, {after}, the model {trial.numbers()}")
    left = after[USERS.index(who) * len(OF_USER) + 1]
    lost = int(plan.bad_debt.scaleb(m.scene.decimals[0]))
    seized = int(plan.seized.scaleb(m.scene.decimals[place + 1]))
    taken = after[LABELS.index(f"liquidator {plan.collateral}")] - m.taken[plan.collateral]
    if taken != seized or abs(left - (own["debt"] - repaid - lost)) > (0 if lost else 1):
        raise Difference(f"{where}: the plan {plan} leaves {left} of {own['debt']}, takes {taken}")
    tally.planned += 1
    tally.lost += lost > 0


def _borders(who: str, m: Model, chain: Deployed, tally: Tally, where: str) -> None:
    """Liquidation prices, and the last unit of a loan and of a withdrawal."""
    loan = m.loans[who]
    for one in liquidation_prices(*book(m, who), parameters(m), m.time * MICROSECONDS):
        border, price = int(one.price.scaleb(18)), loan.prices[one.market].mid
        tally.near += abs(border - price) <= 3
        for raw in {border, border + 1, border - 1} - {0}:
            kept = chain.chain.evm.snapshot()
            chain.set_price(one.market, raw, raw, raw)
            sides = chain.sides(who)
            chain.chain.evm.revert(kept)
            is_weak = sides[0] <= sides[1] and sides[1] > 0
            inside = raw <= border if one.when == "at_or_below" else raw >= border
            if is_weak != inside and abs(raw - border) <= 1:
                raise Difference(f"{where}: {who} at {one.market} {raw}, border {border}: {sides}")
    most = borrowable(loan)
    for amount, done in ((most, True), (most + 1, False)):
        if amount and (chain.tried([("borrow", who, [amount])])[0] is None) != done:
            raise Difference(f"{where}: {who} may borrow {most}, tried {amount}")
    for place, name in enumerate(NAMES):
        most = most_out(loan, name)
        for amount, done in ((most, True), (most + 1, False)):
            reason = chain.tried([("redeem", who, [place, amount])])[0] if amount else None
            if amount and (reason in (None, "E_ZeroAssets")) != done:
                raise Difference(f"{where}: {who} may take out {most} {name}, tried {amount}: {reason}")
