"""The least quantity that cures: it does, one step less does not, and straight lines need three trials."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from marginbook.venues.contracts.liquidation import _least

STEPS = [Decimal("0.001"), Decimal("0.01"), Decimal(1), Decimal("0.00000001")]
SLOPES = st.integers(1, 10**9).map(lambda n: Decimal(n).scaleb(-6))


@given(
    whole=st.integers(1, 10**9).map(lambda n: Decimal(n).scaleb(-3)),
    step=st.sampled_from(STEPS),
    short=st.integers(0, 10**9).map(lambda n: Decimal(n).scaleb(-3)),
    slopes=st.tuples(SLOPES, SLOPES),
    kink=st.integers(0, 100),
)
def test_the_least_quantity_cures_and_one_step_less_does_not(
    whole: Decimal, step: Decimal, short: Decimal, slopes: tuple[Decimal, Decimal], kink: int
) -> None:
    bend = whole * kink / 100
    trials = 0

    def room(quantity: Decimal) -> Decimal:
        return min(quantity, bend) * slopes[0] + max(Decimal(0), quantity - bend) * slopes[1] - short

    def closing(quantity: Decimal) -> tuple[bool, Decimal]:
        nonlocal trials
        trials += 1
        return room(quantity) > 0, room(quantity)

    least = _least(whole, step, room(Decimal(0)), closing)
    if room(whole) <= 0:
        assert least == whole
        return
    assert room(least) > 0
    assert least <= whole
    below = (least / step).to_integral_value(rounding="ROUND_CEILING") * step - step
    assert below <= 0 or room(below) <= 0
    if slopes[0] == slopes[1]:
        assert trials <= 5
