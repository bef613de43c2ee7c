"""Commands that move prices: `replay`, `stress`, `backtest`."""

from pathlib import Path
from typing import Annotated

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
    time_of,
)


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
        must_exist(path)
    loaded = loaded_book([book], None)
    happened = read_events(events) if events else ()
    answer = run(
        loaded.accounts, market_of(loaded), loaded.overlays, read_price_frames(prices), happened, ticker("events")
    )
    refused = [*loaded.problems, *(rejected.problem for rejected in loaded.rejected)]
    answer["problems"] = [problem_json(problem) for problem in refused] + answer["problems"]
    if json_:
        print_json(answer)
    else:
        from marginbook.render.simulations import replay_table

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
    scenario: Annotated[
        str | None, typer.Option(metavar="NAME", help="A crash by name, perhaps with :1h, :24h or :48h.")
    ] = None,
    history: Annotated[Path | None, typer.Option(metavar="FILE", help="The worst window of these prices.")] = None,
    hours: Annotated[float, typer.Option(help="Length of that window.")] = 24.0,
    correlated: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The rest moves as these prices lead to expect of the shocks.")
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(metavar="aave.WETH.liquidation_threshold=0.80", help="Another parameter; may repeat."),
    ] = None,
    venue_down: Annotated[
        str | None, typer.Option("--venue-down", metavar="VENUE", help="Owners' accounts there are out of reach.")
    ] = None,
    reverse: Annotated[
        str | None, typer.Option(metavar="bad_debt=1000000", help="The smallest move that costs so much.")
    ] = None,
    direction: Annotated[str, typer.Option(help="Of --reverse: all, ETH, +ETH, ETH=-1,SOL=-1.5, a scenario.")] = "all",
    at: At = None,
    json_: Json = False,
) -> None:
    """What a price move does to a book: zones, notional and bad debt before and after."""
    from marginbook.cli.stress_options import WhatIf, stress_answer

    asked = WhatIf(
        shocks=tuple(shock or ()),
        only=only,
        scenario=scenario,
        history=history,
        hours=hours,
        correlated=correlated,
        parameters=tuple(parameter or ()),
        venue_down=venue_down,
        reverse=reverse,
        direction=direction,
    )
    if not asked.anything:
        raise typer.BadParameter("give at least one --shock, for example --shock ETH=-20%, or --scenario, --reverse …")
    for file in (history, correlated):
        if file:
            must_exist(file)
    loaded = loaded_book(book, prices)
    answer = stress_answer(loaded, moment_of(at, loaded), asked)
    append_problems(answer, loaded)
    if json_:
        print_json(answer)
    else:
        from marginbook.render.simulations import stress_table
        from marginbook.render.stress import what_if_tables

        stress_table(answer)
        what_if_tables(answer)
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

    must_exist(prices)
    if report:
        must_exist(report.parent)
    try:
        choice = Choice(
            horizon=Decimal(horizon),
            confidence=Decimal(confidence),
            window=Decimal(window),
            start=time_of(start) if start else None,
            end=time_of(end) if end else None,
            models=tuple(model or ()),
        )
    except InvalidOperation:
        raise typer.BadParameter("--horizon, --confidence and --window are numbers") from None
    except BadInput as bad:
        raise typer.BadParameter(str(bad.problem)) from None
    series = read_price_series(prices, market)
    found = compare(series.times, series.prices, choice, series.name, ticker("models"))
    told = answer(found)
    told["errors"] = [problem_json(problem) for problem in series.problems]
    if report:
        from marginbook.simulate.backtest_report import page

        try:
            report.write_text(page(found), encoding="utf-8")
        except OSError as bad:
            raise typer.BadParameter(f"{report} cannot be written: {bad.strerror}") from None
    if json_:
        print_json(told)
    else:
        from marginbook.render.simulations import backtest_table

        backtest_table(told)
    if series.problems:
        raise typer.Exit(BAD_DATA)
