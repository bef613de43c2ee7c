"""Monte Carlo over price paths and a whole book: liquidations, bad debt and their distribution, path by path.

    prepare(book, model, …) -> Job            everything that a worker needs, in arrays
    simulate(job, first, end) -> Chunk        some paths; the same bits wherever it runs
    run(job, paths, …) -> Results             all of them, by any mapper of `workers`, resumed from a file if given

What happens to a pool on a path, and to what tolerance, is in `path_kernel`; how prices move is in `paths`. Every price
that follows a modelled asset moves by its multiple; stable assets and interest stand still. Prices are not cut to the
decimals of a venue's feed. Pools that no float kernel can decide (`opaque`) are judged by their exact functions at each
step: right, and slow. Pools that are liquidatable before any move are counted apart and take no part. Notional is that
of positions, and the debt of loans.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any

import numpy as np

from marginbook.book.book import Book
from marginbook.book.layout import CLASS_JUMPS, FLAG_DEAD, FLAG_JOINED, FLAG_OPAQUE, Array
from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market, QuoteKey
from marginbook.domain.zones import Zone
from marginbook.exact import from_raw, round_half_up
from marginbook.margin_calls.assets import is_stable, underlying
from marginbook.margin_calls.option_prices import followers
from marginbook.simulate import path_kernel as kernel
from marginbook.simulate.path_kernel import COLUMNS, Parts, Pools, View
from marginbook.simulate.paths import Floats, Model, paths
from marginbook.units import STABLE_ASSETS
from marginbook.venues.registry import rule_set

REPORTING = "USD"
CHUNK = 25
"""Paths per piece of work: what is lost when a run is killed, and a fixed number, so that any run may be resumed."""
PATHS_MOST = 10_000_000
PRICE_PLACES = 18

Tick = Callable[[int, int | None], None] | None
Keep = Callable[["Chunk"], None] | None


@dataclass(frozen=True, slots=True)
class Opaque:
    """An account with pools that only the exact functions decide."""

    account: Account
    number: int
    parameters: Any
    pools: Mapping[str, tuple[float, int]]  # pool -> (rate, column that the rate moves with)


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """What a worker needs: arrays of the book, the model, the seed."""

    pools: Pools
    parts: Parts
    legs: Array
    classes: Array
    brackets: Array
    model: Model
    seed: int
    cost: float  # [share of liquidated notional] lost
    accounts: int
    already: int  # accounts with a pool that is liquidatable before any move
    currency: str
    opaque: tuple[Opaque, ...]
    market: Market | None  # for opaque accounts
    at: int

    def digest(self) -> str:
        """Name of the job's content: what a file of results belongs to."""
        found = sha256()
        for array in (*self.pools, *self.parts, self.legs, self.classes, self.brackets):
            found.update(np.ascontiguousarray(array).tobytes())
        for part in (self.model.volatility, self.model.factor, self.model.history):
            found.update(b"-" if part is None else part.tobytes())
        model = self.model
        numbers = (model.kind, model.assets, model.steps, model.horizon, model.drift, model.degrees, model.jumps)
        more = (model.jump_mean, model.jump_deviation, model.rows, model.block, self.seed, self.cost, self.at)
        found.update(repr((numbers, more, self.opaque, self.market)).encode())
        return found.hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Sums of the paths `first`, `first` + 1, …: rows [path, COLUMNS], and how often each account was liquidated."""

    first: int
    rows: Floats
    hits: Array


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """All paths, in order."""

    rows: Floats  # [path, COLUMNS]
    hits: Array  # [account] paths on which it was liquidated
    currency: str
    already: int

    @property
    def bad_debt(self) -> Floats:
        """[path] what is owed beyond all assets."""
        return np.ascontiguousarray(self.rows[:, kernel.BAD_DEBT])

    def frame(self) -> Any:
        """A row per path, as an Arrow table that Polars, pandas, DuckDB and Narwhals read; needs the extra `frames`."""
        import pyarrow

        accounts = self.rows[:, kernel.ACCOUNTS].astype(np.int64)
        columns: dict[str, Array] = {"path": np.arange(len(self.rows)), "liquidated_accounts": accounts}
        columns |= {"liquidated_notional": self.rows[:, kernel.NOTIONAL], "bad_debt": self.bad_debt}
        return pyarrow.table(columns)


Mapper = Callable[[Job, Sequence[tuple[int, int]]], Iterator[Chunk]]
"""Runs `simulate` for every (first, end), and yields the chunks in any order."""


def assets_of(quotes: Iterable[QuoteKey]) -> list[str]:
    """The underlyings that are not stable, by number of quotes, then by name."""
    tally: dict[str, int] = {}
    for _, market, _ in quotes:
        if not is_stable(market, STABLE_ASSETS):
            tally[underlying(market)] = tally.get(underlying(market), 0) + 1
    return sorted(tally, key=lambda asset: (-tally[asset], asset))


def prepare(book: Book, model: Model, *, seed: int = 1, cost: float = 0.0) -> Job:
    """The job of a book: `cost` is the share of liquidated notional that a liquidation loses.

    BadInput `missing_rate` where pools have several currencies and a rate is missing; `bad_cost`.
    """
    if not 0.0 <= cost < 1.0:
        raise BadInput("bad_cost", "cost", cost, "a share of notional from 0 to below 1")
    book.factors.link()
    store, columns = book.store, {asset: i for i, asset in enumerate(model.assets)}
    records = store.live_pools.copy()
    live = (records["account"] >= 0) & (records["flags"] & FLAG_DEAD == 0)
    opaque = live & (records["flags"] & (FLAG_OPAQUE | FLAG_JOINED) != 0)
    already = live & (records["zone"] >= Zone.LIQUIDATION)
    currency, rate, moves = _rates(book, np.flatnonzero(live), columns)
    legs = store.legs[: store.leg_count].copy()
    for field in ("slot", "weight", "low", "high"):
        legs[field] = 0
    pools = Pools(records, np.flatnonzero(live & ~opaque & ~already), _concave(book, records), rate, moves)
    return Job(
        pools=pools,
        parts=_parts(book, columns),
        legs=legs,
        classes=store.classes[: store.class_count].copy(),
        brackets=store.brackets[: store.bracket_count].copy(),
        model=model,
        seed=seed,
        cost=cost,
        accounts=book.identities.size,
        already=len(np.unique(records["account"][already])),
        currency=currency,
        opaque=tuple(_opaque(book, np.flatnonzero(opaque & ~already), pools)),
        market=book.market if opaque.any() else None,
        at=book.at,
    )


def _parts(book: Book, columns: Mapping[str, int]) -> Parts:
    factors = book.factors
    asset = np.full(len(factors.value_ids), -1, np.int32)
    for key, number in factors.value_ids.items():
        if not key[3] and key[2] not in ("supply", "borrow", "funding") and not is_stable(key[1], STABLE_ASSETS):
            asset[number] = columns.get(underlying(key[1]), -1)
    size = len(factors)
    offset = factors.table[:size, 1].copy()
    values = factors.values[: len(factors.value_ids)].copy()
    return Parts(values, asset, factors.part_start, factors.part_value, factors.part_power, offset)


def _concave(book: Book, records: Array) -> Array:
    """Pools whose requirement is convex in each factor: no jumps, and rates that rise with notional."""
    store = book.store
    classes = store.classes[: store.class_count]
    bent = (classes["flags"] & CLASS_JUMPS) != 0
    for number in np.flatnonzero(classes["brackets"] > 1):
        first = int(classes[number]["table"])
        rates = store.brackets[first : first + int(classes[number]["brackets"])]["rate"]
        bent[number] |= bool((np.diff(rates) < 0).any())
    counts = records["count"].astype(np.int64)
    which = np.repeat(np.arange(len(records)), counts)
    places = np.repeat(records["start"].astype(np.int64) - (np.cumsum(counts) - counts), counts) + np.arange(len(which))
    any_bent: Array = np.bincount(which, bent[store.legs["klass"][places]], len(records)) == 0
    return any_bent


def _rates(book: Book, live: Array, columns: Mapping[str, int]) -> tuple[str, Array, Array]:
    """(reporting currency, rate of each pool, column of the asset that its currency follows or −1)."""
    names, which = pool_currencies(book, live)
    target = reporting_currency(set(names), book.market)
    size = book.store.pool_count
    rate, moves = np.zeros(size), np.full(size, -1, np.int32)
    chosen = [1.0 if name == target else float(book.market.rates[name]) for name in names]
    stay = [name == target or is_stable(name, STABLE_ASSETS) for name in names]
    follow = [-1 if still else columns.get(underlying(name), -1) for name, still in zip(names, stay, strict=True)]
    if names:
        rate[live], moves[live] = np.array(chosen)[which], np.array(follow, np.int32)[which]
    return target, rate, moves


def pool_currencies(book: Book, live: Array) -> tuple[list[str], Array]:
    """(currencies, which of them each of the pools `live` is kept in), by a sample of every kind of pool."""
    store = book.store
    owners = store.pools["account"][live]
    first = book.holders["first"][owners]
    kinds = np.stack(
        [
            book.holders["rule"][owners].astype(np.int64),
            store.places["label"][live].astype(np.int64),
            store.places["currency"][first].astype(np.int64),
        ],
        axis=1,
    )
    _, samples, which = np.unique(kinds, axis=0, return_index=True, return_inverse=True)
    return [_currency(book, int(live[i])) for i in samples], which.ravel()


def reporting_currency(names: Set[str], market: Market) -> str:
    """The currency that sums are in: the pools' own if they share it, else USD; BadInput where a rate is missing."""
    target = next(iter(names)) if len(names) == 1 else REPORTING
    missing = sorted(names - market.rates.keys() - {target})
    if missing:
        expected = f"rates to {target} under [prices], to add up currencies"
        raise BadInput("missing_rate", "prices.rates", ", ".join(missing), expected)
    return target


