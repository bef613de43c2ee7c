"""dYdX v4 in its own integers: base quantums, quote quantums and parts per million.

A base quantum is 10^atomic_resolution coins, a quote quantum 10^-6 USDC, a price an integer p that stands for
p·10^exponent USDC per coin. Source: dydxprotocol/v4-chain at 84d4664 (2026-03-04), protocol/lib/quantums.go,
x/perpetuals/lib, x/perpetuals/types/liquidity_tier.go, x/clob/keeper/liquidations.go, lib/margin/risk.go.
"""

from dataclasses import dataclass
from fractions import Fraction

from marginbook.domain.errors import BadInput
from marginbook.exact import div_ceil, div_floor, div_trunc, mul_div_ceil, mul_div_floor, remainder_floor

MILLION = 10**6
QUOTE_DECIMALS = 6
SUBTICKS_MOST = 2**64 - 1


def scaled_trunc(value: int, exponent: int) -> int:
    """value · 10^exponent, toward zero.

    >>> scaled_trunc(-1999, -3), scaled_trunc(5, 2)
    (-1, 500)
    """
    return value * 10**exponent if exponent >= 0 else div_trunc(value, 10**-exponent)


def net_notional(quantums: int, price: int, exponent: int, atomic_resolution: int) -> int:
    """Signed notional [quote quantums]: quantums · price · 10^(exponent + atomic_resolution + 6), toward zero.

    >>> net_notional(-(10**12), 123456789123, -5, -16)
    -123456789
    """
    return scaled_trunc(quantums * price, exponent + atomic_resolution + QUOTE_DECIMALS)


def adjusted_initial_margin_ppm(base_ppm: int, lower_cap: int, upper_cap: int, open_interest: int) -> int:
    """Initial margin fraction [ppm] scaled by open interest [quote quantums]: base up to the lower cap, 1 at the upper.

    Between: base + (10^6 − base) · (open interest − lower) / (upper − lower), down. An upper cap of 0 means no scaling.

    >>> adjusted_initial_margin_ppm(200_000, 1_000_000, 2_000_000, 1_500_000)
    600000
    """
    if upper_cap == 0 or open_interest <= lower_cap:
        return base_ppm
    if open_interest >= upper_cap:
        return MILLION
    return base_ppm + mul_div_floor(MILLION - base_ppm, open_interest - lower_cap, upper_cap - lower_cap)


def margin_of(notional: int, ppm: int) -> int:
    """|notional| · ppm / 10^6 [quote quantums], up: initial margin from its fraction, maintenance from initial.

    >>> margin_of(500_000, 300_000), margin_of(-1, 1)
    (150000, 1)
    """
    return mul_div_ceil(abs(notional), ppm, MILLION)


def maintenance_margin_ppm(initial_margin_ppm: int, maintenance_fraction_ppm: int) -> int:
    """base · fraction [ppm], down. The chain clamps funding with it; the maintenance requirement is not made of it.

    >>> maintenance_margin_ppm(450_000, 770_000)
    346500
    """
    if maintenance_fraction_ppm > MILLION:
        raise BadInput("maintenance_fraction_too_large", "maintenance_fraction_ppm", maintenance_fraction_ppm, "≤ 10^6")
    return mul_div_floor(initial_margin_ppm, maintenance_fraction_ppm, MILLION)


def settlement_ppm(funding_index: int, position_index: int, quantums: int) -> int:
    """Funding due to a position [10^-6 quote quantums]: −(index − index of the position) · quantums.

    >>> settlement_ppm(123456789123, 100000000000, -1_000_000)
    23456789123000000
    """
    return -(funding_index - position_index) * quantums


def net_settlement(total_ppm: int) -> int:
    """Funding of all positions together [quote quantums]: one division by 10^6, down.

    >>> net_settlement(-1), net_settlement(1_999_999)
    (-1, 1)
    """
    return div_floor(total_ppm, MILLION)


