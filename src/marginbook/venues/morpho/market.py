"""One isolated market as the contract keeps it: totals, positions, and every call that changes them.

Source: order of operations, checks and roundings of Morpho Blue 1.0.0, confirmed call by call by
`tests/evm/test_morpho.py`. A call that the contract refuses raises `Revert` with the contract's own text, `arithmetic`
where its checked subtraction fails. Amounts are token units, rates wad per second.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from marginbook.exact import WAD, mul_div_ceil, mul_div_floor
from marginbook.venues.morpho.math import (
    PRICE_SCALE,
    incentive_factor,
    most_debt,
    taylor_compounded,
    to_assets_down,
    to_assets_up,
    to_shares_down,
    to_shares_up,
)

FEE_RECIPIENT = "fee recipient"
BITS = 128


class Revert(Exception):
    """The contract would refuse, and why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One user's balances in a market."""

    supply_shares: int = 0
    borrow_shares: int = 0
    collateral: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over all users, as of the last interest."""

    supply_assets: int = 0
    supply_shares: int = 0
    borrow_assets: int = 0
    borrow_shares: int = 0


RateOf = Callable[[Totals, int], int]
"""(totals, seconds since the last interest) -> borrow rate [wad per second]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolated:
    """A market with its users, at one time and price."""

    lltv: int  # [wad]
    totals: Totals
    price: int  # [loan units per collateral unit · 10^36]
    updated: int  # [s]
    time: int  # [s]
    rate_of: RateOf
    fee: int = 0  # [wad]
    knows_liquidity: bool = True  # the totals are those of the whole market
    positions: Mapping[str, Position] = field(default_factory=dict)

    def position(self, user: str) -> Position:
        """A user's balances; none is zero."""
        return self.positions.get(user, Position())

    def debt(self, user: str) -> int:
        """What a user owes as of the last interest [loan units], up."""
        return to_assets_up(self.position(user).borrow_shares, self.totals.borrow_assets, self.totals.borrow_shares)

    def with_position(self, user: str, **changes: int) -> "Isolated":
        """The market with some of a user's balances replaced."""
        if min(changes.values()) < 0:
            raise Revert("arithmetic")
        return replace(self, positions={**self.positions, user: replace(self.position(user), **changes)})

    def with_totals(self, **changes: int) -> "Isolated":
        """The market with some totals replaced."""
        if min(changes.values()) < 0:
            raise Revert("arithmetic")
        return replace(self, totals=replace(self.totals, **changes))


@dataclass(frozen=True, slots=True)
class Liquidation:
    """What a liquidation moved."""

    seized: int  # [collateral units]
    repaid: int  # [loan units]
    repaid_shares: int
    bad_debt: int = 0  # [loan units] taken from the suppliers


def accrued(m: Isolated) -> Isolated:
    """Interest up to `time`: borrow assets·(e^(rate·Δt) − 1) to both totals, its fee as new supply shares."""
    elapsed = m.time - m.updated
    if elapsed <= 0:
        return m
    t = m.totals
    interest = mul_div_floor(t.borrow_assets, taylor_compounded(m.rate_of(t, elapsed), elapsed), WAD)
    return replace(with_interest(m, interest), updated=m.time)


def with_interest(m: Isolated, interest: int) -> Isolated:
    """`interest` [loan units] added to what is owed and to what is supplied, and the fee's shares minted."""
    t, fee = m.totals, mul_div_floor(interest, m.fee, WAD)
    shares = to_shares_down(fee, t.supply_assets + interest - fee, t.supply_shares)
    m = m.with_totals(
        borrow_assets=t.borrow_assets + interest,
        supply_assets=t.supply_assets + interest,
        supply_shares=t.supply_shares + shares,
    )
    if not shares:
        return m
    return m.with_position(FEE_RECIPIENT, supply_shares=m.position(FEE_RECIPIENT).supply_shares + shares)


def is_healthy(m: Isolated, user: str) -> bool:
    """The most debt that the collateral supports is at least what is owed; nothing owed is healthy at any price."""
    position = m.position(user)
    return not position.borrow_shares or most_debt(position.collateral, m.price, m.lltv) >= m.debt(user)


def supply(m: Isolated, user: str, assets: int = 0, shares: int = 0) -> tuple[Isolated, int, int]:
    """Lend `assets` (shares down) or `shares` (assets up): (market, assets, shares)."""
    m = _opened(m, assets, shares)
    t = m.totals
    if assets:
        shares = to_shares_down(assets, t.supply_assets, t.supply_shares)
    else:
        assets = to_assets_up(shares, t.supply_assets, t.supply_shares)
    _fits(shares, assets)
    m = m.with_position(user, supply_shares=m.position(user).supply_shares + shares)
    m = m.with_totals(supply_shares=t.supply_shares + shares, supply_assets=t.supply_assets + assets)
    return m, assets, shares