def _currency(book: Book, pool: int) -> str:
    account = book.account_at(int(book.store.pools[pool]["account"]))
    module = rule_set(account.rules).module
    quantities = module.quantities(account, book.market, book.parameters(account), book.at)
    return quantities[book.pool_name(pool)].currency


def _opaque(book: Book, chosen: Array, pools: Pools) -> Iterator[Opaque]:
    by_account: dict[int, dict[str, tuple[float, int]]] = {}
    for pool in chosen.tolist():
        number = int(book.store.pools[pool]["account"])
        facts = (float(pools.rate[pool]), int(pools.moves[pool]))
        by_account.setdefault(number, {})[book.pool_name(pool)] = facts
    for number, found in by_account.items():
        account = book.account_at(number)
        yield Opaque(account, number, book.parameters(account), found)


def simulate(job: Job, first: int, end: int) -> Chunk:
    """Paths `first` to `end`, exclusive."""
    multiples = paths(job.model, job.seed, first, end)
    rows, hits = np.zeros((end - first, COLUMNS)), np.zeros(job.accounts, np.int32)
    seen = np.zeros((end - first, job.accounts), np.uint8)
    _run(job, multiples, rows, hits, seen, np.zeros((0, 0), np.int16))
    for opaque in job.opaque:
        for n in range(end - first):
            _exactly(job, opaque, multiples[n], rows[n], hits, seen[n])
    return Chunk(first, rows, hits)


