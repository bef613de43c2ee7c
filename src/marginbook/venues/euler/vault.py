"""An account in a vault that it borrows from: what its collateral supports, the calls that change it, its liquidation.

    collateral   Σ ⌊value·LTV⌋ over enabled collaterals, each value down; borrowing: bid price and borrow LTV,
                 liquidation: mid price and liquidation LTV
    debt         value of the debt in token units, up; borrowing: ask price, liquidation: mid price
    borrowing and withdrawing ask for collateral > debt; an account is liquidatable where collateral ≤ debt, debt > 0
    discount     factor = max(⌊collateral / debt⌋, 1 − most discount)
    liquidation  repays the debt's value and takes ⌊that / factor⌋ of one collateral; all of it and ⌊value·factor⌋ where
                 it is worth less; repaid = ⌊repaid value·debt / debt value⌋, taken = ⌊taken value·balance / value⌋;
                 a part in proportion. The liquidator takes the repaid debt over. Where nothing of any collateral that
                 the vault knows is left and the debt was worth at least 10^6 units, the rest is taken from the lenders.

Source: formulas of euler-xyz/euler-vault-kit 5b98b42 (`LiquidityUtils`, `Liquidation`, `BorrowUtils`), run beside
those contracts in an EVM (`tests/evm`). A refused call raises `Revert` with the contract's error name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from marginbook.exact import RAY, WAD, mul_div_floor
from marginbook.venues.euler.math import DEBT_SHIFT, SCALE, debt_units, owed_now, ramped, share_value, value_of
from marginbook.venues.euler.parameters import Terms

LEAST_SOCIALIZED = 10**6  # [units of account]


class Revert(Exception):
    """The contracts would refuse, and the name of their error."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of an asset in the unit of account [wad per token]."""

    mid: int
    bid: int
    ask: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Loan:
    """One account in one vault at one time and price."""

    terms: Terms
    time: int  # [s]
    accumulator: int = RAY  # of the vault, as of now
    owed: int = 0  # [2^-31 units] as of the user's accumulator
    user_accumulator: int = RAY
    balances: Mapping[str, int] = field(default_factory=dict)  # enabled collateral [shares, or token units]
    totals: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # (assets, shares) where balances are shares
    prices: Mapping[str, Prices] = field(default_factory=dict)  # by asset
    last_check: int | None = None  # [s] of the last account status check
    cash: int | None = None  # what the vault could pay out [units]; None: enough

    @property
    def owed_exactly(self) -> int:
        """Debt with interest [2^-31 units]."""
        return owed_now(self.owed, self.accumulator, self.user_accumulator) if self.owed else 0

    @property
    def debt(self) -> int:
        """Debt with interest [token units], up."""
        return debt_units(self.owed_exactly)

    def ltv(self, name: str, liquidation: bool) -> int:
        """LTV of a collateral now [1e-4]; 0 for one that the vault does not know."""
        found = self.terms.collaterals.get(name)
        if found is None:
            return 0
        if not liquidation:
            return found.borrow_ltv
        return ramped(
            found.liquidation_ltv, found.initial_liquidation_ltv, found.ramp_end, found.ramp_seconds, self.time
        )

    def units(self, name: str) -> int:
        """Token units of a collateral balance, down."""
        balance = self.balances.get(name, 0)
        return share_value(balance, *self.totals[name]) if name in self.totals else balance

    def value(self, name: str, liquidation: bool = True) -> int:
        """Worth of a collateral [units of account] at mid price, or for borrowing at the bid; nothing is worth 0."""
        found = self.terms.collaterals[name]
        units = self.units(name)
        if not units:
            return 0
        prices = self.prices[found.asset]
        price = prices.mid if liquidation else prices.bid
        return value_of(units, price, found.decimals, self.terms.unit_decimals)

    def value_left(self, balance: int, name: str) -> int:
        """Worth at mid price of a collateral after `balance` of it left [units of account]."""
        return replace(self, balances={**self.balances, name: self.balances[name] - balance}).value(name)

    def liability(self, liquidation: bool = True) -> int:
        """Worth of the debt [units of account] at mid price, or for borrowing at the ask."""
        debt = self.debt
        if not debt or self.terms.asset == self.terms.unit:
            return debt
        prices = self.prices[self.terms.asset]
        price = prices.mid if liquidation else prices.ask
        return value_of(debt, price, self.terms.decimals, self.terms.unit_decimals)

    def supports(self, liquidation: bool = True) -> int:
        """Σ ⌊value·LTV⌋ [units of account]."""
        found = 0
        for name in self.balances:
            ltv = self.ltv(name, liquidation)
            if ltv:
                found += mul_div_floor(self.value(name, liquidation), ltv, SCALE)
        return found

    @property
    def is_liquidatable(self) -> bool:
        """The debt is worth something, and the collateral supports no more than it."""
        debt = self.liability()
        return debt > 0 and self.supports() <= debt

    @property
    def has_collateral(self) -> bool:
        """Whether anything of a collateral that the vault knows is left."""
        return any(balance for name, balance in self.balances.items() if name in self.terms.collaterals)


@dataclass(frozen=True, slots=True)
class Liquidation:
    """What a liquidation moves: the least that any collateral bears, before bad debt."""

    repaid: int  # [token units of the debt]
    taken: int  # [balance units of the collateral]
    factor: int  # 1 − discount [wad]


def checked(loan: Loan) -> Loan:
    """The account after a status check."""
    if loan.owed and loan.supports(liquidation=False) <= loan.liability(liquidation=False):
        raise Revert("E_AccountLiquidity")
    return replace(loan, last_check=loan.time)


