"""The engine's thread: builds the book, plays frames, takes commands, publishes views a few times a second."""

import gc
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import numpy as np

from marginbook.domain.errors import Problem
from marginbook.service.core import Core
from marginbook.service.player import Player
from marginbook.service.setup import Setup
from marginbook.service.timeline import Timeline
from marginbook.service.view import Names, View

T = TypeVar("T")
INTERVAL = 0.25  # [s] least time between two views
SHARE = 0.1  # most of the thread's time that publishing may take
IDLE = 0.2  # [s] between looks at the clock when nothing is due
REPEAT_AFTER = 45.0  # [s] a finished demo stands still before it starts again


class Stopped(Exception):
    """The thread was told to end while it was building a book."""


class Runner:
    """Owns the core. Other threads read `view`, `setup`, `player`, `timeline`, and hand in work by `call`."""

    def __init__(self, setup: Setup, core: Callable[..., Core] = Core) -> None:
        self.setup = setup
        self.timeline = Timeline()
        self.view: View | None = None
        self.generation = 1  # grows with each book that is shown
        self.number = 0  # grows with each view, and with progress in building one
        self.built = 0  # accounts, while a book is being built
        self.failure: Problem | None = None
        self.core: Core | None = None
        self.player = Player(None, setup.at, None, setup.speed)
        self.frames_per_second = 0.0
        self._make_core = core
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
            raise RuntimeError("the engine's thread has stopped")
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)

        self._work.put(run)
        return future.result(timeout=60)

    def show(self, setup: Setup) -> None:
        """Another book takes the place of the one shown. Only on the engine's thread."""
        core = self._build(setup)
        self.timeline.clear()
        self.setup, self.core = setup, core
        self.player = Player(setup.frames() if setup.frames else None, setup.at, setup.ends, setup.speed)
        self.generation += 1
        self._finished_at = None
        self._names = None
        self._publish(time.monotonic())

    def changed(self) -> None:
        """Accounts came, went or were altered: names are read anew at the next view. Only on the engine's thread."""
        self._names = None

    def _run(self) -> None:
        try:
            self.show(self.setup)
        except Stopped:
            return
        while not self._stop.is_set():
            wall = time.monotonic()
            self._play(wall)
            if wall - self._published >= max(INTERVAL, self._cost / SHARE):
                self._publish(wall)
            self._repeat(wall)
            try:
                self._work.get(timeout=self.player.wait(time.monotonic(), IDLE))()
            except queue.Empty:
                continue

    def _build(self, setup: Setup) -> Core:
        def progress(done: int) -> None:
            if self._stop.is_set():
                raise Stopped
            self.built = done
            if self.core is None:
                self.number += 1

        enabled = gc.isenabled()
        gc.disable()
        try:
            core = self._make_core(setup, progress)
        finally:
            if enabled:
                gc.enable()
            gc.collect()
            gc.freeze()
        return core

    def _play(self, wall: float) -> None:
        frames = self.player.due(wall)
        if not frames or self.core is None:
            return
        self._frames += len(frames)
        self.last_wall = wall
        self.timeline.add(self.core.submit(frames))

    def _repeat(self, wall: float) -> None:
        if not self.setup.repeats or not self.player.finished:
            return
        if self._finished_at is None:
            self._finished_at = wall
        elif wall - self._finished_at > REPEAT_AFTER:
            self.show(self.setup)

    def _publish(self, wall: float) -> None:
        core = self.core
        assert core is not None
        started = time.perf_counter()
        with core.book.lock:
            columns = dict(core.book.columns())
            market, at, sequence = core.market, core.clock, core.sequence
            if self._names is None:
                self._names = names_of(core)
        columns["headroom"] = columns["margin_balance"] - columns["maintenance_margin"]
        elapsed = max(wall - self._published, 1e-9)
        self.frames_per_second, self._frames = self._frames / elapsed, 0
        self.number += 1
        self.view = View(self.number, sequence, at, market, self._names, columns)
        self._published = wall
        self._cost = time.perf_counter() - started


def names_of(core: Core) -> Names:
    """Ids and venues of the accounts, in the order of the book's columns."""
    ids = core.book.ids()
    known: dict[str, int] = {}
    venues = np.fromiter((known.setdefault(core.book.account(i).venue, len(known)) for i in ids), np.int16, len(ids))
    order = sorted(known)
    place = np.array([order.index(name) for name in known], np.int16)
    return Names(ids, order, place[venues] if len(ids) else venues)