def _run(job: Job, multiples: Floats, rows: Floats, hits: Array, seen: Array, steps: Array) -> None:
    kernel.run_paths(
        job.pools, job.parts, job.legs, job.classes, job.brackets, multiples, job.cost, rows, hits, seen, steps
    )


def _exactly(job: Job, opaque: Opaque, multiples: Floats, row: Floats, hits: Array, seen: Array) -> None:
    """`path_kernel.run_paths` for one opaque account on one path, by its rule set."""
    rules, account = rule_set(opaque.account.rules), opaque.account
    left = dict(opaque.pools)
    for multiple in multiples:
        market = market_at(job, multiple)
        risks = rules.module.risk(account, market, opaque.parameters, job.at)
        fallen = [p for p in left if rules.module.is_liquidatable(account, p, market, opaque.parameters, job.at)]
        if not fallen:
            continue
        quantities = rules.module.quantities(account, market, opaque.parameters, job.at)
        for pool in fallen:
            rate, column = left.pop(pool)
            rate *= float(multiple[column]) if column >= 0 else 1.0
            found, kept = quantities[pool], risks[pool].assets - risks[pool].liabilities
            notional = float((found.debt_value if rules.family == "lending" else found.notional) or 0)
            equity = float(from_raw(kept, rules.risk_scale) if isinstance(kept, int) else kept)
            row[kernel.NOTIONAL] += rate * notional
            row[kernel.BAD_DEBT] += rate * max(0.0, job.cost * notional - equity)
        if not seen[opaque.number]:
            seen[opaque.number] = 1
            row[kernel.ACCOUNTS] += 1.0
            hits[opaque.number] += 1
        if not left:
            return


