"""Deribit's portfolio margin against two printed simulations, and laws of its options."""

from random import Random

import pytest

from marginbook.domain.errors import BadInput
from marginbook.risk_models.black_76 import inverse_value
from marginbook.risk_models.deribit_portfolio import (
    EXTENDED,
    Future,
    Margin,
    Option,
    Settings,
    future_table,
    margin,
    offsetting_futures,
    option_table,
    settings_at,
    short_options,
)

JUNE_2024, FEBRUARY_2026 = 1_718_619_740_501_000, 1_771_197_609_587_000
BTC, ETH = settings_at(JUNE_2024, "BTC"), settings_at(FEBRUARY_2026, "ETH")

# docs.deribit.com, private/pme/simulate, example answer (facts; each number three times in the venue's tables)
PERPETUAL = (
    *(-0.05991206933333334, -0.04289159509090909, -0.027351162086956524, -0.013105765166666668, 0.0),
    *(0.012097629384615385, 0.023299138074074074, 0.033700538999999995, 0.043384601931034494),
)
DATED = (
    *(0.0002261969523809524, 0.00016193645454545456, 0.00010326382608695652, 0.00004948058333333334, 0.0),
    *(-0.00004567438461538462, -0.00008796548148148148, -0.0001272357857142857, -0.00016379779310344832),
)
TOTAL = (-0.05968587238095239, -0.04272965863636364, -0.02724789826086957, -0.013056284583333334, 0, 0, 0, 0, 0)
# an account's answer of 15 February 2026
SHORT_ETH = (
    *(0.21939959699999997, 0.155989308849711, 0.09885036787912087, 0.04709624857068063, 0.0),
    *(-0.04304011233014354, -0.08252645391743119, -0.11888171996035243, -0.15246412672881357),
)
SHORT_ETH_AFTER = (
    *(0.13163975819999998, 0.09359358530982659, 0.05931022072747252, 0.028257749142408375, 0.0),
    *(-0.04304011233014354, -0.08252645391743119, -0.11888171996035243, -0.15246412672881357),
)


def close(numbers: tuple[float, ...]) -> object:
    return pytest.approx(numbers, rel=1e-13, abs=1e-16)


def by_bucket(standard: tuple[float, ...]) -> tuple[float, ...]:
    assert standard[::3] == standard[1::3] == standard[2::3], "futures have no volatility"
    return standard[::3]


def test_the_documented_answer_of_two_bitcoin_futures() -> None:
    perpetual, dated = Future(0.314538364), Future(-0.001187534, days=10.5)
    for future, printed in ((perpetual, PERPETUAL), (dated, DATED)):
        table = future_table(future, BTC)
        assert by_bucket(table.standard) == close(printed)
        assert table.extended == close((*[printed[0]] * 2, *[printed[-1]] * 6))
    found = margin([perpetual, dated], [], 65_666.19, BTC, added=0.06 + 0.000018212)
    assert by_bucket(found.after.standard) == close(TOTAL)
    assert found.after.extended == (0.0,) * 8
    assert found.worst == pytest.approx(0.05968587238095239, rel=1e-13)
    assert found.roll_shock == pytest.approx(0.00315725898, rel=1e-13)
    assert found.delta_shock == 0
    assert found.risk_matrix == pytest.approx(0.06284313098, abs=5e-10), (
        "the venue's sum has the worst case at 9 places"
    )
    assert found.initial == pytest.approx(0.122861343, abs=5e-10)
    assert found.maintenance == pytest.approx(0.050274504784, abs=5e-10)


def test_an_accounts_answer_with_offset_gains_and_dampener() -> None:
    found = margin([Future(-0.999487053)], [], 1949.34, ETH)
    assert by_bucket(found.before.standard) == close(SHORT_ETH)
    assert found.before.extended == close((*[SHORT_ETH[0]] * 2, *[SHORT_ETH[-1]] * 6))
    assert by_bucket(found.after.standard) == close(SHORT_ETH_AFTER)
    assert found.after.extended == (0.0,) * 8
    assert found.worst == pytest.approx(0.15246412672881357, rel=1e-13)
    assert found.roll_shock == pytest.approx(0.004997435265, rel=1e-13)
    assert found.risk_matrix == pytest.approx(0.157461562265, abs=5e-10)
    assert found.initial == pytest.approx(0.157461562, abs=5e-10)
    assert found.maintenance == pytest.approx(0.125969249812, abs=5e-10)


def sold(amount: float, strike: float = 90_000.0, call: bool = True, days: float = 20.0) -> Option:
    return Option(call, strike, -amount, 66_000.0, days, 0.6)


def test_call_less_put_is_a_future() -> None:
    call, put = Option(True, 60_000, 2, 66_000, 40, 0.5), Option(False, 60_000, -2, 66_000, 40, 0.5)
    both = [a + b for a, b in zip(option_table(call, BTC).standard, option_table(put, BTC).standard, strict=True)]
    assert both == pytest.approx(future_table(Future(2 * 60_000 / 66_000), BTC).standard, abs=1e-12)


