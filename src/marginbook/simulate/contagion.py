"""Contagion between those who hold the same assets or owe each other: fire sales, overlap, and clearing.

Fire sales, by Cont and Schaanning (2017), "Fire sales, indirect contagion and systemic stress testing": holders i of
marketable assets Π[i, μ], of others, and of capital C, who may not exceed a leverage:

    A = Σ_μ Π + other;  if A / C > λ_max:  Γ = min(1, (A − λ_b·C) / Σ_μ Π)      share of the marketable assets sold
    q_μ = Σ_i Γ_i·Π[i, μ];  Π ← (1 − Γ)·Π·(1 − Ψ_μ(q_μ));  C ← C − Σ_μ ((1 − Γ) + Γ / 2)·Π·Ψ_μ(q_μ)

until nobody sells. Half of the impact falls on what is sold, all of it on what is kept. A gain sells nothing.

Overlap, to first order: holder i loses Σ_j Ω[i, j]·Γ_j, with Ω[i, j] = Σ_μ Π[i, μ]·Π[j, μ] / D_μ.

Clearing, by Eisenberg and Noe (2001), "Systemic risk in financial systems": debtors pay all or, in proportion, all they
have; p = min(p̄, e + Πᵀ·p), found by fictitious default in at most as many rounds as there are debtors. Float64.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marginbook.domain.errors import BadInput

Floats = NDArray[np.float64]
PriceFall = Callable[[Floats], Floats]
"""Value sold by asset -> fraction that its price falls by."""
ROUNDS_MOST = 1_000
TOLERANCE = 1e-12
"""Relative: a debtor who lacks less than this of its debts pays them."""


@dataclass(frozen=True, slots=True)
class Holders:
    """Balance sheets of n holders on m assets, in one currency."""

    holdings: Floats  # [n, m] marketable assets
    capital: Floats  # [n]
    other: Floats  # [n] assets that cannot be sold

    @property
    def leverage(self) -> Floats:
        """Assets / capital; infinite without capital."""
        assets = self.holdings.sum(axis=1) + self.other
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.capital > 0.0, assets / self.capital, np.where(assets > 0.0, np.inf, 0.0))


@dataclass(frozen=True, slots=True)
class FireSale:
    """One round: shares and values sold, falls of price, losses, and what is left."""

    shares: Floats  # [n] Γ
    sold: Floats  # [m] at the round's prices
    falls: Floats  # [m]
    losses: Floats  # [n]
    after: Holders


def holders(holdings: ArrayLike, capital: ArrayLike, other: ArrayLike | None = None) -> Holders:
    """Checked balance sheets; BadInput `bad_network` otherwise."""
    held, own = np.array(holdings, np.float64), np.array(capital, np.float64)
    rest = np.zeros(len(own)) if other is None else np.array(other, np.float64)
    if held.ndim != 2 or own.shape != (len(held),) or rest.shape != own.shape:
        raise BadInput("bad_network", "holders", held.shape, "holdings [n, m], capital [n], other [n]")
    if not (np.isfinite(held).all() and np.isfinite(own).all() and (held >= 0.0).all() and (rest >= 0.0).all()):
        raise BadInput("bad_network", "holders", "an amount", "finite holdings of at least 0")
    return Holders(held, own, rest)


def linear_depth(depth: ArrayLike) -> PriceFall:
    """Ψ = q / D, at most 1."""
    deep = _depths(depth)
    return lambda sold: np.minimum(sold / deep, 1.0)


def exponential_depth(depth: ArrayLike, floor: float = 0.0) -> PriceFall:
    """Ψ = (1 − floor)·(1 − exp(−q / D)): prices never fall below `floor` of the round's."""
    deep = _depths(depth)
    return lambda sold: (1.0 - floor) * -np.expm1(-sold / deep)