def market_at(job: Job, multiple: Floats) -> Market:
    """The market of opaque accounts with every price at its multiple of the start."""
    assert job.market is not None
    return moved_market(job.market, job.model.assets, multiple)


def moved_market(market: Market, assets: Sequence[str], multiple: Floats) -> Market:
    """`market` with what follows each of `assets` at its multiple of the start, to 18 decimals."""
    exact = {asset: Decimal(float(m)) for asset, m in zip(assets, multiple, strict=True)}
    changes = {
        key: round_half_up(quote.price * exact[underlying(key[1])], PRICE_PLACES)
        for key, quote in market.quotes.items()
        if underlying(key[1]) in exact and not is_stable(key[1], STABLE_ASSETS)
    }
    return market.with_prices(changes | followers({key: quote.price for key, quote in market.quotes.items()}, changes))


def chunks_of(count: int, size: int = CHUNK) -> list[tuple[int, int]]:
    """(first, end) of every chunk.

    >>> chunks_of(60, 25)
    [(0, 25), (25, 50), (50, 60)]
    """
    return [(first, min(first + size, count)) for first in range(0, count, size)]


def run(
    job: Job, count: int, mapper: Mapper, *, finished: Iterable[Chunk] = (), keep: Keep = None, tick: Tick = None
) -> Results:
    """`count` paths by `mapper`; those in `finished` are taken as they are, and each new chunk goes to `keep`."""
    if not 1 <= count <= PATHS_MOST:
        raise BadInput("bad_paths", "paths", count, f"1 to {PATHS_MOST}")
    wanted = chunks_of(count)
    known = {(chunk.first, chunk.first + len(chunk.rows)): chunk for chunk in finished}
    whole = [known[piece] for piece in wanted if piece in known]

    def arriving() -> Iterator[Chunk]:
        yield from whole
        done = sum(len(chunk.rows) for chunk in whole)
        for chunk in mapper(job, [piece for piece in wanted if piece not in known]):
            if keep is not None:
                keep(chunk)
            done += len(chunk.rows)
            if tick is not None:
                tick(done, count)
            yield chunk

    return gathered(job, count, arriving())


def gathered(job: Job, count: int, chunks: Iterable[Chunk]) -> Results:
    """Chunks that arrive in any order, as results in the order of paths."""
    rows, hits = np.zeros((count, COLUMNS)), np.zeros(job.accounts, np.int64)
    for chunk in chunks:
        rows[chunk.first : chunk.first + len(chunk.rows)] = chunk.rows
        hits += chunk.hits
    return Results(rows, hits, job.currency, job.already)


def fallen_pools(job: Job, number: int) -> Array:
    """[pool] the step at which path `number` liquidates it, −1 where it does not; opaque pools are not in it."""
    steps = np.full((1, len(job.pools.records)), -1, np.int16)
    rows, hits = np.zeros((1, COLUMNS)), np.zeros(job.accounts, np.int32)
    _run(job, paths(job.model, job.seed, number, number + 1), rows, hits, np.zeros((1, job.accounts), np.uint8), steps)
    fallen: Array = steps[0]
    return fallen


def ladder(job: Job, moves: Sequence[float], number: int | None = None) -> list[dict[str, float]]:
    """What is liquidatable after a further common move: of the book, or of what path `number` leaves of it.

    In the latter case from the prices at the path's end, without the pools that it liquidated.
    """
    chosen, base = job.pools.numbers, np.ones(len(job.model.assets))
    if number is not None:
        chosen = chosen[fallen_pools(job, number)[chosen] < 0]
        base = paths(job.model, job.seed, number, number + 1)[0, -1]
    table = np.empty((len(job.parts.start) - 1, 2))
    found = []
    for move in moves:
        multiples = base * (1.0 + move)
        kernel.factor_table(job.parts, multiples, table)
        out = np.empty((len(chosen), 3))
        kernel.liquidatable(job.pools, chosen, View(job.legs, job.classes, job.brackets, table), out)
        rate = job.pools.rate[chosen] * np.where(job.pools.moves[chosen] >= 0, multiples[job.pools.moves[chosen]], 1.0)
        hit = out[:, 0] > 0
        accounts = len(np.unique(job.pools.records["account"][chosen[hit]]))
        found.append({"move": move, "accounts": accounts, "notional": float((rate * out[:, 1])[hit].sum())})
    return found
