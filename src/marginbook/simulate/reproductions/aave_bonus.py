"""The liquidation bonus of 11,488 real calls on Aave v2: did each take what the rule set says, to the unit?

Data: the table of `aave_events`; bonuses: the dated parameters of `aave/2`, with the proposals that changed them as
sources; arithmetic: the planner's own. Nothing is fitted. What rests on a day or a value that the record does not give
is counted apart (`aave_judgement.WINDOWS`, `INFERRED`). `aave_residuals` lists the calls that are not met.

    python -m marginbook.simulate.reproductions.aave_bonus DATA_FOLDER
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from marginbook.exact import BASIS_POINTS, ZERO, divide, from_raw, in_exact_context, round_half_up
from marginbook.simulate.reproductions.aave_events import AMM, events
from marginbook.simulate.reproductions.aave_judgement import (
    CHANGES,
    POINT,
    Change,
    Judged,
    bonus_at,
    is_planned,
    is_seized,
    judge,
    off_in_usd,
)
from marginbook.simulate.reproductions.adl_rows import percent
from marginbook.simulate.reproductions.table import Row, run
from marginbook.units import format_time

TITLE = "The liquidation bonus of real calls on Aave v2, December 2020 to April 2022"
SNAPSHOT = "aave_v2_reserve_params_2021.csv"
LINES, USD_CALLS, USD_DEBT = 11_497, 5_262, Decimal("320.85")
"""Lines of the table; calls with values in USD, and their debt [M USD], of a cleaned copy of it."""
WRONG = (-13, 7, 37)  # [bp] bonuses wrong by this much should meet nothing
FAULTS = {
    "price of USDT": "ENJ, KNC, ZRX: their addresses sort after that of USDT, whose price the source filed as theirs",
    "frozen price": "GUSD, xSUSHI, AmmBptBALWETH: unchanged for more than 25 hours, a feed writes every 24",
    "no price": "",
}
MANY = 20
"""Collaterals with fewer calls share a row."""


def rows(folder: Path) -> list[Row]:
    """Everything, in the order of the page."""
    found = judge(events(folder))
    return [*in_usd(found, snapshot(folder)), *in_units(found), *by_collateral(found), *days(found)]


def snapshot(folder: Path) -> Mapping[tuple[str, str], int]:
    """(network, token) -> bonus [bp, above 10⁴] of one undated snapshot of 2021."""
    with (folder / SNAPSHOT).open(encoding="utf-8") as file:
        return {
            ("ethereum_amm" if row["pool"] == AMM else "ethereum", row["symbol"]): int(
                Decimal(row["reserveLiquidationBonus"])
            )
            for row in csv.DictReader(file)
        }


@in_exact_context
def in_usd(found: Iterable[Judged], undated: Mapping[tuple[str, str], int]) -> list[Row]:
    """Value seized / value repaid in the USD that the second part of the table prints."""
    found = list(found)
    valued = [one for one in found if one.event.values]
    debt = round_half_up(divide(sum((one.event.values[1] for one in valued if one.event.values), ZERO), _MILLION), 2)

    def near(points: int) -> Callable[[Judged], bool]:
        return lambda one: abs(off_in_usd(one.event, one.bonus)) <= points * POINT

    def near_snapshot(one: Judged) -> bool:
        bonus = undated.get((one.event.network, one.event.collateral), BASIS_POINTS)
        return abs(off_in_usd(one.event, bonus)) <= POINT

    pairs = "the cleaned copy took two pairs of calls that agree to ten digits for one each"
    return [
        Row(
            "lines, and calls", f"{LINES:,}", f"{len(found):,}", f"{len(found) - LINES:,}", "lines of one call are one"
        ),
        Row("calls with values in USD", f"{USD_CALLS:,}", f"{len(valued):,}", f"{len(valued) - USD_CALLS:+}", pairs),
        Row("… debt repaid [M USD]", f"{USD_DEBT}", f"{debt}", f"{debt - USD_DEBT:+}", ""),
        _share("… ratio within 1 bp of the bonus in force", valued, near(1), "dated parameters of `aave/2`"),
        _share("… … by the record alone", valued, lambda one: near(1)(one) and not one.inferred, "day, value recorded"),
        _share("… … lines without a fault of price", _sound(valued), near(1), "faults: below"),
        _share("… within 10 bp", valued, near(10), ""),
        _share("… within 1 bp of one snapshot's bonus", valued, near_snapshot, "what undated parameters explain"),
    ]


_MILLION = Decimal(10**6)


def in_units(found: Iterable[Judged]) -> list[Row]:
    """The planner's amount, to the unit, at prices in wei."""
    found = list(found)
    sound = _sound(found)
    controls = "; ".join(f"{wrong:+} bp: {sum(_is_met(one, one.bonus + wrong) for one in sound)}" for wrong in WRONG)
    all_taken = "to the last unit of debt: all the collateral was taken"
    by_record = "the value, and that it was in force at the time, are recorded"
    return [
        *(
            Row(f"fault of the line: {name}", "", f"{count:,}", "", FAULTS[name])
            for name, count in Counter(one.fault for one in found if one.fault).most_common()
        ),
        _share("met to the unit", sound, _to_the_unit, "planner of `aave/2`; lines without a fault, both parts"),
        _share("… what was seized", sound, is_met_by_seizure, "from the debt repaid, to the last unit of collateral"),
        _share(
            "… else what was repaid", sound, lambda one: _to_the_unit(one) and not is_met_by_seizure(one), all_taken
        ),
        _share("… by the record alone", sound, lambda one: _to_the_unit(one) and not one.inferred, by_record),
        _share("… at an inferred day or value", sound, lambda one: _to_the_unit(one) and one.inferred, "see the days"),
        Row("… met by a wrong bonus", "", controls, "", "control: an agreement is no chance"),
        _share("at the prices of another call", sound, _by_another, "of the same tokens, at most one hour away"),
        _share("not met, within 1 bp", sound, lambda one: one.verdict == "within 1 bp", ""),
        _share("not met, within 10 bp", sound, lambda one: one.verdict == "within 10 bp", ""),
        _share("not met, beyond", sound, lambda one: one.verdict == "beyond", "listed by `aave_residuals`"),
    ]


