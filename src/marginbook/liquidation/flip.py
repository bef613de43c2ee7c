"""English auctions of Maker vaults before 2021 ("Flip"): a bid rises to what is owed, then the lot shrinks.

    bite   lot = min(ink, lump);  dart = min(art, ⌊lot·art / ink⌋);  due = dart·rate;  tab = ⌊due·chop⌋      [rad]
    kick   ends at now + tau; no bid yet
    tend   bid ≤ tab, above the last one and ≥ beg times it, or exactly tab; then the bid stands for ttl
    dent   once bid = tab: the same bid for a lot smaller by beg at least; the difference goes back to the owner
    deal   ttl after the last bid, or after the end if there is a bid: the lot goes to the bidder
    tick   after the end without a bid: another tau

A bid of one unit wins a lot if nobody answers within ttl: that is all that "zero bids" on 12 and 13 March 2020 were.

Source: formulas of makerdao/dss at f632302 (`Cat`) and 03c6df6 (`Flipper`), read, not run. Terms of ETH-A by date: the
executive spell of 13 March 2020 states lot, bid and auction length before and after; that the earlier ones held since
launch is not verified, the least increase of 3 % and the penalty of 13 % are from secondary sources.
"""

from dataclasses import dataclass, replace

from marginbook.exact import RAY, WAD, mul_div_floor
from marginbook.units import parse_time
from marginbook.venues.maker.vat import Revert, Urn, is_unsafe

MINUTE, HOUR, DAY = 60, 3_600, 86_400
PROTOCOL = "protocol"
AUCTION = "auction"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipTerms:
    """What governance sets for one vault type."""

    lump: int  # [wad] most collateral in one auction
    chop: int  # [ray] 1 + penalty
    beg: int  # [wad] 1 + least increase
    ttl: int  # [s] how long a bid stands
    tau: int  # [s] longest auction


LAUNCH = FlipTerms(lump=50 * WAD, chop=113 * 10**25, beg=103 * 10**16, ttl=10 * MINUTE, tau=3 * DAY)
ETH_A: tuple[tuple[int, FlipTerms], ...] = (
    (parse_time("2019-11-18T00:00:00Z"), LAUNCH),
    (parse_time("2020-03-13T00:00:00Z"), replace(LAUNCH, lump=500 * WAD, ttl=6 * HOUR, tau=6 * HOUR)),
)
"""Terms by the day [µs UTC] of the vote; they came into force a day later, after the delay of governance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """`amount` of DAI [rad] or collateral [wad] from one party to another."""

    asset: str  # "DAI" or "collateral"
    giver: str
    taker: str
    amount: int


@dataclass(frozen=True, slots=True)
class Bite:
    """What one liquidation takes out of a vault."""

    lot: int  # [wad] collateral for sale
    dart: int  # [wad] normalized debt
    due: int  # [rad] debt that the protocol now owes itself
    tab: int  # [rad] what the auction may raise: debt and penalty


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A running auction."""

    owner: str
    lot: int  # [wad]
    tab: int  # [rad]
    end: int  # [s]
    bid: int = 0  # [rad]
    bidder: str | None = None
    tic: int = 0  # [s] when the bid will have stood; 0 before the first


def terms_at(at: int) -> FlipTerms:
    """The terms of ETH-A voted by `at` [µs UTC].

    >>> terms_at(parse_time("2020-03-12T12:00:00Z")).ttl, terms_at(parse_time("2020-03-14T12:00:00Z")).ttl
    (600, 21600)
    """
    found = [terms for since, terms in ETH_A if since <= at]
    if not found:
        raise Revert("Cat/no-terms")
    return found[-1]


def bite(urn: Urn, terms: FlipTerms, rate: int, spot: int) -> tuple[Urn, Bite]:
    """(the vault after one bite, what was taken); `Revert` where it is safe. A large vault is bitten lot by lot."""
    if not (spot > 0 and is_unsafe(urn, rate, spot)):
        raise Revert("Cat/not-unsafe")
    lot = min(urn.ink, terms.lump)
    dart = min(urn.art, mul_div_floor(lot, urn.art, urn.ink)) if urn.ink else urn.art
    due = dart * rate
    return Urn(urn.ink - lot, urn.art - dart), Bite(lot, dart, due, mul_div_floor(due, terms.chop, RAY))


