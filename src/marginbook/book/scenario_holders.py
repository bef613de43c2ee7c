"""Bands of live scenario accounts by underlying, and the borders that they are certified against."""

from collections.abc import Collection
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from marginbook.book.factors import grown
from marginbook.domain.errors import BadInput
from marginbook.domain.zones import Border
from marginbook.risk_models.option_arrays import Floats

Integers = NDArray[np.int64]


class Holders:
    """Bands of the accounts that hold one underlying, side by side."""

    def __init__(self) -> None:
        self.count = 0
        self.account: NDArray[np.int64] = np.full(16, -1, np.int64)
        self.home: Floats = np.zeros(16)  # price at which the band was certified
        self.low: Floats = np.full(16, -np.inf)
        self.high: Floats = np.full(16, np.inf)

    def add(self, accounts: Integers) -> Integers:
        """Slots of new holders, whose bands are empty until they are certified."""
        slots = np.arange(self.count, self.count + accounts.size)
        self.count += accounts.size
        for name in ("account", "home", "low", "high"):
            setattr(self, name, grown(getattr(self, name), self.count))
        self.account[slots] = accounts
        self.low[slots], self.high[slots] = np.inf, -np.inf
        return slots

    def drop(self, slots: Integers) -> None:
        """Slots of accounts that are gone: no price leaves their bands."""
        self.account[slots], self.low[slots], self.high[slots] = -1, -np.inf, np.inf

    def left(self, price: float) -> Integers:
        """Accounts whose band does not hold the price."""
        n = self.count
        found: Integers = self.account[:n][(self.low[:n] > price) | (self.high[:n] < price)]
        return found


def border_columns(borders: Collection[Border]) -> Floats:
    """Rows (zone, entry factors, rearm factors) by rising zone; BadInput unless worse ones lie nearer to liquidation.

    Then a pool that has not passed the border next to it has passed none, and only that one need be watched.
    """
    rows = sorted(borders, key=lambda border: border.zone)
    ratios = [(b.demand_factor * b.rearm_support_factor, b.rearm_demand_factor * b.support_factor) for b in rows]
    for border, (entry, rearm) in zip(rows, ratios, strict=True):
        if border.demand_factor <= border.support_factor or entry > rearm:
            raise BadInput("bad_borders", "borders", border, "zones that begin before liquidation and end farther away")
    for mild, bad in pairwise(rows):
        if mild.demand_factor * bad.support_factor <= bad.demand_factor * mild.support_factor:
            raise BadInput("bad_borders", "borders", bad, "a worse zone to begin nearer to liquidation")
    found = [(b.zone, b.support_factor, b.demand_factor, b.rearm_support_factor, b.rearm_demand_factor) for b in rows]
    return np.array(found, np.float64).reshape(len(rows), 5)
