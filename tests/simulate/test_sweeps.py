"""Sweeps: every path as the exact functions have it, the same bits for any number of workers, resumed from a file."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marginbook.benchmarks.synthetic import world
from marginbook.book.book import Book
from marginbook.connectors.books import load_book, market_of
from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market, Quote
from marginbook.domain.zones import Zone
from marginbook.engine.evaluate import parameters_source
from marginbook.exact import from_raw
from marginbook.simulate import path_kernel as kernel
from marginbook.simulate.paths import Model, cholesky, common_correlation, path
from marginbook.simulate.stress import pool_states
from marginbook.simulate.sweep_answer import answer, distribution, path_of_rank
from marginbook.simulate.sweep_file import append, opened
from marginbook.simulate.sweep_report import page
from marginbook.simulate.sweeps import (
    Chunk,
    Job,
    Results,
    assets_of,
    chunks_of,
    fallen_pools,
    ladder,
    moved_market,
    prepare,
    run,
    simulate,
)
from marginbook.simulate.workers import on_executor, on_processes, serially
from marginbook.venues.registry import rule_set

EXAMPLE = Path(__file__).parents[2] / "examples" / "two-accounts.toml"
AT = 1_790_856_000_000_000


def model_of(market: Market, steps: int = 4, volatility: float = 3.0) -> Model:
    assets = tuple(assets_of(market.quotes))
    return Model(
        kind="gbm",
        assets=assets,
        steps=steps,
        horizon=24.0,
        volatility=np.full(len(assets), volatility),
        factor=cholesky(common_correlation(len(assets), 0.8)),
    )


@cache
def mixed() -> tuple[Book, Job]:
    """Contracts and loans, cross and isolated, hedged, mixed thresholds."""
    made = world(80, 4)
    market = replace(made.market, rates={"USDT": Decimal("0.98")})
    book = Book.from_columns(made.columns, market, made.parameters_of, AT)
    return book, prepare(book, model_of(market), seed=7, cost=0.05)


def exact_path(book: Book, job: Job, number: int) -> tuple[int, float, float]:
    """Accounts, notional and bad debt of a path, account by account with the rule sets' own functions."""
    markets = [moved_market(book.market, job.model.assets, row) for row in path(job.model, job.seed, number)]
    accounts, notional, bad_debt = 0, Decimal(0), Decimal(0)
    for name in book.ids():
        account = book.account(name)
        parameters, fell = book.parameters(account), set()
        rate = book.market.rates.get("USDT" if account.rules.startswith("binance") else "USD", Decimal(1))
        already = [s.zone >= Zone.LIQUIDATION for s in pool_states(account, book.market, parameters, AT)]
        for market in markets:
            for i, state in enumerate(pool_states(account, market, parameters, AT)):
                if state.zone >= Zone.LIQUIDATION and i not in fell and not already[i]:
                    fell.add(i)
                    risk, owed = sums_of(account, market, parameters, i)
                    size = state.notional if owed is None else owed
                    notional += rate * size
                    bad_debt += rate * max(Decimal(0), Decimal(job.cost) * size - risk)
        accounts += bool(fell)
    return accounts, float(notional), float(bad_debt)


def sums_of(account: Account, market: Market, parameters: Any, pool: int) -> tuple[Decimal, Decimal | None]:
    """(equity, debt of a loan) by the rule set."""
    rules = rule_set(account.rules)
    risk = list(rules.module.risk(account, market, parameters, AT).values())[pool]
    quantities = list(rules.module.quantities(account, market, parameters, AT).values())[pool]
    equity = risk.assets - risk.liabilities
    owed = quantities.debt_value if rules.family == "lending" else None
    return from_raw(equity, rules.risk_scale) if isinstance(equity, int) else equity, owed


def test_paths_are_those_of_the_exact_functions() -> None:
    book, job = mixed()
    found = simulate(job, 0, 2).rows
    assert found[:, kernel.ACCOUNTS].sum() > 15
    for number in range(2):
        accounts, notional, bad_debt = exact_path(book, job, number)
        assert found[number, kernel.ACCOUNTS] == accounts
        assert found[number, kernel.NOTIONAL] == pytest.approx(notional, rel=1e-9)
        assert found[number, kernel.BAD_DEBT] == pytest.approx(bad_debt, rel=1e-9)
        assert found[number, kernel.DOUBTFUL] == 0


def test_pools_that_are_not_looked_at_step_by_step_would_not_have_fallen() -> None:
    _, job = mixed()
    all_steps = replace(job, pools=job.pools._replace(concave=np.zeros_like(job.pools.concave)))
    assert job.pools.concave.all()
    assert (simulate(all_steps, 0, 40).rows == simulate(job, 0, 40).rows).all()


