"""The BCBS-IOSCO schedule: its properties, and cases that are printed in words."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest

from marginbook.domain.errors import BadInput
from marginbook.exact import div_half_up
from marginbook.risk_models.schedule import Trade, rate_of, rates_at, schedule_margin, years_between

RATES = rates_at(1_600_000_000_000_000)


def rate_trade(notional: str, value: str) -> Trade:
    return Trade("Rates", Decimal(notional), Decimal(value), Fraction(1))


@pytest.mark.parametrize(
    ("trades", "margin"),
    [
        # One trade with values +1000 and −1000: no gross cost, so that nothing is taken off.
        ([("1000", "0")], 10),
        # Two trades of notional ±1000: their absolute values, and values that cancel.
        ([("1000", "1000"), ("-1000", "-1000")], 8),
        # One trade whose notionals cancel.
        ([("0", "0")], 0),
    ],
)
def test_cases_of_simm_lib_in_words(trades: list[tuple[str, str]], margin: int) -> None:
    found = schedule_margin([rate_trade(*trade) for trade in trades], RATES).margin
    assert div_half_up(int(found * 100), 100) == margin


def test_buckets_begin_with_their_limit() -> None:
    at = [Fraction(0), Fraction(199, 100), Fraction(2), Fraction(499, 100), Fraction(5), Fraction(40)]
    assert [str(rate_of(RATES, "Credit", years)) for years in at] == ["0.02", "0.02", "0.05", "0.05", "0.10", "0.10"]
    assert [str(rate_of(RATES, "Rates", years)) for years in at] == ["0.01", "0.01", "0.02", "0.02", "0.04", "0.04"]
    assert rate_of(RATES, "Rates", Fraction(-1)) == Decimal("0.01")
    with pytest.raises(BadInput, match="Crypto"):
        rate_of(RATES, "Crypto", Fraction(1))


def test_actual_actual_counts_leap_days_apart() -> None:
    assert years_between(date(2020, 7, 1), date(2021, 7, 1)) == Fraction(184, 366) + Fraction(181, 365)
    assert years_between(date(2023, 1, 1), date(2023, 1, 1)) == 0
    assert years_between(date(2024, 1, 1), date(2020, 1, 1)) == -4


def random_trades(random: Random) -> list[Trade]:
    return [
        Trade(
            random.choice(list(RATES)),
            Decimal(random.randint(-(10**6), 10**6)),
            Decimal(random.randint(-(10**5), 10**5)),
            Fraction(random.randint(0, 100), 10),
        )
        for _ in range(random.randint(1, 8))
    ]


def test_between_two_fifths_and_the_whole_of_the_gross_margin_and_in_any_order() -> None:
    random = Random(1)
    for _ in range(200):
        trades = random_trades(random)
        found = schedule_margin(trades, RATES)
        assert Decimal("0.4") * found.gross_margin <= found.margin <= found.gross_margin
        assert schedule_margin(trades[::-1], RATES) == found
        # What we collect is what the other side posts.
        mirrored = [replace(trade, value=-trade.value) for trade in trades]
        posted = schedule_margin(mirrored, RATES, "post")
        assert (posted.margin, posted.gross_replacement_cost) == (found.margin, -found.gross_replacement_cost)
        larger = [replace(trade, notional=trade.notional * 2) for trade in trades]
        assert abs(schedule_margin(larger, RATES).margin - 2 * found.margin) < Decimal("1e-20")


def test_no_table_before_the_schedule_was_published() -> None:
    with pytest.raises(BadInput, match="schedule"):
        rates_at(0)
