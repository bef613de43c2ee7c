"""Falling prices over time: purchases, resets, what comes back, and that nothing is made or lost."""

from hypothesis import given
from hypothesis import strategies as st

from marginbook.exact import RAY, WAD
from marginbook.liquidation.dutch import Buyer, discount_buyer, run
from marginbook.venues.maker.auction import Sale
from marginbook.venues.maker.parameters import Ilk

RAD = 10**45
ILK = Ilk(
    name="ETH-A",
    collateral="ETH",
    mat=145 * RAY // 100,
    dust=1_000 * RAD,
    chop=113 * WAD // 100,
    buf=12 * RAY // 10,
    tail=3_600,
    cusp=RAY // 2,
    tip=10 * RAD,
    curve="linear",
    tau=7_200,
)
PRICE = 100 * WAD
SALE = Sale(tab=8_000 * RAD, lot=100 * WAD, top=120 * RAY, tic=0)


def moments(step: int, last: int, price: int = PRICE) -> list[tuple[int, int]]:
    return [(now, price) for now in range(0, last + 1, step)]


def test_the_first_moment_at_the_buyers_price_sells() -> None:
    """Linear from 120: 95 after 1,500 s of 7,200; bought to the debt, the rest goes back to the owner."""
    buyer = discount_buyer(5 * WAD // 100, 10**6 * RAD)
    found = run(SALE, ILK, RAY, moments(60, 3_600), [buyer])
    (only,) = found.bought
    price = 120 * (5_700 * RAY // 7_200)  # a few units below 95
    assert (only.now, only.price, only.paid) == (1_500, price, 8_000 * RAD)
    assert only.amount == 8_000 * RAD // price
    assert found.returned == SALE.lot - only.amount
    assert (found.left, found.unraised, found.resets) == (None, 0, ())


def test_one_second_before_nobody_buys() -> None:
    buyer = discount_buyer(5 * WAD // 100, 10**6 * RAD)
    found = run(SALE, ILK, RAY, [(1_499, PRICE)], [buyer])
    assert (found.bought, found.left) == ((), SALE)


def test_a_stalled_auction_starts_again_at_the_new_price() -> None:
    """Above `tail` seconds, not at it; below half of the start it would have been earlier."""
    nobody: Buyer = lambda sale, price, feed: 0  # noqa: E731
    assert run(SALE, ILK, RAY, [(3_600, PRICE)], [nobody]).resets == ()
    found = run(SALE, ILK, RAY, [(3_601, 50 * WAD)], [nobody])
    assert (found.resets, found.incentives) == ((3_601,), 10 * RAD)
    assert found.left == Sale(tab=SALE.tab, lot=SALE.lot, top=60 * RAY, tic=3_601)


def test_what_would_leave_dust_is_cut_or_skipped() -> None:
    small = Sale(tab=1_130 * RAD, lot=100 * WAD, top=120 * RAY, tic=0)  # exactly chost: no part may be bought
    part: Buyer = lambda sale, price, feed: WAD  # noqa: E731
    found = run(small, ILK, RAY, moments(600, 1_800), [part])
    assert (found.bought, found.left) == ((), small)


@given(
    st.integers(1, 10_000).map(lambda n: n * RAD + 1),
    st.integers(1, 1_000).map(lambda n: n * WAD + 1),
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 5_000)), min_size=1, max_size=4),
    st.lists(st.integers(20, 200), min_size=1, max_size=40),
)
def test_nothing_is_made_or_lost(tab: int, lot: int, buyers: list[tuple[int, int]], prices: list[int]) -> None:
    sale = Sale(tab=tab, lot=lot, top=120 * RAY, tic=0)
    people = [discount_buyer(percent * WAD // 100, capital * RAD) for percent, capital in buyers]
    found = run(sale, ILK, RAY, [(300 * n, price * WAD) for n, price in enumerate(prices)], people)
    still = found.left or Sale(0, 0, 0, 0)
    assert sum(b.amount for b in found.bought) + found.returned + still.lot == lot
    assert sum(b.paid for b in found.bought) + found.unraised + still.tab == tab
    for purchase in found.bought:
        assert purchase.paid <= purchase.amount * purchase.price + purchase.price  # a unit of rounding at most
    assert found.left is None or (still.lot and still.tab)


def test_a_lot_that_sells_out_leaves_the_rest_unraised() -> None:
    small = Sale(tab=8_000 * RAD, lot=50 * WAD, top=120 * RAY, tic=0)
    found = run(small, ILK, RAY, [(1_500, PRICE)], [discount_buyer(5 * WAD // 100, 10**6 * RAD)])
    (only,) = found.bought
    assert (only.amount, only.paid) == (small.lot, small.lot * only.price)
    assert (found.unraised, found.returned, found.left) == (small.tab - only.paid, 0, None)