@dataclass(frozen=True, slots=True)
class MarginRisk:
    """Net collateral and margin requirements [quote quantums] of a position or a subaccount."""

    collateral: int
    initial: int
    maintenance: int

    def __add__(self, other: "MarginRisk") -> "MarginRisk":
        return MarginRisk(
            self.collateral + other.collateral, self.initial + other.initial, self.maintenance + other.maintenance
        )

    def is_initial_collateralized(self) -> bool:
        """Whether new positions may stand: collateral ≥ initial margin.

        >>> MarginRisk(100, 100, 0).is_initial_collateralized()
        True
        """
        return self.collateral >= self.initial

    def is_maintenance_collateralized(self) -> bool:
        """collateral ≥ maintenance margin.

        >>> MarginRisk(0, 0, 0).is_maintenance_collateralized()
        True
        """
        return self.collateral >= self.maintenance

    def is_liquidatable(self) -> bool:
        """maintenance > 0 and maintenance > collateral: a subaccount without positions never is.

        >>> MarginRisk(100, 0, 100).is_liquidatable(), MarginRisk(99, 0, 100).is_liquidatable()
        (False, True)
        """
        return self.maintenance > 0 and self.maintenance > self.collateral

    def compare(self, other: "MarginRisk") -> int:
        """1 if riskier than `other`, −1 if less so: by collateral / maintenance, then more maintenance.

        Cross-multiplied; with both maintenances 0 the smaller collateral is riskier.

        >>> MarginRisk(100, 0, 50).compare(MarginRisk(100, 0, 100)), MarginRisk(1, 0, 0).compare(MarginRisk(2, 0, 0))
        (-1, 1)
        """
        ours, theirs = self.collateral * other.maintenance, other.collateral * self.maintenance
        if ours != theirs:
            return _sign(theirs - ours)
        if self.maintenance == 0 == other.maintenance:
            return _sign(other.collateral - self.collateral)
        return _sign(self.maintenance - other.maintenance)


NOTHING = MarginRisk(0, 0, 0)


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)


def is_valid_transition(before: MarginRisk, after: MarginRisk) -> bool:
    """Whether the chain accepts an update: initially collateralized afterwards, or less or equally risky than before.

    Without any requirement before and after, only a gain of collateral counts.

    >>> is_valid_transition(MarginRisk(90, 200, 100), MarginRisk(80, 100, 50))
    True
    >>> is_valid_transition(MarginRisk(90, 200, 100), MarginRisk(89, 200, 100))
    False
    """
    if after.is_initial_collateralized():
        return True
    if after.maintenance > before.maintenance:
        return False
    if after.maintenance == 0 or before.maintenance == 0:
        return after.maintenance == 0 == before.maintenance and after.collateral > before.collateral
    return after.compare(before) <= 0


def position_notional_limits(notional: int, least: int, portion_ppm: int) -> tuple[int, int]:
    """(least, most) [quote quantums] of a position that one block may liquidate.

    least = min(limit, |notional|), most = max(least, |notional| · portion / 10^6 down).

    >>> position_notional_limits(5_000_000, 10_000_000, 1_000_000)
    (5000000, 5000000)
    """
    size = abs(notional)
    smallest = min(least, size)
    return smallest, max(smallest, mul_div_floor(size, portion_ppm, MILLION))


def quantums_of_notional(notional: int, price: int, exponent: int, atomic_resolution: int) -> int:
    """Base quantums [up to the sign] that a notional [quote quantums] buys at the oracle price, toward zero."""
    shift = exponent + atomic_resolution + QUOTE_DECIMALS
    if shift >= 0:
        return div_trunc(notional, price * 10**shift)
    return div_trunc(notional * 10**-shift, price)


def subticks_of_fillable_price(
    price: Fraction, liquidates_long: bool, subticks_per_tick: int, quantum_conversion_exponent: int
) -> int:
    """A fillable price [quote quantums per base quantum] as subticks on the book's tick: up to close longs, else down.

    Both roundings, to a subtick and to a tick, go the same way; the result lies between one tick and the largest
    multiple of a tick below 2^64.

    >>> subticks_of_fillable_price(Fraction(197), True, 100, 1)
    100
    """
    if price < 0:
        raise BadInput("bad_price", "fillable_price", price, "at least 0")
    factor = Fraction(10) ** -quantum_conversion_exponent
    exact = price * factor
    divided = div_ceil if liquidates_long else div_floor
    subticks = divided(exact.numerator, exact.denominator)
    subticks = divided(subticks, subticks_per_tick) * subticks_per_tick
    most = SUBTICKS_MOST - remainder_floor(SUBTICKS_MOST, subticks_per_tick)
    return min(max(subticks, subticks_per_tick), most)


def fill_quote_quantums(subticks: int, base_quantums: int, quantum_conversion_exponent: int) -> int:
    """Quote quantums that a fill of `base_quantums` > 0 at `subticks` moves, toward zero.

    >>> fill_quote_quantums(49_000_000_000, 10_000_000, -8)
    4900000000
    """
    return scaled_trunc(subticks * base_quantums, quantum_conversion_exponent)
