"""Liquidation prices: the border of one price, all else fixed, on the oracle's grid of 8 decimals."""

from collections.abc import Callable
from dataclasses import dataclass

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.domain.risk import LiquidationPrice
from marginbook.exact import BASIS_POINTS, WAD, div_floor, from_raw
from marginbook.venues.aave_v3.account_data import health_factor, owed, supplied, user_threshold
from marginbook.venues.aave_v3.holdings import POOL, PRICE_DECIMALS, USER, VENUE, pool_of, price_keys
from marginbook.venues.aave_v3.parameters import Parameters
from marginbook.venues.aave_v3.state import Pool, price_key
from marginbook.venues.aave_v3.versions import Version

PRICE_BITS_MAX = 256
"""Prices are searched up to 2^256 base units: as far as the contract could see."""


def liquidation_prices(account: Account, market: Market, parameters: Parameters, at: int) -> list[LiquidationPrice]:
    """For every price that the account depends on: the one nearest to safety at which it is liquidatable.

    `at_or_below` where the collateral at that price outweighs the debt at it (in threshold terms), `at_or_above` where
    the debt does. A price's own quote is not needed; any other missing quote is an error. None where no price
    liquidates.
    """
    keys = dict.fromkeys(price_keys(account, parameters).values())
    missing = frozenset(key for key in keys if (VENUE, key, "oracle") not in market.quotes)
    if len(missing) > 1:
        raise BadInput("missing_price", f"prices.{VENUE}.{min(missing)}", "nothing", "an oracle price")
    pool = pool_of(account, market, parameters, at, missing)
    if not pool.user(USER).borrows:
        return []
    found = []
    for key in missing or keys:
        line = _line(pool, key)
        if line.slope == 0:
            continue
        raw = line.highest_liquidatable() if line.slope > 0 else line.lowest_liquidatable()
        if raw is not None:
            found.append(
                LiquidationPrice(
                    pool=POOL,
                    market=key,
                    side="collateral" if line.slope > 0 else "debt",
                    price=from_raw(raw, PRICE_DECIMALS),
                    when="at_or_below" if line.slope > 0 else "at_or_above",
                    source="exact",
                )
            )
    return found


@dataclass(frozen=True, slots=True)
class _Line:
    """The account as a function of one raw price."""

    version: Version
    collateral: int  # [base currency] at other prices
    thresholds: int  # Σ collateral·threshold at other prices
    debt: int  # [base currency] at other prices
    held: tuple[tuple[int, int, int], ...]  # (balance, unit, threshold) at this price
    owed: tuple[tuple[int, int], ...]  # (balance, unit) at this price
    slope: int  # sign of threshold-weighted collateral − debt at this price

    def sums(self, price: int) -> tuple[int, int, int]:
        """(collateral, Σ collateral·threshold, debt) at `price`."""
        collateral, thresholds, debt = self.collateral, self.thresholds, self.debt
        for balance, unit, threshold in self.held:
            value = self.version.collateral_value(balance, price, unit)
            collateral, thresholds = collateral + value, thresholds + value * threshold
        for balance, unit in self.owed:
            debt += self.version.debt_value(balance, price, unit)
        return collateral, thresholds, debt

    def liquidatable(self, price: int) -> bool:
        """The contract's decision at `price`."""
        return health_factor(self.version, *self.sums(price)) < WAD

    def average(self, price: int) -> int:
        """The truncated average threshold at `price` [bp]."""
        collateral, thresholds, _ = self.sums(price)
        return div_floor(thresholds, collateral) if collateral else 0

    def surely_safe(self, price: int) -> bool:
        """Safe whatever the truncation of the average (at most 1 bp of collateral) and the half-up rounding do."""
        collateral, thresholds, debt = self.sums(price)
        return thresholds - collateral >= (debt + 1) * BASIS_POINTS

    def highest_liquidatable(self) -> int | None:
        """Largest price that liquidates.

        Without truncation the decision turns once as the price rises. With it, the decision turns at most once on each
        stretch of prices with the same truncated average: the stretches are searched from the safe side.
        """
        if not (self.version.truncated_threshold and not self.owed and self.collateral):
            return _last(self.liquidatable)
        # every price below the first surely safe one, if the average is the same everywhere
        top = _last(lambda price: not self.surely_safe(price))
        while top:
            level = self.average(top)
            bottom = _first_from(lambda price, level=level: self.average(price) == level, top)  # type: ignore[misc]
            if self.liquidatable(top):
                return top
            if self.liquidatable(bottom):
                return _bisect(self.liquidatable, bottom, top)
            top = bottom - 1
        return None

    def lowest_liquidatable(self) -> int | None:
        """Smallest price that liquidates; at 1 if even that does."""
        last_safe = _last(lambda price: not self.liquidatable(price))
        if last_safe is None:
            return 1
        return last_safe + 1 if last_safe >> PRICE_BITS_MAX == 0 else None


def _last(holds: Callable[[int], bool]) -> int | None:
    """Largest price up to which `holds`, from 1; None if not even there; 2^257 or more if everywhere."""
    if not holds(1):
        return None
    high = 2
    while holds(high):
        if high >> (PRICE_BITS_MAX + 1):
            return high
        high <<= 1
    return _bisect(holds, high >> 1, high)


def _bisect(holds: Callable[[int], bool], low: int, high: int) -> int:
    """A price with `holds` whose successor does not, between `low` (holds) and `high` (does not)."""
    while high - low > 1:
        middle = (low + high) >> 1
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _first_from(holds: Callable[[int], bool], top: int) -> int:
    """Smallest price, at least 1, from which `holds` without a break up to `top`."""
    low, high = 0, top
    while high - low > 1:
        middle = (low + high) >> 1
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _line(pool: Pool, key: str) -> _Line:
    user = pool.user(USER)
    version, emode = pool.version, pool.emode_of(user)
    collateral = thresholds = debt = 0
    held, owes = [], []
    for asset, position in user.positions.items():
        unit = pool.configs[asset].unit
        own_key = price_key(asset, emode)
        threshold = user_threshold(asset, pool.configs[asset], emode)
        if position.collateral and own_key == key:
            held.append((supplied(pool, USER, asset), unit, threshold))
        elif position.collateral:
            value = version.collateral_value(supplied(pool, USER, asset), pool.prices[own_key], unit)
            collateral, thresholds = collateral + value, thresholds + value * threshold
        if position.borrowing and own_key == key:
            owes.append((owed(pool, USER, asset), unit))
        elif position.borrowing:
            debt += version.debt_value(owed(pool, USER, asset), pool.prices[own_key], unit)
    units = [unit for _, unit, _ in held] + [unit for _, unit in owes]
    common = max(units, default=1)
    gain = sum(balance * threshold * div_floor(common, unit) for balance, unit, threshold in held)
    loss = sum(balance * BASIS_POINTS * div_floor(common, unit) for balance, unit in owes)
    slope = (gain > loss) - (gain < loss)
    return _Line(version, collateral, thresholds, debt, tuple(held), tuple(owes), slope)
