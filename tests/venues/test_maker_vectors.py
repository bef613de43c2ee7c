"""What the contracts of makerdao/dss showed on recorded walks, replayed through the model.

The contracts are not on npm, so that no bench of them lies in this repository; the numbers were recorded once.
"""

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from marginbook.exact import RAY, WAD, div_ceil, div_floor, mul_div_ceil, mul_div_floor, mul_div_half_up
from marginbook.venues.maker import auction, vat
from marginbook.venues.maker.auction import Sale
from marginbook.venues.maker.parameters import Ilk
from marginbook.venues.maker.vat import Revert, Urn

FILE = Path(__file__).parents[1] / "vectors" / "maker" / "dss.json"


@dataclass
class System:
    """One vault type with its vaults and auctions, moved by the rule set's functions."""

    ilk: Ilk
    par: int
    hole: int
    price: int
    time: int
    duty: int
    rate: int = RAY
    rho: int = 0
    urns: dict[str, Urn] = field(default_factory=dict)
    sales: dict[int, Sale] = field(default_factory=dict)
    dirt: int = 0
    kicks: int = 0

    @property
    def spot(self) -> int:
        return vat.spot_of(self.price, self.par, self.ilk.mat)

    def do(self, kind: str, who: str | int, *numbers: int) -> list[int] | str | None:
        """What the call showed, or why it was refused."""
        try:
            return getattr(self, kind)(who, *numbers)
        except Revert as revert:
            return revert.reason

    def wait(self, _: str, seconds: int) -> None:
        self.time += seconds

    def poke(self, _: str, price: int) -> list[int]:
        self.price = price
        return [self.spot]

    def drip(self, _: str) -> list[int]:
        self.rate = vat.dripped(self.rate, self.duty, self.time - self.rho)
        self.rho = self.time
        return [self.rate]

    def frob(self, who: str, dink: int, dart: int) -> list[int]:
        urn = vat.frob(self.urns.get(who, Urn(0, 0)), self.ilk, self.rate, self.spot, dink, dart)
        self.urns[who] = urn
        return [urn.ink, urn.art]

    def bark(self, who: str) -> list[int]:
        urn = self.urns.get(who, Urn(0, 0))
        found = auction.bark(urn, self.ilk, self.rate, self.spot, self.hole, self.dirt, self.dirt)
        sale, coin = auction.kick(found, self.ilk, self.price, self.par, self.time)
        self.urns[who] = vat.grabbed(urn, found.dink, found.dart)
        self.dirt += found.tab
        self.kicks += 1
        self.sales[self.kicks] = sale
        left = self.urns[who]
        return [left.ink, left.art, found.due, sale.tab, sale.lot, sale.top, coin, self.dirt]

    def take(self, which: int, amount: int, most: int) -> list[int]:
        found = auction.take(self.sales[which], self.ilk, amount, most, self.time)
        self.dirt -= found.digs
        if found.sale is None:
            del self.sales[which]
        else:
            self.sales[which] = found.sale
        rest = [found.sale.tab, found.sale.lot] if found.sale else [0, 0]
        return [found.slice, found.owe, found.returned, *rest, self.dirt]

    def redo(self, which: int) -> list[int]:
        sale, coin = auction.redo(self.sales[which], self.ilk, self.price, self.par, self.time)
        self.sales[which] = sale
        return [sale.top, sale.tic, coin]

    def status(self, which: int) -> list[int]:
        sale = self.sales[which]
        price = auction.price_at(self.ilk, sale.top, self.time - sale.tic)
        return [int(auction.needs_reset(sale, self.ilk, self.time)), price, sale.lot, sale.tab]


@cache
def recorded() -> list[dict[str, Any]]:
    return json.loads(FILE.read_text())["walks"]


def first_difference() -> str | None:
    """Replay every walk; what did not agree first, or None."""
    for walk in recorded():
        system = System(ilk=Ilk(**walk["ilk"]), **walk["system"])
        for i, (kind, who, numbers, shown) in enumerate(walk["steps"]):
            ours = system.do(kind, who, *numbers)
            if ours != shown:
                return f"walk {walk['ilk']['curve']}, step {i}, {kind} {who} {numbers}: recorded {shown}, model {ours}"
    return None


def test_every_number_that_the_contracts_showed_is_the_model_s() -> None:
    kinds = [step[0] for walk in recorded() for step in walk["steps"] if not isinstance(step[3], str)]
    assert {"frob", "bark", "take", "redo", "status", "drip", "poke"} <= set(kinds)
    assert first_difference() is None


def _rpow_floor(base: int, exponent: int, scale: int) -> int:
    result = scale
    for bit in bin(exponent)[2:]:
        result = result * result // scale
        result = result * base // scale if bit == "1" else result
    return result


MISTAKES = {
    "powers rounded down": (vat, "rpow_half_up", _rpow_floor),
    "powers of a curve rounded down": (auction, "rpow_half_up", _rpow_floor),
    "rate and spot half-up": (vat, "mul_div_floor", mul_div_half_up),
    "rate and spot up": (vat, "mul_div_floor", mul_div_ceil),
    "tab and top up": (auction, "mul_div_floor", mul_div_ceil),
    "slice and dart up": (auction, "div_floor", div_ceil),
    "no least rest": (auction, "least_left", lambda ilk: 0),
    "least rest without penalty": (auction, "least_left", lambda ilk: ilk.dust),
    "a draw to the last unit refused": (
        vat,
        "is_unsafe",
        lambda urn, rate, spot: urn.ink * spot < (urn.art + 1) * rate,
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_one_planted_mistake_is_found(name: str) -> None:
    module, attribute, wrong = MISTAKES[name]
    with patch.object(module, attribute, wrong):
        assert first_difference() is not None


def test_the_rounding_helpers_of_this_file_are_what_they_say() -> None:
    assert mul_div_floor(7, WAD, 2 * WAD) == div_floor(7, 2) == 3
