"""The engine on array libraries, against the compiled one, within the stated bound."""

from decimal import Decimal
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from marginbook.domain.errors import BadInput
from marginbook.risk_models.on_device import requirements_on_device
from marginbook.risk_models.reducers import Probabilities, kth_loss, quantile, tail_mean, weighted_worst, worst
from marginbook.risk_models.scenarios import Positions, requirements

SCENARIOS = 400


def numpy_array(values: np.ndarray) -> Any:
    return values


def strict_array(values: np.ndarray) -> Any:
    """A library that has what the standard says and nothing more."""
    strict = pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")
    return strict.asarray(values)


def torch_array(values: np.ndarray) -> Any:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    return torch.asarray(values, device="cuda" if torch.cuda.is_available() else "cpu")


def cupy_array(values: np.ndarray) -> Any:
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    return cupy.asarray(values)


LIBRARIES = [numpy_array, strict_array] + [
    made for name, made in (("torch", torch_array), ("cupy", cupy_array)) if find_spec(name)
]


@pytest.mark.parametrize("array", LIBRARIES)
def test_every_reducer_within_the_bound(array: Any) -> None:
    random = np.random.default_rng(1)
    held = random.standard_normal((130, 30)) * (random.random((130, 30)) < 0.4)
    arrays = random.standard_normal((30, SCENARIOS)) * 0.02
    account, contract = np.nonzero(held)
    book = Positions.of(130, account, contract, held[account, contract])
    weights = tuple(random.random(SCENARIOS))
    probability = tuple(random.dirichlet(np.ones(SCENARIOS)))
    wanted = [
        worst(),
        kth_loss(17),
        quantile(SCENARIOS, Decimal("0.99"), "linear"),
        tail_mean(SCENARIOS, Decimal("0.975"), "acerbi_tasche"),
        weighted_worst(weights),
        Probabilities(probability, 0.03, mean=False),
        Probabilities(probability, 0.03, mean=True),
    ]
    found = requirements_on_device(book, array(arrays), wanted, block=50)
    bound = 2 * 30 * 2.0**-53 * (abs(held) @ abs(arrays).max(axis=1))
    assert (abs(found - requirements(book, arrays, wanted)) <= bound[:, None] * 1.01).all()
    assert (found[:, 0] >= found[:, 1]).all()


def test_what_does_not_fit_is_named() -> None:
    one = Positions.of(1, [0], [3], [1.0])
    for arrays, reducer in (
        (np.ones((3, 4)), worst()),
        (np.ones((4, 4)), kth_loss(5)),
        (np.ones((4, 4)), weighted_worst((1.0,))),
    ):
        with pytest.raises(BadInput):
            requirements_on_device(one, arrays, [reducer])
