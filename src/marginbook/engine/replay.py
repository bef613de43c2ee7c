"""A book through a history of prices and events: every zone change at its tick, and where everybody ends."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.errors import Problem
from marginbook.domain.events import Event, ZoneChange
from marginbook.domain.market import Market
from marginbook.domain.zones import Zone
from marginbook.engine.answers import problem_json
from marginbook.engine.apply import in_order
from marginbook.engine.book_store import BookStore
from marginbook.engine.fold import Fold
from marginbook.engine.outputs import NotEvaluated, Output, Rejected
from marginbook.engine.state import Overlay, State
from marginbook.engine.tables import Tables
from marginbook.units import format_time

Progress = Callable[[int, int | None], None]
TICKS_PER_PROGRESS = 64


def replay(
    accounts: Sequence[Account],
    market: Market,
    overlays: Mapping[str, Overlay],
    frames: Iterable[Event | Problem],
    events: Iterable[Event | Problem] = (),
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The answer of `replay --json`.

    The clock starts at the first frame, and so do the parameters; prices of the book that are newer than it count as
    undated. `frames` and `events` are in order of time; what is wrong in them is listed under `problems`.
    """
    problems: list[Problem] = []
    prices = _events(frames, problems)
    first = next(prices, None)
    at = (market.as_of or 0) if first is None else first.stamp.time
    history = chain([] if first is None else [first], prices)
    state = State(clock=at, market=_undated_after(market, at), overlays=overlays)
    tables = Tables(state.overlays, {}, at)
    store, blind = BookStore.from_accounts(accounts, state.market, tables.of, at)
    fold = Fold(replace(state, blind=blind), store, tables)
    rows = _rows(fold.opened(store.moves_from_safe()), problems)
    done = 0
    for event in in_order(history, _events(events, problems)):
        rows += _rows(fold.step(event), problems)
        done += 1
        if progress and done % TICKS_PER_PROGRESS == 0:
            progress(done, None)
    if progress:
        progress(done, done)
    problems += [known.problem for known in fold.blind.values()]
    return {
        "events": rows,
        "final": _final(fold, store),
        "problems": [problem_json(problem) for problem in dict.fromkeys(problems)],
    }


def _events(stream: Iterable[Event | Problem], problems: list[Problem]) -> Iterator[Event]:
    for item in stream:
        if isinstance(item, Problem):
            problems.append(item)
        else:
            yield item


def _undated_after(market: Market, at: int) -> Market:
    quotes = {
        key: replace(quote, time=None) if quote.time is not None and quote.time > at else quote
        for key, quote in market.quotes.items()
    }
    return replace(market, quotes=quotes)


def _rows(outputs: Iterable[Output], problems: list[Problem]) -> list[dict[str, Any]]:
    rows = []
    for output in outputs:
        if isinstance(output, ZoneChange):
            rows.append(
                {
                    "time": format_time(output.time),
                    "sequence": output.sequence,
                    "account": output.account,
                    "pool": output.pool,
                    "from": output.from_zone,
                    "to": output.to_zone,
                    "cause": output.cause,
                }
            )
        elif isinstance(output, Rejected):
            problems.append(Problem(output.code, output.place, output.value, output.expected))
        elif isinstance(output, NotEvaluated) and output.code:
            problems.append(Problem(output.code, output.place, "", output.expected))
    return rows


def _final(fold: Fold, store: BookStore) -> dict[str, Any]:
    zones = {name: max(store.zones(name).values(), default=Zone.SAFE) for name in store.ids()}
    counts = {zone.label: 0 for zone in Zone if zone is not Zone.UNDECIDED}
    for zone in zones.values():
        counts[zone.label] += 1
    return {
        "time": format_time(fold.clock),
        "sequence": fold.sequence,
        "counts": counts,
        "accounts": [{"account": name, "zone": zone.label} for name, zone in zones.items()],
    }
