"""Prices, growth indices and venue state as tables of a book (`[prices]`, `[indices]`, `[state]`)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from marginbook.connectors.tables import NOT_NEGATIVE, POSITIVE, RAW, SIGNED_RAW, TEXT, TIME, Key, Table, mapping_of
from marginbook.connectors.values import join, read_decimal, read_integer, read_positive, read_text, shown, suggestion
from marginbook.domain.errors import BadInput, Problem
from marginbook.domain.market import Index, IndexKey, Quote, QuoteKey, StateKey
from marginbook.exact import CONTEXT
from marginbook.units import MICROSECONDS

DEFAULT_KINDS: Mapping[str, tuple[str, ...]] = {
    "aave": ("oracle",),
    "binance": ("mark",),
    "generic": ("mark", "oracle"),
}
"""Venue -> what a price without a kind stands for."""
KINDS = ("mark", "index", "last", "oracle", "min", "max", "twap")

QUOTE = Table(
    "a price",
    {
        **{kind: Key(shape=POSITIVE, note=f"the {kind} price") for kind in KINDS},
        "time": Key(shape=TIME, note="the source's time; default: prices.as_of"),
        "sequence": Key(shape=RAW, note="the source's own number"),
        "source": Key(shape=TEXT, note="who gave the price; default: the file"),
        "max_age": Key(shape=POSITIVE, note="age after which it is stale [s]; default: prices.max_age"),
    },
    {"price": "mark", "value": "mark", "timestamp": "time"},
)
INDEX = Table(
    "growth indices",
    {
        "supply_raw": Key(shape=RAW, note="supply index [ray]"),
        "supply_rate_raw": Key(shape=RAW, note="supply rate [ray per year]"),
        "borrow_raw": Key(shape=RAW, note="borrow index [ray]"),
        "borrow_rate_raw": Key(shape=RAW, note="borrow rate [ray per year]"),
        "funding_raw": Key(shape=SIGNED_RAW, note="cumulative funding [quote per base · 10^-18]"),
        "funding_rate_raw": Key(shape=SIGNED_RAW, note="rate at which it grows [per year]"),
        "time": Key(shape=TIME, note="time of the last update of the indices"),
    },
    {"supply": "supply_raw", "borrow": "borrow_raw", "supply_rate": "supply_rate_raw", "rate": "borrow_rate_raw"},
)
RATES = mapping_of(POSITIVE, "currency = reporting currency per unit")
RESERVED = ("as_of", "rates", "max_age")


@dataclass(slots=True)
class Prices:
    """What price tables say so far; problems beside it, never instead of the rest."""

    quotes: dict[QuoteKey, Quote] = field(default_factory=dict)
    indices: dict[IndexKey, Index] = field(default_factory=dict)
    state: dict[StateKey, int | Decimal] = field(default_factory=dict)
    rates: dict[str, Decimal] = field(default_factory=dict)
    as_of: int | None = None
    problems: list[Problem] = field(default_factory=list)

    def attempt(self, step: Callable[..., None], *arguments: Any) -> None:
        """Run one step; what is wrong in it is noted and the rest goes on."""
        try:
            step(*arguments)
        except BadInput as error:
            self.problems.append(error.problem)

    def see_time(self, at: int | None) -> None:
        """`as_of` is the latest time that anything states."""
        if at is not None:
            self.as_of = at if self.as_of is None else max(self.as_of, at)

    def set_quote(self, key: QuoteKey, quote: Quote, place: str) -> None:
        """Add a quote; another price for the same key is a contradiction, the first one stays."""
        known = self.quotes.setdefault(key, quote)
        if known.price != quote.price:
            expected = f"one price of {':'.join(key)}, and {known.price} is already given by {known.source}"
            raise BadInput("duplicate_price", place, quote.price, expected)

    def read_prices(self, value: Any, place: str, source: str) -> None:
        """A `[prices]` table."""
        table = _table(value, place, "prices by venue")
        as_of: int | None = None
        if "as_of" in table:
            as_of = TIME.read(table["as_of"], join(place, "as_of"))
            self.see_time(as_of)
        if "rates" in table:
            self.rates.update(RATES.read(table["rates"], join(place, "rates")))
        max_age = _age(table["max_age"], join(place, "max_age")) if "max_age" in table else None
        for venue, markets in table.items():
            if venue not in RESERVED:
                self.attempt(self._read_venue, venue, markets, join(place, venue), source, as_of, max_age)

    def _read_venue(
        self, venue: str, value: Any, place: str, source: str, as_of: int | None, max_age: int | None
    ) -> None:
        read_text(venue, place)
        for market, price in _table(value, place, "market = price").items():
            self.attempt(self._read_quotes, venue, market, price, join(place, market), source, as_of, max_age)

    def _read_quotes(
        self, venue: str, market: str, value: Any, place: str, source: str, as_of: int | None, max_age: int | None
    ) -> None:
        read_text(market, place)
        if isinstance(value, dict):
            given = QUOTE.read(value, place)
            if "max_age" in value:
                max_age = _age(value["max_age"], join(place, "max_age"))
            prices = {kind: given[kind] for kind in KINDS if kind in given}
            if not prices:
                raise BadInput("missing_key", place, "no price", "at least one of " + ", ".join(KINDS))
        else:
            given = {}
            price = read_positive(value, place)
            prices = dict.fromkeys(default_kinds(venue, place), price)
        for kind, price in prices.items():
            quote = Quote(price, given.get("time", as_of), given.get("sequence"), given.get("source", source), max_age)
            self.set_quote((venue, market, kind), quote, place)

    def read_indices(self, value: Any, place: str) -> None:
        """An `[indices]` table: venue, then asset."""
        for venue, assets in _table(value, place, "indices by venue and asset").items():
            for asset, table in _table(assets, join(place, venue), "indices by asset").items():
                self.attempt(self._read_index, venue, asset, table, join(join(place, venue), asset))

    def _read_index(self, venue: str, asset: str, value: Any, place: str) -> None:
        given = INDEX.read(value, place)
        seconds = given["time"] // MICROSECONDS if "time" in given else 0
        for kind in ("supply", "borrow", "funding"):
            if f"{kind}_raw" in given:
                rate = given.get(f"{kind}_rate_raw", 0)
                self.indices[venue, asset, kind] = Index(given[f"{kind}_raw"], rate, seconds)
            elif f"{kind}_rate_raw" in given:
                raise BadInput("missing_key", join(place, f"{kind}_raw"), "nothing", f"the {kind} index")

    def read_state(self, value: Any, place: str) -> None:
        """A `[state]` table: venue, then market or asset, then name; names ending in `_raw` are integers."""
        for venue, markets in _table(value, place, "state by venue and market").items():
            for market, names in _table(markets, join(place, venue), "state by market").items():
                here = join(join(place, venue), market)
                for name, item in _table(names, here, "name = number").items():
                    self.attempt(self._read_state, (venue, market, name), item, join(here, name))

    def _read_state(self, key: StateKey, value: Any, place: str) -> None:
        self.state[key] = read_integer(value, place) if key[2].endswith("_raw") else read_decimal(value, place)


def default_kinds(venue: str, place: str) -> tuple[str, ...]:
    """The kinds that an untyped price of a venue stands for."""
    try:
        return DEFAULT_KINDS[venue]
    except KeyError:
        known = ", ".join(DEFAULT_KINDS)
        expected = f"one of {known}, or a price that names its kind, such as {{ mark = … }}"
        raise BadInput("unknown_venue", place, venue, expected + suggestion(venue, DEFAULT_KINDS)) from None


def _age(value: Any, place: str) -> int:
    seconds = NOT_NEGATIVE.read(value, place)
    return int(CONTEXT.multiply(seconds, Decimal(MICROSECONDS)))


def _table(value: Any, place: str, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadInput("wrong_type", place, shown(value), f"a table of {what}")
    return value
