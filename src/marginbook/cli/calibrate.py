"""The command `calibrate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from marginbook.cli.common import BAD_DATA, Json, app, must_exist, print_json

if TYPE_CHECKING:
    from marginbook.connectors.price_series import PriceSeries
    from marginbook.risk_models.calibration import Calibration

SHEET = (
    *("quantity", "market", "with", "value", "unit", "convention"),
    *("from", "to", "observations", "file", "sha256"),
)
"""Columns of the sheet."""


@app.command()
def calibrate(
    prices: Annotated[list[Path], typer.Argument(help="Price histories or candles, CSV (also gzipped) or Parquet.")],
    market: Annotated[
        list[str] | None, typer.Option(help="Only this one, wherever a file has several; may repeat.")
    ] = None,
    horizon: Annotated[str, typer.Option(metavar="HOURS", help="Time that ranges must cover.")] = "24",
    confidence: Annotated[str, typer.Option(help="Share of changes that they must cover.")] = "0.99",
    window: Annotated[str, typer.Option(metavar="DAYS", help="History that they are estimated from.")] = "365",
    sheet: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="Write what was estimated from what.")] = None,
    json_: Json = False,
) -> None:
    """Volatility, scan ranges and correlation from price files, with what each was estimated from."""
    from decimal import Decimal, InvalidOperation

    from marginbook.domain.errors import BadInput
    from marginbook.engine.answers import problem_json
    from marginbook.risk_models.calibration import Choice, Prices
    from marginbook.risk_models.calibration import calibrate as run

    for path in prices:
        must_exist(path)
    if sheet:
        must_exist(sheet.parent)
    try:
        choice = Choice(horizon=Decimal(horizon), confidence=Decimal(confidence), window=Decimal(window))
    except InvalidOperation:
        raise typer.BadParameter("--horizon, --confidence and --window are numbers") from None
    except BadInput as bad:
        raise typer.BadParameter(str(bad.problem)) from None
    read = [(path, series) for path in prices for series in _series(path, market or [], len(prices) == 1)]
    if not read:
        raise BadInput("unknown_market", ", ".join(map(str, prices)), ", ".join(market or []), "a market of a file")
    found = run([Prices(one.name, one.times, one.prices) for _, one in read], choice)
    answer = _answer(found, {one.name: path for path, one in read})
    answer["errors"] = [problem_json(problem) for _, one in read for problem in one.problems]
    if sheet:
        _write(sheet, answer["estimates"])
    if json_:
        print_json(answer)
    else:
        from marginbook.render.calibrate import calibration_table

        calibration_table(answer)
    if answer["errors"]:
        raise typer.Exit(BAD_DATA)


def _series(path: Path, markets: list[str], alone: bool) -> "list[PriceSeries]":
    """What is read of one file: its only market, or those asked for; of several files each may lack some."""
    from marginbook.connectors.price_series import read_price_series
    from marginbook.domain.errors import BadInput

    if not markets:
        return [read_price_series(path)]
    found = []
    for name in markets:
        try:
            found.append(read_price_series(path, name))
        except BadInput as bad:
            if alone or bad.problem.code != "unknown_market":
                raise
    return found


def _answer(found: "Calibration", files: dict[str, Path]) -> dict[str, Any]:
    from hashlib import sha256

    from marginbook.risk_models.calibration import HOUR, period

    hashes = {path: sha256(path.read_bytes()).hexdigest() for path in set(files.values())}
    rows = []
    for one in found.estimates:
        start, end = period(one)
        paths = dict.fromkeys(files[name] for name in (one.market, one.with_market) if name)
        rows.append(
            {
                "quantity": one.quantity,
                "market": one.market,
                "with": one.with_market or None,
                "value": one.value,
                "unit": one.unit,
                "convention": one.convention,
                "from": start,
                "to": end,
                "observations": one.observations,
                "file": " ".join(str(path) for path in paths),
                "sha256": " ".join(hashes[path] for path in paths),
            }
        )
    return {
        "markets": list(found.markets),
        "step_hours": found.step / HOUR,
        "estimates": rows,
        "correlation": found.correlation.tolist(),
        "ewma_correlation": found.recent_correlation.tolist(),
        "warnings": list(found.warnings),
    }


def _write(sheet: Path, rows: list[dict[str, Any]]) -> None:
    import csv

    try:
        with sheet.open("w", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, SHEET)
            writer.writeheader()
            writer.writerows(rows)
    except OSError as bad:
        raise typer.BadParameter(f"{sheet} cannot be written: {bad.strerror}") from None
