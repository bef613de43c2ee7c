"""What the contracts of the Euler vault kit showed on recorded walks, replayed through the model.

The contracts are not on npm, so that no bench of them lies in this repository; the numbers were recorded once.
"""

import json
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from marginbook.exact import RAY, div_ceil, mul_div_ceil, mul_div_floor, mul_div_half_up
from marginbook.venues.euler import math, vault
from marginbook.venues.euler.math import accrued, ramped
from marginbook.venues.euler.parameters import CollateralTerms, Terms
from marginbook.venues.euler.vault import Loan, Prices, Revert

FILE = Path(__file__).parents[1] / "vectors" / "euler" / "evk.json"
USERS = ("ann", "bob", "cid")
NAMES = ("eONE", "eTWO")
OF_USER = (
    "owed exactly",
    "debt",
    "eONE",
    "eTWO",
    "supports",
    "liability",
    "supports borrowing",
    "liability when borrowing",
    "repay of eONE",
    "yield of eONE",
    "repay of eTWO",
    "yield of eTWO",
)
LABELS = [f"{user} {name}" for user in USERS for name in OF_USER] + ["accumulator"]


def scene(decimals: int, discount: int, cool_off: int) -> Terms:
    """The vault of a walk; LTVs come with the steps."""
    return Terms(asset="TST", decimals=decimals, max_discount=discount, cool_off=cool_off, two_sided=True)


@dataclass
class Model:
    """Three accounts of one vault, moved by the rule set's functions."""

    terms: Terms
    time: int
    rate: int
    decimals: tuple[int, int]
    stored: tuple[int, int] = (RAY, 0)  # accumulator, as of when
    accumulator: int = RAY
    loans: dict[str, Loan] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.stored = (RAY, self.time)
        empty = Loan(terms=self.terms, time=self.time, balances=dict.fromkeys(NAMES, 0))
        self.loans = {who: replace(empty, last_check=self.time) for who in USERS}

    def all(self, **changes: Any) -> None:
        self.loans = {who: replace(loan, **changes) for who, loan in self.loans.items()}

    def do(self, kind: str, who: str, *numbers: int) -> str | None:
        """Why the call was refused, or None."""
        try:
            getattr(self, kind)(who, *numbers)
        except Revert as revert:
            return revert.reason
        if kind in ("borrow", "repay", "liquidate"):
            self.stored = (self.accumulator, self.time)
        return None

    def wait(self, _: str, seconds: int) -> None:
        self.time += seconds
        self.accumulator = accrued(self.stored[0], self.rate, self.time - self.stored[1])
        self.all(time=self.time, accumulator=self.accumulator)

    def price(self, asset: str, mid: int, bid: int, ask: int) -> None:
        prices = {**next(iter(self.loans.values())).prices, asset: Prices(mid, bid, ask)}
        self.all(prices=prices)

    def totals(self, name: str, assets: int, shares: int) -> None:
        totals = {**next(iter(self.loans.values())).totals, name: (assets, shares)}
        self.all(totals=totals)

    def ltv(self, name: str, borrow: int, liquidation: int, ramp: int) -> None:
        known = self.terms.collaterals
        initial = 0
        if name in known:
            old = known[name]
            initial = ramped(
                old.liquidation_ltv, old.initial_liquidation_ltv, old.ramp_end, old.ramp_seconds, self.time
            )
        new = CollateralTerms(
            asset=name[1:],
            decimals=self.decimals[NAMES.index(name)],
            borrow_ltv=borrow,
            liquidation_ltv=liquidation,
            initial_liquidation_ltv=initial,
            ramp_end=self.time + ramp,
            ramp_seconds=ramp,
        )
        self.terms = replace(self.terms, collaterals={**known, name: new})
        self.all(terms=self.terms)

    def supply(self, who: str, place: int, shares: int) -> None:
        self.loans[who] = vault.supplied(self.loans[who], NAMES[place], shares)

    def withdraw(self, who: str, place: int, shares: int) -> None:
        loan = vault.withdrawn(self.loans[who], NAMES[place], shares)
        self.loans[who] = replace(loan, last_check=self.time)

    def borrow(self, who: str, amount: int) -> None:
        self.loans[who] = vault.borrowed(self.loans[who], amount)

    def repay(self, who: str, amount: int) -> None:
        self.loans[who] = vault.repaid(self.loans[who], amount)

    def liquidate(self, who: str, place: int, repay: int) -> None:
        self.loans[who] = vault.liquidated(self.loans[who], NAMES[place], None if repay < 0 else repay)[0]

    def numbers(self) -> list[int]:
        """Everything that the contracts show, in the order of `LABELS`; −1 where a view is refused."""
        found = []
        for loan in self.loans.values():
            found += [loan.owed_exactly, loan.debt, *(loan.balances[name] for name in NAMES)]
            found += [loan.supports(), loan.liability(), loan.supports(False), loan.liability(False)]
            for name in NAMES:
                try:
                    call = vault.largest(loan, name)
                    found += [call.repaid, call.taken]
                except Revert:
                    found += [-1, -1]
        return [*found, self.accumulator]


@cache
def recorded() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(FILE.read_text())["walks"]
    return found


def first_difference() -> str | None:
    for walk in recorded():
        terms = scene(walk["decimals"][0], walk["discount"], walk["cool_off"])
        model = Model(terms, walk["time"], walk["rate"], tuple(walk["decimals"][1:]))
        shown: list[int] = []
        for place, (kind, who, numbers, refusal, changes) in enumerate(walk["steps"]):
            try:
                said = model.do(kind, who, *numbers)
                ours = model.numbers() if changes is not None else []
            except ArithmeticError as error:
                return f"step {place} {kind}: {error}"
            if said != refusal:
                return f"step {place} {kind} {who}: {said}, the contracts {refusal}"
            if changes is None:  # while the scene is set
                continue
            shown = shown or [0] * len(LABELS)
            for label, value in zip(changes[::2], changes[1::2], strict=True):
                shown[label] = value
            for label, theirs, our in zip(LABELS, shown, ours, strict=True):
                if theirs != our:
                    return f"step {place} {kind} {who}: {label} {our}, the contracts {theirs}"
    return None


def test_every_number_that_the_contracts_showed_is_the_model_s() -> None:
    steps = [step for walk in recorded() for step in walk["steps"]]
    done = {step[0] for step in steps if step[3] is None}
    assert {"wait", "price", "totals", "ltv", "supply", "withdraw", "borrow", "repay", "liquidate"} == done
    assert {"E_AccountLiquidity", "E_LiquidationCoolOff", "E_ExcessiveRepayAmount"} <= {step[3] for step in steps}
    assert first_difference() is None


MISTAKES = {
    "debt down": (vault, "debt_units", lambda owed: owed >> 31),
    "values up": (math, "mul_div_floor", mul_div_ceil),
    "values half-up": (math, "mul_div_floor", mul_div_half_up),
    "LTV, discount and yield up": (vault, "mul_div_floor", mul_div_ceil),
    "ramp up": (math, "div_floor", div_ceil),
    "shares without the virtual deposit": (vault, "share_value", lambda x, a, s: mul_div_floor(x, a, s) if s else x),
    "no bad debt": (vault, "bad_debt", lambda loan, name, found: 0),
    "bad debt of dust too": (vault, "LEAST_SOCIALIZED", 0),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_one_planted_mistake_is_found(name: str) -> None:
    module, attribute, wrong = MISTAKES[name]
    with patch.object(module, attribute, wrong):
        assert first_difference() is not None
