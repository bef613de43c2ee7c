"""What it takes to move an average price, and what it costs on a constant-product pool.

    a mean of N blocks, geometric, moved by f while m blocks in a row are controlled:  spot moves by f^(N/m)
    the same, arithmetic:                                                              spot moves by 1 + (f − 1)·N/m
    capital to move a pool's price by k:    y·(√k − 1) of its quote reserve y (k < 1: the same of the base reserve)
    lost to those who trade it back:        y·(√k − 1)² / √k
    lost in fees, out and back:             about 2·fee of the capital

To 128 digits; nothing is rounded. The pool is full-range and without other trades meanwhile. Source: derived here; 30
minutes of 12 s are 150 blocks, and +20 % then takes 7.5e11 in one block, 15.4 with ten.
"""

from dataclasses import dataclass
from decimal import Decimal

from marginbook.domain.errors import BadInput
from marginbook.exact import ONE, ZERO, divide, in_exact_context

TWO = Decimal(2)


@dataclass(frozen=True, slots=True)
class Attack:
    """Moving a mean by moving the spot of one pool, and undoing it."""

    spot_factor: Decimal
    capital: Decimal  # [quote]
    lost_to_arbitrage: Decimal  # [quote] if others trade it back
    lost_to_fees: Decimal  # [quote] if the mover does


@in_exact_context
def spot_factor(factor: Decimal, blocks: int, controlled: int) -> Decimal:
    """By how much spot must move so that the geometric mean of `blocks` moves by `factor`.

    >>> from marginbook.exact import round_half_up
    >>> round_half_up(spot_factor(Decimal("1.2"), 150, 10), 1)
    Decimal('15.4')
    """
    _check(factor, blocks, controlled)
    return (factor.ln() * divide(Decimal(blocks), Decimal(controlled))).exp()


@in_exact_context
def arithmetic_spot_factor(factor: Decimal, blocks: int, controlled: int) -> Decimal:
    """The same for an arithmetic mean; BadInput where even a price of 0 would not do.

    >>> arithmetic_spot_factor(Decimal("1.2"), 150, 10)
    Decimal('4.0')
    """
    _check(factor, blocks, controlled)
    found = ONE + (factor - ONE) * divide(Decimal(blocks), Decimal(controlled))
    if found <= 0:
        raise BadInput("bad_factor", "factor", factor, "a fall that a price above 0 can cause")
    return found


@in_exact_context
def capital(quote_reserve: Decimal, price_factor: Decimal) -> Decimal:
    """Value at the old price that must be put in to move the price by `price_factor` [quote].

    >>> capital(Decimal(1000), Decimal(4)), capital(Decimal(1000), Decimal("0.25"))
    (Decimal('1000'), Decimal('1000'))
    """
    _check(price_factor, 1, 1)
    root = max(price_factor, divide(ONE, price_factor)).sqrt()
    return quote_reserve * (root - ONE)


@in_exact_context
def attack(quote_reserve: Decimal, factor: Decimal, blocks: int, controlled: int, fee: Decimal = ZERO) -> Attack:
    """The cost of moving a pool's geometric mean by `factor`.

    >>> found = attack(Decimal(1000), Decimal(2), 2, 1, Decimal("0.003"))
    >>> [round(number, 6) for number in (found.spot_factor, found.capital, found.lost_to_arbitrage, found.lost_to_fees)]
    [Decimal('4.000000'), Decimal('1000.000000'), Decimal('500.000000'), Decimal('6.000000')]
    """
    moved = spot_factor(factor, blocks, controlled)
    needed = capital(quote_reserve, moved)
    root = max(moved, divide(ONE, moved)).sqrt()
    return Attack(moved, needed, divide(needed * (root - ONE), root), TWO * fee * needed)


def _check(factor: Decimal, blocks: int, controlled: int) -> None:
    if not factor.is_finite() or factor <= 0:
        raise BadInput("bad_factor", "factor", factor, "a positive number")
    if not 1 <= controlled <= blocks:
        raise BadInput("bad_blocks", "controlled", controlled, f"1 to {blocks}")
