"""What is always in sight: mode, clock, counts and notional by zone, ages of prices and parameters."""

import time
from decimal import Decimal
from typing import Any

from marginbook.domain.market import Market, QuoteKey
from marginbook.domain.zones import Zone
from marginbook.engine.answers import problem_json
from marginbook.exact import divide, in_exact_context, round_half_up
from marginbook.margin_calls.assets import underlying
from marginbook.service.core import Core
from marginbook.service.provider import Json
from marginbook.service.runner import Runner
from marginbook.service.sweeps import assets_of, money
from marginbook.service.view import View
from marginbook.units import DAY_MICROSECONDS, MICROSECONDS, STABLE_ASSETS, format_time

PARAMETERS_MAX_AGE = 7 * DAY_MICROSECONDS
LIVE_MAX_AGE = 5 * 60 * MICROSECONDS
"""[µs] of a quote that declares none itself, where frames are expected."""
QUOTES_SHOWN = ("BTC", "ETH", "SOL", "XRP", "LINK", "AVAX", "DOGE", "AAVE")


@in_exact_context
def summary_of(runner: Runner) -> Json:
    """The whole summary; while the book is being built, how far that is."""
    setup, view, player = runner.setup, runner.view, runner.player
    body: Json = {
        "mode": setup.mode,
        "title": setup.title,
        "banner": setup.banner,
        "book": runner.generation,
        "can_restore": runner.shelf is not None,
        "speed": player.speed,
        "paused": player.paused,
        "finished": player.finished,
        "currency": "USD",
        "calls_opened": runner.timeline.calls,
        "liquidations": runner.timeline.liquidations,
        "failure": None if runner.failure is None else problem_json(runner.failure),
    }
    if view is None or runner.core is None:
        nothing = {zone.label: 0 for zone in Zone}
        return body | {
            "loading": {"done": runner.built, "total": setup.total},
            "clock": format_time(setup.at),
            "progress": None,
            "accounts": 0,
            "counts": nothing,
            "notional": {name: Decimal(0) for name in nothing},
            "bad_debt": Decimal(0),
            "frames_per_second": 0,
            "prices": {"age_seconds": None, "stale": 0, "count": 0, "oldest": None},
            "parameters": {"as_of": None, "age_seconds": None, "stale": False},
            "venues": {},
            "assets": ["ALL"],
            "quotes": [],
        }
    ages = [(age_of(view, runner, key), key) for key in view.market.quotes]
    oldest = max(ages, default=None)
    stale = [key for age, key in ages if age > max_age_of(view.market, runner, key)]
    tables = parameter_rows(runner.core, view, setup.mode == "live")
    table = min(tables, key=lambda row: str(row["as_of"]), default=None)
    return body | {
        "loading": None,
        "clock": format_time(view.at),
        "progress": player.progress(view.at),
        "accounts": len(view.names),
        "counts": view.counts,
        "notional": {name: money(value) for name, value in view.notional.items()},
        "bad_debt": money(view.bad_debt),
        "frames_per_second": round(runner.frames_per_second),
        "prices": {
            "age_seconds": oldest[0] // MICROSECONDS if oldest else None,
            "stale": len(stale),
            "count": len(ages),
            "oldest": ":".join(oldest[1]) if oldest else None,
        },
        "parameters": {
            "as_of": table["as_of"] if table else None,
            "age_seconds": table["age_seconds"] if table else None,
            "stale": bool(table and table["stale"]),
        },
        "venues": view.venues,
        "assets": assets_of(view.market.quotes),
        "quotes": quotes_of(view.market, setup.market),
    }


def age_of(view: View, runner: Runner, key: QuoteKey) -> int:
    """Age of a quote [µs] on the book's own clock, which goes on between events where events are expected."""
    quote = view.market.quotes[key]
    since = view.market.as_of if quote.time is None else quote.time
    if since is None:
        return 0
    age = max(view.at - since, 0)
    if runner.setup.mode == "live":
        age += int((time.monotonic() - runner.last_wall) * MICROSECONDS)
    return age


def max_age_of(market: Market, runner: Runner, key: QuoteKey) -> int:
    """Age [µs] from which on a quote is stale; a file's own prices are not."""
    declared = market.quotes[key].max_age
    if declared is not None:
        return declared
    return 2**62 if runner.setup.mode == "file" else LIVE_MAX_AGE


def price_rows(view: View, runner: Runner) -> list[Json]:
    """Every quote with its age."""
    rows = []
    for key in sorted(view.market.quotes):
        quote, age = view.market.quotes[key], age_of(view, runner, key)
        rows.append(
            {
                "venue": key[0],
                "market": key[1],
                "kind": key[2],
                "price": quote.price,
                "time": None if quote.time is None else format_time(quote.time),
                "source": quote.source,
                "age_seconds": age // MICROSECONDS,
                "stale": age > max_age_of(view.market, runner, key),
                "substituted": quote.substituted,
            }
        )
    return rows


def parameter_rows(core: Core, view: View, live: bool) -> list[Json]:
    """Every parameter table in use with its date; in live use an old one is stale."""
    rows = []
    for name, parameters in core.tables():
        as_of: Any = getattr(parameters, "as_of", None)
        age = None if as_of is None else max(view.at - as_of, 0)
        rows.append(
            {
                "rules": name,
                "as_of": None if as_of is None else format_time(as_of),
                "age_seconds": None if age is None else age // MICROSECONDS,
                "stale": live and age is not None and age > PARAMETERS_MAX_AGE,
                "source": getattr(parameters, "source", None),
            }
        )
    return [row for row in rows if row["as_of"] is not None] or rows[:0]


def quotes_of(market: Market, start: Market) -> list[Json]:
    """A few main prices and how far each has moved since the start."""
    found: dict[str, Json] = {}
    for key, quote in market.quotes.items():
        asset = underlying(key[1])
        if asset in found or asset in STABLE_ASSETS or not key[1].upper().startswith(asset):
            continue
        before = start.quotes.get(key)
        change = Decimal(0) if before is None or not before.price else divide(quote.price, before.price) - 1
        found[asset] = {"asset": asset, "price": quote.price, "change": round_half_up(change, 4)}
    shown = [found[asset] for asset in QUOTES_SHOWN if asset in found]
    return shown or list(found.values())[:8]
