"""Plays frames at a chosen speed: which frames are due at a wall-clock moment."""

from collections import deque
from collections.abc import Iterator, Sequence
from decimal import Decimal

from marginbook.domain.events import PriceFrame
from marginbook.units import MICROSECONDS

BURST = 64
"""Most frames that wait; when more are due, neighbours become one frame of their last prices, and are counted."""


class Player:
    """The book's own clock runs `speed` times as fast as the wall's, from the first frame on."""

    def __init__(self, frames: Iterator[PriceFrame] | None, start: int, ends: int | None, speed: Decimal) -> None:
        self._frames = frames
        self._next = next(frames, None) if frames is not None else None
        self.start = start  # [µs UTC]
        self.ends = ends  # [µs UTC]
        self.speed = speed
        self.paused = False
        self.merged = 0
        self._waiting: deque[PriceFrame] = deque()
        self._from_clock = start
        self._from_wall: float | None = None

    @property
    def finished(self) -> bool:
        """No frame is left, and there was one."""
        return self._frames is not None and self._next is None and not self._waiting

    def clock(self, wall: float) -> int:
        """The book's own time [µs UTC] at `wall` [s]."""
        if self._from_wall is None or self.paused:
            return self._from_clock
        return self._from_clock + int((wall - self._from_wall) * float(self.speed) * MICROSECONDS)

    def control(self, wall: float, paused: bool | None, speed: Decimal | None) -> None:
        """Change speed, pause or go on, without a jump of the clock."""
        self._from_clock, self._from_wall = self.clock(wall), wall
        self.speed = self.speed if speed is None else speed
        self.paused = self.paused if paused is None else paused

    def due(self, wall: float) -> PriceFrame | None:
        """The next frame whose time has come; where the engine is behind, neighbours have been merged."""
        if self._next is not None and not self.paused:
            if self._from_wall is None:
                self._from_wall = wall
            now = self.clock(wall)
            while self._next is not None and self._next.stamp.time <= now:
                self._waiting.append(self._next)
                assert self._frames is not None
                self._next = next(self._frames, None)
            if len(self._waiting) > BURST:
                self._merge()
        return self._waiting.popleft() if self._waiting else None

    def _merge(self) -> None:
        found = list(self._waiting)
        stride = -(-len(found) // (BURST // 2))
        groups = [found[i : i + stride] for i in range(0, len(found), stride)]
        self.merged += len(found) - len(groups)
        self._waiting = deque(merged(group) for group in groups)

    def wait(self, wall: float, most: float) -> float:
        """Seconds until the next frame is due, at most `most`."""
        if self._waiting:
            return 0.0
        if self._next is None or self.paused or self._from_wall is None:
            return most if self._next is None or self.paused else 0.0
        ahead = (self._next.stamp.time - self.clock(wall)) / MICROSECONDS / float(self.speed)
        return min(max(ahead, 0.0), most)

    def progress(self, clock: int) -> Decimal | None:
        """Share of the replay that is over, where its end is known."""
        if self.ends is None or self.ends <= self.start:
            return None
        share = min(max(clock - self.start, 0), self.ends - self.start) / (self.ends - self.start)
        return Decimal(f"{share:.4f}")


def merged(frames: Sequence[PriceFrame]) -> PriceFrame:
    """One frame with the last price of every market in `frames`, and the stamp of the last.

    >>> from marginbook.domain.events import Stamp
    >>> one = PriceFrame(stamp=Stamp(time=1), prices={("v", "A", "mark"): Decimal(1), ("v", "B", "mark"): Decimal(1)})
    >>> two = PriceFrame(stamp=Stamp(time=2), prices={("v", "A", "mark"): Decimal(2)})
    >>> [str(price) for price in merged([one, two]).prices.values()], merged([one, two]).stamp.time
    (['2', '1'], 2)
    """
    prices = {key: price for frame in frames for key, price in frame.prices.items()}
    return PriceFrame(stamp=frames[-1].stamp, prices=prices)
