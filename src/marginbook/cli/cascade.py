"""Command `cascade`: a shock, the liquidations it sets off, and what their sales do to prices."""

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
    time_of,
)

if TYPE_CHECKING:
    from decimal import Decimal

    from marginbook.simulate.impact import Impact


@app.command()
def cascade(
    book: Annotated[list[Path], typer.Argument(help="Book files or folders.")],
    prices: Prices = None,
    shock: Annotated[
        list[str] | None,
        typer.Option("--shock", metavar="ETH=-20%", help="A price move that starts it; may repeat."),
    ] = None,
    only: Annotated[bool, typer.Option("--only", help="The shock moves what is named, not what is derived.")] = False,
    impact: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[ETH=]sqrt:Y=1,sigma=0.05,volume=1e9",
            help="What sales do to prices, of one asset or of all; also linear:depth=5e6, pool:reserve=1e7, none. "
            "Default: 5 % a day, a billion traded a day.",
        ),
    ] = None,
    depth: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ETH=1%:5e6,2%:9e6", help="Depth of an order book, or ETH=FILE.csv[@TIME] of recorded depth."
        ),
    ] = None,
    fund: Annotated[
        list[str] | None,
        typer.Option(metavar="binance:USDT=1000000", help="An insurance fund; may repeat; a+b:USDT=… is shared."),
    ] = None,
    execution: Annotated[
        str, typer.Option(metavar="SHARE", help="Share of a round's move that fills bear: 0 at the mark, 1 all of it.")
    ] = "0.5",
    rounds: Annotated[int, typer.Option(min=1, max=10_000, help="Most rounds.")] = 200,
    waterfall: Annotated[
        bool, typer.Option("--waterfall", help="Each liquidation is its venue's whole waterfall, not one step a round.")
    ] = False,
    at: At = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write a page with a picture.")] = None,
    json_: Json = False,
) -> None:
    """A shock, the liquidations it sets off by each venue's rules, their impact on prices, and on until it ends."""
    from marginbook.connectors.books import market_of
    from marginbook.domain.errors import BadInput
    from marginbook.engine.evaluate import parameters_source
    from marginbook.simulate.cascade_answer import cascade_of_book
    from marginbook.simulate.exact_cascade import Terms
    from marginbook.simulate.impact_text import DEFAULT, parse_impact

    if not shock:
        raise typer.BadParameter("give at least one --shock, for example --shock ETH=-20%")
    if report:
        must_exist(report.parent)
    warnings: list[str] = []
    try:
        general, impacts = _impacts(impact or [], depth or [], warnings)
        funds = _funds(fund or [])
        terms = Terms(
            impact=general or parse_impact(DEFAULT),
            impacts=impacts,
            funds=funds,
            fund_of={venue: name for name, _ in funds for venue in name.split("+")},
            execution=_share(execution),
            rounds_most=rounds,
        )
    except BadInput as bad:
        raise typer.BadParameter(str(bad.problem)) from None
    if waterfall:
        from marginbook.simulate.whole_waterfalls import with_waterfalls

        terms = with_waterfalls(terms)
    loaded = loaded_book(book, prices)
    moment = moment_of(at, loaded)
    parameters_of = parameters_source(loaded.overlays, moment)
    answer = cascade_of_book(
        loaded.accounts, market_of(loaded), parameters_of, shock, moment, terms, only=only, tick=ticker("rounds")
    )
    answer["warnings"] = warnings
    append_problems(answer, loaded)
    if report:
        from marginbook.simulate.cascade_report import page

        try:
            report.write_text(page(answer), encoding="utf-8")
        except OSError as bad_path:
            raise typer.BadParameter(f"{report} cannot be written: {bad_path.strerror}") from None
    if json_:
        print_json(answer)
    else:
        from marginbook.render.cascade import cascade_table

        cascade_table(answer)
    if answer["errors"]:
        raise typer.Exit(BAD_DATA)


def _impacts(curves: list[str], depths: list[str], warnings: list[str]) -> tuple["Impact | None", dict[str, "Impact"]]:
    """(the curve of all assets, curves by asset)."""
    from marginbook.connectors.depths import read_depth
    from marginbook.domain.errors import BadInput
    from marginbook.simulate.impact import book
    from marginbook.simulate.impact_text import asset_and_rest, parse_impact, parse_levels

    found: dict[str | None, Any] = {}
    for text in curves:
        asset, rest = asset_and_rest(text)
        found[asset] = parse_impact(rest)
    for text in depths:
        asset, rest = asset_and_rest(text)
        if asset is None:
            raise BadInput("bad_impact", "--depth", text, "an asset before it: ETH=1%:5e6,2%:9e6 or ETH=FILE.csv")
        name, _, moment = rest.partition("@")
        if "%" in name:
            found[asset] = book(parse_levels(rest))
            continue
        must_exist(Path(name))
        read = read_depth(Path(name), time_of(moment) if moment else None)
        warnings += read.warnings
        found[asset] = book(read.bids, read.asks)
    general = found.pop(None, None)
    return general, {asset: curve for asset, curve in found.items() if asset is not None}


def _funds(texts: list[str]) -> dict[tuple[str, str], "Decimal"]:
    from marginbook.domain.errors import BadInput
    from marginbook.exact import parse_decimal

    funds = {}
    for text in texts:
        place, _, amount = text.partition("=")
        venue, _, currency = place.partition(":")
        try:
            value = parse_decimal(amount.strip())
        except ValueError:
            value = None
        if not (venue and currency) or value is None or value < 0:
            raise BadInput("bad_fund", "--fund", text, "venue, currency and amount: binance:USDT=1000000")
        funds[venue, currency] = value
    return funds


def _share(text: str) -> "Decimal":
    from marginbook.domain.errors import BadInput
    from marginbook.exact import parse_decimal

    try:
        value = parse_decimal(text)
    except ValueError:
        value = None
    if value is None or not 0 <= value <= 1:
        raise BadInput("bad_share", "--execution", text, "a number from 0 to 1")
    return value
