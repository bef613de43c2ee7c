"""Prices, growth indices and venue state as tables of a book (`[prices]`, `[indices]`, `[state]`)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from marginbook.connectors.tables import POSITIVE, RAW, SIGNED_RAW, TEXT, TIME, Key, Table, mapping_of
from marginbook.connectors.values import join, read_decimal, read_integer, read_positive, read_text, shown, suggestion
from marginbook.domain.errors import BadInput, Problem
from marginbook.domain.market import Index, IndexKey, Quote, QuoteKey, StateKey
from marginbook.exact import CONTEXT
from marginbook.units import MICROSECONDS

DEFAULT_KINDS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("aave", "aave-v2", "compound", "maker", "morpho", "euler", "liquity"), ("oracle",)),
    **dict.fromkeys(("aave-v2", "dydx", "synthetix", "perp"), ("oracle",)),
    "drift": ("oracle", "twap"),
    **dict.fromkeys(("binance", "bybit", "okx", "deribit", "bitget", "bitmex", "htx", "ftx", "cme"), ("mark",)),
    "hyperliquid": ("mark",),
    "gmx": ("min", "max"),
    "broker": ("mark",),
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

    def set_index(self, key: IndexKey, index: Index, place: str) -> None:
        """Add a growth index; another one for the same key is a contradiction, the first one stays."""
        _set_once(self.indices, key, index, place)

    def read_prices(self, value: Any, place: str, source: str) -> None:
        """A `[prices]` table."""
        table = _table(value, place, "prices by venue")
        stated: dict[str, Any] = {}
        for name, shape in (("as_of", TIME), ("rates", RATES), ("max_age", POSITIVE)):
            if name in table:
                try:
                    stated[name] = shape.read(table[name], join(place, name))
                except BadInput as error:
                    self.problems.append(error.problem)
        self.see_time(stated.get("as_of"))
        for currency, rate in stated.get("rates", {}).items():
            self.attempt(_set_once, self.rates, currency, rate, join(join(place, "rates"), currency))
        origin = Quote(Decimal(1), stated.get("as_of"), None, source, _age(stated.get("max_age")))
        for venue, markets in table.items():
            if venue not in RESERVED:
                self.attempt(self._read_venue, venue, markets, join(place, venue), origin)

    def _read_venue(self, venue: str, value: Any, place: str, origin: Quote) -> None:
        read_text(venue, place)
        for market, price in _table(value, place, "market = price").items():
            self.attempt(self._read_quotes, venue, market, price, join(place, market), origin)

    def _read_quotes(self, venue: str, market: str, value: Any, place: str, origin: Quote) -> None:
        read_text(market, place)
        if isinstance(value, dict):
            given = QUOTE.read(value, place)
            prices = {kind: given.pop(kind) for kind in KINDS if kind in given}
            if not prices:
                raise BadInput("missing_key", place, "no price", "at least one of " + ", ".join(KINDS))
            if "max_age" in given:
                given["max_age"] = _age(given["max_age"])
        else:
            given = {}
            prices = dict.fromkeys(default_kinds(venue, place), read_positive(value, place))
        for kind, price in prices.items():
            self.set_quote((venue, market, kind), replace(origin, price=price, **given), place)

    def read_indices(self, value: Any, place: str) -> None:
        """An `[indices]` table: venue, then asset."""
        for venue, assets in _table(value, place, "indices by venue and asset").items():
            self.attempt(self._read_indices_of, venue, assets, join(place, venue))

    def _read_indices_of(self, venue: str, value: Any, place: str) -> None:
        for asset, table in _table(value, place, "indices by asset").items():
            self.attempt(self._read_index, venue, asset, table, join(place, asset))

    def _read_index(self, venue: str, asset: str, value: Any, place: str) -> None:
        given = INDEX.read(value, place)
        for kind in ("supply", "borrow", "funding"):
            rate = given.get(f"{kind}_rate_raw", 0)
            if rate and "time" not in given:
                raise BadInput("missing_key", join(place, "time"), "nothing", f"since when the {kind} rate holds")
            if f"{kind}_raw" in given:
                seconds = given["time"] // MICROSECONDS if "time" in given else 0
                index = Index(given[f"{kind}_raw"], rate, seconds)
                _set_once(self.indices, (venue, asset, kind), index, place)
            elif rate:
                raise BadInput("missing_key", join(place, f"{kind}_raw"), "nothing", f"the {kind} index")

    def read_state(self, value: Any, place: str) -> None:
        """A `[state]` table: venue, then market or asset, then name; names ending in `_raw` are integers."""
        for venue, markets in _table(value, place, "state by venue and market").items():
            self.attempt(self._read_state_of, venue, markets, join(place, venue))

    def _read_state_of(self, venue: str, value: Any, place: str) -> None:
        for market, names in _table(value, place, "state by market").items():
            self.attempt(self._read_state_names, venue, market, names, join(place, market))

    def _read_state_names(self, venue: str, market: str, value: Any, place: str) -> None:
        for name, item in _table(value, place, "name = number").items():
            here = join(place, name)
            number = read_integer(item, here) if name.endswith("_raw") else read_decimal(item, here)
            _set_once(self.state, (venue, market, name), number, here)


def default_kinds(venue: str, place: str) -> tuple[str, ...]:
    """The kinds that an untyped price of a venue stands for."""
    try:
        return DEFAULT_KINDS[venue]
    except KeyError:
        known = ", ".join(DEFAULT_KINDS)
        expected = f"one of {known}, or a price that names its kind, such as {{ mark = … }}"
        raise BadInput("unknown_venue", place, venue, expected + suggestion(venue, DEFAULT_KINDS)) from None


def _age(seconds: Decimal | None) -> int | None:
    return None if seconds is None else int(CONTEXT.multiply(seconds, Decimal(MICROSECONDS)))


def _set_once(known: dict[Any, Any], key: Any, value: Any, place: str) -> None:
    if known.setdefault(key, value) != value:
        raise BadInput("duplicate_key", place, shown(value), f"one value, and {shown(known[key])} is already given")


def _table(value: Any, place: str, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadInput("wrong_type", place, shown(value), f"a table of {what}")
    return value
