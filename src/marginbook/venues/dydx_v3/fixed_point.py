"""StarkEx perpetuals in their own numbers: integers, 32.32 prices and 0.32 risk factors, and no division.

Source: starkware-libs/stark-perpetual (Apache-2.0), src/services/perpetual/cairo: position/status, position/funding,
position/validate_state_transition, transactions/deleverage, oracle/oracle_price, definitions/general_config; read at
40f0282 (2023-11-22), re-implemented from the formulas.

    total value  TV = collateral · 2^32 + Σ price · balance           signed, .32
    total risk   TR = Σ |price · balance| · risk factor               .64
    well leveraged ⟺ TR ≤ TV · 2^32;   liquidatable ⟺ TR > TV · 2^32;   deleveragable ⟺ TV < 0
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from marginbook.domain.errors import BadInput
from marginbook.exact import div_ceil, div_floor, mul_div_half_up

ONE = 2**32
"""1 in .32 fixed point."""
EXTERNAL_ONE = 10**18
"""1 in the fixed point that oracles sign."""
COLLATERAL_DECIMALS = 6
BALANCE_BOUND = 2**63
"""Collateral, and total value [USDC units], from −2^63 to 2^63 − 1; a synthetic balance of −2^63 has no risk factor."""
AMOUNT_BOUND = 2**64
RISK_BOUND = 2**64
PRICE_BOUND = 2**64


def internal_price(external: int, resolution: int) -> int:
    """A signed price [10^-18 USDC per coin] in the system [32.32 USDC units per synthetic unit], to nearest.

    >>> internal_price(50_000 * EXTERNAL_ONE, 10)
    21474836480
    """
    return mul_div_half_up(external, 10**COLLATERAL_DECIMALS * ONE, 10**resolution * EXTERNAL_ONE)


def risk_factor(segments: Sequence[tuple[int, int]], amount: int) -> int:
    """The factor [0.32] of the segment that holds `amount`, by (upper bound inclusive, factor).

    >>> risk_factor([(10, 1), (20, 2)], 10), risk_factor([(10, 1), (20, 2)], 11)
    (1, 2)
    """
    return next(risk for bound, risk in segments if amount <= bound)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A synthetic balance at the oracle price."""

    market: str
    balance: int
    price: int  # [32.32]
    segments: tuple[tuple[int, int], ...]  # (upper bound, 0.32 factor)
    by_balance: bool = True  # bounds are of |balance|, else of |balance| · price [.32]
    funding_delta: int = 0  # [32.32] global index less the cached one

    @property
    def value(self) -> int:
        """price · balance [.32]."""
        return self.price * self.balance

    @property
    def factor(self) -> int:
        """Risk factor [0.32] of the balance."""
        return risk_factor(self.segments, abs(self.balance if self.by_balance else self.value))

    @property
    def risk(self) -> int:
        """|value| · risk factor [.64]."""
        return abs(self.value) * self.factor


@dataclass(frozen=True, slots=True)
class Status:
    """Total value [.32] and total risk [.64] of a position."""

    value: int
    risk: int

    def is_well_leveraged(self) -> bool:
        """TR ≤ TV · 2^32.

        >>> Status(1, ONE).is_well_leveraged(), Status(1, ONE + 1).is_well_leveraged()
        (True, False)
        """
        return self.risk <= self.value * ONE

    def is_liquidatable(self) -> bool:
        """TR > TV · 2^32."""
        return not self.is_well_leveraged()

    def is_deleveragable(self) -> bool:
        """TV < 0."""
        return self.value < 0


def funded_collateral(collateral: int, assets: Iterable[Asset]) -> int:
    """Collateral after funding: floor(collateral − Σ index change · balance / 2^32), one floor for all.

    >>> funded_collateral(10, [Asset(market="X", balance=1, price=1, segments=(), funding_delta=1)])
    9
    """
    return div_floor(collateral * ONE - sum(asset.funding_delta * asset.balance for asset in assets), ONE)


def status(collateral: int, assets: Iterable[Asset]) -> Status:
    """Status of a funded position."""
    held = tuple(assets)
    return Status(collateral * ONE + sum(a.value for a in held), sum(a.risk for a in held))


def has_smaller_holdings(before: Mapping[str, int], after: Mapping[str, int]) -> bool:
    """Whether every balance keeps its sign and does not grow.

    >>> has_smaller_holdings({"X": -5}, {"X": -4}), has_smaller_holdings({"X": -5}, {"X": 1})
    (True, False)
    """
    return all(
        not balance or (balance * before.get(name, 0) > 0 and abs(balance) <= abs(before[name]))
        for name, balance in after.items()
    )


def range_refusal(found: Status) -> str | None:
    """The system's name of a status that it cannot hold: value from −2^63 to below 2^63, risk below 2^64 [USDC units].

    >>> range_refusal(Status(BALANCE_BOUND * ONE, 0)), range_refusal(Status(-BALANCE_BOUND * ONE, 0))
    ('OUT_OF_RANGE_TOTAL_VALUE', None)
    """
    if not -BALANCE_BOUND * ONE <= found.value < BALANCE_BOUND * ONE:
        return "OUT_OF_RANGE_TOTAL_VALUE"
    return None if found.risk < RISK_BOUND * ONE * ONE else "OUT_OF_RANGE_TOTAL_RISK"


def transition_refusal(before: Status, after: Status, shrinks: bool) -> str | None:
    """The system's name of why a position may not change so, in its order; None where it may.

    It may where it is well leveraged afterwards, or smaller and at no worse a ratio TV / TR.

    >>> transition_refusal(Status(-1, 2 * ONE), Status(-1, ONE), True)
    'ILLEGAL_POSITION_TRANSITION_REDUCING_TOTAL_VALUE_RISK_RATIO'
    """
    outside = range_refusal(after)
    if outside or after.is_well_leveraged():
        return outside
    outside = range_refusal(before)
    if outside:
        return outside
    if not shrinks:
        return "ILLEGAL_POSITION_TRANSITION_ENLARGING_SYNTHETIC_HOLDINGS"
    if before.value * after.risk > after.value * before.risk:
        return "ILLEGAL_POSITION_TRANSITION_REDUCING_TOTAL_VALUE_RISK_RATIO"
    if before.risk == 0 and before.value > after.value:
        return "ILLEGAL_POSITION_TRANSITION_NO_RISK_REDUCED_VALUE"
    return None


def is_valid_transition(before: Status, after: Status, shrinks: bool) -> bool:
    """Whether a position may change so.

    >>> is_valid_transition(Status(1, 2 * ONE), Status(0, 0), True)
    True
    """
    return transition_refusal(before, after, shrinks) is None


def is_fair_deleverage(before: Status, after: Status) -> bool:
    """Whether one unit of collateral less would make it invalid: TV0 · TR1 > (TV1 − 2^32) · TR0."""
    return before.value * after.risk > (after.value - ONE) * before.risk


def least_collateral(before: Status, value_change: int, risk_after: int) -> int:
    """Least collateral that a reduction has to bring (< 0: most that it may cost), for a ratio that is no worse.

    `value_change` [.32] is what the synthetic value loses (after − before). In deleveraging it is the one fair amount.

    >>> least_collateral(Status(-5 * ONE, 10 * ONE), -100 * ONE, 0)
    105
    """
    if before.risk <= 0:
        raise BadInput("no_risk", "position", before.risk, "a total risk above 0")
    needed = before.value * risk_after - (before.value + value_change) * before.risk
    return div_ceil(needed, before.risk * ONE)
