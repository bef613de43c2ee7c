"""The latest zone changes, numbered, and how many calls and liquidations there were in all."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from itertools import islice
from threading import Lock
from typing import Any

from marginbook.domain.events import ZoneChange
from marginbook.domain.zones import Zone
from marginbook.service.provider import Json
from marginbook.units import MICROSECONDS, format_time

KEPT = 20_000
BARS = 60
"""Most bars of the chart; each is a whole number of minutes of the book's clock."""
MINUTE = 60 * MICROSECONDS
RANK = {zone.label: zone for zone in Zone}


class Timeline:
    """Written by the engine's thread, read by any."""

    def __init__(self) -> None:
        self._kept: deque[tuple[int, ZoneChange]] = deque(maxlen=KEPT)
        self._minutes: dict[int, Counter[str]] = {}
        self._lock = Lock()
        self.number = 0
        self.calls = 0
        self.liquidations = 0

    def add(self, outputs: Iterable[Any]) -> None:
        """Keep the zone changes among the engine's outputs."""
        with self._lock:
            for change in outputs:
                if isinstance(change, ZoneChange):
                    self.number += 1
                    self._kept.append((self.number, change))
                    self._minutes.setdefault(change.time // MINUTE, Counter())[change.to_zone] += 1
                    worse = RANK[change.to_zone] > RANK[change.from_zone]
                    self.calls += worse and change.to_zone == Zone.CALL.label
                    self.liquidations += change.to_zone == Zone.LIQUIDATION.label and worse

    def read(self, after: int, limit: int) -> Json:
        """The latest `limit` changes with a number above `after`, oldest first."""
        with self._lock:
            fresh = min(limit, self.number - after, len(self._kept))
            chosen = list(islice(reversed(self._kept), max(fresh, 0)))
            number = self.number
            bars = _bars(self._minutes)
        return {"events": [_event(n, change) for n, change in reversed(chosen)], "number": number, "bars": bars}


def _bars(minutes: Mapping[int, Counter[str]]) -> list[Json]:
    """Pools that entered each zone, by intervals of equal length."""
    if not minutes:
        return []
    first, last = min(minutes), max(minutes)
    width = (last - first) // BARS + 1
    bars: list[Counter[str]] = [Counter() for _ in range((last - first) // width + 1)]
    for minute, tally in minutes.items():
        bars[(minute - first) // width].update(tally)
    return [
        {"time": format_time((first + i * width) * MINUTE), "minutes": width, "entered": dict(bar)}
        for i, bar in enumerate(bars)
    ]


def _event(number: int, change: ZoneChange) -> Json:
    return {
        "number": number,
        "time": format_time(change.time),
        "sequence": change.sequence,
        "account": change.account,
        "pool": change.pool,
        "from": change.from_zone,
        "to": change.to_zone,
        "cause": change.cause,
    }
