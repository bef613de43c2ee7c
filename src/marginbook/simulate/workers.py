"""Where the chunks of a sweep run: here, on local processes, on any executor, on a Dask cluster.

Each is a `sweeps.Mapper`. Processes are spawned, never forked, and receive the job once; an executor of
`concurrent.futures` receives it with every chunk; a Dask cluster holds it in its memory. Results are the same bits
everywhere, on processors of one kind: NumPy's own functions may differ in the last bit between kinds.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.simulate.sweeps import Chunk, Job, Mapper, simulate

_kept: list[Job] = []
"""The job of a spawned worker."""


def serially(job: Job, wanted: Sequence[tuple[int, int]]) -> Iterator[Chunk]:
    """In this process, one after the other."""
    for first, end in wanted:
        yield simulate(job, first, end)


def on_processes(workers: int) -> Mapper:
    """On so many spawned processes of this machine; with one, here."""
    if workers < 1:
        raise BadInput("bad_workers", "workers", workers, "at least 1")

    def mapper(job: Job, wanted: Sequence[tuple[int, int]]) -> Iterator[Chunk]:
        most = min(workers, len(wanted))
        if most <= 1:
            yield from serially(job, wanted)
            return
        context = get_context("spawn")
        with ProcessPoolExecutor(most, mp_context=context, initializer=_keep, initargs=(job,)) as pool:
            try:
                for future in as_completed([pool.submit(_simulate_kept, first, end) for first, end in wanted]):
                    yield future.result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    return mapper


def _keep(job: Job) -> None:
    _kept[:] = [job]


def _simulate_kept(first: int, end: int) -> Chunk:
    return simulate(_kept[0], first, end)


def on_executor(executor: Executor) -> Mapper:
    """On any executor of `concurrent.futures`; it stays open."""

    def mapper(job: Job, wanted: Sequence[tuple[int, int]]) -> Iterator[Chunk]:
        for future in as_completed([executor.submit(simulate, job, first, end) for first, end in wanted]):
            yield future.result()

    return mapper


def on_cluster(address: Any) -> Mapper:
    """On the Dask cluster at `address` (`tcp://host:8786`), or of a Client, left open; needs the extra `cluster`."""

    def mapper(job: Job, wanted: Sequence[tuple[int, int]]) -> Iterator[Chunk]:
        try:
            import distributed
        except ImportError:
            raise BadInput(
                "missing_extra", "cluster", str(address), "the extra `cluster`: pip install 'marginbook[cluster]'"
            ) from None
        mine = isinstance(address, str)
        try:
            client: Any = address
            if mine:
                client = distributed.Client(address, set_as_default=False, timeout="20s")  # type: ignore[no-untyped-call]
        except (OSError, ValueError) as bad:
            raise BadInput(
                "no_cluster", "cluster", address, f"a running Dask scheduler ({type(bad).__name__})"
            ) from None
        try:
            there = client.scatter(job, broadcast=True, hash=False)
            futures = [client.submit(simulate, there, first, end, pure=False) for first, end in wanted]
            for future in distributed.as_completed(futures, loop=client.loop):  # type: ignore[no-untyped-call]
                yield future.result()
        finally:
            if mine:
                client.close()

    return mapper