def fire_sales(start: Holders, falls: PriceFall, most: float, target: float) -> list[FireSale]:
    """Rounds until nobody's leverage is above `most`, or nobody who is has anything left to sell.

    `target` (λ_b < `most`) is where a seller returns to. One without capital sells everything.

    >>> found = fire_sales(holders([[80.0], [100.0]], [4.0, 20.0]), linear_depth([1000.0]), 16.0, 15.0)
    >>> [round(float(sale.sold[0]), 6) for sale in found]  # 80 − 15·4, then 58.8 − 15·2.6
    [20.0, 19.8, 13.7511, 6.130337, 1.827542]
    """
    if not 1.0 <= target < most:
        raise BadInput("bad_network", "fire sales: target", target, f"a leverage from 1 to below {most}")
    now, rounds = start, list[FireSale]()
    while len(rounds) < ROUNDS_MOST:
        marketable = now.holdings.sum(axis=1)
        above = (now.leverage > most) & (marketable > 0.0)
        if not above.any():
            return rounds
        wanted = marketable + now.other - target * np.maximum(now.capital, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.where(above, np.clip(wanted / marketable, 0.0, 1.0), 0.0)
        sold = shares @ now.holdings
        moves = falls(sold)
        losses = ((1.0 - shares / 2.0)[:, None] * now.holdings * moves).sum(axis=1)
        kept = (1.0 - shares)[:, None] * now.holdings * (1.0 - moves)
        now = Holders(kept, now.capital - losses, now.other)
        rounds.append(FireSale(shares, sold, moves, losses, now))
    return rounds


def overlap(holdings: ArrayLike, depth: ArrayLike) -> Floats:
    """Ω[i, j] = Σ_μ Π[i, μ]·Π[j, μ] / D_μ: what i loses, to first order, when j sells all it has.

    >>> overlap([[10.0, 0.0], [20.0, 5.0]], [100.0, 10.0]).tolist()
    [[1.0, 2.0], [2.0, 6.5]]
    """
    held = np.asarray(holdings, np.float64)
    found: Floats = (held / _depths(depth)) @ held.T
    return found


@dataclass(frozen=True, slots=True)
class Cleared:
    """Who pays how much; `defaults` lists the debtors that fail in each round."""

    payments: Floats  # [n]
    shares: Floats  # [n] of its debts that each pays
    equity: Floats  # [n] what is left after paying
    defaults: tuple[tuple[int, ...], ...] = field(default=())


def clearing(debts: ArrayLike, cash: ArrayLike) -> Cleared:
    """The greatest clearing vector; `debts[i, j]` is what i owes j and `cash[i]` what i has besides.

    A fund that covers a venue's deficits, or a venue that holds another's deposits, is a debtor like any other.

    >>> found = clearing([[0, 60, 40], [0, 0, 50], [0, 0, 0]], [30, 10, 0])
    >>> found.payments.tolist(), found.defaults
    ([30.0, 28.0, 0.0], ((0,), (1,)))
    """
    owed, own = np.array(debts, np.float64), np.array(cash, np.float64)
    n = len(own)
    if owed.shape != (n, n) or not (np.isfinite(owed).all() and np.isfinite(own).all()):
        raise BadInput("bad_network", "clearing", owed.shape, "debts [n, n] and cash [n], finite")
    if (owed < 0.0).any() or (own < 0.0).any() or np.diag(owed).any():
        raise BadInput("bad_network", "clearing", "an amount", "at least 0, and nobody owing itself")
    total = owed.sum(axis=1)
    shares = np.divide(owed, total[:, None], out=np.zeros_like(owed), where=total[:, None] > 0.0)
    payments, failed = total.copy(), np.zeros(n, bool)
    rounds: list[tuple[int, ...]] = []
    for _ in range(n):
        has = own + shares.T @ payments
        fresh = ~failed & (has < total * (1.0 - TOLERANCE))
        if not fresh.any():
            break
        rounds.append(tuple(np.flatnonzero(fresh).tolist()))
        failed |= fresh
        # p = cash + Σ shares·p over those that fail; all others pay in full.
        inside = np.eye(int(failed.sum())) - shares[np.ix_(failed, failed)].T
        given = own[failed] + shares[np.ix_(~failed, failed)].T @ total[~failed]
        payments[failed] = np.linalg.solve(inside, given)
    equity = own + shares.T @ payments - payments
    paid = np.divide(payments, total, out=np.ones(n), where=total > 0.0)
    return Cleared(payments, paid, np.where(np.abs(equity) <= TOLERANCE * (1.0 + total), 0.0, equity), tuple(rounds))


def cleared_by_name(debts: Mapping[tuple[str, str], Any], cash: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """`clearing` for named parties: debts by (debtor, creditor); shortfall is what creditors of each do not get.

    >>> told = cleared_by_name({("venue", "traders"): 100, ("fund", "venue"): 50}, {"venue": 40, "fund": 20})
    >>> told["venue"]
    {'owed': 100.0, 'paid': 60.0, 'shortfall': 40.0, 'equity': 0.0}
    """
    names = sorted({*cash, *(name for pair in debts for name in pair)})
    place = {name: n for n, name in enumerate(names)}
    matrix = np.zeros((len(names), len(names)))
    for (debtor, creditor), amount in debts.items():
        matrix[place[debtor], place[creditor]] += float(amount)
    found = clearing(matrix, [float(cash.get(name, 0)) for name in names])
    owed = matrix.sum(axis=1)
    return {
        name: {
            "owed": float(owed[n]),
            "paid": float(found.payments[n]),
            "shortfall": float(owed[n] - found.payments[n]),
            "equity": float(found.equity[n]),
        }
        for name, n in place.items()
    }


def _depths(depth: ArrayLike) -> Floats:
    deep = np.asarray(depth, np.float64)
    if not (np.isfinite(deep).all() and (deep > 0.0).all()):
        raise BadInput("bad_network", "depth", deep.tolist(), "numbers above 0, one per asset")
    return deep
