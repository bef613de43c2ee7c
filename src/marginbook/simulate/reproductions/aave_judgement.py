"""Whether a liquidation call of Aave v2 took what the rule set says, and if not, what is wrong with its line.

    seized = ⌊percent_mul(P_d · repaid · u_c, bonus) / (P_c · u_d)⌋                the planner's, rule set `aave/2`
    repaid = percent_div(⌊P_c · seized · u_d / (P_d · u_c)⌋, bonus)                where all the collateral was taken

The bonus [bp, above 10⁴] is that of the rule set's dated parameters at the time of the call. Both sides are ranges
where the table left ranges; a call is met to the unit when they meet. Faults of prices are detected without looking at
the bonus, a price of another call only for what is left.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import product
from typing import Literal

from marginbook.exact import BASIS_POINTS, div_floor, divide, in_exact_context
from marginbook.simulate.reproductions.aave_events import AFTER_USDT, ETHER, Event, Range
from marginbook.units import parse_time
from marginbook.venues.aave_v3.parameters import Parameters, parameters
from marginbook.venues.aave_v3.versions import VERSIONS

DAY = 24 * 3600 * 10**6
HEARTBEAT = 25 * 3600 * 10**6  # [µs] a Chainlink feed of the pool writes at least every 24 hours
NEIGHBOURS = 3600 * 10**6  # [µs] how far away the price of another call may be
POINT = Decimal("0.0001")
RULES = VERSIONS["2"]
NAMES = {"XSUSHI": "xSUSHI", "SUSD": "sUSD"}
"""Names in the rule set's parameters where the table has others."""

Fault = Literal["", "no price", "price of USDT", "frozen price"]
Verdict = Literal["to the unit", "within 1 bp", "within 10 bp", "price of another call", "beyond"]


@dataclass(frozen=True, slots=True)
class Change:
    """A change of bonuses: when the parameters have it in force, and between which days the record allows it."""

    name: str
    in_force: int  # [µs UTC]
    first: int  # [µs UTC] from when on it may have been in force
    last: int  # [µs UTC] by when it was
    basis: str


def _change(name: str, in_force: str, first: str, last: str, basis: str) -> Change:
    return Change(name, parse_time(in_force), parse_time(first), parse_time(last), basis)


EXECUTED = "day of execution recorded"
ESTIMATED = "day estimated from that of the proposal"
CHANGES = (
    _change("proposal 30 (AIP-34)", "2021-09-04", "2021-09-04", "2021-09-05", EXECUTED),
    _change("AIP-38", "2021-09-26", "2021-09-24", "2021-09-30", ESTIMATED),
    _change("AIP-39", "2021-10-10", "2021-10-08", "2021-10-14", ESTIMATED),
    _change("AIP-40", "2021-10-17", "2021-10-15", "2021-10-21", ESTIMATED),
    _change("AIP-42", "2021-10-24", "2021-10-22", "2021-10-28", ESTIMATED),
    _change("AIP-43", "2021-10-31", "2021-10-29", "2021-11-04", ESTIMATED),
    _change("AIP-45", "2021-11-14", "2021-11-12", "2021-11-18", ESTIMATED),
    _change("AIP-53", "2021-12-26", "2021-12-24", "2021-12-30", f"{ESTIMATED}, value inferred"),
    _change("proposal 58", "2022-02-21", "2022-02-20", "2022-02-21", EXECUTED),
)
"""Of the main market. Where the day of execution is not recorded: from four days after the proposal (three of votes,
one of delay) to the end of five days of grace and one more."""
INFERRED = {"CRV": parse_time("2021-12-24")}
"""Collaterals of which a bonus was read from the calls themselves, and from when on."""


@cache
def _table(network: str, day: int) -> Parameters:
    return parameters("2", day, network=network)


def bonus_at(network: str, token: str, time: int) -> int:
    """The bonus in force [bp, above 10⁴] by the rule set's dated parameters.

    >>> [bonus_at("ethereum", "WBTC", parse_time(day)) for day in ("2021-09-01", "2021-09-10", "2022-01-01")]
    [11000, 10900, 10650]
    """
    table = _table(network, div_floor(time, DAY) * DAY)
    return table.asset(NAMES.get(token, token), "liquidation").liquidation_bonus


def is_inferred(event: Event) -> bool:
    """Whether the bonus, or the day from which on it was in force, is not of the record."""
    if event.time >= INFERRED.get(event.collateral, event.time + 1):
        return True
    return any(
        change.first <= event.time < change.last
        and bonus_at(event.network, event.collateral, change.in_force - 1)
        != bonus_at(event.network, event.collateral, change.in_force)
        for change in CHANGES
    )


def frozen(events: Sequence[Event]) -> frozenset[tuple[str, str, Range]]:
    """(part, token, price) that cannot have been a feed's.

    Of tokens with a price that stayed from line to line for longer than a feed's heartbeat: every price that is in two
    lines further apart than that.
    """
    run: dict[tuple[str, str], tuple[Range, int]] = {}
    spans: dict[tuple[str, str, Range], tuple[int, int]] = {}
    tokens = set()
    for event in events:
        for token, price in _priced(event):
            key = event.part, token
            spans[*key, price] = spans.get((*key, price), (event.time, 0))[0], event.time
            if key not in run or run[key][0] != price:
                run[key] = price, event.time
            elif event.time - run[key][1] > HEARTBEAT:
                tokens.add(key)
    return frozenset(
        (part, token, price)
        for (part, token, price), (first, last) in spans.items()
        if (part, token) in tokens and last - first > HEARTBEAT
    )


