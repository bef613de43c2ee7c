"""Liquidation prices: the border of one price, all else fixed, on the oracle's grid (8 decimals; 2: 18)."""

from collections.abc import Callable
from dataclasses import dataclass

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.domain.risk import LiquidationPrice
from marginbook.exact import BASIS_POINTS, WAD, div_floor, from_raw
from marginbook.venues.aave_v3.account_data import health_factor, owed, supplied, user_threshold
from marginbook.venues.aave_v3.holdings import POOL, USER, pool_of, price_keys
from marginbook.venues.aave_v3.parameters import Parameters
from marginbook.venues.aave_v3.state import Pool, price_key
from marginbook.venues.aave_v3.versions import Version

PRICE_BITS_MAX = 256
"""Prices are searched up to 2^256 base units: as far as the contract could see."""
TRIES_MAX = 20_000
"""Stretches of prices looked at before an exact turn is taken for the nearest one."""


def liquidation_prices(account: Account, market: Market, parameters: Parameters, at: int) -> list[LiquidationPrice]:
    """For every price that the account depends on: the one nearest to safety at which it is liquidatable.

    `at_or_below` where the collateral at that price outweighs the debt at it (in threshold terms), `at_or_above` where
    the debt does. A price's own quote is not needed; any other missing quote is an error. None where no price
    liquidates.
    """
    keys = dict.fromkeys(price_keys(account, parameters).values())
    venue = parameters.version.venue
    missing = frozenset(key for key in keys if (venue, key, "oracle") not in market.quotes)
    if len(missing) > 1:
        raise BadInput("missing_price", f"prices.{venue}.{min(missing)}", "nothing", "an oracle price")
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
                    price=from_raw(raw, parameters.version.base_decimals),
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

    def safe_between(self, low: int, high: int) -> bool:
        """Certainly safe at every price from `low` to `high`: least support against most debt.

        Values rise with the price, and the average threshold goes one way, so that the ends bound what lies between.
        """
        collateral, thresholds, _ = self.sums(low)
        _, _, debt = self.sums(high)
        if self.version.truncated_threshold:
            thresholds = collateral * min(self.average(low), self.average(high))
        return health_factor(self.version, collateral, thresholds, debt) >= WAD

    def highest_liquidatable(self) -> int | None:
        """Largest price that liquidates; None if none does, or if prices do not end it."""
        high = 1
        while not self.surely_safe(high):
            high <<= 1
            if high >> PRICE_BITS_MAX:
                return None
        return self._first(1, high, upwards=False)

    def lowest_liquidatable(self) -> int | None:
        """Smallest price that liquidates; None if none does."""
        high = 1
        while not self.liquidatable(high):
            high <<= 1
            if high >> PRICE_BITS_MAX:
                return None
        return self._first(1, high, upwards=True)

    def _first(self, low: int, high: int, upwards: bool) -> int | None:
        """The liquidatable price nearest to the safe end of [low, high].

        Stretches that are certainly safe are left out, the rest is halved, the safer half first: rounding and the
        truncated average (to 3.4) make the decision turn more than once near the border. Where collateral and debt at
        this price nearly cancel, that is very often; then a price is reported whose safer neighbour is safe.
        """
        waiting, tried = [(low, high)], 0
        while waiting:
            low, high = waiting.pop()
            tried += 1
            if self.safe_between(low, high):
                continue
            if low == high:
                return low
            middle = (low + high) >> 1
            if tried > TRIES_MAX and self.liquidatable(low) != self.liquidatable(high):
                return _turn(self.liquidatable, low, high)
            halves = [(middle + 1, high), (low, middle)]
            waiting += halves if upwards else halves[::-1]
        return None


def _turn(holds: Callable[[int], bool], low: int, high: int) -> int:
    """A liquidatable price with a safe neighbour between `low` and `high`, of which one is liquidatable."""
    at_low = holds(low)
    while high - low > 1:
        middle = (low + high) >> 1
        low, high = (middle, high) if holds(middle) == at_low else (low, middle)
    return low if at_low else high


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
