"""Real liquidations of Aave v2: the planner's arithmetic, faults of the table, and the shares that were measured."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market, Quote
from marginbook.exact import from_raw, round_floor
from marginbook.simulate.reproductions import aave_bonus, aave_events, aave_residuals
from marginbook.simulate.reproductions.aave_events import AFTER_USDT, AMM, Event, Range, decimals, within_one_place
from marginbook.simulate.reproductions.aave_judgement import (
    CHANGES,
    Judged,
    bonus_at,
    frozen,
    is_inferred,
    is_seized,
    judge,
)
from marginbook.simulate.reproductions.table import as_markdown
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reproductions" / "aave-bonus.md"
PICTURE = ROOT / "docs" / "pictures" / "aave-bonus.svg"
MAIN = "0xb53c1a33016b2dc2ff3653530bff1848a515c8c5"
RULES = rule_set("aave/2")


def line(**changed: str) -> dict[str, str]:
    """A line of the first part: the call of 23 April 2021 on chain, 33,825.7… ENJ for 55,144.569141 USDT at 10 %."""
    row = {
        **dict.fromkeys(("liquidator", "reservePriceETHCollateral", "amountUSDCollateral", "amountUSDPrincipal"), ""),
        "collateralAmount": "33825732222059557759476",
        "collateralReserve": "ENJ",
        "pool": MAIN,
        "principalAmount": "55144569141",
        "principalReserve": "USDT",
        "timestamp": "1619145033",
        "user": "0x41a7",
        "priceUSDTCollateral": "819170533251580.0",
        "reservePriceETHPrincipal": "456800000000000.0",
    }
    return row | changed


def late(time: str = "1640000000", collateral: str = "WBTC", **changed: str) -> dict[str, str]:
    """A line of the second part: 1.065 WBTC for 10 WETH at 10 ETH per WBTC."""
    return line(
        timestamp=time,
        collateralReserve=collateral,
        principalReserve="WETH",
        liquidator="0x1",
        collateralAmount="1.065",
        principalAmount="10.0",
        reservePriceETHCollateral="10.0",
        reservePriceETHPrincipal="1.0",
        amountUSDCollateral="10650",
        amountUSDPrincipal="10000",
        **changed,
    )


def judged(*rows: Mapping[str, str]) -> list[Judged]:
    return judge(aave_events.read(rows))


def whole_planner(event: Event, bonus: int) -> tuple[D | None, D | None]:
    """(close_most, seized) of the rule set for an account that holds and owes twice what the call moved."""
    assert event.collateral_price is not None
    assert event.debt_price is not None
    sides = ((event.collateral, event.seized, event.collateral_price), (event.debt, event.repaid, event.debt_price))
    held, owed = (from_raw(2 * amount.least, decimals(token)) for token, amount, _ in sides)
    overlay: dict[str, Any] = {
        token: {"decimals": f"{decimals(token)}", "ltv": "0.01", "liquidation_threshold": "0.01"}
        for token, _, _ in sides
    }
    overlay[event.collateral]["liquidation_bonus"] = f"{from_raw(bonus - 10_000, 4)}"
    account = Account(
        id="a", rules="aave/2", collateral=(Collateral(asset=event.collateral, amount=held),),
        debt=(Debt(asset=event.debt, amount=owed),),
    )  # fmt: skip
    quotes = {("aave-v2", token, "oracle"): Quote(from_raw(price.least, 18)) for token, _, price in sides}
    terms = RULES.module.parameters("2", event.time, overlay)
    plan = RULES.module.plan_liquidation(account, "main", Market(quotes=quotes), terms, event.time)
    return plan.close_most, plan.seized


def test_a_real_call_is_met_to_the_unit_and_no_other_amount() -> None:
    [one] = judged(line())
    assert (one.verdict, one.fault, one.bonus, one.inferred) == ("to the unit", "", 11_000, False)
    assert whole_planner(one.event, one.bonus) == (D("55144.569141"), D("33825.732222059557759476"))
    event, prices = one.event, (Range(819170533251580, 819170533251580), Range(456800000000000, 456800000000000))
    for unit, met in ((-1, False), (0, True), (1, False)):
        other = replace(event, seized=Range(event.seized.least + unit, event.seized.least + unit))
        assert is_seized(other, 11_000, *prices) is met
        [debt] = judged(line(principalAmount=f"{event.repaid.least + unit}"))
        assert debt.verdict == ("to the unit" if met else "within 1 bp")
    [beside] = judged(line(collateralAmount="33841000000000000000000"))
    assert beside.verdict == "within 10 bp"
    [beyond] = judged(line(collateralAmount="34000000000000000000000"))
    assert beyond.verdict == "beyond"


def test_where_all_collateral_goes_the_debt_is_what_the_planner_asks_for() -> None:
    """A round balance of ENJ: its debt, ⌊P_c·seized·u_d / (P_d·u_c)⌋ = 1,793,280,501 units, over 1.1."""
    [one] = judged(line(collateralAmount="1000" + 18 * "0", principalAmount="1630255001"))
    assert one.verdict == "to the unit"
    for debt in ("1630255000", "1630255002"):
        assert judged(line(collateralAmount="1000" + 18 * "0", principalAmount=debt))[0].verdict == "within 1 bp"


def test_a_double_stands_for_the_integers_within_one_place() -> None:
    assert within_one_place("0.1", 1) == Range(1, 1)
    wide = within_one_place("33825.73222205956", 18)
    assert wide.meets(33825732222059557759476, 33825732222059557759476)
    assert 14_000_000 < wide.most - wide.least < 15_000_000  # 2 · 2⁻³⁷ ENJ
    assert not wide.meets(wide.most + 1, wide.most + 1)
    assert judged(late())[0].verdict == "to the unit"


def test_the_bonus_is_that_of_its_day() -> None:
    day = [("2021-09-03", 11000), ("2021-09-04", 10900), ("2021-09-26", 10750), ("2021-10-24", 10650)]
    assert [(when, bonus_at("ethereum", "WBTC", parse_time(when))) for when, _ in day] == day
    assert bonus_at("ethereum", "XSUSHI", parse_time("2021-11-14")) == 10850
    assert bonus_at("ethereum_amm", "AmmWBTC", parse_time("2022-03-01")) == 11000
    with pytest.raises(BadInput, match="unknown_market"):
        bonus_at("ethereum", "CRV", parse_time("2020-12-10"))
    [old] = judged(late(time="1630000000"))  # 26 August 2021, at 10 %
    assert old.verdict == "beyond"


def test_days_and_values_that_are_not_recorded_are_counted_apart() -> None:
    def inferred(token: str, when: str) -> bool:
        [event] = aave_events.read([late(collateral=token)])
        return is_inferred(replace(event, time=parse_time(when)))

    assert [inferred("AAVE", f"2021-09-{day}") for day in (23, 24, 29, 30)] == [False, True, True, False]
    assert not inferred("LINK", "2021-09-27")  # this proposal left it alone
    assert [inferred("UNI", day) for day in ("2022-02-20", "2022-02-21")] == [True, False]
    assert [inferred("CRV", day) for day in ("2021-12-23", "2021-12-24", "2022-03-01")] == [False, True, True]
    for change in CHANGES:
        assert change.first <= change.in_force <= change.last


def test_prices_that_are_not_the_tokens_own_are_found() -> None:
    assert [judged(line(principalReserve=token))[0].fault for token in AFTER_USDT] == ["price of USDT"] * 3
    assert judged(late(collateral="ENJ"))[0].fault == "price of USDT"
    assert judged(line(priceUSDTCollateral=""))[0].fault == "no price"
    assert judged(line())[0].fault == ""


def test_a_price_is_frozen_after_a_feeds_heartbeat_and_not_before() -> None:
    def faults(*hours: int, prices: str = "") -> list[str]:
        rows = [
            late(time=f"{1_640_000_000 + 3600 * hour}", user=f"0x{hour}") | {"reservePriceETHCollateral": price}
            for hour, price in zip(hours, prices.split() or ["10.0"] * len(hours), strict=True)
        ]
        return [one.fault for one in judged(*rows)]

    assert faults(0, 25) == ["", ""]
    assert faults(0, 26) == ["frozen price"] * 2
    assert faults(0, 1, 26, prices="10.0 10.1 10.0") == ["", "", ""]  # came back: says nothing of a token that moves
    assert faults(0, 30, 31, 99, prices="10.0 10.0 10.1 10.1") == ["frozen price"] * 4
    ether = [late(time=f"{1_640_000_000 + 3600 * hour}", collateral="WETH", user=f"0x{hour}") for hour in (0, 99)]
    assert frozen(aave_events.read(ether)) == frozenset()


def test_the_price_of_another_call_explains_one_within_an_hour() -> None:
    right = late(time="1640000000", user="0x1")
    wrong = {"reservePriceETHCollateral": "10.1"}
    for later, verdict in ((3600, "price of another call"), (3601, "beyond")):
        other = late(time=f"{1640000000 + later}", user="0x2") | wrong
        assert [one.verdict for one in judged(right, other)] == ["to the unit", verdict]


def test_a_call_that_is_in_the_table_twice_counts_once() -> None:
    assert len(judged(line(), line(), line(user="0x2"))) == 2
    [amm] = judged(late(collateral="AmmWBTC", pool=AMM))
    assert (amm.event.network, amm.bonus) == ("ethereum_amm", 11_000)


def test_two_calls_that_imply_one_price_are_found() -> None:
    """WBTC at 10.2 ETH in both, where the lines have 10.0 and 10.1; a third implies 10.3, a fourth comes too late."""
    prices = (("0", "10.0", "10.2"), ("3600", "10.1", "10.2"), ("3600", "10.1", "10.3"), ("7201", "10.1", "10.2"))
    rows = [
        late(time=f"{1_640_000_000 + int(after)}", user=f"0x{place}")
        | {"reservePriceETHCollateral": shown, "collateralAmount": str(round_floor(D("10.65") / D(true), 8))}
        for place, (after, shown, true) in enumerate(prices)
    ]
    found = judged(*rows)
    assert {event.user for event in aave_residuals.agreeing(found)} == {"0x0", "0x1"}
    [(token, price)] = aave_residuals.implied(found[0])
    assert token == "WBTC"
    assert price.meets(10_200_000_000_000_000_000, 10_200_000_000_000_000_000)
    whys = [row.why for row in aave_residuals.residuals(found)]
    assert [why.startswith("a price that is in no line") for why in whys] == [True, True, False, False]


def test_residuals_say_when_how_much_and_why() -> None:
    rows = [line(), line(collateralAmount="34000000000000000000000"), line(collateralAmount="4" + 22 * "0")]
    [small, large] = aave_residuals.residuals(judged(*rows))
    assert small.quantity == "2021-04-23T02:30:33Z 0x41a7… ENJ for USDT"
    assert (small.published, small.ours, small.difference) == ("1.1000", "1.105667", "+0.005667")
    assert (small.why, large.why) == ("unknown; within one step of a feed", "unknown")
    assert aave_residuals.counts(judged(*rows)) == [(1, 0), (0, 0), (0, 0), (1, 0), (0, 0), (1, 0)]


def test_the_table_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="missing_file"):
        aave_bonus.rows(tmp_path)


@pytest.fixture(scope="module")
def real(data: Path) -> list[Judged]:
    return judge(aave_events.events(data))


def test_the_measured_shares(real: list[Judged], data: Path) -> None:
    found = aave_bonus.in_usd(real, aave_bonus.snapshot(data)) + aave_bonus.in_units(real)
    ours = {row.quantity: row.ours for row in found}
    assert ours["lines, and calls"] == "11,488"
    assert ours["… ratio within 1 bp of the bonus in force"] == "4,934 of 5,264"
    assert ours["… within 1 bp of one snapshot's bonus"] == "3,477 of 5,264"
    assert ours["met to the unit"] == "10,495 of 10,825"
    assert ours["… by the record alone"] == "10,437 of 10,825"
    assert ours["at the prices of another call"] == "73 of 10,825"
    assert ours["not met, beyond"] == "159 of 10,825"


def test_the_page_and_its_picture_are_these_rows(real: list[Judged], data: Path) -> None:
    rows = [
        *aave_bonus.in_usd(real, aave_bonus.snapshot(data)),
        *aave_bonus.in_units(real),
        *aave_bonus.by_collateral(real),
        *aave_bonus.days(real),
    ]
    assert as_markdown(rows) in PAGE.read_text()
    assert aave_residuals.picture(aave_residuals.counts(real)) == PICTURE.read_text()
    assert all(row.difference == "0" for row in aave_bonus.days(real))


def test_the_whole_planner_seizes_what_was_seized(real: list[Judged]) -> None:
    """The rule set with an account, a market and parameters: calls of the first part with prices to the wei."""
    exact = [
        one
        for one in real
        if one.event.part == "first"
        and not one.fault
        and aave_bonus.is_met_by_seizure(one)
        and one.event.collateral != one.event.debt
        and all(price and price.least == price.most for price in (one.event.collateral_price, one.event.debt_price))
    ]
    assert len(exact) > 2_500
    for one in exact[::100]:
        amounts = ((one.event.repaid, one.event.debt), (one.event.seized, one.event.collateral))
        assert whole_planner(one.event, one.bonus) == tuple(
            from_raw(amount.least, decimals(token)) for amount, token in amounts
        )
