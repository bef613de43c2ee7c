"""Correlation matrices: check, repair to a positive definite one, and Cholesky factor.

A matrix put together by hand, or from series of unequal length, may have negative eigenvalues: some portfolio would
have a negative variance. The repair clips the eigenvalues λ from below and scales back to a unit diagonal (Rebonato and
Jäckel 1999, spectral decomposition):

    C = V·diag(λ)·V',   λ' = max(λ, least),   B = V·diag(√λ'),   C' = B·B' / (|b_i|·|b_j|)

Eigenvalues by Jacobi's rotations and factors by Cholesky's recursion, in a fixed order and without BLAS, so that a seed
gives the same bits whatever the number of threads.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from marginbook.domain.errors import BadInput

Floats = NDArray[np.float64]
LEAST = 1e-8
"""Least eigenvalue after a repair, before the diagonal is scaled back."""
SWEEPS = 50


@dataclass(frozen=True, slots=True)
class Correlation:
    """A positive definite correlation matrix, and what was changed to make it so."""

    matrix: Floats
    warnings: tuple[str, ...] = ()


def checked_correlation(given: ArrayLike) -> Floats:
    """Square, symmetric, unit diagonal, entries from −1 to 1; else BadInput."""
    matrix = np.array(given, np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise BadInput("bad_correlation", "correlation", matrix.shape, "a square matrix")
    wrong = ~(np.abs(matrix) <= 1.0) | (np.abs(matrix - matrix.T) > 1e-12)
    wrong |= np.eye(len(matrix), dtype=bool) & (np.abs(matrix - 1.0) > 1e-12)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        expected = "symmetric, 1 on the diagonal, from −1 to 1"
        raise BadInput("bad_correlation", f"correlation[{row}][{column}]", matrix[row, column], expected)
    return matrix


def positive_definite(given: ArrayLike, least: float = LEAST) -> Correlation:
    """The matrix itself where its eigenvalues are at least `least`, else the repaired one with a warning.

    >>> positive_definite([[1.0, 0.5], [0.5, 1.0]]).warnings
    ()
    >>> found = positive_definite([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])
    >>> found.warnings
    ('correlation repaired: least eigenvalue -0.8 raised to 1e-08, entries changed by up to 0.4',)
    >>> found.matrix.round(6).tolist()
    [[1.0, 0.5, -0.5], [0.5, 1.0, 0.5], [-0.5, 0.5, 1.0]]
    """
    matrix = checked_correlation(given)
    values, vectors = eigen(matrix)
    if values.min() >= least:
        return Correlation(matrix)
    scaled = vectors * np.sqrt(np.maximum(values, least))
    scaled /= np.sqrt((scaled * scaled).sum(axis=1))[:, None]
    repaired = np.array([(scaled * row).sum(axis=1) for row in scaled])
    repaired = 0.5 * (repaired + repaired.T)
    np.fill_diagonal(repaired, 1.0)
    moved = float(np.abs(repaired - matrix).max())
    warning = f"least eigenvalue {values.min():.4g} raised to {least:.4g}, entries changed by up to {moved:.4g}"
    return Correlation(repaired, (f"correlation repaired: {warning}",))


def eigen(matrix: Floats) -> tuple[Floats, Floats]:
    """Eigenvalues and eigenvectors (in columns) of a symmetric matrix.

    >>> values, vectors = eigen(np.array([[2.0, 1.0], [1.0, 2.0]]))
    >>> sorted(values.round(12).tolist())
    [1.0, 3.0]
    """
    a = matrix.copy()
    n = len(a)
    vectors = np.eye(n)
    for _ in range(SWEEPS):
        off = np.abs(a - np.diag(np.diag(a))).max() if n > 1 else 0.0
        if off <= 1e-15 * max(1.0, np.abs(a).max()):
            break
        for i in range(n - 1):
            for j in range(i + 1, n):
                if abs(a[i, j]) > 1e-300:
                    _rotate(a, vectors, i, j)
    return np.diag(a).copy(), vectors


def _rotate(a: Floats, vectors: Floats, i: int, j: int) -> None:
    slope = (a[j, j] - a[i, i]) / (2.0 * a[i, j])
    t = (1.0 if slope >= 0 else -1.0) / (abs(slope) + np.sqrt(slope * slope + 1.0))
    c = 1.0 / np.sqrt(t * t + 1.0)
    s = t * c
    for part in (a.T, a, vectors.T):
        first, second = part[i].copy(), part[j].copy()
        part[i], part[j] = c * first - s * second, s * first + c * second


def cholesky(matrix: Floats) -> Floats:
    """Lower L with L·L' = matrix; BadInput where it is not positive definite.

    >>> cholesky(np.array([[4.0, 2.0], [2.0, 5.0]])).tolist()
    [[2.0, 0.0], [1.0, 2.0]]
    """
    n = len(matrix)
    lower = np.zeros((n, n))
    for j in range(n):
        rest = matrix[j, j] - (lower[j, :j] * lower[j, :j]).sum()
        if not rest > 0.0:
            raise BadInput("bad_correlation", f"correlation, row {j}", rest, "a positive definite matrix: repair it")
        lower[j, j] = np.sqrt(rest)
        lower[j + 1 :, j] = (matrix[j + 1 :, j] - (lower[j + 1 :, :j] * lower[j, :j]).sum(axis=1)) / lower[j, j]
    return lower
