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
from marginbook.domain.market import QuoteKey
from marginbook.domain.zones import Zone
from marginbook.margin_calls.assets import is_stable, underlying
from marginbook.service.provider import Json
from marginbook.units import STABLE_ASSETS

Array = npt.NDArray[Any]
ALL = "ALL"
LADDER_MOVES = tuple(Decimal(k) * Decimal("0.05") for k in range(-10, 11))


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
    quotes: Iterable[QuoteKey], shocks: Sequence[tuple[str, Decimal]], only: bool
) -> dict[QuoteKey, Decimal]:
    """Multiple of each quote that the shocks move. BadInput for an asset without a price, or a fall by 100 % or more.

    With `only`, a name moves the quotes of exactly that name and nothing derived from it.
    """
    keys = list(quotes)
    moved: dict[QuoteKey, Decimal] = {}
    for asset, move in shocks:
        if not Decimal(-1) < move <= 100:
            raise BadInput("bad_move", f"shock {asset}", move, "above -1 (a fall by 100 %) and at most 100")
        if asset.upper() == ALL:
            hit = [key for key in keys if not is_stable(key[1], STABLE_ASSETS)]
        elif only:
            hit = [key for key in keys if key[1] == asset]
        else:
            name = underlying(asset)
            hit = [key for key in keys if underlying(key[1]) == name]
        if not hit:
            raise BadInput("unknown_asset", "shock", asset, "one of " + ", ".join(assets_of(keys)))
        for key in hit:
            moved[key] = moved.get(key, Decimal(1)) * (1 + move)
    return moved


@dataclass(frozen=True, slots=True)
class Swept:
    """Every pool at moved prices."""

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
    return Swept(np.where(zones < 0, before, zones).astype(np.int8), out["notional"][live], out["equity"][live], owners)


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


def shock_answer(book: Book, quotes: Mapping[QuoteKey, Any], shocks: Sequence[tuple[str, Decimal]], only: bool) -> Json:
    """Counts and notional by zone before and after, what is liquidatable, and the bad debt that remains."""
    multiples = moved_quotes(quotes, shocks, only)
    before, after = sweep(book, {}), sweep(book, multiples)
    hit = after.zones >= Zone.LIQUIDATION
    short = hit & (after.equity < 0)
    return {
        "shocks": [{"asset": asset, "move": move} for asset, move in shocks],
        "moved": [
            {"market": ":".join(key[:2]), "from": quotes[key].price, "to": quotes[key].price * multiple}
            for key, multiple in sorted(multiples.items())
        ],
        "before": side(before),
        "after": side(after),
        "liquidatable": {
            "accounts": len(np.unique(after.owners[hit])),
            "notional": money(float(after.notional[hit].sum())),
        },
        "bad_debt": money(-float(after.equity[short].sum())),
    }


def ladder_answer(book: Book, quotes: Iterable[QuoteKey], asset: str, venue_of: Array, venues: Sequence[str]) -> Json:
    """What is liquidatable at each move of `asset`, by venue. `venue_of` is by the book's own account numbers."""
    keys = list(quotes)
    steps = []
    for move in LADDER_MOVES:
        swept = sweep(book, moved_quotes(keys, [(asset, move)], False) if move else {})
        hit = swept.zones >= Zone.LIQUIDATION
        owners = swept.owners[hit]
        groups = venue_of[owners]
        sums = np.bincount(groups, weights=swept.notional[hit], minlength=len(venues))
        people = np.bincount(venue_of[np.unique(owners)], minlength=len(venues))
        steps.append(
            {
                "move": move,
                "accounts": int(people.sum()),
                "notional": money(float(sums.sum())),
                "stacks": {name: money(sums[i]) for i, name in enumerate(venues)},
                "stack_accounts": {name: int(people[i]) for i, name in enumerate(venues)},
            }
        )
    return {"asset": asset, "by": "venue", "steps": steps}
