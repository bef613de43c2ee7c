"""The live service: `serve`."""

from pathlib import Path
from typing import Annotated

import typer

from marginbook.cli.common import Prices, app, must_exist


@app.command()
def serve(
    book: Annotated[list[Path] | None, typer.Argument(help="Book files or folders.")] = None,
    prices: Prices = None,
    replay: Annotated[Path | None, typer.Option("--replay", help="Play this price history over the book.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Replay a stress scenario over a generated book.")] = False,
    scenario: Annotated[str | None, typer.Option(help="Scenario of the demo, for example 2020-03-12.")] = None,
    speed: Annotated[float | None, typer.Option(min=0.1, help="Times real time, of a demo or a replay.")] = None,
    portfolios: Annotated[
        Path | None, typer.Option(help="Accounts under scenario margin, TOML or JSON, beside the book.")
    ] = None,
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
    for path in [*(book or []), *(prices or []), *(path for path in (replay, portfolios) if path)]:
        must_exist(path)
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
        portfolios=portfolios,
    )
