"""Spawned processes and a Dask cluster give the bits of a serial run, at a size that matters."""

import numpy as np
import pytest

from marginbook.simulate.paths import Model, cholesky, common_correlation
from marginbook.simulate.populations import Population, book
from marginbook.simulate.sweeps import Job, Results, assets_of, prepare, run
from marginbook.simulate.workers import on_cluster, on_processes, serially


def job(accounts: int, steps: int) -> Job:
    made = book(Population(accounts=accounts))
    assets = tuple(assets_of(made.market.quotes))
    factor = cholesky(common_correlation(len(assets), 0.7))
    volatility = np.full(len(assets), 0.9)
    model = Model(kind="student", assets=assets, steps=steps, volatility=volatility, factor=factor)
    return prepare(made, model, seed=11, cost=0.05)


def same(a: Results, b: Results) -> bool:
    return bool((a.rows == b.rows).all() and (a.hits == b.hits).all())


@pytest.mark.long
def test_a_thousand_paths_of_a_hundred_thousand_accounts_on_a_cluster() -> None:
    distributed = pytest.importorskip("distributed")
    made = job(100_000, 24)
    serial = run(made, 1_000, serially)
    assert serial.bad_debt.max() > 0
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        assert same(run(made, 1_000, on_cluster(cluster.scheduler_address)), serial)


@pytest.mark.long
def test_processes_of_this_machine_agree_with_one() -> None:
    made = job(5_000, 6)
    serial = run(made, 150, serially)
    assert same(run(made, 150, on_processes(2)), serial)
    assert same(run(made, 150, on_processes(3)), serial)


def test_a_cluster_in_this_process_agrees() -> None:
    distributed = pytest.importorskip("distributed")
    made = job(3_000, 3)
    with distributed.Client(
        processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None, set_as_default=False
    ) as client:
        assert same(run(made, 60, on_cluster(client)), run(made, 60, serially))
