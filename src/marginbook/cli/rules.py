"""Commands about the rule sets themselves: `conform`, `bench`, `venues`, `new`, `schema`."""

from pathlib import Path
from typing import Annotated

import typer

from marginbook.cli.common import BAD_DATA, FINE, Json, app, print_json


@app.command()
def conform(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders of numeric cases.")], json_: Json = False
) -> None:
    """Run someone else's numbers through the rule sets; exit 1 if any failed."""
    from marginbook.testing.conformance import conform as run

    answer = run(paths)
    if json_:
        print_json(answer)
    else:
        from marginbook.render.rules import conform_table

        conform_table(answer)
    raise typer.Exit(BAD_DATA if answer["failures"] else FINE)


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
        print_json(answer)
    else:
        from marginbook.render.rules import bench_table

        bench_table(answer)


@app.command()
def venues(json_: Json = False) -> None:
    """What is supported, and verified by what."""
    from marginbook.render.rules import venues_table
    from marginbook.venues.matrix import support_matrix

    rows = support_matrix()
    if json_:
        print_json({"rules": rows})
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

    print_json(json_schema())
