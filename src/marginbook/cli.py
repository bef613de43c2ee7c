"""The command line. Each command imports only what it needs, so that a small `check` starts quickly.

Exit codes: 0 fine · 1 bad data, a price missing or stale, or undecided · 2 usage · 3 an account in call ·
4 an account liquidatable or bankrupt; the highest wins.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from marginbook.connectors.books import BookFile
    from marginbook.domain.account import Account
    from marginbook.engine.evaluate import Report

app = typer.Typer(
    name="marginbook",
    help="Exact margin, margin calls and liquidation for leveraged accounts on every kind of venue.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Files = Annotated[
    list[Path], typer.Argument(help="Books, files or folders: TOML, JSON, CSV, Parquet, ccxt or Binance JSON.")
]
Prices = Annotated[list[Path] | None, typer.Option("--prices", help="Prices in a file of their own; may repeat.")]
At = Annotated[
    str | None, typer.Option("--at", metavar="TIME", help="Evaluate at this time; default: the time of the prices.")
]

FINE, BAD_DATA, USAGE, IN_CALL, LIQUIDATABLE = 0, 1, 2, 3, 4


def main() -> None:
    """Entry point of the `marginbook` command."""
    from marginbook.domain.errors import BadInput

    try:
        app()
    except BadInput as bad:
        _complain(str(bad.problem))
        sys.exit(BAD_DATA)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(BAD_DATA)


@app.command()
def check(
    files: Files,
    prices: Prices = None,
    at: At = None,
    currency: Annotated[str | None, typer.Option(help="Totals in this currency; needs [prices] rates.")] = None,
    parameters_max_age: Annotated[
        float | None, typer.Option(min=0, metavar="DAYS", help="Warn of parameter tables that are older.")
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option("--fail-on", metavar="ZONE", help="Exit with 3 or more if an account is in this zone or worse."),
    ] = None,
    json_: Json = False,
) -> None:
    """Every margin number of every account, its zone, distances, liquidation prices and remedies."""
    from marginbook.domain.zones import Zone

    threshold = _zone(fail_on) if fail_on else None
    book = _load(files, prices)
    reports = list(
        _progress(
            _evaluate(book, at, currency, parameters_max_age), len(book.accounts) + len(book.rejected), "accounts"
        )
    )
    owners: list[Any] = []
    if any(account.owner for account in book.accounts):
        from marginbook.engine.portfolio import portfolios

        owners = portfolios(reports, book.rates, currency or "USD")
    if json_:
        from marginbook.engine.answers import problem_json, reports_json

        answer = reports_json(reports, owners)
        answer["warnings"] = list(book.warnings)
        answer["errors"] = [problem_json(problem) for problem in book.problems]
        _print_json(answer)
    else:
        from marginbook.render import check_view

        check_view(reports, book.warnings, book.problems, owners)
    code = BAD_DATA if book.problems or not reports else FINE
    for report in reports:
        zone = report.zone
        if report.error or zone is None or zone is Zone.UNDECIDED or report.stale:
            code = max(code, BAD_DATA)
        if zone is Zone.CALL:
            code = max(code, IN_CALL)
        if zone in (Zone.LIQUIDATION, Zone.BANKRUPT):
            code = LIQUIDATABLE
        if threshold is not None and zone is not None and Zone.UNDECIDED is not zone >= threshold:
            code = max(code, IN_CALL)
    raise typer.Exit(code)


@app.command()
def explain(
    file: Annotated[Path, typer.Argument(help="A book file or folder.")],
    account: Annotated[str, typer.Argument(help="Account id.")],
    prices: Prices = None,
    at: At = None,
    json_: Json = False,
) -> None:
    """The tree behind an account's numbers: each term with its formula, inputs and source."""
    from marginbook.connectors.books import market_of
    from marginbook.engine.answers import node_json
    from marginbook.engine.evaluate import parameters_source
    from marginbook.venues.registry import rule_set

    book = _load([file], prices)
    moment = _moment(at, book)
    found = _account(book, file, account)
    rules = rule_set(found.rules)
    parameters = parameters_source(book.overlays, moment)(found)
    node = rules.module.explain(found, market_of(book), parameters, moment)
    if json_:
        _print_json(node_json(node))
    else:
        from marginbook.render import explain_tree

        explain_tree(account, node)


