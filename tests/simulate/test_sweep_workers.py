"""Spawned processes and a Dask cluster give the bits of a serial run, at a size that matters."""

import subprocess
import sys
import time
from pathlib import Path

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


@pytest.mark.long
def test_a_cluster_in_this_process_agrees() -> None:
    distributed = pytest.importorskip("distributed")
    made = job(3_000, 3)
    with distributed.Client(
        processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None, set_as_default=False
    ) as client:
        assert same(run(made, 60, on_cluster(client)), run(made, 60, serially))


@pytest.mark.long
def test_a_killed_command_goes_on_and_prints_what_an_undisturbed_one_prints(tmp_path: Path) -> None:
    kept = tmp_path / "kept.sweep"
    words = [sys.executable, "-m", "marginbook", "sweep", "--population", "60000", "--paths", "400", "--steps", "120"]
    words += ["--cost", "0.05", "--json"]
    first = subprocess.Popen([*words, "--workers", "1", "--resume", str(kept)], stdout=subprocess.DEVNULL)
    until = time.monotonic() + 40
    while time.monotonic() < until and not (kept.exists() and kept.read_bytes().count(b"\n") >= 3):
        time.sleep(0.05)
    first.kill()
    first.wait()
    whole = kept.read_bytes().count(b"\n")
    assert 3 <= whole < 17
    kept.write_bytes(kept.read_bytes()[:-7])
    again = subprocess.run([*words, "--workers", "2", "--resume", str(kept)], capture_output=True, check=True)
    assert kept.read_bytes().count(b"\n") == 17
    alone = subprocess.run([*words, "--workers", "1"], capture_output=True, check=True)
    assert again.stdout == alone.stdout
