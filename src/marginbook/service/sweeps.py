"""Shocks and ladders for the page: kernel sweeps over the whole book at moved prices; its state is not touched.

Figures here are the kernel's: exact to its allowance, good for counts and charts. A single account's numbers are never
taken from here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from marginbook.book.book import Book
from marginbook.book.views import pool_outputs
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market, QuoteKey
from marginbook.domain.zones import Zone
from marginbook.exact import divide
from marginbook.margin_calls.assets import is_stable, underlying
from marginbook.service.groups import groups_by_asset, groups_by_venue
from marginbook.service.provider import Json
from marginbook.simulate.shocks import Moved, Shock, shocked
from marginbook.simulate.stress import LADDER_MOVES
from marginbook.units import STABLE_ASSETS

Array = npt.NDArray[Any]
ALL = "ALL"
MOVE_MOST = Decimal(100)


def assets_of(quotes: Iterable[QuoteKey]) -> list[str]:
    """What can be moved: `ALL`, then each asset that a price follows, the most widely quoted first."""
    tally: dict[str, int] = {}
    for _, market, _ in quotes:
        if not is_stable(market, STABLE_ASSETS):
            asset = underlying(market)
            tally[asset] = tally.get(asset, 0) + 1
    first = {"BTC": 2, "ETH": 1}
    return [ALL, *sorted(tally, key=lambda asset: (-first.get(asset, 0), -tally[asset], asset))]


def moved_quotes(
    market: Market, shocks: Sequence[tuple[str, Decimal]], only: bool = False
) -> tuple[dict[QuoteKey, Decimal], list[Moved]]:
    """(multiple of each quote that the shocks move, what moved from where to where).

    BadInput for an asset without a price, or a fall by 100 % or more.
    """
    parsed = []
    for asset, move in shocks:
        if not Decimal(-1) < move <= MOVE_MOST:
            raise BadInput("bad_move", f"shock {asset}", move, f"above -1 (a fall by 100 %) and at most {MOVE_MOST}")
        parsed.append(Shock(target=asset, move=move))
    moved = shocked(market, parsed, only=only)[1]
    return {(m.venue, m.market, m.kind): divide(m.after, m.before) for m in moved}, moved


@dataclass(frozen=True, slots=True)
class Swept:
    """Every pool at moved prices."""

    pools: Array  # numbers of the pools in the book
    zones: Array
    notional: Array
    equity: Array
    owners: Array


def sweep(book: Book, multiples: Mapping[QuoteKey, Decimal]) -> Swept:
    """One sweep of the kernel; what it leaves undecided keeps the zone that it has."""
    with book.lock:
        ids = book.factors.value_ids
        values = [(n, float(multiples[key[:3]])) for key, n in ids.items() if key[:3] in multiples]
        out = pool_outputs(book, book.factors.with_values(values) if values else None)
        pools = book.store.live_pools
        live = np.flatnonzero((pools["account"] >= 0) & (pools["flags"] & 1 == 0))
        before = pools["zone"][live]
        owners = pools["account"][live]
    zones = out["zone"][live]
    return Swept(
        live, np.where(zones < 0, before, zones).astype(np.int8), out["notional"][live], out["equity"][live], owners
    )


def side(swept: Swept) -> Json:
    """Accounts by their worst pool's zone, notional of pools by zone."""
    size = int(swept.owners.max()) + 1 if len(swept.owners) else 0
    worst = np.full(size, -1, np.int8)
    np.maximum.at(worst, swept.owners, swept.zones)
    tally = np.bincount(worst[worst >= 0], minlength=len(Zone))
    sums = np.bincount(swept.zones, weights=swept.notional, minlength=len(Zone))
    return {
        "counts": {zone.label: int(tally[zone]) for zone in Zone},
        "notional": {zone.label: money(sums[zone]) for zone in Zone},
    }


def money(value: float) -> Decimal:
    """A kernel figure to the cent."""
    return Decimal(f"{value:.2f}")


def shock_answer(book: Book, market: Market, shocks: Sequence[tuple[str, Decimal]], only: bool) -> Json:
    """Counts and notional by zone before and after, what is liquidatable, and the bad debt that remains."""
    multiples, moved = moved_quotes(market, shocks, only)
    before, after = sweep(book, {}), sweep(book, multiples)
    hit = after.zones >= Zone.LIQUIDATION
    short = hit & (after.equity < 0)
    return {
        "shocks": [{"asset": asset, "move": move} for asset, move in shocks],
        "moved": [{"market": m.market, "venue": m.venue, "from": m.before, "to": m.after} for m in moved],
        "before": side(before),
        "after": side(after),
        "liquidatable": {
            "accounts": len(np.unique(after.owners[hit])),
            "notional": money(float(after.notional[hit].sum())),
        },
        "bad_debt": money(-float(after.equity[short].sum())),
    }


def ladder_answer(book: Book, market: Market, asset: str, by: str = "venue") -> Json:
    """What is liquidatable at each move of `asset`, stacked by venue or by the asset that a pool depends on most."""
    group_of, names = groups_by_asset(book) if by == "asset" else groups_by_venue(book)
    steps = []
    for move in LADDER_MOVES:
        swept = sweep(book, moved_quotes(market, [(asset, move)])[0] if move else {})
        hit = swept.zones >= Zone.LIQUIDATION
        owners = swept.owners[hit]
        groups = group_of[np.minimum(swept.pools[hit], len(group_of) - 1)]
        sums = np.bincount(groups, weights=swept.notional[hit], minlength=len(names))
        people = np.bincount(
            np.unique(owners.astype(np.int64) * len(names) + groups) % len(names), minlength=len(names)
        )
        steps.append(
            {
                "move": move,
                "accounts": len(np.unique(owners)),
                "notional": money(float(sums.sum())),
                "stacks": {name: money(sums[i]) for i, name in enumerate(names)},
                "stack_accounts": {name: int(people[i]) for i, name in enumerate(names)},
            }
        )
    return {"asset": asset, "by": by, "steps": steps}
