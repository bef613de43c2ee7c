"""The latest zone changes, numbered, and how many calls and liquidations there were in all."""

from collections import deque
from collections.abc import Iterable
from itertools import islice
from threading import Lock
from typing import Any

from marginbook.domain.events import ZoneChange
from marginbook.domain.zones import Zone
from marginbook.service.provider import Json
from marginbook.units import format_time

KEPT = 20_000
RANK = {zone.label: zone for zone in Zone}


class Timeline:
    """Written by the engine's thread, read by any."""

    def __init__(self) -> None:
        self._kept: deque[tuple[int, ZoneChange]] = deque(maxlen=KEPT)
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
                    worse = RANK[change.to_zone] > RANK[change.from_zone]
                    self.calls += worse and change.to_zone == Zone.CALL.label
                    self.liquidations += change.to_zone == Zone.LIQUIDATION.label and worse

    def read(self, after: int, limit: int) -> Json:
        """The latest `limit` changes with a number above `after`, oldest first."""
        with self._lock:
            fresh = min(limit, self.number - after, len(self._kept))
            chosen = list(islice(reversed(self._kept), max(fresh, 0)))
            number = self.number
        return {"events": [_event(n, change) for n, change in reversed(chosen)], "number": number}


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
