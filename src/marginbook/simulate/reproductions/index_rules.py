"""10 October 2025: what index and mark rules of venues would have printed each minute, and whom they would have hit.

Up to three books of each asset (Coinbase, Gemini, and Binance's coin-margined perpetual in place of its spot book,
which is not in the data) stand for the constituents, equally weighted. An index takes the lowest price of each book in
the minute, as if at one moment; a book without a trade keeps its last close and grows older. A mark takes closes, each
standing for its whole minute, so that windows of a minute and less cannot be told apart.

The accounts are a seeded population, not the venue's: longs of binance/usdm, notional log-normal around 5,000 USD,
leverage log-normal around 3, entered at Coinbase's last price before 21:00. Each is judged by its exact liquidation
price, and the lowest price that a rule printed from 21:00 to 21:59 decides. The same longs margined in the coin
(binance/coinm, maintenance rate 1 % assumed) are counted beside. A perpetual is judged by its mark: the rows of index
rules say what a market that lends on such an index would have done.
"""

import csv
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.exact import ZERO, divide, format_decimal, in_exact_context, round_half_up
from marginbook.oracle.bans import Ban, after, banned
from marginbook.oracle.index import IndexRule, Source, index
from marginbook.oracle.mark import average, perpetual_mark
from marginbook.oracle.presets import index_rule, mark_window
from marginbook.simulate.reproductions.table import Row, run
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set
from marginbook.venues.rules import RuleSet

FILE = "oct10_2025_1m_from_trades.csv"
ASSETS = ("AAVE", "DOT", "FIL", "WLD", "ATOM")
PERPETUAL = "binance-delivery"
BOOKS = {"coinbase": "{}-USD", "gemini": "{}USD", PERPETUAL: "{}USD_PERP"}
MINUTE = 60_000_000
FIRST, START, END = (parse_time(f"2025-10-10T{hour}Z") for hour in ("20:00", "21:00", "22:00"))
PEOPLE = 1_000
CONTRACT = Decimal(10)  # [USD]
COIN_RATE = Decimal("0.01")
SEED = 20251010


@dataclass(frozen=True, slots=True)
class Bar:
    """The trades of one book in one minute."""

    low: Decimal
    close: Decimal


Bars = Mapping[str, Mapping[int, Bar]]  # book -> minute [µs UTC] -> bar
Prints = dict[int, Decimal]  # minute -> what a rule printed


@dataclass(frozen=True, slots=True)
class Printed:
    """The lowest that a rule printed of one asset, when, and how many of the longs it would have liquidated."""

    price: Decimal
    at: int
    liquidated: int
    in_coin: int  # of the same longs, had they been margined in the coin


def read_bars(folder: Path) -> dict[str, Bars]:
    """The books of each asset."""
    path = folder / FILE
    if not path.is_file():
        raise BadInput("missing_file", str(folder), "nothing", FILE)
    names = {(book, pattern.format(asset)): (asset, book) for asset in ASSETS for book, pattern in BOOKS.items()}
    found: dict[str, dict[str, dict[int, Bar]]] = {asset: {} for asset in ASSETS}
    with path.open() as file:
        for row in csv.DictReader(file):
            if (row["exchange"], row["symbol"]) in names:
                asset, book = names[row["exchange"], row["symbol"]]
                bar = Bar(Decimal(row["low"]), Decimal(row["close"]))
                found[asset].setdefault(book, {})[parse_time(row["minute_utc"])] = bar
    return dict(found)


def last_before(bars: Mapping[int, Bar], minute: int) -> tuple[int, Bar] | None:
    """The latest bar before `minute`, with its time."""
    times = [time for time in bars if time < minute]
    return (max(times), bars[max(times)]) if times else None


def _carried(bars: Bars) -> Iterator[tuple[int, dict[str, tuple[int, Bar]]]]:
    """Each minute from 20:00 on with the latest bar of every book that has traded."""
    latest = {book: found for book in bars if (found := last_before(bars[book], FIRST)) is not None}
    for minute in range(FIRST, END, MINUTE):
        latest |= {book: (minute, bars[book][minute]) for book in bars if minute in bars[book]}
        yield minute, dict(latest)


