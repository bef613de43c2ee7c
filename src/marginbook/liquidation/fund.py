"""The insurance fund as an exact ledger: what it holds by asset, and every payment in and out with its reason.

    after = before + in − out,   0 ≤ out ≤ before

A fund pays min(balance, wanted) and never more; what is left over is for the next stage of a waterfall.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from marginbook.domain.errors import BadInput
from marginbook.exact import ZERO, in_exact_context


@dataclass(frozen=True, slots=True)
class Entry:
    """One payment into the fund (`amount` > 0) or out of it (< 0)."""

    asset: str
    amount: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class Fund:
    """What the fund holds now. Never mutated: every payment returns another.

    >>> fund, paid = Fund({"USDT": Decimal(100)}).paid("USDT", Decimal(130), "deficit of a")
    >>> paid, fund.holds("USDT")
    (Decimal('100'), Decimal('0'))
    """

    balances: Mapping[str, Decimal] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()

    def __post_init__(self) -> None:
        for asset, amount in self.balances.items():
            if not amount.is_finite() or amount < 0:
                raise BadInput("bad_amount", f"fund.{asset}", amount, "an amount of at least 0")

    def holds(self, asset: str) -> Decimal:
        """Its balance in `asset`."""
        return self.balances.get(asset, ZERO)

    def received(self, asset: str, amount: Decimal, reason: str) -> "Fund":
        """The fund after `amount` came in, or went out where it is below 0; BadInput where it has less."""
        if not amount:
            return self
        return _moved(self, asset, amount, reason)

    def paid(self, asset: str, wanted: Decimal, reason: str) -> tuple["Fund", Decimal]:
        """(the fund afterwards, what it paid): min(balance, `wanted`)."""
        amount = min(self.holds(asset), wanted)
        return (_moved(self, asset, -amount, reason), amount) if amount > 0 else (self, ZERO)


@in_exact_context
def _moved(fund: Fund, asset: str, amount: Decimal, reason: str) -> Fund:
    balances = {**fund.balances, asset: fund.holds(asset) + amount}
    if balances[asset] < 0:
        raise BadInput("fund_overdrawn", f"fund.{asset}", -amount, f"at most {fund.holds(asset)}")
    return replace(fund, balances=balances, entries=(*fund.entries, Entry(asset, amount, reason)))