def with_owed(loan: Loan, owed: int) -> Loan:
    """The account with a debt as of now."""
    return replace(loan, owed=owed, user_accumulator=loan.accumulator)


def borrowed(loan: Loan, amount: int) -> Loan:
    """More debt, and the status check."""
    if loan.cash is not None and amount > loan.cash:
        raise Revert("E_InsufficientCash")
    after = with_owed(loan, loan.owed_exactly + (amount << DEBT_SHIFT))
    if after.cash is not None:
        after = replace(after, cash=after.cash - amount)
    return checked(after)


def repaid(loan: Loan, amount: int) -> Loan:
    """Less debt: the whole units owed, rounded up, less the amount."""
    debt = loan.debt
    if amount > debt:
        raise Revert("E_RepayTooMuch")
    after = with_owed(loan, (debt - amount) << DEBT_SHIFT)
    return after if after.cash is None else replace(after, cash=after.cash + amount)


def supplied(loan: Loan, name: str, balance: int) -> Loan:
    """More collateral; nothing is checked."""
    return replace(loan, balances={**loan.balances, name: loan.balances.get(name, 0) + balance})


def withdrawn(loan: Loan, name: str, balance: int) -> Loan:
    """Less collateral, and the status check where something is owed."""
    left = loan.balances.get(name, 0) - balance
    if left < 0:
        raise Revert("E_InsufficientBalance")
    after = replace(loan, balances={**loan.balances, name: left})
    return checked(after) if after.owed else after


def redeemed(loan: Loan, name: str, balance: int) -> Loan:
    """Less collateral, shares as their vault redeems them: tokens down, the rest is gained by the other shares."""
    if name not in loan.totals:
        return withdrawn(loan, name, balance)
    assets, shares = loan.totals[name]
    totals = (assets - share_value(balance, assets, shares), shares - balance)
    return withdrawn(replace(loan, totals={**loan.totals, name: totals}), name, balance)


def check_supply(units: int, balance: int) -> None:
    """Tokens that would become no share are refused."""
    if units and not balance:
        raise Revert("E_ZeroShares")


def check_redeemed(units: int, balance: int) -> None:
    """Shares that stand for no token are refused."""
    if balance and not units:
        raise Revert("E_ZeroAssets")


def largest(loan: Loan, name: str) -> Liquidation:
    """The largest liquidation that one collateral allows; nothing for an account that is healthy."""
    if name not in loan.terms.collaterals:
        raise Revert("E_BadCollateral")
    if name not in loan.balances:
        raise Revert("E_CollateralDisabled")
    if loan.last_check is not None and loan.time < loan.last_check + loan.terms.cool_off:
        raise Revert("E_LiquidationCoolOff")
    if not loan.is_liquidatable:
        return Liquidation(0, 0, WAD)
    debt, debt_value, balance = loan.debt, loan.liability(), loan.balances[name]
    least = WAD - mul_div_floor(WAD, loan.terms.max_discount, SCALE)
    factor = max(mul_div_floor(loan.supports(), WAD, debt_value), least)
    value = loan.value(name)
    if not value:
        return Liquidation(0, balance, factor)
    repay_value, take_value = debt_value, mul_div_floor(debt_value, WAD, factor)
    if value < take_value:
        repay_value, take_value = mul_div_floor(value, factor, WAD), value
    return Liquidation(mul_div_floor(repay_value, debt, debt_value), mul_div_floor(take_value, balance, value), factor)


def part_of(found: Liquidation, repay: int) -> Liquidation:
    """A liquidation that repays `repay`."""
    if repay > found.repaid:
        raise Revert("E_ExcessiveRepayAmount")
    if not found.repaid:
        return found
    return replace(found, repaid=repay, taken=mul_div_floor(repay, found.taken, found.repaid))


def bad_debt(loan: Loan, name: str, found: Liquidation) -> int:
    """What the lenders lose in a liquidation [token units]: the rest of the debt where no collateral is left."""
    after = replace(loan, balances={**loan.balances, name: loan.balances.get(name, 0) - found.taken})
    left = loan.debt - found.repaid
    counts = loan.terms.socialize and loan.liability() >= LEAST_SOCIALIZED
    return left if counts and left > 0 and not after.has_collateral else 0


def moved_debt(loan: Loan, units: int) -> int:
    """What a liquidator who repays `units` takes over [2^-31 units]: all, where less than a unit is between them."""
    owed, amount = loan.owed_exactly, units << DEBT_SHIFT
    if abs(owed - amount) < 1 << DEBT_SHIFT:
        return owed
    if amount > owed:
        raise Revert("E_InsufficientDebt")
    return amount


def liquidated(loan: Loan, name: str, repay: int | None = None) -> tuple[Loan, Liquidation, int]:
    """(the account afterwards, what moved, bad debt) of a liquidation of `repay`, or of the largest."""
    found = largest(loan, name)
    if repay is not None and loan.debt:
        found = part_of(found, repay)
    lost = bad_debt(loan, name, found)
    after = loan
    if found.repaid:
        after = with_owed(loan, loan.owed_exactly - moved_debt(loan, found.repaid))
    after = replace(after, balances={**after.balances, name: after.balances[name] - found.taken})
    if lost > after.debt:  # the last unit went with the repayment already
        raise Revert("E_RepayTooMuch")
    if lost:
        after = with_owed(after, (after.debt - lost) << DEBT_SHIFT)
    return after, found, lost