@in_exact_context
def index_prints(bars: Bars, rule: IndexRule, of_low: bool = True) -> Prints:
    """What an index rule prints each minute from 20:00 on, its bans carried along."""
    bans: dict[str, Ban] = {}
    prints: Prints = {}
    last = None
    for minute, books in _carried(bars):
        sources = [
            Source(name=book, price=bar.low if of_low and time == minute else bar.close, time=time)
            for book, (time, bar) in books.items()
        ]
        found = index(sources, rule, minute, banned(bans, rule, minute), last)
        bans = after(bans, sources, found, rule, minute)
        if found.price is not None:
            prints[minute] = last = found.price
    return prints


@in_exact_context
def mark_prints(bars: Bars, day: str) -> Prints:
    """The mark of the perpetual at each close, with the basis window of `day` and the index rule of 2025-10-10."""
    indices = index_prints(bars, index_rule("binance", START).rule, of_low=False)
    window = mark_window("binance", parse_time(day)).rule
    contract = {minute: books[PERPETUAL][1].close for minute, books in _carried(bars) if PERPETUAL in books}
    basis = [(minute, contract[minute] - indices[minute]) for minute in contract]
    means = {minute: average(basis, window, minute + MINUTE - 1).value for minute in contract if minute >= START}
    return {minute: perpetual_mark(indices[minute], mean, contract[minute]).price for minute, mean in means.items()}


Draw = tuple[Decimal, Decimal]  # notional [USD], leverage


def draws(asset: str, people: int = PEOPLE, seed: int = SEED) -> list[Draw]:
    """Who the longs of `asset` are: the same in either margin."""
    import numpy as np

    random = np.random.default_rng([seed, ASSETS.index(asset)])
    notionals = 5_000 * np.exp(1.2 * random.standard_normal(people))
    leverages = np.clip(3 * np.exp(0.6 * random.standard_normal(people)), 1.1, 20)
    pairs = zip(notionals.tolist(), leverages.tolist(), strict=True)
    return [(Decimal(f"{notional:.2f}"), Decimal(f"{leverage:.2f}")) for notional, leverage in pairs]


@in_exact_context
def stable_margined(asset: str, entry: Decimal, drawn: Iterable[Draw]) -> list[Account]:
    """Longs on binance/usdm, each with one position and its margin in the wallet."""
    accounts = []
    for n, (notional, leverage) in enumerate(drawn):
        quantity = round_half_up(divide(notional, entry), 3) + Decimal("0.001")
        wallet = {"USDT": round_half_up(divide(quantity * entry, leverage), 2)}
        position = Position(market=f"{asset}USDT", side="long", quantity=quantity, entry=entry)
        accounts.append(Account(id=f"{asset}-{n}", rules="binance/usdm", wallet=wallet, positions=(position,)))
    return accounts


@in_exact_context
def coin_margined(asset: str, entry: Decimal, drawn: Iterable[Draw]) -> list[Account]:
    """The same longs on binance/coinm, in contracts of 10 USD with margin in the coin."""
    accounts = []
    for n, (notional, leverage) in enumerate(drawn):
        contracts = round_half_up(divide(notional, CONTRACT), 0) + 1
        wallet = {asset: round_half_up(divide(contracts * CONTRACT, entry * leverage), 8)}
        position = Position(market=f"{asset}USD_PERP", side="long", quantity=contracts, entry=entry)
        accounts.append(Account(id=f"{asset}-coin-{n}", rules="binance/coinm", wallet=wallet, positions=(position,)))
    return accounts


def terms(rules: RuleSet) -> Any:
    """Brackets recorded for the day; for coin-margined contracts of these assets none are, so a rate is assumed."""
    overlay = {f"{asset}USD_PERP": {"maintenance_rate": str(COIN_RATE)} for asset in ASSETS}
    return rules.module.parameters(rules.version, START, overlay if rules.name == "binance/coinm" else None)


def liquidation_prices(accounts: Sequence[Account]) -> list[Decimal]:
    """The exact liquidation price of each, in order; 0 for a long that no price above 0 liquidates. One rule set."""
    rules = rule_set(accounts[0].rules)
    parameters = terms(rules)
    found = []
    for account in accounts:
        prices = rules.module.liquidation_prices(account, Market(), parameters, START)
        found.append(max((price.price for price in prices if price.source == "exact"), default=ZERO))
    return sorted(found)


