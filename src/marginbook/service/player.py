"""Plays frames at a chosen speed: which frames are due at a wall-clock moment."""

from collections.abc import Iterator
from decimal import Decimal

from marginbook.domain.events import PriceFrame
from marginbook.units import MICROSECONDS

BURST = 64
"""Most frames handed out at once; when more are due, whole frames are dropped between and counted."""


class Player:
    """The book's own clock runs `speed` times as fast as the wall's, from the first frame on."""

    def __init__(self, frames: Iterator[PriceFrame] | None, start: int, ends: int | None, speed: Decimal) -> None:
        self._frames = frames
        self._next = next(frames, None) if frames is not None else None
        self.start = start  # [µs UTC]
        self.ends = ends  # [µs UTC]
        self.speed = speed
        self.paused = False
        self.dropped = 0
        self._from_clock = start
        self._from_wall: float | None = None

    @property
    def finished(self) -> bool:
        """No frame is left, and there was one."""
        return self._frames is not None and self._next is None

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

    def due(self, wall: float) -> list[PriceFrame]:
        """The frames whose time has come, in order; of too many, every so-manieth and always the last."""
        if self._next is None or self.paused:
            return []
        if self._from_wall is None:
            self._from_wall = wall
        now = self.clock(wall)
        found = []
        while self._next is not None and self._next.stamp.time <= now:
            found.append(self._next)
            assert self._frames is not None
            self._next = next(self._frames, None)
        if len(found) > BURST:
            stride = -(-len(found) // BURST)
            kept = found[stride - 1 :: stride]
            if kept[-1] is not found[-1]:
                kept.append(found[-1])
            self.dropped += len(found) - len(kept)
            return kept
        return found

    def wait(self, wall: float, most: float) -> float:
        """Seconds until the next frame is due, at most `most`."""
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