def withdraw(m: Isolated, user: str, assets: int = 0, shares: int = 0) -> tuple[Isolated, int, int]:
    """Take lent `assets` (shares up) or `shares` (assets down) back: (market, assets, shares)."""
    m = _opened(m, assets, shares)
    t = m.totals
    if assets:
        shares = to_shares_up(assets, t.supply_assets, t.supply_shares)
    else:
        assets = to_assets_down(shares, t.supply_assets, t.supply_shares)
    m = m.with_position(user, supply_shares=m.position(user).supply_shares - shares)
    m = m.with_totals(supply_shares=t.supply_shares - shares, supply_assets=t.supply_assets - assets)
    _has_liquidity(m)
    return m, assets, shares


def borrow(m: Isolated, user: str, assets: int = 0, shares: int = 0) -> tuple[Isolated, int, int]:
    """Borrow `assets` (shares up) or `shares` (assets down): (market, assets, shares)."""
    m = _opened(m, assets, shares)
    t = m.totals
    if assets:
        shares = to_shares_up(assets, t.borrow_assets, t.borrow_shares)
    else:
        assets = to_assets_down(shares, t.borrow_assets, t.borrow_shares)
    _fits(shares, assets)
    m = m.with_position(user, borrow_shares=m.position(user).borrow_shares + shares)
    m = m.with_totals(borrow_shares=t.borrow_shares + shares, borrow_assets=t.borrow_assets + assets)
    if not is_healthy(m, user):
        raise Revert("insufficient collateral")
    _has_liquidity(m)
    return m, assets, shares


def repay(m: Isolated, user: str, assets: int = 0, shares: int = 0) -> tuple[Isolated, int, int]:
    """Repay `assets` (shares down) or `shares` (assets up): (market, assets, shares)."""
    m = _opened(m, assets, shares)
    t = m.totals
    if assets:
        shares = to_shares_down(assets, t.borrow_assets, t.borrow_shares)
    else:
        assets = to_assets_up(shares, t.borrow_assets, t.borrow_shares)
    _fits(shares)
    m = m.with_position(user, borrow_shares=m.position(user).borrow_shares - shares)
    m = m.with_totals(borrow_shares=t.borrow_shares - shares, borrow_assets=max(t.borrow_assets - assets, 0))
    return m, assets, shares


def supply_collateral(m: Isolated, user: str, assets: int) -> Isolated:
    """Add collateral; no interest is due for that."""
    if not assets:
        raise Revert("zero assets")
    _fits(assets)
    return m.with_position(user, collateral=m.position(user).collateral + assets)


def withdraw_collateral(m: Isolated, user: str, assets: int) -> Isolated:
    """Take collateral out, while the rest supports the debt."""
    if not assets:
        raise Revert("zero assets")
    m = accrued(m)
    _fits(assets)
    m = m.with_position(user, collateral=m.position(user).collateral - assets)
    if not is_healthy(m, user):
        raise Revert("insufficient collateral")
    return m


def liquidate(m: Isolated, user: str, seized: int = 0, shares: int = 0) -> tuple[Isolated, Liquidation]:
    """Seize `seized` collateral, or repay `shares`; the other follows from price and incentive factor.

    seized given: shares = ⌈⌈⌈seized·price⌉ / factor⌉ as shares⌉; shares given: seized = ⌊⌊⌊assets⌋·factor⌋ / price⌋.
    Where no collateral is left, what is still owed is taken from the suppliers at once. No close factor.
    """
    m = _opened(m, seized, shares)
    if is_healthy(m, user):
        raise Revert("position is healthy")
    t, factor = m.totals, incentive_factor(m.lltv)
    if seized:
        quoted = mul_div_ceil(seized, m.price, PRICE_SCALE)
        shares = to_shares_up(mul_div_ceil(quoted, WAD, factor), t.borrow_assets, t.borrow_shares)
    else:
        worth = mul_div_floor(to_assets_down(shares, t.borrow_assets, t.borrow_shares), factor, WAD)
        seized = mul_div_floor(worth, PRICE_SCALE, m.price)
    repaid = to_assets_up(shares, t.borrow_assets, t.borrow_shares)
    _fits(shares)
    m = m.with_position(user, borrow_shares=m.position(user).borrow_shares - shares)
    m = m.with_totals(borrow_shares=t.borrow_shares - shares, borrow_assets=max(t.borrow_assets - repaid, 0))
    _fits(seized)
    m = m.with_position(user, collateral=m.position(user).collateral - seized)
    bad = 0
    if not m.position(user).collateral:
        t, left = m.totals, m.position(user).borrow_shares
        bad = min(t.borrow_assets, m.debt(user))
        m = m.with_totals(
            borrow_assets=t.borrow_assets - bad,
            supply_assets=t.supply_assets - bad if m.knows_liquidity else t.supply_assets,
            borrow_shares=t.borrow_shares - left,
        ).with_position(user, borrow_shares=0)
    return m, Liquidation(seized, repaid, shares, bad)


def _opened(m: Isolated, one: int, other: int) -> Isolated:
    """Exactly one of the two inputs is zero; then interest."""
    if bool(one) == bool(other):
        raise Revert("inconsistent input")
    return accrued(m)


def _has_liquidity(m: Isolated) -> None:
    if m.knows_liquidity and m.totals.borrow_assets > m.totals.supply_assets:
        raise Revert("insufficient liquidity")


def _fits(*amounts: int) -> None:
    if max(amounts) >> BITS:
        raise Revert("max uint128 exceeded")
