"""Book files: any number of TOML, JSON, CSV or Parquet files, or folders of them, as one book.

What is wrong with one account, price or file is noted beside the book and the rest goes on.
"""

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marginbook.connectors.accounts import account_from_json
from marginbook.connectors.prices import Prices
from marginbook.connectors.sources import Source, parse_json, parse_toml, read_text, source_of_bytes, source_of_path
from marginbook.connectors.values import join, named, read_plain, shown, suggestion
from marginbook.connectors.values import read_text as read_name
from marginbook.connectors.zone_settings import Zones, read_zones
from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput, Problem
from marginbook.domain.market import Index, IndexKey, Market, Quote, QuoteKey, StateKey

if TYPE_CHECKING:
    from marginbook.connectors.venue_answers import VenueAnswers

ACCOUNTS_MAX = 5_000_000
"""Most accounts of one book."""
TABLE_SUFFIXES = (".csv", ".parquet")
SUFFIXES = (".toml", ".json", *TABLE_SUFFIXES)
SECTIONS = ("account", "parameters", "prices", "indices", "state", "zones")
_SECTION_ALIASES = {"accounts": "account", "price": "prices", "parameter": "parameters", "index": "indices"}

Overlays = Mapping[str, Mapping[str, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class RejectedAccount:
    """An account that could not be read, and the first thing wrong with it."""

    id: str
    rules: str
    problem: Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class BookFile:
    """Everything that the files said, as plain domain objects."""

    accounts: tuple[Account, ...] = ()
    rejected: tuple[RejectedAccount, ...] = ()
    problems: tuple[Problem, ...] = ()  # of whole files, prices, parameters
    overlays: Overlays = field(default_factory=dict)  # [name -> market -> parameter]
    quotes: Mapping[QuoteKey, Quote] = field(default_factory=dict)
    indices: Mapping[IndexKey, Index] = field(default_factory=dict)
    state: Mapping[StateKey, int | Decimal] = field(default_factory=dict)
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    as_of: int | None = None  # [µs UTC] latest `prices.as_of`
    zones: Zones = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def load_book(paths: Sequence[Path], prices: Sequence[Path] = ()) -> BookFile:
    """The book in `paths`; the prices in `prices` replace those of the book."""
    builder, over = BookBuilder(), BookBuilder()
    with _collector_paused():
        for path in paths:
            builder.add_path(path)
        for path in prices:
            over.add_prices(source_of_path(path))
        return builder.build(over.prices)


def load_book_bytes(files: Iterable[tuple[str, bytes]]) -> BookFile:
    """The book in files that are held in memory, as (name, content): an upload."""
    builder = BookBuilder()
    with _collector_paused():
        for name, content in files:
            builder.add(source_of_bytes(name, content))
        return builder.build(Prices())


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Reading makes millions of objects that all stay and no cycles: collecting meanwhile costs a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def market_of(book: BookFile) -> Market:
    """Prices, indices and state of a book as the market that rules look at."""
    return Market(
        quotes=book.quotes, indices=book.indices, state=book.state, rates=book.rates, sequence=0, as_of=book.as_of
    )


class BookBuilder:
    """Collects files into one book."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.places: dict[str, str] = {}
        self.rejected: list[RejectedAccount] = []
        self.problems: list[Problem] = []
        self.overlays: dict[str, dict[str, dict[str, Any]]] = {}
        self.broken: dict[str, Problem] = {}
        self.prices = Prices(problems=self.problems)
        self.zones: dict[str, Any] = {}
        self.warnings: list[str] = []
        self.answers: VenueAnswers | None = None

    def add_path(self, path: Path) -> None:
        """A file, or the book files of a folder in the order of their names."""
        if not path.is_dir():
            self.add(source_of_path(path))
            return
        try:
            files = sorted(p for p in path.iterdir() if p.name.lower().removesuffix(".gz").endswith(SUFFIXES))
        except OSError as error:
            expected = "a folder that may be listed"
            self.problems.append(Problem("unreadable_file", path.as_posix(), type(error).__name__, expected))
            return
        if not files:
            self.problems.append(Problem("empty_book", path.as_posix(), "no file", "files of " + ", ".join(SUFFIXES)))
        for file in files:
            self.add(source_of_path(file))

    def add(self, source: Source) -> None:
        """One book file of any format; what is wrong with it becomes a problem."""
        self.prices.attempt(self._add, source)

    def _add(self, source: Source) -> None:
        if source.suffix in TABLE_SUFFIXES:
            self._add_table(source)
            return
        document = parsed(source)
        if source.suffix == ".toml" or _is_book(document) or not self._add_answer(document, source):
            self.add_document(document, source)

    def _add_answer(self, document: Any, source: Source) -> bool:
        """Whether the document is an answer of a venue or of ccxt, and has been taken in as one."""
        from marginbook.connectors.venue_answers import VenueAnswers, shape_of

        if self._add_premium_index(document, source):
            return True
        if shape := shape_of(document):
            self.answers = self.answers or VenueAnswers()
            self.answers.add(shape, document, source)
            return True
        return False

    def _add_table(self, source: Source) -> None:
        from marginbook.connectors.histories import add_last_prices, is_history
        from marginbook.connectors.legs_table import is_legs, read_legs
        from marginbook.connectors.rows import open_rows

        rows = open_rows(source)
        if is_history(rows.header):
            add_last_prices(source, self.prices)
            return
        if not is_legs(rows.header):
            expected = (
                "a book (account, rules, leg, market, quantity, …) or a price history (time, venue, market, price)"
            )
            raise BadInput("unknown_format", rows.place(1), shown(", ".join(rows.names[:8])), expected)
        for place, id, rules, found in read_legs(rows):
            if isinstance(found, Problem):
                self.rejected.append(RejectedAccount(_name(id, place), rules, found))
            else:
                self.add_account(found, place)

    def add_document(self, document: Any, source: Source) -> None:
        """A parsed TOML or JSON book."""
        if not isinstance(document, dict):
            raise BadInput("wrong_type", source.name, shown(document), "a table with account, prices, …")
        sections: dict[str, Callable[[Any, str], None]] = {
            "account": self._read_accounts,
            "parameters": self._read_parameters,
            "prices": lambda value, place: self.prices.read_prices(value, place, source.name),
            "indices": self.prices.read_indices,
            "state": self.prices.read_state,
            "zones": self._read_zones,
        }
        for name, value in document.items():
            here = join(source.place, name)
            if name in sections:
                self.prices.attempt(sections[name], value, here)
            else:
                self.problems.append(_unknown_section(name, value, here))

    def add_prices(self, source: Source) -> None:
        """A file of prices: a table under `prices` or at the top level."""
        self.prices.attempt(self._add_prices, source)

    def _add_prices(self, source: Source) -> None:
        if source.suffix in TABLE_SUFFIXES:
            from marginbook.connectors.histories import add_last_prices

            add_last_prices(source, self.prices)
            return
        document = parsed(source)
        if isinstance(document, dict) and "prices" in document:
            self.add_document({k: v for k, v in document.items() if k in ("prices", "indices", "state")}, source)
        elif source.suffix == ".toml" or not self._add_premium_index(document, source):
            self.prices.read_prices(document, source.place, source.name)

    def _add_premium_index(self, document: Any, source: Source) -> bool:
        from marginbook.connectors.binance_json import add_premium_index, is_premium_index

        found = is_premium_index(document)
        if found:
            add_premium_index(self.prices, document, source.name)
        return found

    def _read_accounts(self, value: Any, place: str) -> None:
        if not isinstance(value, list):
            raise BadInput("wrong_type", place, shown(value), "a list of accounts: [[account]]")
        for index, table in enumerate(value):
            here = join(place, index)
            try:
                account = account_from_json(table, here)
            except BadInput as error:
                self.reject(table, here, error.problem)
            else:
                self.add_account(account, here)

    def add_account(self, account: Account, place: str) -> None:
        """Take an account in, unless its id is taken."""
        if len(self.accounts) >= ACCOUNTS_MAX:
            raise BadInput("too_many_accounts", place, account.id, f"at most {ACCOUNTS_MAX} accounts")
        if account.id in self.accounts:
            expected = f"an id of its own; {self.places[account.id]} already has it"
            problem = Problem("duplicate_id", join(place, "id"), account.id, expected)
            self.rejected.append(RejectedAccount(account.id, account.rules, problem))
            return
        self.accounts[account.id] = account
        self.places[account.id] = place

    def reject(self, table: Any, place: str, problem: Problem) -> None:
        """Keep a row for an account that could not be read."""
        names = table if isinstance(table, dict) else {}
        self.rejected.append(RejectedAccount(_name(names.get("id"), place), _name(names.get("rules"), ""), problem))

    def _read_parameters(self, value: Any, place: str) -> None:
        for name, markets in _table(value, place, "overlays by name").items():
            try:
                self._read_overlay(name, markets, join(place, name))
            except BadInput as error:
                self.problems.append(error.problem)
                self.broken.setdefault(name, error.problem)

    def _read_overlay(self, name: str, value: Any, place: str) -> None:
        """One overlay; the first thing wrong in it makes it unusable, since half of it is another table."""
        read_name(name, place)
        overlay = self.overlays.setdefault(name, {})
        for market, table in _table(value, place, "parameters by market").items():
            here = join(place, market)
            read = read_plain(_table(table, here, "parameter = value"), here)
            if overlay.setdefault(market, read) != read:
                raise BadInput("duplicate_key", here, market, "each market of an overlay once")

    def _read_zones(self, value: Any, place: str) -> None:
        self.zones.update(read_zones(value, place))

    def _add_answers(self) -> None:
        if self.answers is None:
            return
        for id, rules, place, found in self.answers.accounts():
            if isinstance(found, Problem):
                self.rejected.append(RejectedAccount(id, rules, found))
                continue
            self.add_account(found.account, place)
            self.warnings.extend(found.warnings)
            self.prices.see_time(found.as_of)
            if found.overlay and found.account.parameters:
                self.overlays.setdefault(found.account.parameters, {**found.overlay})
            for key, quote in found.quotes.items():
                self.prices.attempt(self.prices.set_quote, key, quote, place)
            for index_key, index in found.indices.items():
                self.prices.attempt(self.prices.set_index, index_key, index, place)

    def _problem_of_overlay(self, account: Account, name: str) -> Problem | None:
        place = join(self.places[account.id], "parameters")
        if broken := self.broken.get(name):
            return Problem("bad_parameters", place, shown(name), f"a table without a problem; {broken.place} has one")
        if name in self.overlays:
            return None
        known = named(f"[parameters.{name}]" for name in self.overlays) or "a table of that name in the book"
        return Problem("unknown_parameters", place, shown(name), known + suggestion(name, self.overlays))

    def build(self, over: Prices) -> BookFile:
        """The book, with the quotes of `over` in place of its own."""
        self._add_answers()
        for account in [a for a in self.accounts.values() if a.parameters is not None]:
            if problem := self._problem_of_overlay(account, account.parameters or ""):
                self.rejected.append(RejectedAccount(account.id, account.rules, problem))
                del self.accounts[account.id]
        return BookFile(
            accounts=tuple(self.accounts.values()),
            rejected=tuple(self.rejected),
            problems=(*self.problems, *over.problems),
            overlays=self.overlays,
            quotes={**self.prices.quotes, **over.quotes},
            indices={**self.prices.indices, **over.indices},
            state={**self.prices.state, **over.state},
            rates={**self.prices.rates, **over.rates},
            as_of=self.prices.as_of if over.as_of is None else over.as_of,
            zones=self.zones,
            warnings=tuple(self.warnings),
        )


def parsed(source: Source) -> Any:
    """The document in a TOML or JSON file."""
    match source.suffix:
        case ".toml":
            return parse_toml(read_text(source), source.name)
        case ".json":
            return parse_json(read_text(source), source.name)
        case suffix:
            raise BadInput("unknown_format", source.name, suffix or "no ending", "a file of " + ", ".join(SUFFIXES))


def _is_book(document: Any) -> bool:
    return isinstance(document, dict) and (isinstance(document.get("account"), list) or "prices" in document)


def _unknown_section(name: str, value: Any, place: str) -> Problem:
    alias = _SECTION_ALIASES.get(name)
    hint = f"; did you mean {alias}?" if alias else suggestion(name, SECTIONS)
    return Problem("unknown_key", place, shown(value), "one of " + ", ".join(SECTIONS) + hint)


def _name(value: Any, fallback: str) -> str:
    try:
        return read_name(value, "")
    except BadInput:
        return fallback


def _table(value: Any, place: str, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadInput("wrong_type", place, shown(value), f"a table of {what}")
    return value
