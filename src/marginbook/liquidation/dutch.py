"""Falling-price auctions over time: who takes how much when, and what a reset does.

The rules of one purchase, the price curves and the reset are `venues.maker.auction`, exact and checked against the
contracts. Here they are run on a schedule of moments: at each one a stalled auction is started again by whoever calls
`redo`, then every buyer in turn is asked how much they want at the price of the moment.

    lot before  = Σ bought + returned + lot left
    tab before  = Σ paid + tab left              (what a sold-out lot does not raise stays as `unraised`)

Amounts are integers: wad 10^-18 collateral, ray 10^-27 price, rad 10^-45 DAI.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from marginbook.exact import RAY, WAD, mul_div_floor
from marginbook.venues.maker.auction import Sale, needs_reset, price_at, redo, take
from marginbook.venues.maker.parameters import Ilk
from marginbook.venues.maker.vat import Revert, feed_price

Buyer = Callable[[Sale, int, int], int]
"""(auction, its price now [ray], the oracle's price now [wad]) -> how much to buy [wad], 0 for nothing."""


@dataclass(frozen=True, slots=True)
class Bought:
    """One purchase."""

    now: int  # [s]
    buyer: int  # its place in the list of buyers
    amount: int  # [wad]
    paid: int  # [rad]
    price: int  # [ray]


@dataclass(frozen=True, slots=True, kw_only=True)
class DutchAuction:
    """What became of an auction."""

    bought: tuple[Bought, ...]
    resets: tuple[int, ...]  # [s] when it was started again
    incentives: int  # [rad] paid for that
    returned: int  # [wad] to the vault's owner
    unraised: int  # [rad] of a lot that sold out below what it was to raise
    left: Sale | None  # still running at the last moment


def run(sale: Sale, ilk: Ilk, par: int, moments: Iterable[tuple[int, int]], buyers: Sequence[Buyer]) -> DutchAuction:
    """The auction through `moments` (time [s], oracle price [wad]), in order of time."""
    bought: list[Bought] = []
    resets: list[int] = []
    incentives = 0
    for now, feed in moments:
        if needs_reset(sale, ilk, now):
            sale, paid = redo(sale, ilk, feed, par, now)
            resets.append(now)
            incentives += paid
        for number, buyer in enumerate(buyers):
            price = price_at(ilk, sale.top, now - sale.tic)
            wanted = buyer(sale, price, feed)
            if wanted <= 0:
                continue
            try:
                found = take(sale, ilk, wanted, price, now)
            except Revert:
                continue  # a part that would leave too little to raise
            bought.append(Bought(now, number, found.slice, found.owe, found.price))
            if found.sale is None:
                return DutchAuction(
                    bought=tuple(bought),
                    resets=tuple(resets),
                    incentives=incentives,
                    returned=found.returned,
                    unraised=sale.tab - found.owe,
                    left=None,
                )
            sale = found.sale
    return DutchAuction(
        bought=tuple(bought),
        resets=tuple(resets),
        incentives=incentives,
        returned=0,
        unraised=0,
        left=sale,
    )


def discount_buyer(discount: int, capital: int, par: int = RAY) -> Buyer:
    """Buys all that `capital` [rad] pays for once the price is `discount` [wad] or more below the oracle's.

    The capital is per purchase: whoever sells on at once has it back.
    """

    def buyer(sale: Sale, price: int, feed: int) -> int:
        if not price or price * WAD > feed_price(feed, par) * (WAD - discount):
            return 0
        return min(sale.lot, mul_div_floor(capital, 1, price))

    return buyer
