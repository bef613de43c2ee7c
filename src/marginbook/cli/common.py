"""What the commands share: the application, option types, exit codes, reading of books and times."""

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


def loaded_book(files: "Sequence[Path]", prices: "Sequence[Path] | None") -> "BookFile":
    """The book in files or folders, with prices of their own."""
    from marginbook.connectors.books import load_book

    for path in [*files, *(prices or [])]:
        must_exist(path)
    return load_book(files, prices or [])


def account_named(book: "BookFile", file: Path, name: str) -> "Account":
    """An account of a book; BadInput why it was rejected, or which there are."""
    from marginbook.domain.errors import BadInput

    for rejected in book.rejected:
        if rejected.id == name:
            raise BadInput(*problem_fields(rejected.problem))
    for account in book.accounts:
        if account.id == name:
            return account
    known = ", ".join(account.id for account in book.accounts[:10])
    raise BadInput("unknown_account", str(file), name, f"one of {known}")


def must_exist(path: Path) -> None:
    """A usage error where there is no such path."""
    if not path.exists():
        raise typer.BadParameter(f"{path} does not exist")


def moment_of(at: str | None, book: "BookFile") -> int:
    """--at, else the time of the prices, else now: the only clock of the command line."""
    if at is not None:
        return time_of(at)
    if book.as_of is not None:
        return book.as_of
    import time

    return time.time_ns() // 1000


def time_of(text: str) -> int:
    """A time that was typed."""
    from marginbook.units import parse_time

    try:
        return parse_time(text)
    except ValueError as bad:
        raise typer.BadParameter(str(bad)) from None


def evaluated(book: "BookFile", at: str | None, currency: str | None, days: float | None) -> "Iterator[Report]":
    """Reports of all accounts of a book, rejected ones included as errors."""
    from marginbook.connectors.books import market_of
    from marginbook.engine.evaluate import Report, evaluate, parameters_source
    from marginbook.units import DAY_MICROSECONDS

    moment = moment_of(at, book)
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


def append_problems(answer: dict[str, Any], book: "BookFile") -> None:
    """Add what could not be read to an answer's errors."""
    from marginbook.engine.answers import problem_json

    answer.setdefault("errors", [])
    answer["errors"] += [problem_json(p) for p in book.problems] + [problem_json(r.problem) for r in book.rejected]


def zone_named(name: str) -> "Any":
    """A zone that was typed."""
    from marginbook.domain.zones import Zone

    try:
        return Zone[name.upper()]
    except KeyError:
        raise typer.BadParameter(f"{name!r} is not a zone: safe, warning, call, liquidation, bankrupt") from None


def problem_fields(problem: Any) -> tuple[str, str, str, str]:
    """Code, place, value and expectation."""
    return problem.code, problem.place, problem.value, problem.expected


def progress(items: "Iterable[Any]", total: int, what: str) -> "Iterable[Any]":
    """A progress bar on a terminal for long work; nothing otherwise."""
    if total < 2_000 or not sys.stderr.isatty():
        return items
    from rich.console import Console
    from rich.progress import track

    return track(items, description=what, total=total, console=Console(stderr=True))


def ticker(what: str) -> "Any":
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


def print_json(answer: Any) -> None:
    """An answer on standard output."""
    typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))


def complain(text: str) -> None:
    """A line on standard error."""
    typer.echo(f"marginbook: {text}", err=True)
