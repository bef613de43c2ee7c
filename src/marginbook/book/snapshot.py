"""A book on disk: one uncompressed `.npy` per column, mapped into memory when loaded, and a small `book.json`.

`book.json` is written last: a folder without it is not a snapshot. Columns are mapped copy-on-write, so a loaded book
changes without touching its files.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from marginbook.book.columns import EXACT, HOLDER, PLACE, Names
from marginbook.book.identities import Identities
from marginbook.book.layout import BRACKET, CLASS, LEG, POOL, REACH, Array
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Index, Market, Quote
from marginbook.domain.zones import Border, Zone

if TYPE_CHECKING:
    from marginbook.book.book import Book

FORMAT = 1
META = "book.json"
RECORDS = {
    "pools": POOL,
    "places": PLACE,
    "legs": LEG,
    "exact": EXACT,
    "classes": CLASS,
    "brackets": BRACKET,
    "reach": REACH,
    "holders": HOLDER,
}


def save(book: "Book", folder: Path) -> None:
    """Write `book` into `folder`, which is created."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / META).unlink(missing_ok=True)
    for name, array in _columns(book).items():
        np.save(folder / f"{name}.npy", array.view(np.uint8) if array.dtype.names else array)
    (folder / META).write_text(json.dumps(_meta(book)))


def _columns(book: "Book") -> dict[str, Array]:
    s, x, i = book.store, book.index, book.identities
    return {
        "pools": s.pools[: s.pool_count],
        "places": s.places[: s.pool_count],
        "legs": s.legs[: s.leg_count],
        "exact": s.exact[: s.leg_count],
        "classes": s.classes[: s.class_count],
        "brackets": s.brackets[: s.bracket_count],
        "reach": s.reach[: s.bracket_count],
        "holders": book.holders[: i.size],
        "names": i.names[: i.size],
        "alive": i.alive[: i.size],
        "hashes": i.slots,
        "factors": book.factors.table,
        "values": book.factors.values,
        "edges": x.edges,
        "owners": x.owners,
        "blocks": x.blocks,
        "supers": x.supers,
        "tops": x.tops,
        "ranges": x.ranges,
        "pending": x.pending,
    }


def _meta(book: "Book") -> dict[str, Any]:
    s, f, market = book.store, book.factors, book.market
    objects: list[Any] = []
    if book.objects:
        objects = [[n, _accounts().dump_python(account, mode="json")] for n, account in book.objects.items()]
    return {
        "format": FORMAT,
        "at": book.at,
        "names": book.names.texts,
        "rules": book.rules,
        "fundings": [str(raw) for raw in book.fundings],
        "contract_factors": [[*key, factor] for key, factor in book.contract_factors.items()],
        "objects": objects,
        "values": list(f.value_ids),
        "factors": [[parts, funded, n] for (parts, funded), n in f.ids.items()],
        "funding": [[key, factors] for key, factors in f.funding.items()],
        "classes": [[tag, n] for tag, n in s.class_ids.items()],
        "tags": list(s.tags.values()),
        "tables": [[table, n] for table, n in s.table_ids.items()],
        "borders": [[[int(b.zone), *_factors(b)] for b in borders] for borders in s.border_sets],
        "timed": sorted(book.store.timed),
        "free_pools": s.free_pools,
        "free_legs": [[size, starts] for size, starts in s.free_legs.items()],
        "free_slots": [[factor, slots] for factor, slots in book.index.free.items()],
        "free_numbers": book.identities.free,
        "market": {
            "quotes": [
                [*key, str(q.price), q.time, q.sequence, q.source, q.max_age, q.substituted]
                for key, q in market.quotes.items()
            ],
            "indices": [[*key, str(x.value_raw), str(x.rate_raw), x.time] for key, x in market.indices.items()],
            "state": [[*key, isinstance(v, int), str(v)] for key, v in market.state.items()],
            "rates": {currency: str(rate) for currency, rate in market.rates.items()},
            "sequence": market.sequence,
            "as_of": market.as_of,
        },
    }


