"""The system of troves as the contracts keep it, and every call of a borrower.

Order of checks and roundings of liquity/dev 87345cc (`BorrowerOperations`, `TroveManager`), as deployed in April 2021,
confirmed on recorded calls (`tests/vectors/liquity`). A refused call raises `Revert` with the contracts' own text.
Amounts in wad. Totals that are not known are None: then there is no recovery mode and no check of the total ratio.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from marginbook.venues.liquity.math import MINUTE, borrowing_fee, decayed, ratio
from marginbook.venues.liquity.parameters import Terms
from marginbook.venues.liquity.redistribution import Redistribution, pending, stake_of
from marginbook.venues.liquity.revert import Revert
from marginbook.venues.liquity.stability_pool import StabilityPool

BELOW_MCR = "BorrowerOps: An operation that would result in ICR < MCR is not permitted"
BELOW_CCR = "BorrowerOps: Operation must leave trove with ICR >= CCR"
TOTAL_BELOW_CCR = "BorrowerOps: An operation that would result in TCR < CCR is not permitted"
LOWER = "BorrowerOps: Cannot decrease your Trove's ICR in Recovery Mode"
NO_WITHDRAWAL = "BorrowerOps: Collateral withdrawal not permitted Recovery Mode"
NOT_IN_RECOVERY = "BorrowerOps: Operation not permitted during Recovery Mode"
TOO_SMALL = "BorrowerOps: Trove's net debt must be greater than minimum"
NO_TROVE = "BorrowerOps: Trove does not exist or is closed"
HAS_TROVE = "BorrowerOps: Trove is active"
NOTHING = "BorrowerOps: There must be either a collateral change or a debt change"
BOTH_WAYS = "BorrowerOperations: Cannot withdraw and add coll"
UNDERFLOW = "SafeMath: subtraction overflow"
LAST = "TroveManager: Only one trove in the system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trove:
    """One borrower's collateral and debt (reserve included), without what is pending."""

    collateral: int
    debt: int
    stake: int = 0
    l_eth: int = 0
    l_lusd: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """Troves, pools and fees at one time and price."""

    terms: Terms
    price: int  # [USD per ETH, wad]
    time: int  # [s]
    troves: Mapping[str, Trove] = field(default_factory=dict)
    total_collateral: int | None = None  # of active and default pool
    total_debt: int | None = None
    count: int | None = None  # of troves; None: more than one
    pool: StabilityPool = field(default_factory=StabilityPool)
    redistribution: Redistribution = field(default_factory=Redistribution)
    base_rate: int = 0
    fee_time: int = 0  # [s] of the last fee operation

    def whole(self, who: str) -> tuple[int, int]:
        """(collateral, debt) of a trove with what is pending."""
        trove, r = self.troves[who], self.redistribution
        return (
            trove.collateral + pending(trove.stake, r.l_eth, trove.l_eth),
            trove.debt + pending(trove.stake, r.l_lusd, trove.l_lusd),
        )

    def ratio(self, who: str) -> int:
        """A trove's collateral ratio [wad]."""
        return ratio(*self.whole(who), self.price)

    def total_ratio(self) -> int | None:
        """Collateral ratio of all troves together [wad]; None where the totals are not known."""
        if self.total_collateral is None or self.total_debt is None:
            return None
        return ratio(self.total_collateral, self.total_debt, self.price)

    def in_recovery(self) -> bool:
        """Recovery mode: the total ratio is below CCR."""
        total = self.total_ratio()
        return total is not None and total < self.terms.ccr

    def moved(self, collateral: int, debt: int) -> "System":
        """The system with its totals changed, where they are known."""
        if self.total_collateral is None or self.total_debt is None:
            return self
        totals = self.total_collateral + collateral, self.total_debt + debt
        if min(totals) < 0:
            raise Revert(UNDERFLOW)
        return replace(self, total_collateral=totals[0], total_debt=totals[1])

    def decayed_base_rate(self) -> int:
        """The base rate as of now [wad]."""
        return decayed(self.base_rate, max(self.time - self.fee_time, 0), self.terms.minute_decay_factor)

    def fee(self, amount: int) -> int:
        """Fee of drawing `amount` now: none in recovery mode."""
        if self.in_recovery():
            return 0
        terms = self.terms
        return borrowing_fee(amount, self.decayed_base_rate(), terms.borrowing_fee_floor, terms.max_borrowing_fee)

    def with_fee_paid(self) -> "System":
        """The system after a fee was charged: base rate decayed, its clock set anew after a minute or more."""
        if self.in_recovery():
            return self
        is_later = self.time - self.fee_time >= MINUTE
        rate = self.decayed_base_rate()
        return replace(self, base_rate=rate, fee_time=self.time if is_later else self.fee_time)