def test_a_long_option_loses_at_most_its_value_and_its_mirror_cancels() -> None:
    for strike in (30_000, 66_000, 120_000):
        for call in (True, False):
            option = Option(call, strike, 3.0, 66_000, 12, 0.7)
            worth = 3 * inverse_value(call, 66_000, strike, 12 / 365, 0.7)
            found = margin([], [option], 66_000, BTC)
            assert found.worst <= worth + 1e-12
            assert margin([], [option, Option(call, strike, -3.0, 66_000, 12, 0.7)], 66_000, BTC).initial < 1e-12


def test_many_far_calls_are_bound_by_the_extended_table() -> None:
    few, many = margin([], [sold(10)], 66_000, BTC), margin([], [sold(1000)], 66_000, BTC)
    assert few.worst == pytest.approx(-min(few.after.standard))
    assert many.worst == pytest.approx(-min(many.after.extended))
    assert many.worst > 100 * few.worst, "the dampener spares small books only"
    hedged = margin([], [sold(1000), Option(True, 100_000, 1000, 66_000, 20, 0.6)], 66_000, BTC)
    assert hedged.risk_matrix < many.risk_matrix


@pytest.mark.parametrize("move", [0.5, 5.0])
def test_extended_result_of_one_option_by_hand(move: float) -> None:
    """+500 %: 0.16/5 of the loss in USD, in coins at the price of +16 %; the dampener takes 30.25 · 100,000 USD."""
    found = margin([], [sold(5000)], 66_000, BTC)
    years, up = 20 / 365, 0.6 * (1 + 0.5 * (30 / 20) ** 0.3)
    then = inverse_value(True, 66_000 * (1 + move), 90_000, years, up)
    before = -5000 * (then - inverse_value(True, 66_000, 90_000, years, 0.6)) * (0.16 / move) * (1 + move) / 1.16
    assert found.before.extended[EXTENDED.index(move)] == pytest.approx(before)
    after = before + (move / 0.16 - 1) * 100_000 / (66_000 * 1.16)
    assert found.after.extended[EXTENDED.index(move)] == pytest.approx(after)


def test_shocks_of_delta_and_roll() -> None:
    index = 50_000.0  # threshold 400 coins
    assert margin([Future(400.0)], [], index, BTC).delta_shock == 0
    assert margin([Future(-500.0)], [], index, BTC).delta_shock == pytest.approx(500 * 0.00005 * 100)
    assert margin([Future(9000.0)], [], index, BTC).delta_shock == pytest.approx(9000 * 0.1)
    far = margin([Future(10.0, days=365.0), Future(-10.0)], [], index, BTC)
    assert far.roll_shock == pytest.approx(10 * (2.718281828459045**0.075 - 1) + 10 * 0.01)
    long = Option(True, 50_000, 1000, 50_000, 30, 0.5)
    assert margin([Future(-500.0)], [long], index, BTC).delta_shock == 0, "long options lower the delta of the rest"
    assert margin([], [long], index, BTC).delta_shock == 0, "and never make one"


def test_order_does_not_matter_and_more_of_the_same_needs_more() -> None:
    def of(size: float) -> Margin:
        return margin([Future(size)], [sold(size), sold(size, 50_000, call=False)], 66_000, BTC)

    sizes = [of(n).initial for n in (1, 2, 10, 100, 1000)]
    assert sizes == sorted(sizes)
    forward = margin([Future(1.0), Future(-2.0, 30)], [sold(1), sold(2, 80_000)], 66_000, BTC)
    back = margin([Future(-2.0, 30), Future(1.0)], [sold(2, 80_000), sold(1)], 66_000, BTC)
    assert back.initial == pytest.approx(forward.initial, rel=1e-14)


def test_contingencies_of_the_older_model() -> None:
    assert short_options({1.0: [5, -3], 2.0: [-1], 3.0: [-1, -1]}, 0.01) == pytest.approx(0.03)
    assert offsetting_futures([3, -1, -1], 0.01) == pytest.approx(0.02)


def test_settings_are_dated() -> None:
    assert isinstance(BTC, Settings)
    assert (BTC.price_range, ETH.price_range) == (0.16, 0.18)
    for at, currency in ((JUNE_2024, "ETH"), (1_600_000_000_000_000, "BTC")):
        with pytest.raises(BadInput):
            settings_at(at, currency)


def test_small_books_together_need_no_more_than_apart() -> None:
    """The standard table, the roll shock and the delta shock are sub-additive; the dampener, given once, is not."""
    random = Random(7)

    def book() -> tuple[list[Future], list[Option]]:
        futures = [Future(random.uniform(-5, 5), random.choice([None, 20.0, 90.0])) for _ in range(2)]
        options = [
            Option(random.random() < 0.5, random.uniform(40_000, 100_000), random.uniform(-3, 3), 66_000, 20.0, 0.6)
            for _ in range(3)
        ]
        return futures, options

    for _ in range(40):
        (f, o), (g, p) = book(), book()
        together = margin([*f, *g], [*o, *p], 66_000, BTC)
        apart = margin(f, o, 66_000, BTC).initial + margin(g, p, 66_000, BTC).initial
        assert together.worst == pytest.approx(max(0.0, -min(together.after.standard)))
        assert together.initial <= apart + 1e-12
    assert margin([], [sold(1000)], 66_000, BTC).initial > 2 * margin([], [sold(500)], 66_000, BTC).initial
