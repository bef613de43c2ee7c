"""sweep: price paths of 24 steps over a tenth of the accounts of the seeded book, on one core.

Baseline: the same kernel without bounds, which looks at every pool at every step: the same bits. Beside it the exact
functions, measured on `SAMPLE` accounts at one step and multiplied. Limit: reading the legs of all pools once per path.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np

from marginbook.benchmarks.measure import read_bandwidth, row, seconds
from marginbook.benchmarks.synthetic import world
from marginbook.book.book import Book
from marginbook.book.layout import LEG
from marginbook.simulate import populations
from marginbook.simulate.paths import Model, cholesky, common_correlation, path
from marginbook.simulate.stress import pool_states
from marginbook.simulate.sweeps import CHUNK, Job, assets_of, moved_market, prepare, simulate

STEPS = 24
SAMPLE = 200


def run(accounts: int, seed: int) -> list[dict[str, Any]]:
    """`CHUNK` paths over a tenth of `accounts`, so that the default of a million gives 100,000."""
    count = max(3_000, accounts // 10)
    made = world(count, seed)
    market = replace(made.market, rates={"USDT": Decimal(1)})
    book = Book.from_columns(made.columns, market, made.parameters_of, market.as_of or 0)
    limit = book.store.leg_count * LEG.itemsize / read_bandwidth()
    job = _job(book, seed)
    moved = moved_market(market, job.model.assets, path(job.model, seed, 0)[0])
    chosen = [book.account_at(n) for n in range(0, count, count // SAMPLE)][:SAMPLE]
    exact = seconds(_judging(book, chosen, moved), repeats=3) * STEPS * count / len(chosen)
    people = _job(populations.book(populations.Population(accounts=count, seed=seed)), seed)
    return [
        *_rows("sweep", job, f"{count} accounts of five positions in {len(job.model.assets)} assets", limit),
        row("sweep by the exact functions", exact, "s per path, if every account were judged at every step"),
        *_rows("sweep of a population", people, f"{count} accounts in {len(people.model.assets)} assets"),
    ]


def _job(book: Book, seed: int) -> Job:
    assets = tuple(assets_of(book.market.quotes))
    factor = cholesky(common_correlation(len(assets), 0.7))
    model = Model(kind="gbm", assets=assets, steps=STEPS, volatility=np.full(len(assets), 0.8), factor=factor)
    return prepare(book, model, seed=seed)


def _rows(name: str, job: Job, what: str, limit: float | None = None) -> list[dict[str, Any]]:
    everywhere = replace(job, pools=job.pools._replace(concave=np.zeros_like(job.pools.concave)))
    apart = int((simulate(job, 0, 4).rows != simulate(everywhere, 0, 4).rows).sum())
    ours = seconds(lambda: simulate(job, 0, CHUNK), repeats=5) / CHUNK
    theirs = seconds(lambda: simulate(everywhere, 0, CHUNK), repeats=3) / CHUNK
    return [
        row(
            name,
            ours,
            f"s per path of {STEPS} steps × {what}, one core",
            f"the kernel at every pool and step, {theirs:.3g} s",
            theirs / ours,
            None if limit is None else "one read of the legs, all cores",
            None if limit is None else limit / ours,
        ),
        row(f"{name}: sums that differ", float(apart), "of 4 paths, from the kernel at every pool and step"),
    ]


def _judging(book: Book, chosen: list[Any], market: Any) -> Callable[[], None]:
    def judge() -> None:
        for account in chosen:
            pool_states(account, market, book.parameters(account), book.at)

    return judge
