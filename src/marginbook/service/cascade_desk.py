"""Cascades of the book that is served: each on a copy, in a process of its own, one at a time, for a bounded time.

The copy is a snapshot in a temporary folder that only this user may read; it is removed when the run ends. Nothing is
applied to the book, the engine's thread waits only while the columns are copied, and requests go on meanwhile. A
process, because kernels on all cores run one at a time in each, and a run that is given up must end at once.
"""

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from tempfile import TemporaryDirectory
from threading import Event, Lock
from typing import Any

from marginbook.book.book import Book
from marginbook.domain.errors import BadInput, Problem
from marginbook.domain.zones import Border
from marginbook.engine.state import Overlay, Table, TableKey
from marginbook.engine.tables import Tables
from marginbook.service.cascades import cascade_answer, terms_of
from marginbook.service.provider import CascadeQuery, Json
from marginbook.service.sweeps import moved_quotes

SECONDS_MOST = 120.0
ACCOUNTS_MOST = 1_000_000
PROBLEMS_SHOWN = 1000
STEP = 0.1  # [s] between two looks at the process, and between two words from it
NICE = 5  # the process gives way to the engine
SMALLER = "a smaller shock, fewer rounds or more depth; `marginbook cascade` has no limit of time"


@dataclass(frozen=True, slots=True)
class Job:
    """What the process needs beside the copied book."""

    query: CascadeQuery
    overlays: Mapping[str, Overlay]
    tables: Mapping[TableKey, Table]
    clock: int  # [µs UTC]
    borders: Mapping[str, tuple[Border, ...]]
    problems: tuple[Problem, ...]


class CascadeDesk:
    """Runs one cascade at a time; any thread may look how far it is, or end it."""

    def __init__(self, seconds_most: float = SECONDS_MOST) -> None:
        self._seconds_most = seconds_most
        self._one = Lock()
        self._give_up = Event()
        self._began = 0.0
        self._at: tuple[str, int, int, int] | None = None  # stage, round, done, of

    def progress(self) -> Json:
        """`{"running", "stage", "round", "done", "of", "seconds", "seconds_most"}`; copying, starting, rounds."""
        stage, number, done, of = self._at or ("", 0, 0, 0)
        return {
            "running": self._at is not None,
            "stage": stage,
            "round": number,
            "done": done,
            "of": of,
            "seconds": int(time.monotonic() - self._began) if self._at is not None else 0,
            "seconds_most": int(self._seconds_most),
        }

    def cancel(self) -> Json:
        """End the run, if there is one: whoever waits for it is told so."""
        running = self._at is not None
        self._give_up.set()
        return {"cancelled": running}

    def run(self, book: Book, tables: Tables, problems: Sequence[Problem], query: CascadeQuery) -> Json:
        """The answer of a cascade from the book as it stands now.

        BadInput: `cascade_running`, `cascade_cancelled`, `too_long`, `too_many_accounts`, `cascade_failed`, or what is
        wrong with the query.
        """
        terms_of(query)
        moved_quotes(book.market, query.shocks, query.only)
        if len(book) > ACCOUNTS_MOST:
            expected = f"at most {ACCOUNTS_MOST:,}; `marginbook cascade` takes any book"
            raise BadInput("too_many_accounts", "cascade", len(book), expected)
        if not self._one.acquire(blocking=False):
            raise BadInput("cascade_running", "cascade", "another one runs", "one at a time: wait, or DELETE cascade")
        try:
            self._give_up.clear()
            self._began, self._at = time.monotonic(), ("copying", 0, 0, 0)
            with TemporaryDirectory(prefix="marginbook-") as folder:
                with book.lock:
                    book.save(folder)
                    used, clock = dict(tables.used), tables.clock
                shown = tuple(problems[:PROBLEMS_SHOWN])
                job = Job(query, dict(tables.overlays), used, clock, dict(book.chosen_borders), shown)
                return self._in_process(folder, job)
        finally:
            self._at = None
            self._one.release()

    def _in_process(self, folder: str, job: Job) -> Json:
        context = get_context("spawn")
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=work, args=(folder, job, there), name="cascade", daemon=True)
        self._at = ("starting", 0, 0, 0)
        process.start()
        there.close()
        try:
            return self._followed(here)
        finally:
            process.kill()
            process.join()
            here.close()

    def _followed(self, here: Connection) -> Json:
        """What the process says, until it has the answer."""
        while True:
            if self._give_up.is_set():
                raise BadInput("cascade_cancelled", "cascade", "ended on demand", "nothing: run it again at will")
            if time.monotonic() - self._began > self._seconds_most:
                _, number, done, of = self._at or ("", 0, 0, 0)
                reached = f"round {number}, {done} of {of} steps after {self._seconds_most:.0f} s"
                raise BadInput("too_long", "cascade", reached, SMALLER)
            if not here.poll(STEP):
                continue
            try:
                kind, told = here.recv()
            except EOFError:
                raise BadInput("cascade_failed", "cascade", "its process ended", "an answer; see the log") from None
            if kind == "problem":
                raise BadInput(told.code, told.place, told.value, told.expected)
            if kind == "answer":
                answer: Json = told
                return answer
            self._at = ("rounds", *told)


def work(folder: str, job: Job, there: Connection) -> None:
    """In the process: load the copy, run, and say how far it is a few times a second."""
    with suppress(AttributeError, OSError):
        os.nice(NICE)
    said = 0.0

    def tell(number: int, done: int, of: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= STEP:
            said = now
            there.send(("at", (number, done, of)))

    try:
        book = Book.load(folder, Tables(job.overlays, job.tables, job.clock).of, job.borders)
        told: tuple[str, Any] = ("answer", cascade_answer(book, job.query, job.problems, tell))
    except BadInput as bad:
        told = ("problem", bad.problem)
    with suppress(BrokenPipeError):
        there.send(told)