def liquidated(borders: Sequence[Decimal], price: Decimal) -> int:
    """How many longs with these sorted liquidation prices a price liquidates: those at or above it.

    >>> liquidated([Decimal(50), Decimal(80), Decimal(90)], Decimal(80))
    2
    """
    return len(borders) - bisect_left(borders, price)


Rule = Callable[[Bars], Prints]


def _preset(venue: str, day: str) -> Rule:
    def prints(bars: Bars) -> Prints:
        return index_prints(bars, index_rule(venue, parse_time(day)).rule)

    return prints


def _contract(bars: Bars) -> Prints:
    return {minute: bar.low for minute, bar in bars[PERPETUAL].items() if START <= minute < END}


RULES: tuple[tuple[str, Rule, str], ...] = (
    ("no index: the perpetual's own price", _contract, "lowest trade of the minute"),
    ("mean of the books", lambda bars: index_prints(bars, IndexRule(outliers="keep")), "no rule for outliers"),
    ("Bybit, before July 2022", _preset("bybit", "2021-01-01"), "weights by the inverse square of the spread"),
    ("Binance, 2020", _preset("binance", "2020-09-01"), "5 %: out; two out: the median; 10 s"),
    ("Binance", _preset("binance", "2025-10-10"), "taken at ±3 % of the median; 5 minutes"),
    ("OKX, 2019", _preset("okx", "2019-07-01"), "taken at ±3 %; 30 minutes"),
    ("OKX", _preset("okx", "2025-10-10"), "taken at ±2 %"),
    ("Deribit", _preset("deribit", "2025-10-10"), "taken at ±0.5 %; 3 minutes"),
    ("BingX", _preset("bingx", "2025-10-10"), "3 %: out for 5 minutes; 5 s"),
    ("BitMEX", _preset("bitmex", "2025-10-10"), "10 %: out until steady; the last index is kept"),
    ("mark, 30 s of basis (since 2025-09-18)", lambda bars: mark_prints(bars, "2025-10-10"), "Binance's index, closes"),
    ("mark, 2.5 minutes (COIN-M, older)", lambda bars: mark_prints(bars, "2021-06-01"), "Binance's index, closes"),
    ("mark, 30 minutes (2020)", lambda bars: mark_prints(bars, "2020-06-12"), "Binance's index, closes"),
)


def printed(folder: Path, people: int = PEOPLE, seed: int = SEED) -> dict[str, dict[str, Printed]]:
    """By rule and asset: the lowest print from 21:00 to 21:59, and the longs that it liquidates."""
    found: dict[str, dict[str, Printed]] = {name: {} for name, _, _ in RULES}
    for asset, bars in read_bars(folder).items():
        entry = last_before(bars["coinbase"], START)
        if entry is None:
            raise BadInput("missing_price", f"{asset} at 21:00", "nothing", "a trade on Coinbase")
        drawn, at_entry = draws(asset, people, seed), entry[1].close
        borders = liquidation_prices(stable_margined(asset, at_entry, drawn))
        in_coin = liquidation_prices(coin_margined(asset, at_entry, drawn))
        for name, rule, _ in RULES:
            prints = {minute: price for minute, price in rule(bars).items() if minute >= START}
            at = min(prints, key=lambda minute: (prints[minute], minute))
            low = prints[at]
            found[name][asset] = Printed(low, at, liquidated(borders, low), liquidated(in_coin, low))
    return found


def rows(folder: Path) -> list[Row]:
    """One row per rule: for each asset the lowest price, and the longs of 1,000 that it liquidates in either margin."""
    results = printed(folder)
    return [
        Row(
            quantity=name,
            published="",
            ours="; ".join(
                f"{asset} {format_decimal(round_half_up(one.price, 3))} ({one.liquidated}, {one.in_coin})"
                for asset, one in results[name].items()
            ),
            difference="",
            why=why,
        )
        for name, _, why in RULES
    ]


if __name__ == "__main__":
    run("10 October 2025, 21:00 to 21:59 UTC: lowest print (longs liquidated of 1,000; in coin)", rows)
