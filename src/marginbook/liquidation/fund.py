"""The insurance fund as an exact ledger: what it holds by asset, and every payment in and out with its reason.

    after = before + in − out,   0 ≤ out ≤ before

A payment of more than it holds is refused; a waterfall asks for min(balance, what is missing), and what is left over is
for its next stage.
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

    >>> fund = Fund({"USDT": Decimal(100)}).received("USDT", Decimal(-30), "deficit of a")
    >>> fund.holds("USDT"), fund.entries[0].reason
    (Decimal('70'), 'deficit of a')
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


@in_exact_context
def _moved(fund: Fund, asset: str, amount: Decimal, reason: str) -> Fund:
    balances = {**fund.balances, asset: fund.holds(asset) + amount}
    if balances[asset] < 0:
        raise BadInput("fund_overdrawn", f"fund.{asset}", -amount, f"at most {fund.holds(asset)}")
    return replace(fund, balances=balances, entries=(*fund.entries, Entry(asset, amount, reason)))
