"""Named scenarios: what prices did in real crashes, as shocks. Figures with their sources are in `data/scenarios.json`.

A scenario has spans: the worst hour, the worst 24 hours, the fall within 48 hours. Assets of a book that the scenario
has no figure of move by the median of its figures, which is assumed and told; stable assets stay, unless the scenario
names them. A window of somebody's own price file is a scenario too.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from statistics import median_low
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.exact import ZERO, in_exact_context
from marginbook.margin_calls.assets import is_stable, underlying
from marginbook.simulate.histories import History, worst_window
from marginbook.simulate.shocks import Shock
from marginbook.units import STABLE_ASSETS

SPAN = "24h"
"""The span of a name that gives none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Moves of assets, as fractions of their first prices."""

    name: str
    title: str
    source: str
    start: str
    end: str
    how: str
    moves: Mapping[str, Decimal]


@cache
def _read() -> Any:
    return json.loads(files("marginbook.simulate").joinpath("data", "scenarios.json").read_text())["scenarios"]


def names() -> list[str]:
    """Every scenario with each of its spans.

    >>> names()[:2]
    ['black-thursday-2020:1h', 'black-thursday-2020:24h']
    """
    return [f"{name}:{span}" for name, table in _read().items() for span in table["spans"]]


def scenario(name: str) -> Scenario:
    """The scenario `name`, or one span of it; without a span 24 hours, or what there is.

    >>> scenario("black-thursday-2020").moves["ETH"], scenario("may-2021:1h").moves["ETH"]
    (Decimal('-0.4778'), Decimal('-0.2797'))
    """
    first, _, span = name.partition(":")
    table = _read().get(first)
    spans = table["spans"] if table else {}
    chosen = span or (SPAN if SPAN in spans else next(iter(spans), ""))
    if chosen not in spans:
        raise BadInput("unknown_scenario", "scenario", name, "one of " + ", ".join(names()))
    found = spans[chosen]
    moves = {asset: Decimal(move) for asset, move in found["moves"].items()}
    return Scenario(
        name=f"{first}:{chosen}",
        title=table["title"],
        source=table["source"],
        start=found["from"],
        end=found["to"],
        how=found["how"],
        moves=moves,
    )


def historical(found: History, hours: float, name: str) -> Scenario:
    """The window of so many hours of a history in which the mean log move was least, moves to six decimals."""
    moves, start, end = worst_window(found, hours)
    return Scenario(
        name=name,
        title=f"the worst {hours:g} hours of {name}",
        source=name,
        start=start,
        end=end,
        how="least mean log move of the book's assets",
        moves={asset: Decimal(f"{move:.6f}") for asset, move in moves.items()},
    )


@in_exact_context
def shocks_of(found: Scenario, market: Market) -> tuple[list[Shock], list[str]]:
    """(a shock per asset that the market quotes, the assets that moved by the median for want of a figure)."""
    quoted = sorted({underlying(key[1]) for key in market.quotes})
    known = {underlying(asset): move for asset, move in found.moves.items()}
    assumed = [asset for asset in quoted if asset not in known and not is_stable(asset, STABLE_ASSETS)]
    rest = median_low(known.values())
    moves = {asset: known[asset] for asset in quoted if asset in known} | dict.fromkeys(assumed, rest)
    if not moves:
        raise BadInput("unknown_market", f"scenario {found.name}", "none", f"a price of {', '.join(known)}")
    shocks = [Shock(target=asset, move=move, text=f"{asset}={move}") for asset, move in moves.items() if move != ZERO]
    return shocks, assumed
