"""Commands about the accounts of a book: `check`, `explain`, `what-if`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from marginbook.cli.common import (
    BAD_DATA,
    FINE,
    IN_CALL,
    LIQUIDATABLE,
    At,
    Files,
    Json,
    Prices,
    account_named,
    app,
    evaluated,
    loaded_book,
    moment_of,
    print_json,
    progress,
    zone_named,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from marginbook.connectors.books import BookFile
    from marginbook.margin_calls.order_effects import Trial


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

    threshold = zone_named(fail_on) if fail_on else None
    book = loaded_book(files, prices)
    reports = list(
        progress(evaluated(book, at, currency, parameters_max_age), len(book.accounts) + len(book.rejected), "accounts")
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
        print_json(answer)
    else:
        from marginbook.render.accounts import check_view

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

    book = loaded_book([file], prices)
    moment = moment_of(at, book)
    found = account_named(book, file, account)
    rules = rule_set(found.rules)
    parameters = parameters_source(book.overlays, moment)(found)
    node = rules.module.explain(found, market_of(book), parameters, moment)
    if json_:
        print_json(node_json(node))
    else:
        from marginbook.render.accounts import explain_tree

        explain_tree(account, node)


@app.command("what-if")
def what_if(
    file: Annotated[Path, typer.Argument(help="A book file or folder.")],
    account: Annotated[str | None, typer.Argument(help="Account id.")] = None,
    order: Annotated[
        list[str] | None,
        typer.Option("--order", metavar="'buy 0.5 BTCUSDT @ 60000'", help="An order; may repeat, filled in turn."),
    ] = None,
    everyone: Annotated[bool, typer.Option("--all", help="On every account of the book.")] = False,
    limit: Annotated[int, typer.Option(min=0, help="With --all: accounts that are shown, worst first.")] = 20,
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
    if (account is None) != everyone:
        raise typer.BadParameter("name an account, or give --all")
    trials = [order_of(text) for text in order]
    book = loaded_book([file], prices)
    moment = moment_of(at, book)
    if account is None:
        _what_if_all(book, moment, trials, limit, json_)
        return
    found = account_named(book, file, account)
    parameters = parameters_source(book.overlays, moment)(found)
    answer = orders_json(rule_set(found.rules), found, market_of(book), parameters, moment, trials, book.zones)
    if json_:
        print_json(answer)
    else:
        from marginbook.render.accounts import what_if_view

        what_if_view(answer)
    code = FINE if answer["allowed"] else BAD_DATA
    zone = Zone[(answer["after"] or answer["before"])["zone"].upper()]
    if zone is Zone.CALL:
        code = IN_CALL
    raise typer.Exit(LIQUIDATABLE if zone in (Zone.LIQUIDATION, Zone.BANKRUPT) else code)


def _what_if_all(loaded: "BookFile", moment: int, trials: "Sequence[Trial]", limit: int, json_: bool) -> None:
    """The orders on every account: counts, and the accounts that come out worst."""
    from marginbook.book.book import Book
    from marginbook.connectors.books import market_of
    from marginbook.engine.answers import problem_json
    from marginbook.engine.book_orders import book_orders_json
    from marginbook.engine.evaluate import parameters_source
    from marginbook.margin_calls.fast_what_if import OrderDesk

    parameters_of = parameters_source(loaded.overlays, moment)
    book = Book.from_accounts(loaded.accounts, market_of(loaded), parameters_of, moment, loaded.zones or None)
    answer = book_orders_json(OrderDesk(book), trials, limit)
    problems = [*loaded.problems, *(row.problem for row in loaded.rejected), *book.problems.values()]
    answer["errors"] = [problem_json(problem) for problem in problems]
    if json_:
        print_json(answer)
    else:
        from marginbook.render.what_if import book_orders_view

        book_orders_view(answer)
    if problems or answer["not_evaluated"]:
        raise typer.Exit(BAD_DATA)
