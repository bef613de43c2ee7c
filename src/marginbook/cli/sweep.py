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
    must_exist,
    print_json,
    ticker,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from marginbook.book.book import Book
    from marginbook.simulate.parameter_changes import Change
    from marginbook.simulate.sweeps import Job, Mapper, Results

USAGE_CODES = (
    "bad_model",
    "bad_cost",
    "bad_paths",
    "bad_population",
    "bad_workers",
    "bad_correlation",
    "another_sweep",
    "bad_change",
    "bad_search",
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
    parameter: Annotated[
        list[str] | None,
        typer.Option(metavar="aave.WETH.liquidation_threshold=0.80", help="Another parameter; may repeat."),
    ] = None,
    search: Annotated[
        list[str] | None,
        typer.Option(metavar="aave.WETH.ltv=0.70:0.80:0.02", help="Try these values, safe to bold; may repeat."),
    ] = None,
    limit: Annotated[float | None, typer.Option(metavar="AMOUNT", help="Of bad debt, for --search.")] = None,
    quantile: Annotated[float, typer.Option(help="Of bad debt that --limit is for.")] = 0.99,
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
    from marginbook.cli.sweep_inputs import book_source, model_of, population_source
    from marginbook.domain.errors import BadInput
    from marginbook.engine.answers import problem_json
    from marginbook.simulate.parameter_changes import parse_change
    from marginbook.simulate.sweep_answer import answer
    from marginbook.simulate.sweeps import prepare

    if (book is None) == (population is None):
        raise typer.BadParameter("give a book, or --population N")
    if search and (limit is None or resume or report):
        raise typer.BadParameter("--search needs --limit, and goes without --resume and --report")
    for file in (history, *(book or ())):
        if file:
            must_exist(file)
    for file in (report, resume, save_book):
        if file:
            must_exist(file.parent)
    try:
        source = book_source(book, prices, at) if book else population_source(population or 0, seed, kind, save_book)
        changes = [parse_change(text) for text in parameter or ()]
        loaded = source.build(changes)
        chosen, warnings = model_of(loaded, model, history, volatility, correlation, horizon, steps)
        mapper = _mapper(workers, cluster, paths)

        def swept(more: "Sequence[Change]") -> "tuple[Book, Job, Results]":
            made = source.build([*changes, *more]) if more else loaded
            job = prepare(made, chosen, seed=seed, cost=cost)
            return made, job, _run(job, paths, mapper, resume)

        if search:
            told = _searched(search, lambda more: swept(more)[2], limit or 0.0, quantile)
        else:
            made, job, results = swept(())
            told = answer(made, job, results)
            if job.opaque:
                warnings.append(f"{len(job.opaque)} accounts were judged by exact functions at every step: slowly")
    except BadInput as bad:
        if bad.problem.code in USAGE_CODES:
            raise typer.BadParameter(str(bad.problem)) from None
        raise
    errors = source.errors + [problem_json(problem) for problem in loaded.problems.values()]
    told |= {"parameters": parameter or [], "warnings": warnings, "errors": errors}
    if report:
        from marginbook.simulate.sweep_report import page

        report.write_text(page(told, results), encoding="utf-8")
    if json_:
        print_json(told)
    else:
        from marginbook.render.sweep import search_table, sweep_table

        (search_table if search else sweep_table)(told)
    if errors:
        raise typer.Exit(BAD_DATA)


def _searched(
    texts: list[str], swept: "Callable[[tuple[Change, ...]], Results]", limit: float, quantile: float
) -> dict[str, Any]:
    """Every combination of the axes, and the boldest that fits."""
    from fractions import Fraction

    from marginbook.simulate.search import answer_of, parse_axis, search

    share = Fraction(str(quantile))
    trials, found = search([parse_axis(text) for text in texts], swept, limit, share, ticker("combinations"))
    return answer_of(trials, found, limit, share)


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
