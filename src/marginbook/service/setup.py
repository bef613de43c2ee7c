"""What a service starts from: accounts, prices, overlays, and the frames that will be played."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from marginbook.book.bulk import ContractColumns, LendingColumns
from marginbook.connectors.books import BookFile, load_book_bytes, market_of
from marginbook.demo.accounts import ACCOUNTS, SEED, demo_columns, demo_market
from marginbook.demo.scenarios import DEFAULT, MINUTE, STARTS_AT, load, scenario
from marginbook.demo.venue import DemoVenue
from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput, Problem
from marginbook.domain.events import PriceFrame
from marginbook.domain.market import Market
from marginbook.engine.scenario_margin import ScenarioMargin
from marginbook.units import format_time

Mode = Literal["demo", "replay", "file", "live"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A book to serve: accounts, or columns of them. What is callable is called anew each time that the book starts."""

    mode: Mode
    title: str
    banner: str
    accounts: Callable[[], Iterable[Account]] = tuple
    columns: Callable[[], list[ContractColumns | LendingColumns]] | None = None
    total: int
    market: Market
    at: int  # [µs UTC]
    overlays: Mapping[str, Any] = field(default_factory=dict)
    borders: Mapping[str, Any] = field(default_factory=dict)
    frames: Callable[[], Iterator[PriceFrame]] | None = None
    ends: int | None = None  # [µs UTC] time of the last frame, where it is known
    speed: Decimal = Decimal(1)
    problems: tuple[Problem, ...] = ()
    repeats: bool = False
    venue: Callable[[], DemoVenue] | None = None  # carries out what the engine forecasts
    scenarios: Callable[[], ScenarioMargin] | None = None  # accounts under scenario margin, beside the book


def demo_setup(accounts: int = ACCOUNTS, seed: int = SEED, name: str = DEFAULT, speed: Decimal | None = None) -> Setup:
    """Made-up accounts under a named crash."""
    plan = load(name)
    date = format_time(STARTS_AT)[:10]
    return Setup(
        mode="demo",
        title=plan.title,
        banner=f"{accounts:,} made-up accounts under the price moves of {plan.title}, as if they came on {date}. "
        f"Markets, leverage brackets and thresholds are real. {plan.source}",
        columns=lambda: demo_columns(accounts, seed),
        total=accounts,
        market=demo_market(),
        at=STARTS_AT,
        frames=lambda: scenario(name),
        ends=STARTS_AT + plan.minutes * MINUTE,
        speed=speed or plan.speed,
        repeats=True,
        venue=DemoVenue,
    )


def file_setup(
    book: BookFile,
    title: str,
    now: int,
    frames: Callable[[], Iterator[PriceFrame]] | None = None,
    speed: Decimal = Decimal(60),
) -> Setup:
    """A book from files; with `frames` it is a replay from the first of them on. `now` [µs UTC] stands in for a book
    without a time of its own."""
    market = market_of(book)
    at = book.as_of
    if frames is not None:
        first = next(frames(), None)
        if first is None:
            raise BadInput("no_frames", "prices", "no rows", "a price history with at least one time")
        at = first.stamp.time
        market = market.with_prices(dict(first.prices))
    rejected = [row.problem for row in book.rejected]
    return Setup(
        mode="replay" if frames is not None else "file",
        title=title,
        banner=f"Replay of {title}" if frames is not None else f"The book in {title} at its own prices",
        accounts=lambda: book.accounts,
        total=len(book.accounts),
        market=market,
        at=at if at is not None else now,
        overlays=book.overlays,
        borders=book.zones,
        frames=frames,
        speed=speed,
        problems=(*book.problems, *rejected),
    )


def upload_setup(name: str, content: bytes, now: int) -> Setup:
    """One's own file as it came over the wire."""
    return file_setup(load_book_bytes([(name, content)]), name, now)
