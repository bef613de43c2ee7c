"""Shocks that spread: what else is to be expected to move, from how prices moved together.

Volatilities σ and correlations ρ are measured on a history; with log moves x_g of the shocked assets, the others move
by x_o = Σ_og·Σ_gg⁻¹·x_g (for one shocked asset: β = ρ·σ_o / σ_g), rounded to six decimals of the price. An
expectation: prices in a crash move closer together than before it.
"""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from marginbook.domain.errors import BadInput
from marginbook.exact import ZERO
from marginbook.margin_calls.assets import underlying
from marginbook.simulate.histories import History
from marginbook.simulate.paths import conditional_moves, measured
from marginbook.simulate.shocks import Shock, parse_shock

PLACES = 6


def correlated_shocks(shocks: Sequence[Shock | str], found: History) -> list[Shock]:
    """`shocks` as they are, then one for every other asset of the history.

    BadInput where one is no move of an asset of the history, or is on one venue only.
    """
    given = [parse_shock(shock) if isinstance(shock, str) else shock for shock in shocks]
    for shock in given:
        if shock.move is None or shock.venue is not None or underlying(shock.target) not in found.assets:
            expected = "moves, on all venues, of " + ", ".join(found.assets)
            raise BadInput("bad_shock", "correlated", shock.text or shock.target, expected)
    known = {underlying(shock.target): float(np.log1p(float(shock.move or ZERO))) for shock in given}
    volatility, correlation = measured(found.moves(), found.hours)
    moves = conditional_moves(dict(zip(found.assets, volatility.tolist(), strict=True)), correlation, known)
    spread = {asset: Decimal(f"{np.expm1(move):.{PLACES}f}") for asset, move in moves.items() if asset not in known}
    return given + [Shock(target=asset, move=move, text=f"{asset}={move:+}") for asset, move in spread.items() if move]
