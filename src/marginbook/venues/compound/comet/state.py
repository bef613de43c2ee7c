"""State of one Comet in the contracts' own units. Frozen; actions return the next state.

Factors and rates are fractions of 10^18, indices of 10^15, prices have 8 decimals. What a user has of the base asset is
one signed principal: supply at the supply index, or debt at the borrow index.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from marginbook.exact import WAD, div_ceil, div_floor, mul_div_floor

ALL = 2**256 - 1
"""Amount that means "all of it" for the base asset."""
INDEX_SCALE = 10**15
YEAR = 31_536_000  # [s]


class Revert(Exception):
    """The contract would refuse; `reason` is its own error name, or MATH for an overflow or underflow."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def require(condition: bool, reason: str) -> None:
    """Revert with `reason` unless `condition` holds."""
    if not condition:
        raise Revert(reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One kinked rate curve, per second."""

    base: int = 0
    low: int = 0
    high: int = 0
    kink: int = WAD

    def rate(self, used: int) -> int:
        """Rate per second at a utilisation.

        >>> Curve(base=10, low=100, high=1000, kink=8 * 10**17).rate(9 * 10**17)
        190
        """
        if used <= self.kink:
            return self.base + mul_div_floor(self.low, used, WAD)
        beyond = mul_div_floor(self.high, used - self.kink, WAD)
        return self.base + mul_div_floor(self.low, self.kink, WAD) + beyond


def curve_of_year(base: int, low: int, high: int, kink: int) -> Curve:
    """A curve given per year: each parameter is cut to a whole rate per second on its own."""
    return Curve(base=div_floor(base, YEAR), low=div_floor(low, YEAR), high=div_floor(high, YEAR), kink=kink)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetConfig:
    """Parameters of one collateral asset."""

    decimals: int
    borrow_factor: int  # borrow collateral factor
    liquidate_factor: int  # liquidate collateral factor
    liquidation_factor: int  # share of the value that an absorbed account is credited
    supply_cap: int = 0  # [token units]

    @property
    def scale(self) -> int:
        """Token units in one whole token."""
        unit: int = 10**self.decimals
        return unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Parameters of one Comet."""

    base: str
    decimals: int
    assets: Mapping[str, AssetConfig] = field(default_factory=dict)  # in the contract's order
    supply_curve: Curve | None = None
    borrow_curve: Curve | None = None
    store_front: int = 0  # store front price factor
    borrow_min: int = 0  # [base units]
    target_reserves: int = 0  # [base units]

    @property
    def scale(self) -> int:
        """Base units in one whole base token."""
        unit: int = 10**self.decimals
        return unit


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Signed base principal, and collateral by asset."""

    principal: int = 0
    collateral: Mapping[str, int] = field(default_factory=dict)


NOBODY = User()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Everything that an action reads or writes. `cash` None: totals unknown, indices as given, liquidity unchecked."""

    config: Config
    prices: Mapping[str, int]  # [8 decimals], base and collateral
    supply_index: int = INDEX_SCALE
    borrow_index: int = INDEX_SCALE
    supply_total: int = 0  # principal
    borrow_total: int = 0  # principal
    cash: int | None = 0  # [base units]
    collateral_totals: Mapping[str, int] = field(default_factory=dict)  # supplied by users
    collateral_cash: Mapping[str, int] = field(default_factory=dict)  # held, users' and seized
    users: Mapping[str, User] = field(default_factory=dict)
    updated_at: int = 0  # [s]
    time: int = 0  # [s]

    def user(self, name: str) -> User:
        """The user called `name`, empty if unknown."""
        return self.users.get(name, NOBODY)

    def with_user(self, name: str, user: User) -> "Pool":
        """The pool with one user replaced."""
        return replace(self, users={**self.users, name: user})

    def with_prices(self, prices: Mapping[str, int]) -> "Pool":
        """The pool with some prices replaced."""
        return replace(self, prices={**self.prices, **prices})


def present_value(principal: int, supply_index: int, borrow_index: int) -> int:
    """Signed balance [base units] of a principal: both sides are cut.

    >>> present_value(-999, INDEX_SCALE, INDEX_SCALE * 3 // 2)
    -1498
    """
    if principal >= 0:
        return mul_div_floor(principal, supply_index, INDEX_SCALE)
    return -mul_div_floor(-principal, borrow_index, INDEX_SCALE)


def principal_value(balance: int, supply_index: int, borrow_index: int) -> int:
    """Signed principal of a balance: supply rounded down, debt rounded up.

    >>> principal_value(-1498, INDEX_SCALE, INDEX_SCALE * 3 // 2)
    -999
    """
    if balance >= 0:
        return mul_div_floor(balance, INDEX_SCALE, supply_index)
    return -div_ceil(-balance * INDEX_SCALE, borrow_index)


def balance_of(pool: Pool, name: str) -> int:
    """Signed base balance [base units] at the stored indices."""
    return present_value(pool.user(name).principal, pool.supply_index, pool.borrow_index)
