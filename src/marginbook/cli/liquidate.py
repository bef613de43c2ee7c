"""Command `liquidate`: one account's liquidation step by step, by its venue's own rules."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from marginbook.cli.common import (
    BAD_DATA,
    LIQUIDATABLE,
    At,
    Json,
    Prices,
    account_named,
    app,
    append_problems,
    loaded_book,
    moment_of,
    print_json,
)

if TYPE_CHECKING:
    from decimal import Decimal


@app.command()
def liquidate(
    book: Annotated[Path, typer.Argument(help="A book file or folder.")],
    account: Annotated[str, typer.Argument(help="Id of an account.")],
    prices: Prices = None,
    shock: Annotated[
        list[str] | None,
        typer.Option("--shock", metavar="ETH=-20%", help="Move prices first; may repeat."),
    ] = None,
    fund: Annotated[
        list[str] | None, typer.Option(metavar="USDT=1000", help="The venue's insurance fund; may repeat.")
    ] = None,
    at: At = None,
    json_: Json = False,
) -> None:
    """What the venue does to an account now: every step with its reason, price and flows, and what is left."""
    from marginbook.connectors.books import market_of
    from marginbook.engine.evaluate import parameters_source
    from marginbook.liquidation.answers import amounts, waterfall_json
    from marginbook.liquidation.fund import Fund
    from marginbook.liquidation.venue_stages import stages_of
    from marginbook.liquidation.waterfall import run
    from marginbook.simulate.shocks import shocked
    from marginbook.venues.registry import rule_set

    loaded = loaded_book([book], prices)
    chosen = account_named(loaded, book, account)
    moment = moment_of(at, loaded)
    parameters = parameters_source(loaded.overlays, moment)(chosen)
    market = market_of(loaded)
    if shock:
        market, _ = shocked(market, shock)
    held, now = Fund(_funds(fund or [])), chosen
    answer: dict[str, Any] = {"account": chosen.id, "rules": chosen.rules, "fund_before": amounts(held.balances)}
    answer["pools"] = []
    for pool in rule_set(chosen.rules).module.risk(chosen, market, parameters, moment):
        if pool not in rule_set(now.rules).module.risk(now, market, parameters, moment):
            continue
        found = run(now, pool, market, parameters, moment, fund=held)
        now, market, held = found.account, found.market, found.fund
        answer["pools"].append(waterfall_json(found, pool))
    answer["fund_after"] = amounts(held.balances)
    answer["unverified"] = list(stages_of(chosen.rules).unverified)
    append_problems(answer, loaded)
    if json_:
        print_json(answer)
    else:
        from marginbook.render.liquidate import waterfall_view

        waterfall_view(answer)
    bad = any(one["outcome"] in ("deficit", "refused") for one in answer["pools"])
    code = LIQUIDATABLE if bad else BAD_DATA if answer["errors"] else 0
    if code:
        raise typer.Exit(code)


def _funds(texts: list[str]) -> dict[str, "Decimal"]:
    from marginbook.domain.errors import BadInput
    from marginbook.exact import parse_decimal

    found = {}
    for text in texts:
        asset, _, amount = text.partition("=")
        try:
            found[asset] = parse_decimal(amount)
        except ValueError:
            raise BadInput("bad_fund", "--fund", text, "an asset and an amount: USDT=1000") from None
    return found
