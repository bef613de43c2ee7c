"""State of a pool in the contracts' own units: reserves, users, prices, time. Frozen; actions return the next state."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from marginbook.exact import RAY
from marginbook.venues.aave_v3.versions import Version

ALL = 2**256 - 1
"""Amount that means "all of it"."""
NO_DEBT = 2**256 - 1
"""Health factor of an account without debt."""
CORRELATED_FROM = 8_500  # [bp]
"""Liquidation threshold from which an e-mode category is taken for one of correlated assets."""
TREASURY = "treasury"
"""User that receives the protocol's share of liquidation bonuses."""


class Revert(Exception):
    """The contract would refuse. `reason` is the error's name in 3.4 and later, also used for the codes before."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def require(condition: bool, reason: str) -> None:
    """Revert with `reason` unless `condition` holds."""
    if not condition:
        raise Revert(reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateStrategy:
    """Kinked borrow rate; all in ray."""

    optimal: int
    base: int = 0
    slope_1: int = 0
    slope_2: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveConfig:
    """Parameters of one asset."""

    decimals: int
    ltv: int = 0  # [bp]
    liquidation_threshold: int = 0  # [bp]
    liquidation_bonus: int = 0  # [bp], 10500 pays 5 %
    protocol_fee: int = 0  # [bp of the bonus]
    reserve_factor: int = 0  # [bp]
    supply_cap: int = 0  # [whole tokens], 0 = none
    borrow_cap: int = 0  # [whole tokens], 0 = none
    debt_ceiling: int = 0  # [10^-2 USD], 0 = not an isolated collateral
    borrowable_in_isolation: bool = False
    siloed: bool = False
    borrowing_enabled: bool = True
    active: bool = True
    frozen: bool = False
    paused: bool = False
    rates: RateStrategy | None = None

    @property
    def unit(self) -> int:
        """Token units in one whole token."""
        unit: int = 10**self.decimals
        return unit


@dataclass(frozen=True, slots=True, kw_only=True)
class EMode:
    """An efficiency-mode category. In 3.0 an asset in the category is in both sets."""

    ltv: int  # [bp]
    liquidation_threshold: int  # [bp]
    liquidation_bonus: int  # [bp]
    collateral: frozenset[str] = frozenset()
    borrowable: frozenset[str] = frozenset()
    zero_ltv: frozenset[str] = frozenset()  # from 3.6
    isolated: bool = False  # 3.7: nothing outside the category may back a loan
    price_source: str | None = None  # 3.0 and 3.1: whose price replaces that of every member

    @property
    def correlated(self) -> bool:
        """Whether collateral and debt of the category follow one asset (our judgement, for zones only).

        Governance grants such a threshold to pairs of one underlying, and less to volatile collateral of stablecoins.
        """
        return self.liquidation_threshold >= CORRELATED_FROM


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """One asset of the pool. `cash` None: totals unknown, liquidity unchecked, rates left alone."""

    liquidity_index: int = RAY  # [ray]
    borrow_index: int = RAY  # [ray]
    liquidity_rate: int = 0  # [ray per year]
    borrow_rate: int = 0  # [ray per year]
    updated_at: int = 0  # [s]
    scaled_supply: int = 0
    scaled_debt: int = 0
    cash: int | None = 0  # [token units]
    accrued_to_treasury: int = 0  # scaled; 2: minted so far, part of scaled_supply
    deficit: int = 0  # [token units]
    isolation_debt: int = 0  # [10^-2 USD]


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What one user has in one reserve."""

    scaled_supply: int = 0
    scaled_debt: int = 0
    collateral: bool = False  # flag; may outlive the balance
    borrowing: bool = False


NOTHING = Position()


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Positions by asset, and the e-mode category."""

    positions: Mapping[str, Position] = field(default_factory=dict)
    emode: int = 0

    def position(self, asset: str) -> Position:
        """The position in `asset`, empty if there is none."""
        return self.positions.get(asset, NOTHING)

    @property
    def borrows(self) -> bool:
        """Any borrowing flag set."""
        return any(p.borrowing for p in self.positions.values())


NOBODY = User()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Everything that an action reads or writes."""

    version: Version
    configs: Mapping[str, ReserveConfig]  # in the order of the reserves' ids
    reserves: Mapping[str, Reserve]
    prices: Mapping[str, int]  # [base currency]
    emodes: Mapping[int, EMode] = field(default_factory=dict)
    users: Mapping[str, User] = field(default_factory=dict)
    time: int = 0  # [s]

    def user(self, name: str) -> User:
        """The user called `name`, empty if unknown."""
        return self.users.get(name, NOBODY)

    def emode_of(self, user: User) -> EMode | None:
        """The user's category, None outside e-mode."""
        return self.emodes[user.emode] if user.emode else None

    def price(self, asset: str, emode: EMode | None) -> int:
        """Price of a holding: that of the category's source where it has one (3.0, 3.1)."""
        return self.prices[price_key(asset, emode)]

    def with_reserve(self, asset: str, reserve: Reserve) -> "Pool":
        """The pool with one reserve replaced."""
        return replace(self, reserves={**self.reserves, asset: reserve})

    def with_user(self, name: str, user: User) -> "Pool":
        """The pool with one user replaced."""
        return replace(self, users={**self.users, name: user})

    def with_position(self, name: str, asset: str, position: Position) -> "Pool":
        """The pool with one position replaced."""
        user = self.user(name)
        return self.with_user(name, replace(user, positions={**user.positions, asset: position}))

    def with_prices(self, prices: Mapping[str, int]) -> "Pool":
        """The pool with some prices replaced."""
        return replace(self, prices={**self.prices, **prices})

    def at(self, time: int) -> "Pool":
        """The pool later; nothing is stored until a reserve is touched."""
        return replace(self, time=time)


def price_key(asset: str, emode: EMode | None) -> str:
    """Whose price values `asset`: its own, or the category's source."""
    if emode is not None and emode.price_source is not None and asset in emode.collateral:
        return emode.price_source
    return asset
