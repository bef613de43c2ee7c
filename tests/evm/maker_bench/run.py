"""One walk on the chain, in the model and in the book, compared number by number."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from maker_bench.events import as_event, event
from maker_bench.market import deploy, reason_of
from maker_bench.scene import TYPES, USERS, Call, System, book, system, terms
from maker_bench.walk import walk
from marginbook.exact import from_raw, round_floor
from marginbook.units import MICROSECONDS
from marginbook.venues.maker import apply, is_liquidatable, liquidation_prices, plan_liquidation, risk
from marginbook.venues.maker.holdings import vault_named
from marginbook.venues.maker.risk import drawable, free_collateral


class Difference(AssertionError):
    """Chain and rule set disagree."""


@dataclass
class Tally:
    """What a walk met."""

    steps: int = 0
    numbers: int = 0
    events: int = 0  # calls that a book took as an event
    decisions: int = 0  # vaults with debt, each compared with an attempt on the chain, half of them after a drip
    near: int = 0  # of them within three units of the liquidation price
    unsafe: int = 0  # of them
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


Record = Callable[[Call, str | None, dict[str, int]], None]


def compare(contracts: dict[str, Any], seed: int, steps: int, record: Record | None = None) -> Tally:
    """Walk `steps` steps; `Difference` at the first number that is not equal."""
    random, s, tally = Random(seed), system(seed), Tally()
    chain = deploy(contracts, s)
    while tally.steps < steps:
        call = walk(random, s)
        where = f"seed {seed}, step {tally.steps}: {call}"
        reason = chain.do(call)
        wrong = as_event(s, call, reason)
        predicted = s.do(call)
        if predicted != reason:
            raise Difference(f"{where}: the chain says {reason}, the model {predicted}")
        shown, ours = chain.numbers(), s.numbers()
        if shown != ours:
            found = [
                f"{n}: chain {shown.get(n)}, model {ours.get(n)}"
                for n in {**shown, **ours}
                if shown.get(n) != ours.get(n)
            ]
            raise Difference(f"{where}: " + "; ".join(found[:8]))
        if wrong:
            taken, said = wrong(s)
            tally.events += taken
            if said:
                raise Difference(f"{where}: {said}")
        _decisions(random, s, chain, tally, where)
        tally.steps += 1
        tally.numbers += len(shown)
        tally.done[call[0]] += reason is None
        if reason:
            tally.refused[f"{call[0]}: {reason}"] += 1
        if record:
            record(call, reason, shown)
    return tally


def _decisions(random: Random, s: System, chain: Any, tally: Tally, where: str) -> None:
    """What a book says of every vault with debt, at the stored rate or after a drip, against attempts on the chain."""
    questions, seen = [], []
    at, parameters = s.time * MICROSECONDS, terms(s)
    for name in TYPES:
        for who in USERS:
            if not s.kinds[name].urns[who].art:
                continue
            fresh = random.random() < 0.5
            account, market = book(s, name, who, fresh)
            v = vault_named(account, name, market, parameters, at)
            price_and_spot = s.spot(name)
            draw = drawable(v, market, price_and_spot)
            questions.append((name, who, fresh, draw, free_collateral(v, price_and_spot)))
            seen.append((account, market, v))
    for question, (account, market, v), answers in zip(questions, seen, chain.tried(questions), strict=True):
        name, who, *_ = question
        said = f"{where}: {question}"
        tally.decisions += 1
        pool = f"main:{name}"
        sums = risk(account, market, parameters, at)[pool]
        decided = is_liquidatable(account, pool, market, parameters, at)
        plan = plan_liquidation(account, pool, market, parameters, at)
        barked, drawn, overdrawn, freed, overfreed = answers
        reason = None if len(barked) == 224 else reason_of(barked)
        tally.unsafe += decided
        if (reason == "Dog/not-unsafe") == decided or (sums.support < sums.demand) != decided:
            raise Difference(f"{said}: the chain says {reason}, the book {decided}")
        if plan.reason != reason:
            raise Difference(f"{said}: the chain says {reason}, the plan {plan.reason}")
        found = liquidation_prices(account, market, parameters, at)
        if not found and v.urn.ink and decided:
            raise Difference(f"{said}: liquidation prices {found}")
        for one in found:
            border = int(one.price.scaleb(18))
            tally.near += abs(border - s.price) <= 3
            if (s.price <= border) != decided:
                raise Difference(f"{said}: liquidatable at {border}, decided {decided} at {s.price}")
        most = [answer for answer, amount in ((drawn, question[3]), (freed, question[4])) if amount]
        if any(len(answer) != 32 for answer in most):
            raise Difference(f"{said}: refused {[reason_of(answer) for answer in most if len(answer) != 32]}")
        if len(overdrawn) == 32 or len(overfreed) == 32:
            raise Difference(f"{said}: more than the book allows was accepted")
        if reason is None:
            _planned(
                s, plan, account, market, [int.from_bytes(barked[i : i + 32], "big") for i in range(0, 224, 32)], said
            )


def _planned(s: System, plan: Any, account: Any, market: Any, words: list[int], said: str) -> None:
    """The plan, and the event that it suggests, against what the attempt showed."""
    ink, art, dirt, tab, lot, top, paid = words
    at, parameters = s.time * MICROSECONDS, terms(s)
    name = account.debt[0].pool
    v = vault_named(account, name, market, parameters, at)
    due = (v.urn.art - art) * v.rate
    flows = {(flow.party, flow.asset): flow.amount for flow in plan.flows}
    told = (plan.close_most, plan.seized, plan.price, plan.fee, flows.get(("liquidator", "DAI"), Decimal(0)))
    shown = (
        round_floor(from_raw(due, 45), 18),
        from_raw(lot, 18),
        from_raw(top, 27),
        from_raw(tab - due, 45),
        from_raw(paid, 45),
    )
    if told != shown or dirt - s.dirt != tab or v.urn.ink - ink != lot:
        raise Difference(f"{said}: a bark shows {shown}, the plan {told}")
    after, _ = apply(account, market, event(account.id, "liquidation", "DAI", plan.close_most, name), parameters, at)
    left = vault_named(after, name, market, parameters, at).urn
    if (left.ink, left.art) != (ink, art):
        raise Difference(f"{said}: a bark leaves {ink, art}, the event {left}")
