"""Command `sweep`: Monte Carlo over price paths and a book or a generated population."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from marginbook.cli.common import (
    BAD_DATA,
    At,
    Json,
    Prices,
    app,
    append_problems,
    loaded_book,
    moment_of,
    must_exist,
    print_json,
    ticker,
)

if TYPE_CHECKING:
    from marginbook.book.book import Book
    from marginbook.simulate.paths import Model
    from marginbook.simulate.sweeps import Job, Mapper, Results

VOLATILITY, CORRELATION = 0.8, 0.7
"""Assumed where neither an option nor a history says more; the answer warns of it."""
USAGE_CODES = (
    "bad_model",
    "bad_cost",
    "bad_paths",
    "bad_population",
    "bad_workers",
    "bad_correlation",
    "another_sweep",
)
"""What is wrong with an option, rather than with a file."""


@app.command()
def sweep(
    book: Annotated[list[Path] | None, typer.Argument(help="Book files or folders; or --population.")] = None,
    prices: Prices = None,
    population: Annotated[
        int | None, typer.Option("--population", metavar="N", help="Generate N accounts instead of reading a book.")
    ] = None,
    kind: Annotated[str, typer.Option(help="Of the population: lending, contracts or both.")] = "both",
    save_book: Annotated[
        Path | None, typer.Option("--save-book", metavar="FILE.json", help="Write the population as a book.")
    ] = None,
    paths: Annotated[int, typer.Option(metavar="N", help="Price paths.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of population and paths.")] = 1,
    model: Annotated[
        str | None, typer.Option(help="gbm, student, jump, or bootstrap (default with --history).")
    ] = None,
    history: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Prices to draw from, or to measure volatilities on.")
    ] = None,
    volatility: Annotated[
        list[str] | None, typer.Option(metavar="ETH=0.8", help="A year; may repeat; `all` for the rest.")
    ] = None,
    correlation: Annotated[float | None, typer.Option(help="Between any two assets.")] = None,
    horizon: Annotated[float, typer.Option(metavar="HOURS", help="Length of a path.")] = 24.0,
    steps: Annotated[int, typer.Option(metavar="N", help="Steps of a path, at each of which liquidations run.")] = 24,
    cost: Annotated[float, typer.Option(help="Share of notional that a liquidation loses.")] = 0.0,
    workers: Annotated[int | None, typer.Option(metavar="N", help="Processes; default: one per core.")] = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="tcp://HOST:PORT", help="Run on this Dask cluster instead.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep finished paths here, and go on from them.")
    ] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write a page with plots.")] = None,
    at: At = None,
    json_: Json = False,
) -> None:
    """Price paths by the thousand over a book: liquidations, bad debt, and their distribution."""
    from marginbook.domain.errors import BadInput
    from marginbook.simulate.sweep_answer import answer
    from marginbook.simulate.sweeps import prepare

    if (book is None) == (population is None):
        raise typer.BadParameter("give a book, or --population N")
    for file in (history, *(book or ())):
        if file:
            must_exist(file)
    for file in (report, resume, save_book):
        if file:
            must_exist(file.parent)
    try:
        loaded, errors = _book(book, prices, at) if book else (_population(population or 0, seed, kind, save_book), [])
        chosen, warnings = _model(loaded, model, history, volatility, correlation, horizon, steps)
        job = prepare(loaded, chosen, seed=seed, cost=cost)
        results = _run(job, paths, _mapper(workers, cluster, paths), resume)
        told = answer(loaded, job, results) | {"warnings": warnings, "errors": errors}
    except BadInput as bad:
        if bad.problem.code in USAGE_CODES:
            raise typer.BadParameter(str(bad.problem)) from None
        raise
    if job.opaque:
        warnings.append(f"{len(job.opaque)} accounts were judged by exact functions at every step, which takes long")
    if report:
        from marginbook.simulate.sweep_report import page

        report.write_text(page(told, results), encoding="utf-8")
    if json_:
        print_json(told)
    else:
        from marginbook.render.sweep import sweep_table

        sweep_table(told)
    if errors:
        raise typer.Exit(BAD_DATA)


def _book(files: list[Path], prices: list[Path] | None, at: str | None) -> "tuple[Book, list[dict[str, Any]]]":
    """(the book, what could not be read or judged)."""
    from marginbook.book.book import Book
    from marginbook.connectors.books import market_of
    from marginbook.engine.answers import problem_json
    from marginbook.engine.evaluate import parameters_source

    loaded = loaded_book(files, prices)
    moment = moment_of(at, loaded)
    made = Book.from_accounts(
        loaded.accounts, market_of(loaded), parameters_source(loaded.overlays, moment), moment, loaded.zones or None
    )
    told: dict[str, Any] = {"errors": [problem_json(problem) for problem in made.problems.values()]}
    append_problems(told, loaded)
    return made, told["errors"]


def _population(accounts: int, seed: int, kind: str, save: Path | None) -> "Book":
    """A generated book, written to a file if asked for."""
    from marginbook.simulate import populations

    chosen = populations.Population(accounts=accounts, seed=seed, kind=kind)  # type: ignore[arg-type]
    made = populations.book(chosen)
    if save:
        import json

        from marginbook.connectors.books import BookFile
        from marginbook.connectors.writer import book_to_json

        market = made.market
        written = BookFile(
            accounts=tuple(made.account(name) for name in made.ids()),
            quotes=market.quotes,
            rates=market.rates,
            as_of=market.as_of,
        )
        save.write_text(json.dumps(book_to_json(written), indent=1), encoding="utf-8")
    return made


def _model(
    book: "Book",
    kind: str | None,
    history: Path | None,
    volatility: list[str] | None,
    correlation: float | None,
    horizon: float,
    steps: int,
) -> "tuple[Model, list[str]]":
    """(the model, what was assumed)."""
    import numpy as np

    from marginbook.simulate.paths import Model, cholesky, common_correlation, measured
    from marginbook.simulate.sweeps import assets_of

    warnings: list[str] = []
    assets = tuple(assets_of(book.market.quotes))
    found = None
    if history:
        from marginbook.connectors.price_series import read_points
        from marginbook.simulate.histories import history as joint

        points, problems = read_points(history)
        warnings += [str(problem) for problem in problems[:5]]
        found = joint(points, assets)
        if (kind or "bootstrap") == "bootstrap":
            rows = max(1, round(horizon / found.hours))
            return Model(
                kind="bootstrap",
                assets=assets,
                steps=min(steps, rows),
                horizon=horizon,
                history=found.moves(),
                rows=rows,
                block=min(6, rows),
            ), warnings
    given = _numbers(volatility or [])
    sigma = np.array([given.get(asset, given.get("all", VOLATILITY)) for asset in assets])
    table = common_correlation(len(assets), CORRELATION if correlation is None else correlation)
    if found is not None:
        measured_sigma, measured_table = measured(found.moves(), found.hours)
        sigma = np.array([given.get(a, given.get("all", s)) for a, s in zip(assets, measured_sigma, strict=True)])
        table = measured_table if correlation is None else table
    else:
        assumed = [asset for asset in assets if asset not in given and "all" not in given]
        if assumed:
            names = ", ".join(assumed[:5]) + (f" and {len(assumed) - 5} more" if len(assumed) > 5 else "")
            warnings.append(f"assumed, not measured: a volatility of {VOLATILITY:g} a year for {names}")
        if correlation is None and len(assets) > 1:
            warnings.append(f"assumed, not measured: a correlation of {CORRELATION:g} between any two assets")
    made = Model(
        kind=kind or "gbm", assets=assets, steps=steps, horizon=horizon, volatility=sigma, factor=cholesky(table)
    )
    return made, warnings


def _numbers(texts: list[str]) -> dict[str, float]:
    """ETH=0.8 -> {"ETH": 0.8}."""
    found = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise typer.BadParameter(f"--volatility {text}: expected a number such as ETH=0.8") from None
        if not 0 <= found[name.strip()] <= 20:
            raise typer.BadParameter(f"--volatility {text}: expected 0 to 20 a year")
    return found


def _mapper(workers: int | None, cluster: str | None, paths: int) -> "Mapper":
    """Where to run: a cluster, so many processes, or one per core."""
    import os

    from marginbook.simulate.sweeps import CHUNK
    from marginbook.simulate.workers import on_cluster, on_processes

    if cluster:
        return on_cluster(cluster)
    few = paths <= 2 * CHUNK
    return on_processes(workers if workers is not None else 1 if few else os.cpu_count() or 1)


def _run(job: "Job", paths: int, mapper: "Mapper", resume: Path | None) -> "Results":
    """All paths, from a file of finished ones if given."""
    from marginbook.simulate.sweep_file import append, opened
    from marginbook.simulate.sweeps import run

    if resume is None:
        return run(job, paths, mapper, tick=ticker("paths"))
    finished, file = opened(resume, job)
    with file:
        return run(job, paths, mapper, finished=finished, keep=lambda chunk: append(file, chunk), tick=ticker("paths"))
