"""English auctions of vaults: each rule one unit either side, value conserved, and the win of a bid of one unit."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginbook.exact import RAY, WAD
from marginbook.liquidation.flip import (
    AUCTION,
    LAUNCH,
    PROTOCOL,
    Flip,
    Move,
    bite,
    deal,
    dent,
    least_bid,
    most_lot,
    tend,
    terms_at,
    tick,
)
from marginbook.units import parse_time
from marginbook.venues.maker.vat import Revert, Urn, spot_of

RAD = 10**45
NOW = 1_584_000_000
FLIP = Flip(owner="vault", lot=50 * WAD, tab=5_000 * RAD, end=NOW + LAUNCH.tau)
SPOT = spot_of(120 * WAD, RAY, 15 * RAY // 10)  # 80 DAI per ETH


def refused(reason: str, function: object, *arguments: object) -> None:
    with pytest.raises(Revert, match=reason):
        function(*arguments)  # type: ignore[operator]


def test_terms_are_those_of_the_day() -> None:
    """Before and after, as the executive spell of 13 March 2020 states them."""
    before = terms_at(parse_time("2020-03-12T23:59:59Z"))
    assert (before.lump, before.ttl, before.tau) == (50 * WAD, 600, 3 * 86_400)
    after = terms_at(parse_time("2020-03-13T00:00:00Z"))
    assert (after.lump, after.ttl, after.tau) == (500 * WAD, 6 * 3_600, 6 * 3_600)
    refused("no-terms", terms_at, parse_time("2019-11-17T23:59:59Z"))


def test_a_vault_is_bitten_lot_by_lot() -> None:
    urn = Urn(120 * WAD, 9_601 * WAD)  # 120 · 80 = 9,600 DAI of support
    refused("not-unsafe", bite, replace(urn, art=9_600 * WAD), LAUNCH, RAY, SPOT)
    lots = []
    while urn.ink and urn.art:
        urn, taken = bite(urn, LAUNCH, RAY, SPOT)
        lots.append(taken)
    assert [taken.lot for taken in lots] == [50 * WAD, 50 * WAD, 20 * WAD]
    assert sum(taken.dart for taken in lots) == 9_601 * WAD
    assert urn == Urn(0, 0)
    assert lots[0].due == lots[0].dart * RAY
    assert lots[0].tab == lots[0].due * 113 // 100


def test_a_bid_rises_by_three_per_cent_or_to_the_whole() -> None:
    flip, _ = tend(FLIP, LAUNCH, "ann", 100 * RAD, NOW)
    refused("bid-not-higher", tend, flip, LAUNCH, "bob", 100 * RAD, NOW)
    refused("insufficient-increase", tend, flip, LAUNCH, "bob", 103 * RAD - 1, NOW)
    assert least_bid(flip, LAUNCH) == 103 * RAD
    assert tend(flip, LAUNCH, "bob", 103 * RAD, NOW)[0].bidder == "bob"
    near, _ = tend(FLIP, LAUNCH, "ann", 4_990 * RAD, NOW)
    assert tend(near, LAUNCH, "bob", 5_000 * RAD, NOW)[0].bid == near.tab
    refused("higher-than-tab", tend, near, LAUNCH, "bob", 5_000 * RAD + 1, NOW)


def test_then_the_lot_shrinks() -> None:
    refused("tend-not-finished", dent, FLIP, LAUNCH, "ann", 40 * WAD, NOW)
    flip, _ = tend(FLIP, LAUNCH, "ann", FLIP.tab, NOW)
    assert least_bid(flip, LAUNCH) > flip.tab  # no more of the first phase
    most = most_lot(flip, LAUNCH)
    refused("insufficient-decrease", dent, flip, LAUNCH, "bob", most + 1, NOW)
    refused("lot-not-lower", dent, flip, LAUNCH, "bob", flip.lot, NOW)
    after, moves = dent(flip, LAUNCH, "bob", most, NOW)
    assert moves == (
        Move(asset="DAI", giver="bob", taker="ann", amount=FLIP.tab),
        Move(asset="collateral", giver=AUCTION, taker="vault", amount=FLIP.lot - most),
    )
    assert (after.lot, after.bidder, after.tic) == (most, "bob", NOW + 600)


def test_a_bid_of_one_unit_wins_if_nobody_answers() -> None:
    flip, moves = tend(FLIP, LAUNCH, "ann", 1, NOW)
    assert moves == (Move(asset="DAI", giver="ann", taker=PROTOCOL, amount=1),)
    refused("not-finished", deal, flip, NOW + 600)  # strictly after
    refused("already-finished-tic", tend, flip, LAUNCH, "bob", RAD, NOW + 600)
    assert tend(flip, LAUNCH, "bob", RAD, NOW + 599)[0].bidder == "bob"
    assert deal(flip, NOW + 601) == Move(asset="collateral", giver=AUCTION, taker="ann", amount=FLIP.lot)


def test_without_a_bid_it_is_started_again() -> None:
    refused("not-finished", deal, FLIP, FLIP.end + 1)
    refused("already-finished-end", tend, FLIP, LAUNCH, "ann", 1, FLIP.end)
    refused("not-finished", tick, FLIP, LAUNCH, FLIP.end)
    assert tick(FLIP, LAUNCH, FLIP.end + 1).end == FLIP.end + 1 + LAUNCH.tau
    flip, _ = tend(FLIP, LAUNCH, "ann", 1, NOW)
    refused("bid-already-placed", tick, flip, LAUNCH, FLIP.end + 1)


@given(
    st.integers(1, 10**6).map(lambda n: n * WAD + 7),
    st.integers(1, 10**6).map(lambda n: n * RAD + 3),
    st.lists(st.tuples(st.sampled_from(["ann", "bob", "cat"]), st.integers(0, 200), st.integers(0, 700)), max_size=30),
)
def test_nothing_is_made_or_lost(lot: int, tab: int, offers: list[tuple[str, int, int]]) -> None:
    """DAI: what all bidders paid net is the winning bid, all of it the protocol's; collateral: winner and owner."""
    flip, now = Flip(owner="vault", lot=lot, tab=tab, end=NOW + LAUNCH.tau), NOW
    dai: Counter[str] = Counter()
    collateral: Counter[str] = Counter()
    for bidder, percent, wait in offers:
        now += wait
        try:
            if flip.bid < flip.tab:
                flip, moves = tend(flip, LAUNCH, bidder, flip.bid + 1 + flip.tab * percent // 100, now)
            else:
                flip, moves = dent(flip, LAUNCH, bidder, flip.lot * (200 - percent) // 200, now)
        except Revert:
            continue
        for move in moves:
            book = dai if move.asset == "DAI" else collateral
            book[move.giver] -= move.amount
            book[move.taker] += move.amount
    if flip.bidder is not None:
        last = deal(flip, max(flip.tic, flip.end) + 1)
        collateral[last.giver] -= last.amount
        collateral[last.taker] += last.amount
        assert collateral[AUCTION] == -lot
    assert sum(dai.values()) == sum(collateral.values()) == 0
    assert dai[PROTOCOL] == flip.bid <= tab
    for name in ("ann", "bob", "cat"):
        assert dai[name] == (-flip.bid if name == flip.bidder else 0)


@given(st.integers(1, 10**6), st.integers(0, 10**6))
def test_the_least_bid_and_the_most_lot_are_the_limits(tab: int, bid: int) -> None:
    flip = Flip(owner="vault", lot=tab + 1, tab=tab, end=NOW + 1, bid=min(bid, tab), bidder="ann", tic=NOW + 1)
    if flip.bid < tab:
        least = least_bid(flip, LAUNCH)
        assert tend(flip, LAUNCH, "bob", least, NOW)[0].bid == least
        with pytest.raises(Revert):
            tend(flip, LAUNCH, "bob", least - 1, NOW)
    else:
        most = most_lot(flip, LAUNCH)
        assert dent(flip, LAUNCH, "bob", most, NOW)[0].lot == most
        with pytest.raises(Revert):
            dent(flip, LAUNCH, "bob", most + 1, NOW)
