"""The replay's clock: speed, pause, and nothing lost when the engine is behind."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from marginbook.domain.events import PriceFrame, Stamp
from marginbook.service.player import BURST, Player
from marginbook.units import MICROSECONDS

SECOND = MICROSECONDS


def frames(count: int, step: int = SECOND) -> Iterator[PriceFrame]:
    """Market `M<n mod 3>` has price n + 1 at second n."""
    for n in range(count):
        prices = {("v", f"M{n % 3}", "mark"): Decimal(n + 1)}
        yield PriceFrame(stamp=Stamp(source="s", source_sequence=n + 1, time=n * step), prices=prices)


def drained(player: Player, wall: float) -> list[PriceFrame]:
    found = []
    while (frame := player.due(wall)) is not None:
        found.append(frame)
    return found


def test_frames_come_when_their_time_has_come() -> None:
    player = Player(frames(100), 0, 99 * SECOND, Decimal(10))
    assert len(drained(player, 5.0)) == 1
    assert player.wait(5.0, 1.0) == pytest.approx(0.1)
    assert len(drained(player, 5.35)) == 3
    assert player.clock(6.0) == 10 * SECOND
    assert player.progress(player.clock(6.0)) == Decimal("0.1010")


def test_a_pause_stops_the_clock_and_a_new_speed_does_not_make_it_jump() -> None:
    player = Player(frames(100), 0, None, Decimal(10))
    drained(player, 0.0)
    player.control(1.0, True, None)
    assert player.clock(1.0) == player.clock(50.0) == 10 * SECOND
    assert drained(player, 50.0) == []
    player.control(50.0, False, Decimal(2))
    assert player.clock(50.0) == 10 * SECOND
    assert player.clock(51.0) == 12 * SECOND
    assert len(drained(player, 51.0)) == 12


def test_when_behind_every_last_price_arrives_and_what_was_merged_is_counted() -> None:
    player = Player(frames(1000), 0, None, Decimal(1))
    player.due(0.0)
    found = drained(player, 998.5)
    assert len(found) <= BURST
    assert player.merged + len(found) + 1 == 999
    prices = {key[1]: price for frame in found for key, price in frame.prices.items()}
    assert prices == {"M0": 997, "M1": 998, "M2": 999}
    assert [frame.stamp.time for frame in found] == sorted(frame.stamp.time for frame in found)
    assert not player.finished
    drained(player, 2000.0)
    assert player.finished


def test_without_frames_nothing_is_ever_due() -> None:
    player = Player(None, 0, None, Decimal(1))
    assert player.due(100.0) is None
    assert not player.finished
    assert player.wait(100.0, 0.2) == 0.2
    assert player.progress(5) is None
