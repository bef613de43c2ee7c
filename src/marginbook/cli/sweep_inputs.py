"""What `sweep` works on: a book or a generated population under some parameters, and a model of prices."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from marginbook.cli.common import append_problems, loaded_book, moment_of

if TYPE_CHECKING:
    from marginbook.book.book import Book
    from marginbook.simulate.parameter_changes import Change
    from marginbook.simulate.paths import Model

VOLATILITY, CORRELATION = 0.8, 0.7
"""Assumed where neither an option nor a history says more; the answer warns of it."""


@dataclass(frozen=True, slots=True)
class Source:
    """Makes the book, its parameters changed or not; what could not be read."""

    build: "Callable[[Sequence[Change]], Book]"
    errors: list[dict[str, Any]]


def book_source(files: list[Path], prices: list[Path] | None, at: str | None) -> Source:
    """Accounts of files."""
    from marginbook.book.book import Book
    from marginbook.connectors.books import market_of
    from marginbook.engine.evaluate import parameters_source
    from marginbook.simulate.parameter_changes import changed_parameters

    loaded = loaded_book(files, prices)
    moment = moment_of(at, loaded)
    usual = parameters_source(loaded.overlays, moment)
    told: dict[str, Any] = {}
    append_problems(told, loaded)

    def build(changes: "Sequence[Change]") -> "Book":
        parameters_of = changed_parameters(usual, loaded.overlays, changes, moment)
        return Book.from_accounts(loaded.accounts, market_of(loaded), parameters_of, moment, loaded.zones or None)

    return Source(build, told["errors"])


def population_source(accounts: int, seed: int, kind: str, save: Path | None) -> Source:
    """Generated accounts, written to a file if asked for."""
    from marginbook.book.book import Book
    from marginbook.engine.evaluate import parameters_source
    from marginbook.simulate import populations
    from marginbook.simulate.parameter_changes import changed_parameters

    columns = populations.columns(
        populations.Population(accounts=accounts, seed=seed, kind=kind)  # type: ignore[arg-type]
    )
    usual, market, moment = parameters_source({}, populations.AT), populations.market(), populations.AT

    def build(changes: "Sequence[Change]") -> "Book":
        return Book.from_columns(columns, market, changed_parameters(usual, {}, changes, moment), moment)

    if save:
        _save(build(()), save)
    return Source(build, [])


def _save(made: "Book", file: Path) -> None:
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
    file.write_text(json.dumps(book_to_json(written), indent=1), encoding="utf-8")


def model_of(
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