def touched(s: System, who: str) -> System:
    """A trove with what was pending made its own, as before every adjustment; only where ETH is pending at all."""
    trove, r = s.troves[who], s.redistribution
    if trove.l_eth >= r.l_eth:
        return s
    collateral, debt = s.whole(who)
    new = replace(trove, collateral=collateral, debt=debt, l_eth=r.l_eth, l_lusd=r.l_lusd)
    return replace(s, troves={**s.troves, who: new})


def with_trove(s: System, who: str, trove: Trove | None) -> System:
    """The system with one trove replaced (its stake computed anew) or, with None, taken out."""
    r, old = s.redistribution, s.troves.get(who)
    stake = 0 if trove is None else stake_of(r, trove.collateral)
    if r.total_stakes is not None:
        r = replace(r, total_stakes=r.total_stakes - (old.stake if old else 0) + stake)
    troves = {name: one for name, one in s.troves.items() if name != who}
    if trove is not None:
        troves[who] = replace(trove, stake=stake)
    change = (trove is not None) - (old is not None)
    return replace(s, redistribution=r, troves=troves, count=None if s.count is None else s.count + change)


def opened(s: System, who: str, collateral: int, amount: int) -> System:
    """A new trove that draws `amount`: its debt is amount + fee + reserve."""
    if who in s.troves:
        raise Revert(HAS_TROVE)
    recovery, fee = s.in_recovery(), s.fee(amount)
    s = s.with_fee_paid()
    if amount + fee < s.terms.min_net_debt:
        raise Revert(TOO_SMALL)
    debt = amount + fee + s.terms.gas_reserve
    own = ratio(collateral, debt, s.price)
    if recovery and own < s.terms.ccr:
        raise Revert(BELOW_CCR)
    if not recovery and own < s.terms.mcr:
        raise Revert(BELOW_MCR)
    after = s.moved(collateral, debt)
    if not recovery and after.in_recovery():
        raise Revert(TOTAL_BELOW_CCR)
    r = s.redistribution
    return with_trove(after, who, Trove(collateral=collateral, debt=debt, l_eth=r.l_eth, l_lusd=r.l_lusd))


def adjusted(s: System, who: str, *, add: int = 0, take: int = 0, draw: int = 0, repay: int = 0) -> System:
    """Collateral in or out, and LUSD drawn or repaid, in one call."""
    if add and take:
        raise Revert(BOTH_WAYS)
    if not (add or take or draw or repay):
        raise Revert(NOTHING)
    if who not in s.troves:
        raise Revert(NO_TROVE)
    recovery = s.in_recovery()
    s = touched(s, who)
    more = 0
    if draw:
        more = draw + s.fee(draw)
        s = s.with_fee_paid()
    trove, terms = s.troves[who], s.terms
    collateral, debt = trove.collateral + add - take, trove.debt + more - repay
    if collateral < 0 or debt < 0:
        raise Revert(UNDERFLOW)
    own = ratio(collateral, debt, s.price)
    if recovery:
        if take:
            raise Revert(NO_WITHDRAWAL)
        if draw and own < terms.ccr:
            raise Revert(BELOW_CCR)
        if draw and own < ratio(trove.collateral, trove.debt, s.price):
            raise Revert(LOWER)
    elif own < terms.mcr:
        raise Revert(BELOW_MCR)
    after = s.moved(add - take, more - repay)
    if not recovery and after.in_recovery():
        raise Revert(TOTAL_BELOW_CCR)
    if repay and debt < terms.gas_reserve:
        raise Revert(UNDERFLOW)
    if repay and debt - terms.gas_reserve < terms.min_net_debt:
        raise Revert(TOO_SMALL)
    return with_trove(after, who, replace(trove, collateral=collateral, debt=debt))


def closed(s: System, who: str) -> System:
    """All of the debt but the reserve repaid, all collateral returned."""
    if who not in s.troves:
        raise Revert(NO_TROVE)
    if s.in_recovery():
        raise Revert(NOT_IN_RECOVERY)
    s = touched(s, who)
    trove = s.troves[who]
    after = s.moved(-trove.collateral, -trove.debt)
    if after.in_recovery():
        raise Revert(TOTAL_BELOW_CCR)
    if s.count is not None and s.count <= 1:
        raise Revert(LAST)
    return with_trove(after, who, None)
