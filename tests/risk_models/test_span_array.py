"""The SPAN array of one contract: the printed example, an option, and what scenarios promise."""

from decimal import Decimal

import pytest

from marginbook.domain.errors import BadInput
from marginbook.risk_models.black_76 import value
from marginbook.risk_models.span_array import (
    SCENARIOS,
    Ranges,
    future_array,
    risk_array,
    scan_risk,
    scenario_losses,
)

MCMILLAN = Ranges(Decimal(20), Decimal(2), Decimal("0.35"))
PER_POINT = Decimal(500)


def test_the_printed_example_to_the_tens() -> None:
    printed = [0, 0, 3330, 3330, -3330, -3330, 6670, 6670, -6670, -6670, 10000, 10000, -10000, -10000, 7000, -7000]
    array = future_array(MCMILLAN, PER_POINT)
    assert all(abs(-loss - profit) < 5 for loss, profit in zip(array, printed, strict=True))
    assert scan_risk(scenario_losses({"SP": Decimal(1)}, {"SP": array})) == 10_000
    assert scan_risk(scenario_losses({"SP": Decimal(-3)}, {"SP": array})) == 30_000


def test_thirds_of_a_future_in_a_cme_file() -> None:
    """The first nine losses of soybean meal, July 2025, in CME's file of 20 June 2025: whole dollars, half up."""
    printed = [0, 0, -567, -567, 567, 567, -1133, -1133, 1133]
    assert list(future_array(Ranges(Decimal(1700), Decimal(3), Decimal("0.33")), places=0))[:9] == printed


def test_scenarios_are_in_the_order_of_the_file() -> None:
    assert [scenario.thirds for scenario in SCENARIOS[:14]] == [0, 0, 1, 1, -1, -1, 2, 2, -2, -2, 3, 3, -3, -3]
    assert [scenario.volatility for scenario in SCENARIOS] == [1, -1] * 7 + [0, 0]


def test_three_thirds_are_the_range_and_places_round_half_up() -> None:
    array = future_array(Ranges(Decimal(100), Decimal(3), Decimal("0.33")))
    assert array[12] == 100
    assert array[15] == 99
    rounded = future_array(Ranges(Decimal("0.015"), Decimal(3), Decimal("0.33")), places=2)
    # A third is 0.005, half a unit; −0.005 rounds away from zero too.
    assert (rounded[2], rounded[4]) == (Decimal("-0.01"), Decimal("0.01"))


def worth(price: Decimal, volatility: Decimal) -> Decimal:
    return Decimal(repr(value(False, 1000 + float(price), 990, 0.25, 0.2 + float(volatility))))


def arrays_with(volatility: str) -> dict[str, tuple[Decimal, ...]]:
    ranges = Ranges(Decimal(20), Decimal(2), Decimal("0.35"), Decimal(volatility))
    return {"F": risk_array(lambda price, volatility: price, ranges), "P": risk_array(worth, ranges)}


def scanned(arrays: dict[str, tuple[Decimal, ...]], **held: int) -> Decimal:
    return scan_risk(scenario_losses({name: Decimal(size) for name, size in held.items()}, arrays))


def test_a_position_with_its_protective_put_needs_no_more_than_the_riskier_of_the_two() -> None:
    arrays = arrays_with("0.01")
    assert scanned(arrays, F=1, P=1) < max(scanned(arrays, F=1), scanned(arrays, P=1))
    # Where volatility may fall far, the put's own loss adds to the scan; its value is a credit (net option value), and
    # a put never loses more than that.
    arrays = arrays_with("0.05")
    credit = worth(Decimal(0), Decimal(0))
    assert scanned(arrays, F=1, P=1) > scanned(arrays, F=1)
    assert scanned(arrays, F=1, P=1) - credit < max(scanned(arrays, F=1), scanned(arrays, P=1) - credit)


def test_scan_risk_is_sub_additive_and_never_negative() -> None:
    arrays = arrays_with("0.05")
    assert 0 <= scanned(arrays, F=1, P=-2) <= scanned(arrays, F=1) + scanned(arrays, P=-2)
    assert scanned(arrays, F=0) == 0


def test_ranges_are_checked() -> None:
    for price, extreme, cover in ((-1, 2, "0.35"), (1, 2, "1.5"), (1, -2, "0.3")):
        with pytest.raises(BadInput):
            Ranges(Decimal(price), Decimal(extreme), Decimal(cover))
