"""SCAN of Paradex: the table, the term scaling and the minimum, on portfolios worked by hand."""

import pytest

from marginbook.risk_models.black_76 import value
from marginbook.risk_models.paradex import margin, scenarios_at, shocked_volatility

TABLE = scenarios_at(1_760_000_000_000_000)


def test_the_table_is_symmetric_in_its_body_and_damped_in_its_tails() -> None:
    body = [scenario for scenario in TABLE if scenario.weight == 1]
    assert len(body) == 16
    assert sorted(scenario.spot for scenario in body) == sorted(-scenario.spot for scenario in body)
    assert all(abs(scenario.spot) > 0.16 for scenario in TABLE[16:])
    # Damped by about 16 % over the move: no tail costs a linear position more than the body.
    assert all(abs(scenario.spot) * scenario.weight <= 0.1601 for scenario in TABLE)


def test_linear_positions_need_sixteen_percent_either_way() -> None:
    for size in (1.0, -1.0):
        found = margin(lambda move, shock, size=size: size * 50_000 * move, TABLE, {"perp": size}, 50_000)  # type: ignore[misc]
        assert found.scan == pytest.approx(8_000, abs=1e-6)
        assert found.maintenance == found.initial / 2


def test_the_power_changes_at_thirty_days() -> None:
    assert shocked_volatility(1.0, 0.4, 15) == pytest.approx(1 + 0.4 * 2**0.30)
    assert shocked_volatility(1.0, -0.22, 60) == pytest.approx(1 - 0.22 * 0.5**0.13)
    assert shocked_volatility(1.0, 0.4, 0.1) == shocked_volatility(1.0, 0.4, 1)


def test_provisions_are_not_halved() -> None:
    found = margin(lambda move, shock: 0.0, TABLE, {"perp": 1.0}, 100.0, provisions=3.0)
    assert (found.initial, found.maintenance) == (5.0, 4.0)


def test_a_perpetual_with_its_protective_put_needs_no_more_than_the_riskier_of_the_two() -> None:
    def put(move: float, shock: float) -> float:
        now = value(False, 100.0, 95.0, 10 / 365, 0.6)
        return value(False, 100.0 * (1 + move), 95.0, 10 / 365, shocked_volatility(0.6, shock, 10)) - now

    both = margin(lambda move, shock: 100 * move + put(move, shock), TABLE, {"perp": 1.0, "put": -0.3}, 100.0)
    perp = margin(lambda move, shock: 100 * move, TABLE, {"perp": 1.0}, 100.0)
    alone = margin(put, TABLE, {"put": -0.3}, 100.0)
    assert both.initial <= max(perp.initial, alone.initial)