def same(a: Results, b: Results) -> bool:
    return bool((a.rows == b.rows).all() and (a.hits == b.hits).all())


def test_results_are_the_same_bits_however_the_work_is_cut() -> None:
    _, job = mixed()
    whole = simulate(job, 0, 60)
    parts = [simulate(job, first, end) for first, end in ((40, 60), (0, 7), (7, 40))]
    rows = np.concatenate([part.rows for part in sorted(parts, key=lambda part: part.first)])
    assert (rows == whole.rows).all()
    assert (sum(part.hits for part in parts) == whole.hits).all()
    with ThreadPoolExecutor(3) as executor:
        assert same(run(job, 60, serially), run(job, 60, on_executor(executor)))


def test_a_run_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    _, job = mixed()
    file_name, wanted = tmp_path / "run.sweep", run(job, 110, serially)

    def killed(job: Job, pieces: Sequence[tuple[int, int]]) -> Iterator[Chunk]:
        yield from list(serially(job, pieces[::2]))[:2]
        raise KeyboardInterrupt

    finished, file = opened(file_name, job)
    with file, pytest.raises(KeyboardInterrupt):
        run(job, 110, killed, finished=finished, keep=lambda chunk: append(file, chunk))
    with file_name.open("ab") as torn:
        torn.write(b'{"first": 75, "rows": "AAAA')
    asked = []

    def counting(job: Job, pieces: Sequence[tuple[int, int]]) -> Iterator[Chunk]:
        asked.extend(pieces)
        return serially(job, pieces)

    for expected in ([(25, 50), (75, 100), (100, 110)], []):
        finished, file = opened(file_name, job)
        with file:
            found = run(job, 110, counting, finished=finished, keep=lambda chunk, file=file: append(file, chunk))
        assert (asked, same(found, wanted)) == (expected, True)
        asked.clear()


def test_a_damaged_chunk_is_computed_again_and_another_sweep_refused(tmp_path: Path) -> None:
    _, job = mixed()
    file_name = tmp_path / "run.sweep"
    finished, file = opened(file_name, job)
    with file:
        run(job, 50, serially, finished=finished, keep=lambda chunk: append(file, chunk))
    lines = file_name.read_bytes().splitlines(keepends=True)
    file_name.write_bytes(lines[0] + lines[1].replace(b'"first": 0', b'"first": 25') + lines[2])
    finished, file = opened(file_name, job)
    file.close()
    assert [chunk.first for chunk in finished] == [25]
    with pytest.raises(BadInput, match="another_sweep"):
        opened(file_name, replace(job, seed=8))


def test_accounts_that_no_kernel_decides_are_judged_exactly() -> None:
    accounts = [
        Account(
            id=f"a{n}",
            rules="okx/multi-currency",
            wallet={"USDT": Decimal(3000), "BTC": Decimal("0.05")},
            positions=(Position(market="BTC-USDT-SWAP", side="long", quantity=Decimal(n) / 10, entry=Decimal(60000)),),
            parameters="rates",
        )
        for n in (1, 2, 3)
    ]
    overlays = {"rates": {"USDT": {"borrow_rate": "0.05"}}}
    quotes = {("okx", "BTC-USDT-SWAP", "mark"): 60000, ("okx", "BTC", "index"): 60000, ("okx", "USDT", "index"): 1}
    market = Market(quotes={key: Quote(Decimal(price)) for key, price in quotes.items()})
    book = Book.from_accounts(accounts, market, parameters_source(overlays, AT), AT)
    assert not book.problems, book.problems
    job = prepare(book, model_of(market, volatility=8.0), seed=3, cost=0.01)
    assert len(job.opaque) == 3
    rows = simulate(job, 0, 4).rows
    assert rows[:, kernel.ACCOUNTS].sum() > 0
    for number in range(4):
        accounts_hit, notional, bad_debt = exact_path(book, job, number)
        assert rows[number, :3] == pytest.approx([accounts_hit, notional, bad_debt])


