"""Joint moves of several assets from a file's prices: for a bootstrap, a volatility, a historical window.

Prices are laid on a grid of the given spacing; over gaps the last price is kept, for at most `STALE` rows. Of several
markets of an asset the one with the most points counts, of equal ones the first by name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from marginbook.domain.errors import BadInput
from marginbook.margin_calls.assets import underlying
from marginbook.simulate.paths import Floats
from marginbook.units import DAY_MICROSECONDS, format_time

HOUR = DAY_MICROSECONDS // 24
STALE = 3
"""Rows over which a price is kept where the file has none."""
ROWS_MOST = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Prices on a grid; a row is `whole` where no price is stale."""

    assets: tuple[str, ...]
    times: np.ndarray  # [µs UTC]
    prices: Floats  # [rows, assets]
    whole: np.ndarray  # [rows]
    spacing: int  # [µs]

    @property
    def hours(self) -> float:
        """Spacing of rows [hours]."""
        return self.spacing / HOUR

    def moves(self) -> Floats:
        """Log moves from each whole row to the next one, where that is whole too."""
        kept = self.whole[1:] & self.whole[:-1]
        found: Floats = np.diff(np.log(self.prices), axis=0)[kept]
        return found


def history(points: Mapping[tuple[str, ...], Sequence[tuple[int, float]]], assets: Sequence[str]) -> History:
    """The prices of `assets` in `points` (what it is the price of -> (time [µs], price)).

    BadInput `missing_price` names assets without a price; then give fewer, or another file.
    """
    chosen: dict[str, Sequence[tuple[int, float]]] = {}
    for key in sorted(points):
        asset = underlying(key[min(1, len(key) - 1)])
        if asset in assets and len(points[key]) > len(chosen.get(asset, ())):
            chosen[asset] = points[key]
    missing = [asset for asset in assets if asset not in chosen]
    if missing:
        known = ", ".join(sorted({underlying(key[min(1, len(key) - 1)]) for key in points}))
        raise BadInput("missing_price", "history", ", ".join(missing), f"prices of each of them; the file has {known}")
    series = [dict(sorted(chosen[asset])) for asset in assets]
    start, end = max(min(s) for s in series), min(max(s) for s in series)
    gaps = [b - a for s in series for a, b in zip(list(s), list(s)[1:], strict=False)]
    spacing = int(median(gaps)) if gaps else 0
    if spacing <= 0 or end - start < spacing:
        raise BadInput("bad_history", "history", f"{len(gaps)} intervals", "prices of all assets at two times or more")
    if (end - start) // spacing >= ROWS_MOST:
        raise BadInput("bad_history", "history", (end - start) // spacing, f"at most {ROWS_MOST} rows")
    times = np.arange(start, end + 1, spacing)
    prices, whole = np.empty((len(times), len(series))), np.ones(len(times), bool)
    for column, one in enumerate(series):
        at, value = np.array(list(one)), np.array(list(one.values()))
        place = np.searchsorted(at, times, side="right") - 1
        prices[:, column] = value[place]
        whole &= times - at[place] <= STALE * spacing
    return History(tuple(assets), times, prices, whole, spacing)


def worst_window(found: History, hours: float) -> tuple[dict[str, float], str, str]:
    """(move of each asset, from, to) of the window of so many hours with the least mean log move over the assets."""
    rows = max(1, round(hours * HOUR / found.spacing))
    whole = found.whole[rows:] & found.whole[:-rows] if len(found.times) > rows else np.zeros(0, bool)
    if not whole.any():
        raise BadInput("bad_history", "hours", hours, f"a window inside the {len(found.times)} rows of the history")
    change = np.log(found.prices[rows:] / found.prices[:-rows])
    first = int(np.where(whole, change.mean(axis=1), np.inf).argmin())
    moves = {asset: float(np.expm1(change[first, i])) for i, asset in enumerate(found.assets)}
    return moves, format_time(int(found.times[first])), format_time(int(found.times[first + rows]))