@app.command("what-if")
def what_if(
    file: Annotated[Path, typer.Argument(help="A book file or folder.")],
    account: Annotated[str, typer.Argument(help="Account id.")],
    order: Annotated[
        list[str] | None,
        typer.Option("--order", metavar="'buy 0.5 BTCUSDT @ 60000'", help="An order; may repeat, filled in turn."),
    ] = None,
    prices: Prices = None,
    at: At = None,
    json_: Json = False,
) -> None:
    """What orders would do to an account before they are sent: margin, zone, liquidation prices, the largest size."""
    from marginbook.connectors.books import market_of
    from marginbook.domain.zones import Zone
    from marginbook.engine.evaluate import parameters_source
    from marginbook.engine.orders import order_of, orders_json
    from marginbook.venues.registry import rule_set

    if not order:
        raise typer.BadParameter("give at least one --order, for example --order 'buy 0.5 BTCUSDT @ 60000'")
    trials = [order_of(text) for text in order]
    book = _load([file], prices)
    moment = _moment(at, book)
    found = _account(book, file, account)
    parameters = parameters_source(book.overlays, moment)(found)
    answer = orders_json(rule_set(found.rules), found, market_of(book), parameters, moment, trials, book.zones)
    if json_:
        _print_json(answer)
    else:
        from marginbook.render import what_if_view

        what_if_view(answer)
    code = FINE if answer["allowed"] else BAD_DATA
    zone = Zone[(answer["after"] or answer["before"])["zone"].upper()]
    if zone is Zone.CALL:
        code = IN_CALL
    raise typer.Exit(LIQUIDATABLE if zone in (Zone.LIQUIDATION, Zone.BANKRUPT) else code)


@app.command()
def conform(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders of numeric cases.")], json_: Json = False
) -> None:
    """Run someone else's numbers through the rule sets; exit 1 if any failed."""
    from marginbook.testing.conformance import conform as run

    answer = run(paths)
    if json_:
        _print_json(answer)
    else:
        from marginbook.render import conform_table

        conform_table(answer)
    raise typer.Exit(BAD_DATA if answer["failures"] else FINE)


@app.command()
def replay(
    book: Annotated[Path, typer.Argument(help="A book file or folder.")],
    prices: Annotated[Path, typer.Argument(help="A price history, CSV or Parquet.")],
    events: Annotated[Path | None, typer.Option(help="Account events, JSON lines.")] = None,
    json_: Json = False,
) -> None:
    """Run a book through a price history: every zone change at its tick, and where everybody ends."""
    from marginbook.connectors.books import market_of
    from marginbook.connectors.events import read_events
    from marginbook.connectors.histories import read_price_frames
    from marginbook.engine.answers import problem_json
    from marginbook.engine.replay import replay as run

    for path in [prices, *([events] if events else [])]:
        _exists(path)
    loaded = _load([book], None)
    happened = read_events(events) if events else ()
    answer = run(
        loaded.accounts, market_of(loaded), loaded.overlays, read_price_frames(prices), happened, _ticker("events")
    )
    refused = [*loaded.problems, *(rejected.problem for rejected in loaded.rejected)]
    answer["problems"] = [problem_json(problem) for problem in refused] + answer["problems"]
    if json_:
        _print_json(answer)
    else:
        from marginbook.render import replay_table

        replay_table(answer)
    if answer["problems"]:
        raise typer.Exit(BAD_DATA)


@app.command()
def stress(
    book: Annotated[list[Path], typer.Argument(help="Book files or folders.")],
    prices: Prices = None,
    shock: Annotated[
        list[str] | None,
        typer.Option("--shock", metavar="ETH=-20%", help="A price move; may repeat; `all` is every non-stable price."),
    ] = None,
    only: Annotated[bool, typer.Option("--only", help="Move what is named, not what is derived from it.")] = False,
    at: At = None,
    json_: Json = False,
) -> None:
    """What a price move does to a book: zones, notional and bad debt before and after."""
    from marginbook.connectors.books import market_of
    from marginbook.engine.evaluate import parameters_source
    from marginbook.simulate.stress import stress as run

    if not shock:
        raise typer.BadParameter("give at least one --shock, for example --shock ETH=-20%")
    loaded = _load(book, prices)
    moment = _moment(at, loaded)
    parameters_of = parameters_source(loaded.overlays, moment)
    answer = run(loaded.accounts, market_of(loaded), parameters_of, shock, moment, only=only)
    _append_problems(answer, loaded)
    if json_:
        _print_json(answer)
    else:
        from marginbook.render import stress_table

        stress_table(answer)
    if answer["errors"]:
        raise typer.Exit(BAD_DATA)


