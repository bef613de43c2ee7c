"""Accounts with scenario margin, live: evaluated when a certified band of prices is left, and else untouched.

A frame looks up the bands of the underlyings that it moves (`scenario_bands` certifies them). Only the accounts whose
band is left are evaluated, and only then are the risk arrays of what they hold refreshed, of the underlyings that moved
since. Zones are those of an evaluation of every account at every frame; the numbers of an account are as of its last
evaluation, and `figures` says how old they are and how much of the way to the border prices may have used up since.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marginbook.book import scenario_bands as kernel
from marginbook.book.factors import grown
from marginbook.book.scenario_holders import Holders, Integers, border_columns
from marginbook.book.scenario_model import ScenarioModel
from marginbook.domain.errors import BadInput
from marginbook.domain.market import QuoteKey
from marginbook.domain.zones import DERIVATIVES_BORDERS, Border, Zone
from marginbook.risk_models.option_arrays import Floats
from marginbook.risk_models.scenarios import Positions, RiskArrays, requirements, scaled, worst_losses

WIDTHS = (0.01, 0.05, 0.2)
"""Half-widths of the hulls over which slopes are bounded; each account takes the one that gives it the widest band."""
FEW = 256
"""Up to so many accounts are evaluated on the calling thread."""


@dataclass(frozen=True, slots=True)
class Portfolio:
    """What an account holds: signed quantities by contract, money, and what the scenarios leave out [currency]."""

    id: str
    cash: float  # with what positions cost: support = cash + Σ quantity·value
    quantities: Mapping[str, float] = field(default_factory=dict)
    add_on: float = 0.0
    floor: float = 0.0  # least requirement of the scenarios


@dataclass(frozen=True, slots=True)
class ScenarioFigures:
    """Numbers of one account as of its last evaluation [currency], and what is known of the time since."""

    account: str
    zone: Zone  # of now, certified
    support: float
    requirement: float  # reducer, floor and add-on
    sequence: int  # of the frame at which it was last evaluated
    as_of: int  # [µs UTC]
    age: int  # [µs] since
    used: float  # most of the way to the nearest border that prices may have gone since, from 0 to below 1


@dataclass(frozen=True, slots=True)
class ZoneMove:
    """An account left its zone."""

    account: str
    before: Zone
    after: Zone


class ScenarioAccounts:
    """Portfolios of one model, live. One thread at a time; no clock: times are arguments."""

    def __init__(
        self,
        model: ScenarioModel,
        prices: Mapping[QuoteKey, Decimal],
        borders: Sequence[Border] = DERIVATIVES_BORDERS,
        widths: Sequence[float] = WIDTHS,
        at: int = 0,
    ) -> None:
        """BadInput where a price is missing or the borders are not nested, the worse one nearer to liquidation."""
        missing = [key for key in model.prices if key not in prices]
        if missing:
            raise BadInput("missing_price", ".".join(missing[0]), "nothing", "a price of every underlying")
        self.model = model
        self.sequence = 0
        self.at = at
        self.evaluations = 0
        self.refreshes = 0
        """Accounts evaluated, and underlyings whose arrays were refreshed, so far."""
        self._borders = border_columns(borders)
        self._numbers = {key: n for n, key in enumerate(model.prices)}
        self._contracts = {name: n for n, name in enumerate(model.names)}
        self._bounds = model.bounds
        self._prices = np.array([_price(key, prices[key]) for key in model.prices])
        count, scenarios = len(model.names), model.scan.cover.size
        self._arrays: Floats = np.zeros((count, scenarios))
        self._values: Floats = np.zeros((count, 1))
        self._singles = np.zeros((count, scenarios), np.float32), np.ones(count)
        self._gross: Floats = np.zeros(count)
        self._valued = np.full(len(self._prices), np.nan)  # price of the arrays of an underlying
        self._widths = np.array(widths)
        self._centres = np.full((len(widths), len(self._prices)), np.nan)
        self._ends: Floats = np.zeros((len(widths), len(self._prices), 2))
        self._slopes = np.zeros((len(widths), count, 2)), np.zeros((len(widths), count, scenarios, 2))
        self._ids: list[str] = []
        self._places: dict[str, int] = {}
        self._held: list[tuple[NDArray[np.int32], Floats]] = []
        self._runs: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []  # (underlyings, slots)
        self._columns: Floats = np.zeros((16, 5))  # cash, add-on, floor, support, requirement
        self._when: Integers = np.zeros((16, 2), np.int64)  # sequence, time
        self._zones: NDArray[np.int8] = np.zeros(16, np.int8)
        self._alive: NDArray[np.bool_] = np.zeros(16, np.bool_)
        self._holders = [Holders() for _ in model.prices]

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, account: str) -> bool:
        return account in self._places

    @property
    def ids(self) -> list[str]:
        """Accounts by name, in the order in which they came."""
        return list(self._places)

    def zone(self, account: str) -> Zone:
        """Zone of an account; KeyError if it is not here."""
        return Zone(int(self._zones[self._places[account]]))

    def figures(self, account: str) -> ScenarioFigures:
        """Numbers of an account and their age; KeyError if it is not here."""
        a = self._places[account]
        used = 0.0
        for u, slot in zip(*(part.tolist() for part in self._runs[a]), strict=True):
            held, now = self._holders[u], self._prices[u]
            home = held.home[slot]
            if now != home:
                used = max(used, (now - home) / ((held.high if now > home else held.low)[slot] - home))
        return ScenarioFigures(
            account=account,
            zone=self.zone(account),
            support=float(self._columns[a, 3]),
            requirement=float(self._columns[a, 4]),
            sequence=int(self._when[a, 0]),
            as_of=int(self._when[a, 1]),
            age=self.at - int(self._when[a, 1]),
            used=float(used),
        )

    # ---- frames and accounts

    def prices(self, changes: Mapping[QuoteKey, Decimal], at: int) -> list[ZoneMove]:
        """Apply a frame of prices whole; the accounts whose zone it changes, in the order in which they came."""
        moved = {self._numbers[key]: _price(key, price) for key, price in changes.items() if key in self._numbers}
        self._tick(at)
        left = []
        for u, price in moved.items():
            self._prices[u] = price
            left.append(self._holders[u].left(price))
        if not any(found.size for found in left):
            return []
        return self._evaluate(np.unique(np.concatenate(left)))

    def put(self, portfolios: Iterable[Portfolio], at: int) -> list[ZoneMove]:
        """Add or replace accounts; one that stays keeps its zone as the zone before, a new one comes from safe.

        BadInput where a contract is unknown or a number is not finite; then none of them is taken.
        """
        rows = [(portfolio, *self._row(portfolio)) for portfolio in portfolios]
        self._tick(at)
        chosen = []
        for portfolio, contracts, quantities in rows:
            a = self._places.get(portfolio.id)
            if a is None:
                a = self._places[portfolio.id] = len(self._ids)
                self._ids.append(portfolio.id)
                self._held.append((contracts, quantities))
                self._runs.append((np.zeros(0, np.int64), np.zeros(0, np.int64)))
                for name in ("_columns", "_when", "_zones", "_alive"):
                    setattr(self, name, grown(getattr(self, name), a + 1))
                self._zones[a] = Zone.SAFE
            self._held[a] = contracts, quantities
            self._columns[a, :3] = portfolio.cash, portfolio.add_on, portfolio.floor
            self._alive[a] = True
            chosen.append(a)
        numbers = np.unique(np.array(chosen, np.int64))
        self._link(numbers)
        return self._evaluate(numbers)

    def remove(self, account: str) -> None:
        """Take an account out; KeyError if it is not here."""
        a = self._places.pop(account)
        self._unlink(a)
        self._alive[a] = False
        self._held[a] = np.zeros(0, np.int32), np.zeros(0)

    def portfolio(self, account: str) -> Portfolio:
        """What an account holds; KeyError if it is not here."""
        a = self._places[account]
        contracts, quantities = self._held[a]
        names = [self.model.names[c] for c in contracts.tolist()]
        cash, add_on, floor = self._columns[a, :3].tolist()
        return Portfolio(account, cash, dict(zip(names, quantities.tolist(), strict=True)), add_on, floor)

    def evaluate(self, accounts: Iterable[str], at: int) -> list[ZoneMove]:
        """Evaluate these accounts now, so that their numbers are of now; KeyError if one is not here."""
        self._tick(at)
        return self._evaluate(np.unique(np.array([self._places[name] for name in accounts], np.int64)))

    def older_than(self, age: int, most: int) -> list[str]:
        """Up to `most` accounts whose numbers are older than `age` [µs], the oldest first: for a schedule."""
        n = len(self._ids)
        due = np.flatnonzero(self._alive[:n] & (self._when[:n, 1] < self.at - age))
        order = due[np.argsort(self._when[due, 1], kind="stable")[:most]]
        return [self._ids[a] for a in order.tolist()]

    def remodelled(self, model: ScenarioModel, at: int) -> list[ZoneMove]:
        """New volatilities, expiries or scans of the same contracts and prices: every account is evaluated."""
        if (model.names, model.prices) != (self.model.names, self.model.prices) or (
            model.scan.cover.size != self.model.scan.cover.size or (model.underlying != self.model.underlying).any()
        ):
            raise BadInput("bad_value", "scenario model", "other contracts", "the same contracts, prices, scenarios")
        self.model = model
        self._valued[:] = np.nan
        self._centres[:] = np.nan
        self._tick(at)
        return self._evaluate(np.flatnonzero(self._alive[: len(self._ids)]))

    # ---- parts

    def _tick(self, at: int) -> None:
        self.sequence += 1
        self.at = max(self.at, at)

    def _row(self, portfolio: Portfolio) -> tuple[NDArray[np.int32], Floats]:
        place = f"account {portfolio.id}"
        unknown = [name for name in portfolio.quantities if name not in self._contracts]
        if unknown:
            raise BadInput("unknown_contract", place, unknown[0], "a contract of the scenario model")
        money = (portfolio.cash, portfolio.add_on, portfolio.floor, *portfolio.quantities.values())
        if not all(isfinite(value) for value in money) or portfolio.add_on < 0 or portfolio.floor < 0:
            raise BadInput("bad_value", place, money, "finite numbers, add-on and floor from 0")
        held = sorted((self._contracts[name], q) for name, q in portfolio.quantities.items() if q)
        return np.array([c for c, _ in held], np.int32), np.array([q for _, q in held])

    def _unlink(self, a: int) -> None:
        for u, slot in zip(*self._runs[a], strict=True):
            self._holders[u].drop(np.array([slot]))
        self._runs[a] = np.zeros(0, np.int64), np.zeros(0, np.int64)

    def _link(self, accounts: Integers) -> None:
        """Slots for every underlying that an account holds, the old ones dropped."""
        pairs: list[tuple[int, int]] = []
        for a in accounts.tolist():
            self._unlink(a)
            held = np.unique(self.model.underlying[self._held[a][0]]).astype(np.int64)
            self._runs[a] = held, np.zeros(held.size, np.int64)
            pairs += [(u, a) for u in held.tolist()]
        by: dict[int, list[int]] = {}
        for u, a in pairs:
            by.setdefault(u, []).append(a)
        for u, holders in by.items():
            slots = self._holders[u].add(np.array(holders, np.int64))
            for a, slot in zip(holders, slots.tolist(), strict=True):
                under, known = self._runs[a]
                known[np.searchsorted(under, u)] = slot

    def _refresh(self, underlyings: Iterable[int]) -> None:
        """Arrays of these underlyings at their present prices, and slopes over hulls that still have them inside."""
        c = self.model.contracts
        columns = (c.kind, c.strike, c.years, c.volatility, c.discount, c.multiplier)
        scan = self.model.scan
        parts = scan.relative, scan.absolute, scan.swing, scan.cover, scan.years
        for u in underlyings:
            price, (first, last) = float(self._prices[u]), self._bounds[u : u + 2].tolist()
            if self._valued[u] != price:
                found = self.model.revalued(first, last, price)
                self._values[first:last, 0], self._arrays[first:last] = found
                self._singles[0][first:last], self._singles[1][first:last] = scaled(found[1])
                self._gross[first:last] = self.model.gross(first, last, price)
                self._valued[u] = price
                self.refreshes += 1
            for h, width in enumerate(self._widths.tolist()):
                if not abs(price - self._centres[h, u]) <= price * width / 2.0:
                    low, high = price * (1.0 - width), price * (1.0 + width)
                    self._centres[h, u] = price
                    self._ends[h, u] = low, high
                    out = self._slopes[0][h], self._slopes[1][h]
                    kernel.slopes(columns, self.model.ratio, parts, first, last, low, high, out)

    def _evaluate(self, chosen: Integers) -> list[ZoneMove]:
        """Requirement, support and zone of accounts, and their bands anew."""
        if not chosen.size:
            return []
        numbers = chosen.tolist()
        held = [self._held[a] for a in numbers]
        starts = np.zeros(len(numbers) + 1, np.int64)
        np.cumsum([contracts.size for contracts, _ in held], out=starts[1:])
        positions = Positions(
            starts, np.concatenate([contracts for contracts, _ in held]), np.concatenate([q for _, q in held])
        )
        runs = [self._runs[a] for a in numbers]
        first_run = np.zeros(len(numbers) + 1, np.int64)
        np.cumsum([under.size for under, _ in runs], out=first_run[1:])
        under, slots = (np.concatenate([run[n] for run in runs]) for n in range(2))
        self._refresh(np.unique(under).tolist())
        threads = 1 if len(numbers) <= FEW else None
        columns = self._columns[chosen]
        cash, add_on, floor = (np.ascontiguousarray(columns[:, n]) for n in range(3))
        support = cash - worst_losses(positions, self._table(self._values), threads)[0]
        losses = requirements(positions, self._table(self._arrays), [self.model.reducer], threads)[:, 0]
        demand = np.maximum(losses, floor) + add_on
        before = self._zones[chosen]
        after = before.copy()
        kernel.decide(support, demand, self._borders, self.model.at_equality, after)
        self._columns[chosen, 3], self._columns[chosen, 4] = support, demand
        self._when[chosen] = self.sequence, self.at
        self._zones[chosen] = after
        self.evaluations += len(numbers)
        self._certify(positions, (first_run, under, slots), (support, demand, add_on, floor, cash, after))
        changed = np.flatnonzero(before != after).tolist()
        return [ZoneMove(self._ids[numbers[n]], Zone(int(before[n])), Zone(int(after[n]))) for n in changed]

    def _table(self, arrays: Floats) -> RiskArrays:
        largest = float(max(arrays.max(), -arrays.min())) if arrays.size else 0.0
        return RiskArrays(arrays, largest, self._singles)

    def _certify(self, positions: Positions, runs: tuple[Integers, Integers, Integers], state: Any) -> None:
        first_run, under, slots = runs
        model, scenarios = self.model, self.model.scan.cover.size
        known = self._arrays, model.scan.cover, self._gross, model.underlying
        low, high = np.empty(under.size), np.empty(under.size)
        work = (
            np.empty(scenarios + 1),
            np.empty((kernel.FUNCTIONS, scenarios + 1)),
            np.empty((kernel.FUNCTIONS, scenarios + 1, 2)),
            np.empty((kernel.FUNCTIONS, 2)),
        )
        kernel.certify(
            (positions.starts, positions.contract, positions.quantity),
            (first_run, under),
            state,
            (*known, self._prices, self._borders, model.is_worst),
            (*self._slopes, self._ends),
            work,
            (low, high),
        )
        for u in np.unique(under).tolist():
            held, mine = self._holders[u], under == u
            held.low[slots[mine]], held.high[slots[mine]] = low[mine], high[mine]
            held.home[slots[mine]] = self._prices[u]


def _price(key: QuoteKey, price: Decimal) -> float:
    value = float(price)
    if not (isfinite(value) and value > 0.0):
        raise BadInput("bad_price", "prices." + ".".join(key), price, "a finite number above 0")
    return value
