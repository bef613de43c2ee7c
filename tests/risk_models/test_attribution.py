"""Contributions add up and are derivatives; the largest trade fits and a larger one does not."""

from decimal import Decimal
from math import inf

import numpy as np
import pytest

from marginbook.domain.errors import BadInput
from marginbook.risk_models.attribution import contributions, largest_trade
from marginbook.risk_models.reducers import quantile, tail_mean, worst
from marginbook.risk_models.scenarios import Positions, requirements

SCENARIOS = 400
ARRAYS = np.random.default_rng(1).standard_normal((6, SCENARIOS))
BOOK = Positions.of(1, [0] * 4, [0, 2, 3, 5], [3.0, -2.0, 1.0, 0.5])
SHORTFALL = tail_mean(SCENARIOS, Decimal("0.975"), "acerbi_tasche")


@pytest.mark.parametrize("reducer", [worst(), SHORTFALL, quantile(SCENARIOS, Decimal("0.99"), "linear")])
def test_contributions_add_up_to_the_requirement(reducer) -> None:  # type: ignore[no-untyped-def]
    parts = contributions(BOOK, ARRAYS, 0, reducer)
    assert list(parts) == [0, 2, 3, 5]
    whole = requirements(BOOK, ARRAYS, [reducer])[0, 0]
    assert sum(parts.values()) == pytest.approx(whole, rel=1e-13)
    step = 1e-6
    for place, part in enumerate(parts.values()):
        more = BOOK.quantity.copy()
        more[place] *= 1 + step
        moved = requirements(Positions(BOOK.starts, BOOK.contract, more), ARRAYS, [reducer])[0, 0]
        assert (moved - whole) / step == pytest.approx(part, abs=1e-6)


@pytest.mark.parametrize("confidence", [None, Decimal("0.975")])
@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("contract", [0, 1, 3])
def test_the_largest_trade_fits_and_a_larger_one_does_not(contract: int, side: int, confidence: Decimal | None) -> None:
    reducer = worst() if confidence is None else SHORTFALL
    limit = 1.5 * requirements(BOOK, ARRAYS, [reducer])[0, 0]
    size = largest_trade(BOOK, ARRAYS, 0, contract, side, limit, confidence)
    assert size > 0
    for factor, fits in ((1.0, True), (0.5, True), (1 + 1e-9, False), (2.0, False)):
        after = BOOK.plus(0, [contract], [side * size * factor])
        assert (requirements(after, ARRAYS, [reducer])[0, 0] <= limit) is np.bool_(fits)


def test_nothing_fits_above_the_limit_and_everything_where_nothing_is_lost() -> None:
    assert largest_trade(BOOK, ARRAYS, 0, 1, 1, limit=0.0) == 0.0
    assert largest_trade(BOOK, np.abs(ARRAYS), 0, 1, 1, limit=1e9) == inf
    with pytest.raises(BadInput):
        largest_trade(BOOK, ARRAYS, 0, 1, 0, limit=1.0)
