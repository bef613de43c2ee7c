"""Redemption: anyone swaps LUSD for collateral at face value, from the lowest ratio of at least MCR upwards.

    lot        min(what is left to redeem, debt − reserve) of LUSD for ⌊lot · 10^18 / price⌋ of ETH
    closed     where only the reserve is left: it is burned, the rest of the collateral is the owner's to claim
    partly     only where at least the minimal debt is left; otherwise the redemption ends before that trove
    base rate  decayed + ⌊⌊drawn · price / all debt⌋ / 2⌋, at most 1
    fee        ⌊min(0.005 + base rate, 1) · drawn⌋ of the ETH, which the redeemer pays

Source: formulas of liquity/dev 87345cc (`TroveManager.redeemCollateral`), confirmed step by step by
`tests/evm/test_liquity.py`. That the hints of the call are right is taken for granted, and so is the first fortnight,
in which nothing can be redeemed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from marginbook.exact import WAD, div_floor, mul_div_floor
from marginbook.venues.liquity.math import MINUTE
from marginbook.venues.liquity.revert import Revert
from marginbook.venues.liquity.system import LAST, UNDERFLOW, System, touched, with_trove

FEE_FLOOR = 5 * 10**15
BETA = 2
NO_AMOUNT = "TroveManager: Amount must be greater than zero"
TOTAL_BELOW_MCR = "TroveManager: Cannot redeem when TCR < MCR"
NOTHING_REDEEMED = "TroveManager: Unable to redeem any amount"
FEE_TOO_HIGH = "TroveManager: Fee would eat up all returned collateral"


@dataclass(frozen=True, slots=True)
class Lot:
    """What a redemption takes from one trove [wad]."""

    debt: int
    collateral: int
    surplus: int | None = None  # collateral that the owner may claim; None: the trove goes on


@dataclass(frozen=True, slots=True)
class Redemption:
    """Lots by trove, and the fee [ETH, wad]."""

    lots: dict[str, Lot]
    fee: int


def redeemed(s: System, rising: Sequence[str], amount: int) -> tuple[System, Redemption]:
    """`amount` of LUSD redeemed from troves in order of rising ratio; or `Revert`."""
    total, before = s.total_ratio(), s.total_debt
    if total is not None and total < s.terms.mcr:
        raise Revert(TOTAL_BELOW_MCR)
    if not amount:
        raise Revert(NO_AMOUNT)
    left, lots = amount, dict[str, Lot]()
    for who in rising:
        if not left or (not lots and s.ratio(who) < s.terms.mcr):
            continue
        s = touched(s, who)
        lot = lot_of(s, who, left)
        if lot is None:
            break
        s, left = _taken(s, who, lot), left - lot.debt
        lots[who] = lot
    drawn = sum(lot.collateral for lot in lots.values())
    if not drawn:
        raise Revert(NOTHING_REDEEMED)
    s = _with_base_rate(s, drawn, before)
    fee = mul_div_floor(min(FEE_FLOOR + s.base_rate, WAD), drawn, WAD)
    if fee >= drawn:
        raise Revert(FEE_TOO_HIGH)
    return s, Redemption(lots, fee)


def lot_of(s: System, who: str, most: int) -> Lot | None:
    """What at most so much LUSD takes from a trove without anything pending; None where too little debt is left."""
    trove, terms = s.troves[who], s.terms
    debt = min(most, trove.debt - terms.gas_reserve)
    collateral = mul_div_floor(debt, WAD, s.price)
    if collateral > trove.collateral:
        raise Revert(UNDERFLOW)
    if debt == trove.debt - terms.gas_reserve:
        return Lot(debt, collateral, surplus=trove.collateral - collateral)
    return Lot(debt, collateral) if trove.debt - debt - terms.gas_reserve >= terms.min_net_debt else None


def _taken(s: System, who: str, lot: Lot) -> System:
    """The system after a lot of one trove."""
    trove = s.troves[who]
    if lot.surplus is None:
        left = replace(trove, collateral=trove.collateral - lot.collateral, debt=trove.debt - lot.debt)
        return with_trove(s.moved(-lot.collateral, -lot.debt), who, left)
    if s.count is not None and s.count <= 1:
        raise Revert(LAST)
    return with_trove(s.moved(-trove.collateral, -trove.debt), who, None)


def _with_base_rate(s: System, drawn: int, total_debt: int | None) -> System:
    """The base rate decayed, then raised by half of the share of all debt; unchanged where that is not known."""
    if not total_debt:
        return s
    share = mul_div_floor(drawn, s.price, total_debt)
    rate = min(s.decayed_base_rate() + div_floor(share, BETA), WAD)
    is_later = s.time - s.fee_time >= MINUTE
    return replace(s, base_rate=rate, fee_time=s.time if is_later else s.fee_time)
