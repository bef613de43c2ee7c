"""Black-76: numbers of QuantLib, parity, finite differences, the spot formula, implied volatilities there and back."""

import json
from math import exp, log
from pathlib import Path
from random import Random

import pytest

from marginbook.domain.errors import BadInput
from marginbook.risk_models import black_76, black_scholes

QUANTLIB = Path(__file__).parent.parent / "vectors" / "risk_models" / "quantlib_black.json"


def test_numbers_of_quantlib() -> None:
    for kind, forward, strike, years, volatility, discount, *printed, implied in json.loads(QUANTLIB.read_text())[
        "rows"
    ]:
        contract = (kind == "C", forward, strike, years, volatility, discount)
        found = black_76.sensitivities(*contract)
        ours = [black_76.value(*contract), found.delta, found.gamma, found.vega]
        assert ours == pytest.approx(printed, rel=1e-10, abs=1e-12)
        if implied is not None:
            back = black_76.implied_volatility(kind == "C", printed[0], forward, strike, years, discount)
            assert back == pytest.approx(implied, rel=1e-10)


def drawn(random: Random) -> tuple[float, float, float, float, float]:
    forward = random.uniform(50, 150)
    return (
        forward,
        forward * exp(random.uniform(-0.6, 0.6)),
        random.uniform(0.01, 2),
        random.uniform(0.1, 1.2),
        random.uniform(0.8, 1),
    )


def test_parity_and_the_spot_formula() -> None:
    random = Random(1)
    for _ in range(200):
        forward, strike, years, volatility, discount = drawn(random)
        call, put = (black_76.value(side, forward, strike, years, volatility, discount) for side in (True, False))
        assert call - put == pytest.approx(discount * (forward - strike), abs=1e-10)
        rate = -log(discount) / years
        spot = black_scholes.value(True, forward * discount, strike, years, volatility, rate)
        assert call == pytest.approx(spot, abs=1e-11)


def test_sensitivities_are_the_slopes() -> None:
    random = Random(2)
    for _ in range(100):
        forward, strike, years, volatility, discount = drawn(random)
        years += 0.05
        for side in (True, False):
            found = black_76.sensitivities(side, forward, strike, years, volatility, discount)

            def worth(f: float = forward, v: float = volatility, t: float = years) -> float:
                held = exp(log(discount) / years * t)  # noqa: B023 a fixed rate
                return black_76.value(side, f, strike, t, v, held)  # noqa: B023

            step = 1e-3
            assert found.delta == pytest.approx((worth(forward + step) - worth(forward - step)) / (2 * step), abs=1e-6)
            second = (worth(forward + 0.05) - 2 * worth() + worth(forward - 0.05)) / 0.05**2
            assert found.gamma == pytest.approx(second, abs=1e-4)
            slope = (worth(v=volatility + 1e-5) - worth(v=volatility - 1e-5)) / 2e-5
            assert found.vega == pytest.approx(slope, abs=1e-5)
            decay = -(worth(t=years + 1e-5) - worth(t=years - 1e-5)) / 2e-5
            assert found.theta == pytest.approx(decay, abs=1e-4)


def test_volatilities_come_back() -> None:
    random = Random(3)
    for _ in range(300):
        forward, strike, years, volatility, discount = drawn(random)
        side = strike >= forward  # out of the money, where the value is all time value
        price = black_76.value(side, forward, strike, years, volatility, discount)
        if price > 1e-6:
            found = black_76.implied_volatility(side, price, forward, strike, years, discount)
            assert found == pytest.approx(volatility, rel=1e-8)


def test_prices_without_a_volatility_are_refused() -> None:
    for price, years in ((10.0, 1.0), (9.0, 1.0), (110.0, 1.0), (20.0, 0.0)):
        with pytest.raises(BadInput, match="price"):
            black_76.implied_volatility(True, price, 110.0, 100.0, years)


def test_at_expiry() -> None:
    assert black_76.value(True, 110, 100, 0, 0.5, 0.9) == 9
    assert black_76.sensitivities(True, 110, 100, 0, 0.5, 0.9).delta == 0.9
    assert black_76.sensitivities(False, 110, 100, 0, 0.5).delta == 0
    assert black_76.sensitivities(False, 90, 100, 0, 0.5).delta == -1


def test_inverse_options_in_units_of_the_underlying() -> None:
    random = Random(4)
    for _ in range(50):
        forward, strike, years, volatility, _ = drawn(random)
        years += 0.05
        call, put = (black_76.inverse_value(side, forward, strike, years, volatility) for side in (True, False))
        assert call - put == pytest.approx(1 - strike / forward, abs=1e-12)
        step = 1e-4 * forward
        up, down = (black_76.inverse_value(True, forward + move, strike, years, volatility) for move in (step, -step))
        slope = (up - down) / (2 * step) * forward
        assert black_76.inverse_delta(True, forward, strike, years, volatility) == pytest.approx(slope, abs=1e-6)
    # At expiry a call at 100 is worth (S - K) / S of the underlying.
    assert black_76.inverse_value(True, 125, 100, 0, 0.5) == 0.2