def _priced(event: Event) -> Iterator[tuple[str, Range]]:
    """The tokens of a line that have a price of a feed, with it."""
    for token, price in ((event.collateral, event.collateral_price), (event.debt, event.debt_price)):
        if price is not None and token not in ETHER:
            yield token, price


def fault(event: Event, stuck: frozenset[tuple[str, str, Range]]) -> Fault:
    """What is wrong with a price of the line, whatever was seized."""
    if event.collateral_price is None or event.debt_price is None:
        return "no price"
    if event.debt in AFTER_USDT or (event.part == "second" and event.collateral in AFTER_USDT):
        return "price of USDT"
    return "frozen price" if any((event.part, *side) in stuck for side in _priced(event)) else ""


def is_seized(event: Event, bonus: int, price: Range, debt_price: Range) -> bool:
    """Whether the planner takes what was taken for the debt repaid, at these prices [wei of ETH]."""
    held, owed = event.units
    ends = (
        (debt_price.least, event.repaid.least, price.most),
        (debt_price.most, event.repaid.most, max(1, price.least)),
    )
    low, high = (RULES.seizable(debt * repaid * held, own * owed, bonus) for debt, repaid, own in ends)
    return event.seized.meets(low, high)


def is_emptied(event: Event, bonus: int, price: Range, debt_price: Range) -> bool:
    """Whether the planner asks for the debt that was repaid, if what was taken was all there was.

    One unit of debt may be worth many units of collateral: amounts of these are then told apart no finer.
    """
    held, owed = event.units
    ends = (
        (price.least, event.seized.least, debt_price.most),
        (price.most, event.seized.most, max(1, debt_price.least)),
    )
    low, high = (RULES.debt_needed(div_floor(own * seized * owed, debt * held), bonus) for own, seized, debt in ends)
    return event.repaid.meets(low, high)


def is_planned(event: Event, bonus: int, price: Range, debt_price: Range) -> bool:
    """Either."""
    return is_seized(event, bonus, price, debt_price) or is_emptied(event, bonus, price, debt_price)


@in_exact_context
def off(event: Event, bonus: int) -> Decimal | None:
    """Value seized / value repaid, less 1 and the bonus [fraction], at the line's prices; None without them."""
    if event.collateral_price is None or event.debt_price is None or not event.repaid.most or not event.debt_price.most:
        return None
    held, owed = event.units
    seized = Decimal(event.collateral_price.most * event.seized.most * owed)
    return divide(seized, Decimal(event.debt_price.most * event.repaid.most * held)) - divide(
        Decimal(bonus), Decimal(BASIS_POINTS)
    )


@in_exact_context
def off_in_usd(event: Event, bonus: int) -> Decimal:
    """The same of the values in USD that the second part prints."""
    assert event.values is not None
    return divide(*event.values) - divide(Decimal(bonus), Decimal(BASIS_POINTS))


@dataclass(frozen=True, slots=True)
class Judged:
    """A call with what was found."""

    event: Event
    bonus: int  # [bp, above 10⁴]
    inferred: bool
    fault: Fault
    verdict: Verdict
    off: Decimal | None  # [fraction]


Book = Mapping[tuple[str, str], tuple[Sequence[int], Sequence[Range]]]
"""(part, token) -> (times, prices) of lines without a fault, in order of time."""


def judge(events: Sequence[Event]) -> list[Judged]:
    """All of them, which are in order of time."""
    stuck = frozen(events)
    faults = [fault(event, stuck) for event in events]
    book = _book(event for event, wrong in zip(events, faults, strict=True) if not wrong)
    return [_judged(event, wrong, book) for event, wrong in zip(events, faults, strict=True)]


def _judged(event: Event, wrong: Fault, book: Book) -> Judged:
    bonus = bonus_at(event.network, event.collateral, event.time)
    difference = off(event, bonus)
    price, debt_price = event.collateral_price, event.debt_price
    verdict: Verdict = "beyond"
    if price is not None and debt_price is not None and is_planned(event, bonus, price, debt_price):
        verdict = "to the unit"
    elif not wrong and any(is_planned(event, bonus, *pair) for pair in _others(event, book)):
        verdict = "price of another call"
    elif difference is not None and abs(difference) <= POINT:
        verdict = "within 1 bp"
    elif difference is not None and abs(difference) <= 10 * POINT:
        verdict = "within 10 bp"
    return Judged(event, bonus, is_inferred(event), wrong, verdict, difference)


def _book(events: Iterable[Event]) -> Book:
    times: dict[tuple[str, str], tuple[list[int], list[Range]]] = {}
    for event in events:
        for token, price in ((event.collateral, event.collateral_price), (event.debt, event.debt_price)):
            assert price is not None  # a line without a fault has both
            at, prices = times.setdefault((event.part, token), ([], []))
            at.append(event.time)
            prices.append(price)
    return times


def _others(event: Event, book: Book) -> Iterator[tuple[Range, Range]]:
    """Pairs of prices that calls within an hour had."""

    def near(token: str) -> set[Range]:
        times, prices = book.get((event.part, token), ((), ()))
        first, last = bisect_left(times, event.time - NEIGHBOURS), bisect_right(times, event.time + NEIGHBOURS)
        return set(prices[first:last])

    yield from product(near(event.collateral), near(event.debt))