def _sound(found: Iterable[Judged]) -> list[Judged]:
    return [one for one in found if not one.fault]


def _to_the_unit(one: Judged) -> bool:
    return one.verdict == "to the unit"


def _by_another(one: Judged) -> bool:
    return one.verdict == "price of another call"


def _is_met(one: Judged, bonus: int) -> bool:
    price, debt_price = one.event.collateral_price, one.event.debt_price
    return price is not None and debt_price is not None and is_planned(one.event, bonus, price, debt_price)


def is_met_by_seizure(one: Judged) -> bool:
    """Whether the planner takes what was taken, to the unit, at the prices of the line."""
    price, debt_price = one.event.collateral_price, one.event.debt_price
    return price is not None and debt_price is not None and is_seized(one.event, one.bonus, price, debt_price)


def _share(quantity: str, among: Iterable[Judged], test: Callable[[Judged], bool], why: str) -> Row:
    among = list(among)
    count = sum(map(test, among))
    shown = percent(divide(Decimal(count), Decimal(len(among)))) if among else "none"
    return Row(quantity, "", f"{count:,} of {len(among):,}", shown, why)


def by_collateral(found: Iterable[Judged]) -> list[Row]:
    """Of each collateral: the bonuses of its calls in order, and how many of the sound lines are met to the unit."""
    groups: dict[str, list[Judged]] = {}
    for one in found:
        groups.setdefault(one.event.collateral, []).append(one)
    few = [token for token, calls in groups.items() if len(calls) < MANY]
    for token in few:
        groups.setdefault("others", []).extend(groups.pop(token))
    result = []
    for token, calls in sorted(groups.items(), key=lambda item: -len(item[1])):
        bonuses = [] if token == "others" else list(dict.fromkeys(one.bonus for one in calls))
        steps = " → ".join(f"{_percent(bonus)}" for bonus in bonuses)
        name = f"{token}, {steps} %" if steps else f"others: {', '.join(sorted(few))}"
        faults = len(calls) - len(_sound(calls))
        why = f"{faults} of {len(calls):,} lines with a fault" if faults else ""
        result.append(_share(name, _sound(calls), lambda one: _to_the_unit(one) or _by_another(one), why))
    return result


def _percent(bonus: int) -> str:
    return f"{from_raw(bonus - BASIS_POINTS, 2).normalize():f}"


@dataclass(frozen=True, slots=True)
class Seen:
    """What calls show of a change: the last one at an old bonus, and the first one at a new one [µs UTC], 0 = none."""

    last_old: int
    first_new: int
    old: int  # calls that only the old bonus meets
    new: int


def seen(change: Change, found: Iterable[Judged]) -> Seen:
    """Of the tokens that `change` moved, while by the parameters the bonus before or after it is in force."""
    old: list[int] = []
    new: list[int] = []
    for one in found:
        event = one.event
        if one.fault or event.network != "ethereum":
            continue
        before, after = (bonus_at("ethereum", event.collateral, at) for at in (change.in_force - 1, change.in_force))
        if before == after or one.bonus not in (before, after):
            continue
        if _is_met(one, before) != _is_met(one, after):
            (old if _is_met(one, before) else new).append(event.time)
    return Seen(max(old, default=0), min(new, default=0), len(old), len(new))


def days(found: Iterable[Judged]) -> list[Row]:
    """When each change came into force by the calls, beside the day that the parameters have."""
    found, result = list(found), []
    for change in CHANGES:
        shown = seen(change, found)
        agrees = shown.last_old < change.in_force <= (shown.first_new or change.in_force)
        ours = f"after {_minute(shown.last_old)}, by {_minute(shown.first_new)}"
        why = f"{shown.old} calls at the old, {shown.new} at the new bonus; {change.basis}"
        result.append(
            Row(f"{change.name} in force", format_time(change.in_force)[:10], ours, "0" if agrees else "", why)
        )
    return result


def _minute(time: int) -> str:
    return format_time(time)[:16].replace("T", " ") if time else "—"


if __name__ == "__main__":
    run(TITLE, rows)