@app.command()
def backtest(
    prices: Annotated[Path, typer.Argument(help="A price history or candles, CSV (also gzipped) or Parquet.")],
    market: Annotated[str | None, typer.Option(help="Which one, where the file has several.")] = None,
    horizon: Annotated[str, typer.Option(metavar="HOURS", help="Time that a margin must last.")] = "24",
    confidence: Annotated[str, typer.Option(help="Share of periods that it must cover.")] = "0.99",
    window: Annotated[str, typer.Option(metavar="DAYS", help="History that models look back on.")] = "365",
    model: Annotated[list[str] | None, typer.Option(help="Compare only these; may repeat.")] = None,
    start: Annotated[str | None, typer.Option("--from", metavar="TIME", help="First tested time.")] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Last tested time.")] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write a page with plots.")] = None,
    json_: Json = False,
) -> None:
    """Margin models side by side on a price history: coverage, exceedances, procyclicality, cost."""
    from decimal import Decimal, InvalidOperation

    from marginbook.connectors.price_series import read_price_series
    from marginbook.domain.errors import BadInput
    from marginbook.engine.answers import problem_json
    from marginbook.simulate.backtests import Choice, answer, compare

    _exists(prices)
    if report:
        _exists(report.parent)
    try:
        choice = Choice(
            horizon=Decimal(horizon),
            confidence=Decimal(confidence),
            window=Decimal(window),
            start=_time(start) if start else None,
            end=_time(end) if end else None,
            models=tuple(model or ()),
        )
    except InvalidOperation:
        raise typer.BadParameter("--horizon, --confidence and --window are numbers") from None
    except BadInput as bad:
        raise typer.BadParameter(str(bad.problem)) from None
    series = read_price_series(prices, market)
    found = compare(series.times, series.prices, choice, series.name, _ticker("models"))
    told = answer(found)
    told["errors"] = [problem_json(problem) for problem in series.problems]
    if report:
        from marginbook.simulate.backtest_report import page

        try:
            report.write_text(page(found), encoding="utf-8")
        except OSError as bad:
            raise typer.BadParameter(f"{report} cannot be written: {bad.strerror}") from None
    if json_:
        _print_json(told)
    else:
        from marginbook.render import backtest_table

        backtest_table(told)
    if series.problems:
        raise typer.Exit(BAD_DATA)


