"""Passing over whole frames when the engine is behind: never part of one, never across an account event."""

from collections.abc import Sequence

from marginbook.domain.events import Event, PriceFrame

Batches = list[tuple[Event, ...]]


def coalesced(batches: Sequence[tuple[Event, ...]]) -> tuple[Batches, list[int]]:
    """The batches without the frames that the next event replaces whole, and how many each has lost.

    A frame is passed over if the event right after it is a frame of the same source with all of its markets. Nothing is
    passed over inside one batch: who sends frames together wants them all.

    >>> from decimal import Decimal
    >>> from marginbook.domain.events import Stamp
    >>> frames = [PriceFrame(stamp=Stamp(time=t), prices={("v", "m", "mark"): Decimal(t)}) for t in (1, 2)]
    >>> kept, passed = coalesced([(frames[0],), (frames[1],)])
    >>> [len(batch) for batch in kept], passed
    ([0, 1], [1, 0])
    """
    kept: Batches = []
    passed: list[int] = []
    for batch, following in zip(batches, [*batches[1:], ()], strict=True):
        replaced = len(batch) == 1 and bool(following) and _replaces(following[0], batch[0])
        kept.append(() if replaced else batch)
        passed.append(int(replaced))
    return kept, passed


def _replaces(later: Event, earlier: Event) -> bool:
    return (
        isinstance(later, PriceFrame)
        and isinstance(earlier, PriceFrame)
        and later.stamp.source == earlier.stamp.source
        and later.stamp.time >= earlier.stamp.time
        and earlier.prices.keys() <= later.prices.keys()
    )