def _factors(border: Border) -> tuple[int, int, int, int]:
    return border.support_factor, border.demand_factor, border.rearm_support_factor, border.rearm_demand_factor


def _accounts() -> Any:
    from pydantic import TypeAdapter

    from marginbook.domain.account import Account

    return TypeAdapter(Account)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def market_of(meta: Mapping[str, Any]) -> Market:
    """The market that a snapshot was taken at."""
    m = meta["market"]
    return Market(
        quotes={(a, b, c): Quote(Decimal(price), *rest) for a, b, c, price, *rest in m["quotes"]},
        indices={(a, b, c): Index(int(value), int(rate), time) for a, b, c, value, rate, time in m["indices"]},
        state={(a, b, c): int(text) if whole else Decimal(text) for a, b, c, whole, text in m["state"]},
        rates={currency: Decimal(rate) for currency, rate in m["rates"].items()},
        sequence=m["sequence"],
        as_of=m["as_of"],
    )


def read_meta(folder: Path) -> dict[str, Any]:
    """The `book.json` of a snapshot; BadInput if there is none of a known format."""
    try:
        meta: dict[str, Any] = json.loads((folder / META).read_text())
    except (OSError, ValueError):
        raise BadInput("bad_snapshot", str(folder), "no readable book.json", "a complete book snapshot") from None
    if meta.get("format") != FORMAT:
        raise BadInput("bad_snapshot", str(folder), meta.get("format"), f"format {FORMAT}")
    return meta


def fill(book: "Book", folder: Path, meta: Mapping[str, Any]) -> None:
    """Read the columns of a snapshot into a new book."""
    columns = {name: _mapped(folder, name) for name in _columns(book)}
    s, x, f = book.store, book.index, book.factors
    for name in ("pools", "places", "legs", "exact", "classes", "brackets", "reach"):
        setattr(s, name, columns[name])
    s.pool_count, s.leg_count = len(s.pools), len(s.legs)
    s.class_count, s.bracket_count = len(s.classes), len(s.brackets)
    book.holders = columns["holders"]
    book.at = meta["at"]
    book.names = s.names = Names(meta["names"])
    book.rules.extend((a, b, c) for a, b, c in meta["rules"])
    book.restore_fundings([int(text) for text in meta["fundings"]])
    book.contract_factors.update({(a, b): factor for a, b, factor in meta["contract_factors"]})
    book.identities = Identities.restored(columns["names"], columns["alive"], columns["hashes"], meta["free_numbers"])
    f.table, f.values = columns["factors"], columns["values"]
    f.restore(
        [_tuples(key) for key in meta["values"]],
        [(_tuples(parts), funded, n) for parts, funded, n in meta["factors"]],
        {_tuples(key): factors for key, factors in meta["funding"]},
    )
    for key, number in meta["classes"]:
        s.class_ids[_tuples(key)] = number
    tagged = set(meta["tags"])
    s.tags = {tag: n for tag, n in s.class_ids.items() if n in tagged}
    s.table_ids = {_tuples(table): n for table, n in meta["tables"]}
    for borders in meta["borders"]:
        s.border_set(tuple(Border(Zone(zone), *factors) for zone, *factors in borders))
    s.free_pools = meta["free_pools"]
    s.timed = set(meta.get("timed", ()))
    s.free_legs = dict(meta["free_legs"])
    x.restore({name: columns[name] for name in ("edges", "owners", "blocks", "supers", "tops", "ranges", "pending")})
    x.free = dict(meta["free_slots"])
    if meta["objects"]:
        adapter = _accounts()
        book.objects.update({n: adapter.validate_python(account) for n, account in meta["objects"]})


def _mapped(folder: Path, name: str) -> Array:
    try:
        array: Array = np.load(folder / f"{name}.npy", mmap_mode="c").view(np.ndarray)
    except (OSError, ValueError):
        raise BadInput("bad_snapshot", str(folder / f"{name}.npy"), "unreadable", "a column of the book") from None
    return array.view(RECORDS[name]) if name in RECORDS else array
