"""State of a Compound v2 (or Venus) pool in the contracts' own units. Frozen; actions return the next state.

Rates, factors and exchange rates are mantissas (10^18). A price mantissa is USD · 10^(36 − decimals) per token, so
that price · token units is USD with 36 decimals, and each value USD with 18.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from marginbook.exact import WAD, mul_div_floor
from marginbook.venues.compound.v2.versions import COMPOUND, Version

ALL = 2**256 - 1
"""Amount that means "all of it" where a debt is repaid."""


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
class RateModel:
    """Kinked borrow rate; mantissas, rates per block."""

    base: int = 0
    multiplier: int = 0
    jump: int = 0
    kink: int = WAD


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketConfig:
    """Parameters of one market."""

    decimals: int
    collateral_factor: int = 0
    liquidation_threshold: int = 0  # where the version has its own
    incentive: int = 0  # liquidation incentive of this collateral; 0: the pool's
    reserve_factor: int = 0
    borrow_cap: int = 0  # [token units], 0 = none
    borrow_paused: bool = False
    mint_paused: bool = False
    initial_rate: int = WAD  # exchange rate while there are no cTokens
    rates: RateModel | None = None

    @property
    def deprecated(self) -> bool:
        """Whether anyone may repay a whole debt of this market against collateral, shortfall or not."""
        return self.collateral_factor == 0 and self.borrow_paused and self.reserve_factor == WAD


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """One market. `cash` None: totals unknown; then `fixed_rate` is the exchange rate, and liquidity is unchecked."""

    cash: int | None = 0  # [token units]
    borrows: int = 0  # [token units]
    reserves: int = 0  # [token units]
    supply: int = 0  # [cTokens]
    index: int = WAD  # borrow index
    block: int = 0  # of the last accrual
    fixed_rate: int = WAD


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What one user has in one market."""

    tokens: int = 0  # [cTokens]
    principal: int = 0  # [token units] debt when last touched
    index: int = 0  # borrow index when last touched


NOTHING = Position()


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Positions by asset, and the markets that the user has entered."""

    positions: Mapping[str, Position] = field(default_factory=dict)
    entered: frozenset[str] = frozenset()

    def position(self, asset: str) -> Position:
        """The position in `asset`, empty if there is none."""
        return self.positions.get(asset, NOTHING)


NOBODY = User()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Everything that an action reads or writes."""

    configs: Mapping[str, MarketConfig]
    markets: Mapping[str, Market]
    prices: Mapping[str, int]  # mantissas
    close_factor: int
    incentive: int  # liquidation incentive, 1.08 · 10^18 pays 8 %
    users: Mapping[str, User] = field(default_factory=dict)
    block: int = 0
    version: Version = COMPOUND

    def user(self, name: str) -> User:
        """The user called `name`, empty if unknown."""
        return self.users.get(name, NOBODY)

    def with_market(self, asset: str, market: Market) -> "Pool":
        """The pool with one market replaced."""
        return replace(self, markets={**self.markets, asset: market})

    def with_position(self, name: str, asset: str, position: Position) -> "Pool":
        """The pool with one position replaced."""
        user = self.user(name)
        user = replace(user, positions={**user.positions, asset: position})
        return replace(self, users={**self.users, name: user})

    def with_entered(self, name: str, entered: frozenset[str]) -> "Pool":
        """The pool with a user's entered markets replaced."""
        return replace(self, users={**self.users, name: replace(self.user(name), entered=entered)})

    def with_prices(self, prices: Mapping[str, int]) -> "Pool":
        """The pool with some prices replaced."""
        return replace(self, prices={**self.prices, **prices})


def exchange_rate(config: MarketConfig, market: Market) -> int:
    """Stored exchange rate [token units · 10^18 per cToken]: (cash + borrows − reserves) / cTokens, rounded down.

    >>> exchange_rate(MarketConfig(decimals=6), Market(cash=70, borrows=35, reserves=5, supply=3))
    33333333333333333333
    """
    if market.cash is None:
        return market.fixed_rate
    if market.supply == 0:
        return config.initial_rate
    backing = market.cash + market.borrows - market.reserves
    require(backing >= 0, "MATH")
    return mul_div_floor(backing, WAD, market.supply)


def owed(pool: Pool, name: str, asset: str) -> int:
    """Stored debt [token units]: principal · index / the user's index, rounded down."""
    position = pool.user(name).position(asset)
    if position.principal == 0:
        return 0
    return mul_div_floor(position.principal, pool.markets[asset].index, position.index)


def supplied(pool: Pool, name: str, asset: str) -> int:
    """Stored supply [token units]: cTokens · exchange rate, rounded down."""
    rate = exchange_rate(pool.configs[asset], pool.markets[asset])
    return mul_div_floor(pool.user(name).position(asset).tokens, rate, WAD)