def kick(taken: Bite, owner: str, terms: FlipTerms, now: int) -> Flip:
    """The auction of a bite."""
    return Flip(owner=owner, lot=taken.lot, tab=taken.tab, end=now + terms.tau)


def tick(flip: Flip, terms: FlipTerms, now: int) -> Flip:
    """Another `tau` for an auction that ended without a bid."""
    _require(flip.end < now, "Flipper/not-finished")
    _require(flip.tic == 0, "Flipper/bid-already-placed")
    return replace(flip, end=now + terms.tau)


def tend(flip: Flip, terms: FlipTerms, bidder: str, bid: int, now: int) -> tuple[Flip, tuple[Move, ...]]:
    """Raise the bid; the last bidder gets theirs back, the protocol the rest.

    >>> flip = kick(Bite(50 * WAD, 0, 0, 5_000 * 10**45), "vault", LAUNCH, now=0)
    >>> flip, moves = tend(flip, LAUNCH, "ann", 1, now=10)
    >>> flip.bid, flip.tic, [(m.giver, m.taker, m.amount) for m in moves]
    (1, 610, [('ann', 'protocol', 1)])
    """
    _require_open(flip, now)
    _require(bid <= flip.tab, "Flipper/higher-than-tab")
    _require(bid > flip.bid, "Flipper/bid-not-higher")
    _require(bid * WAD >= terms.beg * flip.bid or bid == flip.tab, "Flipper/insufficient-increase")
    moves = (*_repaid(flip, bidder), Move(asset="DAI", giver=bidder, taker=PROTOCOL, amount=bid - flip.bid))
    return replace(flip, bid=bid, bidder=bidder, tic=now + terms.ttl), moves


def dent(flip: Flip, terms: FlipTerms, bidder: str, lot: int, now: int) -> tuple[Flip, tuple[Move, ...]]:
    """Take less for the full bid; what is given up goes back to the vault's owner."""
    _require_open(flip, now)
    _require(flip.bid == flip.tab, "Flipper/tend-not-finished")
    _require(lot < flip.lot, "Flipper/lot-not-lower")
    _require(terms.beg * lot <= flip.lot * WAD, "Flipper/insufficient-decrease")
    back = Move(asset="collateral", giver=AUCTION, taker=flip.owner, amount=flip.lot - lot)
    return replace(flip, lot=lot, bidder=bidder, tic=now + terms.ttl), (*_repaid(flip, bidder), back)


def deal(flip: Flip, now: int) -> Move:
    """The lot to the last bidder."""
    finished = flip.tic != 0 and (flip.tic < now or flip.end < now)
    _require(finished and flip.bidder is not None, "Flipper/not-finished")
    return Move(asset="collateral", giver=AUCTION, taker=flip.bidder or "", amount=flip.lot)


def least_bid(flip: Flip, terms: FlipTerms) -> int:
    """Smallest bid [rad] that `tend` takes; above `tab` in the second phase, where it takes none.

    >>> least_bid(Flip(owner="v", lot=WAD, tab=1_000, end=9, bid=100), LAUNCH)
    103
    """
    raised = max(flip.bid + 1, -mul_div_floor(-terms.beg, flip.bid, WAD))
    return min(raised, flip.tab) if flip.bid < flip.tab else flip.tab + 1


def most_lot(flip: Flip, terms: FlipTerms) -> int:
    """Largest lot [wad] that `dent` takes."""
    return min(flip.lot - 1, mul_div_floor(flip.lot, WAD, terms.beg))


def _repaid(flip: Flip, bidder: str) -> tuple[Move, ...]:
    if flip.bidder is None or not flip.bid:
        return ()
    return (Move(asset="DAI", giver=bidder, taker=flip.bidder, amount=flip.bid),)


def _require_open(flip: Flip, now: int) -> None:
    _require(flip.tic > now or flip.tic == 0, "Flipper/already-finished-tic")
    _require(flip.end > now, "Flipper/already-finished-end")


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise Revert(reason)