def test_pools_kept_in_a_coin_are_added_up_at_the_coin_s_own_price() -> None:
    """300,000 USD of BTCUSD contracts are worth 300,000 USD at any price of BTC, though the pool is kept in BTC."""
    accounts = [
        Account(
            id=currency,
            rules=rules,
            wallet={currency: Decimal(1)},
            positions=(Position(market=market, side="long", quantity=Decimal(quantity), entry=Decimal(60000)),),
        )
        for rules, currency, market, quantity in (
            ("binance/coinm", "BTC", "BTCUSD_PERP", 3000),
            ("binance/usdm", "USDT", "BTCUSDT", "0.00001"),
        )
    ]
    quotes = {("binance", name, "mark"): Quote(Decimal(60000)) for name in ("BTCUSD_PERP", "BTCUSDT")}
    market = Market(quotes=quotes, rates={"BTC": Decimal(60000), "USDT": Decimal(1)})
    book = Book.from_accounts(accounts, market, parameters_source({}, AT), AT)
    job = prepare(book, model_of(market, volatility=8.0), seed=1)
    rows = simulate(job, 0, 40).rows
    fell = rows[:, kernel.ACCOUNTS] == 1
    assert fell.sum() > 5
    assert rows[fell, kernel.NOTIONAL] == pytest.approx(300_000, rel=1e-12)


def test_a_missing_rate_is_an_error_and_never_1() -> None:
    loaded = load_book([EXAMPLE])
    book = Book.from_accounts(loaded.accounts, market_of(loaded), parameters_source(loaded.overlays, AT), AT)
    with pytest.raises(BadInput, match="missing_rate"):
        prepare(book, model_of(book.market))


def test_accounts_that_start_liquidatable_take_no_part() -> None:
    _, job = mixed()
    assert job.already == 0
    made = world(80, 4)
    fallen = {key: Decimal("0.6") * quote.price for key, quote in made.market.quotes.items()}
    market = replace(made.market.with_prices(fallen), rates={"USDT": Decimal(1)})
    book = Book.from_columns(made.columns, market, made.parameters_of, AT)
    sunk = prepare(book, model_of(market, volatility=1e-6))
    assert sunk.already == int((book.zones() >= Zone.LIQUIDATION).sum()) > 0
    assert simulate(sunk, 0, 2).rows[:, :3].sum() == 0


def test_quantiles_are_order_statistics() -> None:
    told = distribution(np.arange(1000, 0, -1, dtype=np.float64))
    assert told["quantiles"] == {"0.5": "500", "0.9": "900", "0.95": "950", "0.99": "990", "0.999": "999"}
    assert (told["mean"], told["worst"], told["expected_shortfall_0.975"]) == ("500.5", "1000", "987.5")
    assert told["standard_error"] == "9.13"  # √(1000·1001/12) / √1000


def test_the_ladder_after_a_path_has_only_what_the_path_left() -> None:
    book, job = mixed()
    moves = (-0.4, 0.0, 0.4)
    before = ladder(job, moves)
    kernel_ladder = book.shocked(dict.fromkeys(book.market.quotes, 0.6))
    assert before[0]["accounts"] == kernel_ladder.counts[Zone.LIQUIDATION] + kernel_ladder.counts[Zone.BANKRUPT]
    assert before[1] == {"move": 0.0, "accounts": 0, "notional": 0.0}
    after = ladder(job, moves, 0)
    assert after[1]["accounts"] == 0  # who was liquidatable at the end is gone
    left = set(np.flatnonzero(fallen_pools(job, 0) < 0)) & set(job.pools.numbers.tolist())
    assert len(left) < len(job.pools.numbers)


def test_the_answer_and_the_page_tell_of_the_same_paths() -> None:
    book, job = mixed()
    results = run(job, 50, serially)
    told = answer(book, job, results)
    assert told["paths"] == 50
    assert told["ladder"]["after_path"] == path_of_rank(results)
    assert float(told["bad_debt"]["worst"]) == pytest.approx(results.bad_debt.max(), abs=0.006)
    assert told["most_often"][0]["share_of_paths"] == results.hits.max() / 50
    text = page(told, results)
    assert text.count("<svg") == 4
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert told["most_often"][0]["account"] in text


def test_results_are_a_frame() -> None:
    pytest.importorskip("pyarrow")
    _, job = mixed()
    results = run(job, 30, serially)
    frame = results.frame()
    assert frame.column_names == ["path", "liquidated_accounts", "liquidated_notional", "bad_debt"]
    assert frame["bad_debt"].to_pylist() == results.bad_debt.tolist()


def test_chunks_cover_all_paths_once() -> None:
    assert chunks_of(51) == [(0, 25), (25, 50), (50, 51)]


@pytest.mark.parametrize("paths_asked", [0, 10_000_001])
def test_a_number_of_paths_out_of_range_is_refused(paths_asked: int) -> None:
    with pytest.raises(BadInput, match="bad_paths"):
        run(mixed()[1], paths_asked, serially)


def test_a_cost_of_everything_and_no_workers_are_refused() -> None:
    book, job = mixed()
    with pytest.raises(BadInput, match="bad_cost"):
        prepare(book, job.model, cost=1.0)
    with pytest.raises(BadInput, match="bad_workers"):
        on_processes(0)
