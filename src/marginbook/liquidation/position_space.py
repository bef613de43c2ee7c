"""Liquidation of one position under linear price impact, and how large an insurance fund should be.

    equity            e = c + b·q·(p − p₀) + Γ                               collateral, side, quantity, entry, funding
    bankruptcy        p_bk = max(0, p₀ − (c + Γ) / (b·q))                                                       e = 0
    liquidation       long max(0, p₀ − (c + Γ)/q) / (1 − μ),  short (p₀ + (c + Γ)/q) / (1 + μ)              e = μ·p·q
    execution         p_exec = p − b·(α/2)·Δq                                       average price of a slice, impact α
    fee               τ = τ_fix + φ_mark·p·Δq + φ_exec·p_exec·Δq
    slice             e + b·Δq·(p_exec − p) − τ = μ·p·(q − Δq)               the least that restores the maintenance
    shortfall         max(0, b·(p_bk − p_exec))·Δq                                      bad debt that a slice realises
    fund              P[D > IF] = r / κ                                          least r·IF + κ·E[max(0, D − IF)]

Source: Chitra, "Autodeleveraging: Impossibilities and Optimization", arXiv 2512.01112, section 2 and the appendix on
liquidation mechanics (read 2026-11). Its examples after the opening take p_bk = p − c/(b·q) at the moving mark p, which
leaves out the profit since entry and is not where e = 0; here p₀ is the price at which the collateral was counted, so
`replace(position, entry=p)` reproduces those numbers and the entry gives the true ones (docs/deleveraging.md).

Prices, quantities and money are `Decimal` in the caller's units; square roots and quotients carry 128 digits.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from marginbook.domain.account import Side
from marginbook.domain.errors import BadInput
from marginbook.exact import CONTEXT, ONE, ZERO, divide, in_exact_context

TWO, FOUR = Decimal(2), Decimal(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolatedPosition:
    """A position with its own collateral: what the paper calls p = (q, c, b) with its entry price and funding."""

    side: Side
    quantity: Decimal  # [base units] positive
    collateral: Decimal  # [quote]
    entry: Decimal  # [quote per base]
    funding: Decimal = ZERO  # [quote] received since entry

    @property
    def sign(self) -> int:
        """+1 for a long, −1 for a short."""
        return 1 if self.side == "long" else -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """What a liquidation of Δq costs: fixed + on_mark · p · Δq + on_execution · p_exec · Δq."""

    fixed: Decimal = ZERO  # [quote]
    on_mark: Decimal = ZERO  # [fraction]
    on_execution: Decimal = ZERO  # [fraction]


@in_exact_context
def leverage(position: IsolatedPosition, price: Decimal) -> Decimal:
    """Notional over collateral.

    >>> position = IsolatedPosition(side="long", quantity=Decimal(1), collateral=Decimal(2), entry=Decimal(1))
    >>> leverage(position, Decimal(1)), bankruptcy(position), liquidation(position, Decimal("0.1"))
    (Decimal('0.5'), Decimal('0'), Decimal('0'))
    """
    return divide(price * position.quantity, position.collateral)


@in_exact_context
def equity(position: IsolatedPosition, price: Decimal) -> Decimal:
    """c + b·q·(p − p₀) + Γ."""
    return position.collateral + position.funding + position.sign * position.quantity * (price - position.entry)


@in_exact_context
def bankruptcy(position: IsolatedPosition) -> Decimal:
    """The price at which the equity is 0; 0 where a long has more collateral than it can lose."""
    return max(ZERO, _break_even(position))


@in_exact_context
def liquidation(position: IsolatedPosition, maintenance: Decimal) -> Decimal:
    """The price at which the equity is `maintenance` (a fraction) of the notional; 0 where a long never gets there."""
    return max(ZERO, divide(_break_even(position), ONE - position.sign * maintenance))


@in_exact_context
def execution(side: Side, price: Decimal, slice_: Decimal, impact: Decimal) -> Decimal:
    """Average price at which a slice of a position of `side` is closed; `impact` is α [quote per base, per base unit].

    >>> str(execution("long", Decimal("1.30"), Decimal("0.5"), ONE)), str(execution("short", ONE, Decimal(2), ONE))
    ('1.05', '2')
    """
    sign = 1 if side == "long" else -1
    return price - sign * divide(impact * slice_, TWO)


@in_exact_context
def fee(rates: Fee, price: Decimal, executed: Decimal, slice_: Decimal) -> Decimal:
    """The fee of a slice executed at `executed` while the mark is `price`.

    >>> on_both = Fee(on_mark=Decimal("0.002"), on_execution=Decimal("0.001"))
    >>> str(fee(on_both, Decimal("1.30"), Decimal("1.32"), Decimal("0.5")))
    '0.001960'
    """
    return rates.fixed + (rates.on_mark * price + rates.on_execution * executed) * slice_


@in_exact_context
def restoring_slice(
    position: IsolatedPosition, price: Decimal, maintenance: Decimal, impact: Decimal, rates: Fee
) -> Decimal:
    """The least Δq after whose liquidation the rest is maintained, at most the whole position; 0 where it is already.

    With the execution and fee above, the slice solves a quadratic,

        (α/2)·(1 − b·φ_exec)·Δq² − (μ − φ_mark − φ_exec)·p·Δq + (μ·p·q − e + τ_fix) = 0,

    of which the smallest root in (0, q) is taken; without one, no slice restores the maintenance and all is closed.

    >>> position = IsolatedPosition(side="long", quantity=Decimal(10), collateral=Decimal(10), entry=Decimal(10))
    >>> str(restoring_slice(position, Decimal("9.7"), Decimal("0.1"), ZERO, Fee()))[:8]
    '2.783505'
    """
    lacking = maintenance * price * position.quantity - equity(position, price)
    if lacking <= 0:
        return ZERO
    square = divide(impact, TWO) * (ONE - position.sign * rates.on_execution)
    linear = (maintenance - rates.on_mark - rates.on_execution) * price
    roots = _roots(square, linear, lacking + rates.fixed)
    return min((root for root in roots if ZERO < root < position.quantity), default=position.quantity)


@in_exact_context
def slice_at(
    position: IsolatedPosition, price: Decimal, executed: Decimal, maintenance: Decimal, rates: Fee
) -> Decimal | None:
    """The slice that restores the maintenance if it is executed at one price; None where no amount does. Not capped.

        Δq = (μ·p·q − e + τ_fix) / (b·(p_exec − p) − φ_mark·p − φ_exec·p_exec + μ·p)

    >>> short = IsolatedPosition(side="short", quantity=ONE, collateral=divide(Decimal(10), Decimal(99)), entry=ONE)
    >>> per_unit = Fee(on_mark=Decimal("0.003"))
    >>> str(slice_at(short, Decimal("5.5"), Decimal("5.55"), Decimal("0.1"), per_unit))[:7]
    '10.2357'
    """
    lacking = maintenance * price * position.quantity - equity(position, price) + rates.fixed
    gain = maintenance * price + position.sign * (executed - price) - fee(rates, price, executed, ONE) + rates.fixed
    return divide(lacking, gain) if gain > 0 else None


@in_exact_context
def shortfall(position: IsolatedPosition, executed: Decimal, slice_: Decimal) -> Decimal:
    """Bad debt that closing `slice_` at `executed` realises: what the execution is worse than the bankruptcy price.

    >>> position = IsolatedPosition(side="long", quantity=ONE, collateral=Decimal("0.1"), entry=ONE)
    >>> str(shortfall(position, Decimal("0.8"), Decimal("0.5"))), str(shortfall(position, Decimal("0.9"), ONE))
    ('0.05', '0')
    """
    return max(ZERO, position.sign * (bankruptcy(position) - executed) * slice_)


@in_exact_context
def best_fund(deficits: Sequence[Decimal], cost: Decimal, weight: Decimal) -> Decimal:
    """The fund IF that makes cost · IF + weight · mean(max(0, deficit − IF)) least over observed deficits.

    The smallest IF ≥ 0 at which the share of deficits above it is at most cost / weight. BadInput where there are no
    deficits or `weight` is not positive.

    >>> losses = [Decimal(amount) for amount in (0, 0, 10, 20, 30, 40, 50, 60, 70, 100)]
    >>> best_fund(losses, Decimal("0.02"), Decimal("0.1")), best_fund(losses, ONE, ONE)
    (Decimal('60'), Decimal('0'))
    """
    if not deficits or weight <= 0:
        raise BadInput("bad_amount", "deficits or weight", f"{len(deficits)}, {weight}", "deficits, a positive weight")
    losses = sorted(max(ZERO, deficit) for deficit in deficits)
    candidates = (
        candidate for candidate in (ZERO, *losses) if _above(losses, candidate) * weight <= cost * len(losses)
    )
    return next(candidates)


def _above(losses: Sequence[Decimal], fund: Decimal) -> int:
    """How many of the sorted losses exceed the fund."""
    return len(losses) - bisect_right(losses, fund)


def _break_even(position: IsolatedPosition) -> Decimal:
    return position.entry - position.sign * divide(position.collateral + position.funding, position.quantity)


def _roots(square: Decimal, linear: Decimal, constant: Decimal) -> list[Decimal]:
    """Real solutions of square · x² − linear · x + constant = 0."""
    if square == 0:
        return [] if linear == 0 else [divide(constant, linear)]
    inside = linear * linear - FOUR * square * constant
    if inside < 0:
        return []
    root = inside.sqrt(CONTEXT)
    return [divide(linear - root, TWO * square), divide(linear + root, TWO * square)]
