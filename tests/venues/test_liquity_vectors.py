"""What the contracts of liquity/dev showed on recorded walks, replayed through the model.

The contracts are not on npm, so that no bench of them lies in this repository; the numbers were recorded once.
"""

import json
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from marginbook.exact import WAD, div_ceil, mul_div_ceil, mul_div_half_up
from marginbook.venues.liquity import liquidation, math, redistribution, stability_pool, system
from marginbook.venues.liquity.liquidation import liquidated
from marginbook.venues.liquity.parameters import Terms
from marginbook.venues.liquity.redistribution import Redistribution
from marginbook.venues.liquity.revert import Revert
from marginbook.venues.liquity.stability_pool import Deposit, collateral_gain, compounded, deposited
from marginbook.venues.liquity.system import System, adjusted, closed, opened

FILE = Path(__file__).parents[1] / "vectors" / "liquity" / "v1.json"
USERS = ("whale", "ann", "bob", "cid", "dot", "eve")
OF_USER = ("collateral", "debt", "stake", "whole collateral", "whole debt", "ratio", "deposit", "gain")
OF_SYSTEM = (
    "total collateral",
    "total debt",
    "total ratio",
    "total stakes",
    "stakes snapshot",
    "collateral snapshot",
    "L of ETH",
    "L of LUSD",
    "base rate",
    "fee of 1000",
    "pool",
    "product",
    "scale",
    "epoch",
    "sum",
)
LABELS = [f"{user} {name}" for user in USERS for name in OF_USER] + list(OF_SYSTEM)


def empty(price: int, time: int) -> System:
    """A system without troves."""
    known = Redistribution(total_stakes=0, stakes_snapshot=0, collateral_snapshot=0)
    return System(
        terms=Terms(),
        price=price,
        time=time,
        total_collateral=0,
        total_debt=0,
        count=0,
        redistribution=known,
        fee_time=time,
    )


@dataclass
class Model:
    """All troves and deposits, moved by the rule set's functions."""

    system: System
    deposits: dict[str, Deposit] = field(default_factory=dict)

    def do(self, kind: str, who: str, *numbers: int) -> str | None:
        """Why the call was refused, or None."""
        try:
            getattr(self, kind)(who, *numbers)
        except Revert as revert:
            return revert.reason
        return None

    def wait(self, _: str, seconds: int) -> None:
        self.system = replace(self.system, time=self.system.time + seconds)

    def move(self, _: str, price: int) -> None:
        self.system = replace(self.system, price=price)

    def open(self, who: str, collateral: int, amount: int) -> None:
        self.system = opened(self.system, who, collateral, amount)

    def adjust(self, who: str, add: int, take: int, draw: int, repay: int) -> None:
        self.system = adjusted(self.system, who, add=add, take=take, draw=draw, repay=repay)

    def close(self, who: str) -> None:
        self.system = closed(self.system, who)

    def liquidate(self, who: str) -> None:
        if who not in self.system.troves:
            raise Revert("TroveManager: Trove does not exist or is closed")
        self.system = liquidated(self.system, who)[0]

    def provide(self, who: str, amount: int) -> None:
        pool = self.system.pool
        had = compounded(self.deposits[who], pool) if who in self.deposits else 0
        self.deposits[who] = deposited(pool, had + amount)
        self.system = replace(self.system, pool=replace(pool, total=pool.total + amount))

    def withdraw(self, who: str, amount: int) -> None:
        pool = self.system.pool
        had = compounded(self.deposits[who], pool)
        self.deposits[who] = deposited(pool, had - min(had, amount))
        self.system = replace(self.system, pool=replace(pool, total=pool.total - min(had, amount)))

    def numbers(self) -> list[int]:
        """Everything that the contracts show, in the order of `LABELS`."""
        s, found = self.system, []
        for who in USERS:
            trove = s.troves.get(who)
            own = [0, 0, 0, 0, 0, 2**256 - 1]
            if trove is not None:
                own = [trove.collateral, trove.debt, trove.stake, *s.whole(who), s.ratio(who)]
            deposit = self.deposits.get(who)
            held = [0, 0]
            if deposit is not None and deposit.value:
                held = [compounded(deposit, s.pool), collateral_gain(deposit, s.pool)]
            found += own + held
        r, pool = s.redistribution, s.pool
        fee = math.borrowing_fee(
            1_000 * WAD, s.decayed_base_rate(), s.terms.borrowing_fee_floor, s.terms.max_borrowing_fee
        )
        known = [s.total_collateral, s.total_debt, s.total_ratio(), r.total_stakes]
        known += [r.stakes_snapshot, r.collateral_snapshot, r.l_eth, r.l_lusd, s.base_rate, fee]
        known += [pool.total, pool.product, pool.scale, pool.epoch, pool.sums.get((pool.epoch, pool.scale), 0)]
        return found + [value or 0 for value in known]


@cache
def recorded() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(FILE.read_text())["walks"]
    return found


def first_difference() -> str | None:
    for walk in recorded():
        model = Model(replace(empty(walk["price"], walk["time"]), base_rate=walk["base_rate"]))
        shown = model.numbers()
        for place, (kind, who, numbers, refusal, changes) in enumerate(walk["steps"]):
            try:
                said = model.do(kind, who, *numbers)
                ours = model.numbers()
            except (ArithmeticError, AssertionError) as error:
                return f"step {place} {kind}: {error}"
            if said != refusal:
                return f"step {place} {kind} {who}: {said}, the contracts {refusal}"
            for label, value in zip(changes[::2], changes[1::2], strict=True):
                shown[label] = value
            for label, theirs, our in zip(LABELS, shown, ours, strict=True):
                if theirs != our:
                    return f"step {place} {kind} {who}: {label} {our}, the contracts {theirs}"
    return None


def test_every_number_that_the_contracts_showed_is_the_model_s() -> None:
    steps = [step for walk in recorded() for step in walk["steps"]]
    done = {step[0] for step in steps if step[3] is None}
    assert done == {"open", "adjust", "close", "liquidate", "provide", "withdraw", "wait", "move"}
    assert len({step[3] for step in steps}) >= 8
    assert first_difference() is None


MISTAKES = {
    "ratio up": (system, "ratio", lambda c, d, p: mul_div_ceil(c, p, d) if d else 2**256 - 1),
    "fee up": (math, "mul_div_floor", mul_div_ceil),
    "pending up": (redistribution, "mul_div_floor", mul_div_ceil),
    "running totals up": (redistribution, "div_floor", div_ceil),
    "pool's share up": (liquidation, "mul_div_floor", mul_div_ceil),
    "gas compensation up": (liquidation, "div_floor", div_ceil),
    "product half-up": (stability_pool, "mul_div_floor", mul_div_half_up),
    "gains up": (stability_pool, "div_floor", div_ceil),
    "pending never made the trove's own": (system, "touched", lambda s, who: s),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_one_planted_mistake_is_found(name: str) -> None:
    module, attribute, wrong = MISTAKES[name]
    with patch.object(module, attribute, wrong):
        assert first_difference() is not None
