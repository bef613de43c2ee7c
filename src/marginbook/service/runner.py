"""The engine's thread: builds the book, plays frames, takes commands, publishes views a few times a second."""

import gc
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, TypeVar

from marginbook.demo.venue import DemoVenue
from marginbook.domain.errors import BadInput, Problem
from marginbook.domain.zones import Zone
from marginbook.engine.ports import Ledger
from marginbook.service.columns import account_columns
from marginbook.service.core import Core
from marginbook.service.player import Player
from marginbook.service.setup import Setup
from marginbook.service.timeline import Timeline
from marginbook.service.view import Names, View

T = TypeVar("T")
INTERVAL = 0.25  # [s] least time between two views
SHARE = 0.1  # most of the thread's time that publishing may take,
INTERVAL_MOST = 2.0  # [s] but no view is older: the first one also compiles kernels, which must not count for long
SWITCH = 0.001  # [s] after which a busy thread lets another one run: readers wait for the engine this long at most
BUDGET = 0.1  # [s] of frames between two looks at everything else
IDLE = 0.2  # [s] between looks at the clock when nothing is due
REPEAT_AFTER = 45.0  # [s] a finished demo stands still before it starts again


class Stopped(Exception):
    """The thread was told to end while it was building a book."""


class Runner:
    """Owns the core. Other threads read `view`, `setup`, `player`, `timeline`, and hand in work by `call`."""

    def __init__(self, setup: Setup, ledger: Ledger | None = None) -> None:
        self.setup = setup
        self.shelf: tuple[Setup, Core, Player, Timeline, DemoVenue | None] | None = None
        self.timeline = Timeline()
        self.venue: DemoVenue | None = None
        self.view: View | None = None
        self.generation = 0  # grows with each book that is shown
        self.number = 0  # grows with each view, and with progress in building one
        self.built = 0  # accounts, while a book is being built
        self.failure: Problem | None = None
        self.core: Core | None = None
        self.player = self._player(setup)
        self.frames_per_second = 0.0
        self._ledger = ledger
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._published = 0.0
        self._cost = 0.0
        self._finished_at: float | None = None
        self._frames = 0
        self._names: Names | None = None
        self.last_wall = time.monotonic()

    def start(self) -> None:
        """Begin."""
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH))
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for it."""
        self._stop.set()
        self._work.put(lambda: None)
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def call(self, work: Callable[[], T]) -> T:
        """Run `work` on the engine's thread and wait for its result."""
        if not self.alive():
            raise BadInput("engine_stopped", "engine", "no thread", "a restart of the service")
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)

        self._work.put(run)
        return future.result(timeout=60)

    def show(self, setup: Setup) -> None:
        """Another book takes the place of the one shown, which is kept aside. Only on the engine's thread."""
        core = self._build(setup, None)
        if self.shelf is None and self.core is not None:
            self.player.control(time.monotonic(), True, None)
            self.shelf = (self.setup, self.core, self.player, self.timeline, self.venue)
        self._take(setup, core, self._player(setup), Timeline(), venue_of(setup))

    def restore(self) -> None:
        """Back to the book that was kept aside. Only on the engine's thread."""
        if self.shelf is None:
            return
        (setup, core, player, timeline, venue), self.shelf = self.shelf, None
        player.control(time.monotonic(), False, None)
        self._take(setup, core, player, timeline, venue)

    def again(self) -> None:
        """The replay that is shown starts again from its first frame. Only on the engine's thread."""
        core = self._build(self.setup, None)
        self._take(self.setup, core, self._player(self.setup), Timeline(), venue_of(self.setup))

    def _take(self, setup: Setup, core: Core, player: Player, timeline: Timeline, venue: DemoVenue | None) -> None:
        self.setup, self.core, self.player, self.timeline = setup, core, player, timeline
        self.venue = venue
        self.generation += 1
        self._finished_at = None
        self._names = None
        self._publish(time.monotonic())

    @staticmethod
    def _player(setup: Setup) -> Player:
        return Player(setup.frames() if setup.frames else None, setup.at, setup.ends, setup.speed)

    def heard(self, outputs: Iterable[Any]) -> None:
        """Take what the engine said into the time line. Only on the engine's thread."""
        self.timeline.add(outputs)
        if self.venue is not None:
            self.venue.hear(outputs)
        self.last_wall = time.monotonic()

    def now_live(self) -> None:
        """Events have come to a book from files: from now on prices are expected. Only on the engine's thread."""
        if self.setup.mode == "file":
            self.setup = replace(self.setup, mode="live", banner=f"{self.setup.title}, following events")

    def changed(self) -> None:
        """Accounts came, went or were altered: names are read anew at the next view. Only on the engine's thread."""
        self._names = None

    def _run(self) -> None:
        try:
            self._loop()
        except Exception as error:
            fallback = Problem("engine_stopped", "engine", type(error).__name__, "a restart; the cause is in the log")
            self.failure = error.problem if isinstance(error, BadInput) else fallback
            self.number += 1
            raise

    def _loop(self) -> None:
        try:
            core = self._build(self.setup, self._ledger)
            self._take(self.setup, core, self._player(self.setup), Timeline(), venue_of(self.setup))
        except Stopped:
            return
        while not self._stop.is_set():
            wall = time.monotonic()
            self._play(wall)
            if wall - self._published >= min(max(INTERVAL, self._cost / SHARE), INTERVAL_MOST):
                self._publish(wall)
            self._repeat(wall)
            try:
                self._work.get(timeout=self.player.wait(time.monotonic(), IDLE))()
            except queue.Empty:
                continue
        if self.core is not None:
            self.core.close()
        if self.shelf is not None:
            self.shelf[1].close()

    def _build(self, setup: Setup, ledger: Ledger | None) -> Core:
        def progress(done: int) -> None:
            if self._stop.is_set():
                raise Stopped
            self.built = done
            if self.core is None:
                self.number += 1

        enabled = gc.isenabled()
        gc.disable()
        try:
            core = Core(setup, progress, ledger)
        finally:
            if enabled:
                gc.enable()
            gc.collect()
            gc.freeze()
        return core

    def _play(self, wall: float) -> None:
        """Frames that are due, for a bounded time: readers get a new view even when the engine is behind."""
        core = self.core
        if core is None:
            return
        while (frame := self.player.due(time.monotonic())) is not None:
            self._frames += 1
            self.heard(core.submit((frame,)).outputs)
            if time.monotonic() - wall > BUDGET:
                break
        if self.venue is not None:
            fills = self.venue.due(core.clock, core.find, core.market)
            if fills:
                self.heard(core.submit(fills).outputs)

    def _repeat(self, wall: float) -> None:
        if not self.setup.repeats or not self.player.finished:
            return
        if self._finished_at is None:
            self._finished_at = wall
        elif wall - self._finished_at > REPEAT_AFTER:
            self.again()

    def _publish(self, wall: float) -> None:
        core = self.core
        assert core is not None
        started = time.perf_counter()
        if self._names is None:
            self._names = Names(core.book)
        columns = account_columns(core.book, self._names.numbers)
        columns["zone"][self._names.rows(core.undecided)] = Zone.UNDECIDED
        market, at, sequence = core.market, core.clock, core.sequence
        elapsed = max(wall - self._published, 1e-9)
        self.frames_per_second, self._frames = self._frames / elapsed, 0
        self.number += 1
        self.view = View(self.number, sequence, at, market, self._names, columns)
        self._published = wall
        self._cost = time.perf_counter() - started


def venue_of(setup: Setup) -> DemoVenue | None:
    """Who carries out liquidations in this setup."""
    return setup.venue() if setup.venue is not None else None