@app.command()
def serve(
    book: Annotated[list[Path] | None, typer.Argument(help="Book files or folders.")] = None,
    prices: Prices = None,
    replay: Annotated[Path | None, typer.Option("--replay", help="Play this price history over the book.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Replay a stress scenario over a generated book.")] = False,
    scenario: Annotated[str | None, typer.Option(help="Scenario of the demo, for example 2020-03-12.")] = None,
    speed: Annotated[float | None, typer.Option(min=0.1, help="Times real time, of a demo or a replay.")] = None,
    database: Annotated[
        str | None, typer.Option(help="Event log, for example sqlite:///book.sqlite; default: a temporary one.")
    ] = None,
    host: Annotated[str, typer.Option(help="Beyond loopback a token is required.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8787,
) -> None:
    """The live engine with its API and dashboard."""
    from decimal import Decimal

    from marginbook.demo.scenarios import DEFAULT, names
    from marginbook.service.run import run_service

    if not book and not demo:
        raise typer.BadParameter("give a book, or --demo")
    if scenario is not None and scenario not in names():
        raise typer.BadParameter(f"{scenario!r} is not a scenario: {', '.join(names())}")
    for path in [*(book or []), *(prices or []), *([replay] if replay else [])]:
        _exists(path)
    run_service(
        book_paths=book or [],
        prices=prices or [],
        history=replay,
        demo=demo,
        scenario=scenario or DEFAULT,
        speed=None if speed is None else Decimal(str(speed)),
        database=database,
        host=host,
        port=port,
    )


@app.command()
def bench(
    names: Annotated[list[str] | None, typer.Argument(help="Benchmarks to run; default: all.")] = None,
    accounts: Annotated[int, typer.Option(min=100, help="Size of the synthetic book.")] = 1_000_000,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 1,
    json_: Json = False,
) -> None:
    """Measure: ratios within one run against a named baseline and a physical limit."""
    from marginbook.benchmarks import run

    answer = run(names or [], accounts=accounts, seed=seed)
    if json_:
        _print_json(answer)
    else:
        from marginbook.render import bench_table

        bench_table(answer)


@app.command()
def venues(json_: Json = False) -> None:
    """What is supported, and verified by what."""
    from marginbook.render import venues_table
    from marginbook.venues.matrix import support_matrix

    rows = support_matrix()
    if json_:
        _print_json({"rules": rows})
    else:
        venues_table(rows)


@app.command()
def new(rules: Annotated[str, typer.Argument(help="A rule set, for example binance/usdm.")]) -> None:
    """Print a commented book to start from."""
    from marginbook.connectors.schema import new_book

    typer.echo(new_book(rules), nl=False)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a book file."""
    from marginbook.connectors.schema import json_schema

    _print_json(json_schema())


def _load(files: "Sequence[Path]", prices: "Sequence[Path] | None") -> "BookFile":
    from marginbook.connectors.books import load_book

    for path in [*files, *(prices or [])]:
        _exists(path)
    return load_book(files, prices or [])


def _account(book: "BookFile", file: Path, name: str) -> "Account":
    """An account of a book; BadInput why it was rejected, or which there are."""
    from marginbook.domain.errors import BadInput

    for rejected in book.rejected:
        if rejected.id == name:
            raise BadInput(*_fields(rejected.problem))
    for account in book.accounts:
        if account.id == name:
            return account
    known = ", ".join(account.id for account in book.accounts[:10])
    raise BadInput("unknown_account", str(file), name, f"one of {known}")


def _exists(path: Path) -> None:
    if not path.exists():
        raise typer.BadParameter(f"{path} does not exist")


def _moment(at: str | None, book: "BookFile") -> int:
    """--at, else the time of the prices, else now: the only clock of the command line."""
    if at is not None:
        return _time(at)
    if book.as_of is not None:
        return book.as_of
    import time

    return time.time_ns() // 1000


def _time(text: str) -> int:
    from marginbook.units import parse_time

    try:
        return parse_time(text)
    except ValueError as bad:
        raise typer.BadParameter(str(bad)) from None


def _evaluate(book: "BookFile", at: str | None, currency: str | None, days: float | None) -> "Iterator[Report]":
    from marginbook.connectors.books import market_of
    from marginbook.engine.evaluate import Report, evaluate, parameters_source
    from marginbook.units import DAY_MICROSECONDS

    moment = _moment(at, book)
    age = None if days is None else int(days * DAY_MICROSECONDS)
    market = market_of(book)
    parameters_of = parameters_source(book.overlays, moment)
    for account in book.accounts:
        yield evaluate(
            account,
            market,
            parameters_of,
            moment,
            currency=currency,
            borders=book.zones,
            parameters_max_age=age,
        )
    for rejected in book.rejected:
        venue = rejected.rules.partition("/")[0]
        yield Report(account=rejected.id, venue=venue, rules=rejected.rules, error=rejected.problem)


def _append_problems(answer: dict[str, Any], book: "BookFile") -> None:
    from marginbook.engine.answers import problem_json

    answer.setdefault("errors", [])
    answer["errors"] += [problem_json(p) for p in book.problems] + [problem_json(r.problem) for r in book.rejected]


def _zone(name: str) -> "Any":
    from marginbook.domain.zones import Zone

    try:
        return Zone[name.upper()]
    except KeyError:
        raise typer.BadParameter(f"{name!r} is not a zone: safe, warning, call, liquidation, bankrupt") from None


def _fields(problem: Any) -> tuple[str, str, str, str]:
    return problem.code, problem.place, problem.value, problem.expected


def _progress(items: "Iterable[Any]", total: int, what: str) -> "Iterable[Any]":
    """A progress bar on a terminal for long work; nothing otherwise."""
    if total < 2_000 or not sys.stderr.isatty():
        return items
    from rich.console import Console
    from rich.progress import track

    return track(items, description=what, total=total, console=Console(stderr=True))


def _ticker(what: str) -> "Any":
    """A progress callback for work of unknown length; None where nobody watches."""
    if not sys.stderr.isatty():
        return None
    from rich.console import Console
    from rich.progress import Progress

    bar = Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task(what, total=None)

    def tick(done: int, total: int | None) -> None:
        bar.start()
        bar.update(task, completed=done, total=total)
        if total is not None and done >= total:
            bar.stop()

    return tick


def _print_json(answer: Any) -> None:
    typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))


def _complain(text: str) -> None:
    typer.echo(f"marginbook: {text}", err=True)
