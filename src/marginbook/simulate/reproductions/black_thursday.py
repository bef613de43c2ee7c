"""Black Thursday: Maker's auctions on 12 and 13 March 2020, with keepers who drop out when gas is dear.

Published (Whiterabbit, 14 March 2020): 36 % of liquidations won with zero bids, 8.32 M USD of collateral for 0 DAI,
5.67 M DAI missing in the system, 35,000 ETH lost by the largest vault. Four addresses got 62,890 ETH (a secondary
source). The often quoted 1,462 zero bids could not be verified. Bids stood for ten minutes (spell of 13 March).

What is exact: the price that vaults are judged by (`oracle.delayed`, one to two hours old), safety and bites
(`venues.maker.vat`, `liquidation.flip`), every bid, and the sums of collateral and DAI in units of 10^-18 and 10^-45.

What is synthetic and seeded: the vaults (debts of a heavy tail, ratios above 150 %), the price of gas (a level that
rises with the fall of ether over six hours) and five keepers with caps on it. Four bid what ether is worth less a
margin; the fifth has no cap, and bids one unit when no other is there.

    calibrated   size of the book (to the collateral lost), highest cap (to the share of zero bids)
    follow       the shortfall, the ether lost, how it spreads over the hours

So this shows that the mechanism gives these figures, not that they could have been predicted. One book of a heavy tail
differs from the next by more than what is compared, so figures are medians over seven, with their range.
"""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from statistics import median

import numpy as np

from marginbook.exact import RAY, WAD
from marginbook.liquidation.flip import (
    AUCTION,
    LAUNCH,
    PROTOCOL,
    Flip,
    FlipTerms,
    Move,
    bite,
    deal,
    kick,
    least_bid,
    tend,
    terms_at,
)
from marginbook.liquidation.gas import Keeper, present
from marginbook.oracle.delayed import next_poke, poked, started
from marginbook.simulate.reproductions.table import Row, run
from marginbook.units import parse_time, seconds
from marginbook.venues.maker.vat import Urn, is_unsafe, spot_of

TITLE = "Black Thursday, 12 and 13 March 2020"
BARS = "binance_spot_1h_stress_windows.csv"
PRICES = "eth_usd_10min_black_thursday_riskdao.csv"
MAT = 15 * RAY // 10
RAD = 10**45
SEEDS = tuple(range(20_200_312, 20_200_319))
STEP = 120  # [s] between two looks of the keepers: about nine blocks
LOOK_BACK = 36  # ten-minute prices, six hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Everything that is not a rule."""

    seed: int = SEEDS[0]
    vaults: int = 1_250
    debt_scale: float = 6_000.0  # [DAI] least debt of the tail
    tail: float = 1.6  # exponent of the debts
    ratio_scale: float = 0.8  # mean of the ratio above 150 %
    gas_calm: float = 8.0  # [gwei]
    gas_slope: float = 6.95  # gas = calm · exp(slope · fall over six hours)
    caps: tuple[str, ...] = ("12", "16", "20", "34")  # [gwei]
    margin_percent: tuple[int, ...] = (4, 6, 8, 10)
    bites_per_step: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Auctioned:
    """A finished auction."""

    started: int  # [s]
    due: int  # [rad]
    tab: int  # [rad]
    paid: int  # [rad]
    lot: int  # [wad] sold
    price: int  # [wad] of ether when it ended
    winner: str

    @property
    def zero(self) -> bool:
        """Won for less than a DAI."""
        return self.paid < RAD


@dataclass(frozen=True, slots=True)
class Result:
    """All auctions, the books of both assets, and what was never auctioned off in time."""

    auctions: tuple[Auctioned, ...]
    dai: Counter[str]  # [rad]
    collateral: Counter[str]  # [wad]
    open: int


def ten_minutes(folder: Path) -> list[tuple[int, int]]:
    """(time [s], ether in whole dollars)."""
    return [(int(row["approx_unix"]), int(row["eth_usd_int"])) for row in csv.DictReader((folder / PRICES).open())]


def inside_bars(folder: Path, tolerance: int = 3) -> int:
    """How many of the ten-minute prices lie in the hourly bar of their time, give or take `tolerance` dollars."""
    bars = {
        seconds(parse_time(row["open_time_utc"])): (float(row["low"]), float(row["high"]))
        for row in csv.DictReader((folder / BARS).open())
        if row["symbol"] == "ETHUSDT" and row["window"].startswith("2020-03")
    }
    hours = [(bars.get(at - at % 3_600), price) for at, price in ten_minutes(folder)]
    return sum(bar is not None and bar[0] - tolerance <= price <= bar[1] + tolerance for bar, price in hours)


def vaults(setup: Setup, price: int) -> list[Urn]:
    """Synthetic vaults, all safe at `price` [dollars]."""
    draw = np.random.default_rng(setup.seed)
    debts = setup.debt_scale * (1.0 + draw.pareto(setup.tail, setup.vaults))
    ratios = 1.52 + draw.exponential(setup.ratio_scale, setup.vaults)
    return [
        Urn(int(debt * ratio / price * 10**6) * 10**12, int(debt * 100) * 10**16)
        for debt, ratio in zip(debts.tolist(), ratios.tolist(), strict=True)
    ]


def gas_price(setup: Setup, prices: Sequence[int], number: int) -> Decimal:
    """Gas [gwei] at a ten-minute price: a level that rises with the fall from the highest price of six hours."""
    window = prices[max(0, number - LOOK_BACK) : number + 1]
    return Decimal(f"{setup.gas_calm * float(np.exp(setup.gas_slope * (1.0 - prices[number] / max(window)))):.1f}")


def replay(path: Sequence[tuple[int, int]], setup: Setup, terms: FlipTerms = LAUNCH) -> Result:
    """Two days of pokes, bites, bids and deals."""
    prices = [price for _, price in path]
    book, oracle = vaults(setup, prices[0]), started(prices[0] * WAD, path[0][0])
    keepers = [
        *(Keeper(name=f"keeper {cap}", gas_cap=Decimal(cap)) for cap in setup.caps),
        Keeper(name="opportunist"),
    ]
    margins = {f"keeper {cap}": percent for cap, percent in zip(setup.caps, setup.margin_percent, strict=True)}
    running: list[tuple[int, int, Flip]] = []  # (start, due, auction)
    done: list[Auctioned] = []
    dai: Counter[str] = Counter()
    collateral: Counter[str] = Counter()
    queue: list[int] = []

    def booked(*moves: Move) -> None:
        for move in moves:
            sums = dai if move.asset == "DAI" else collateral
            sums[move.giver] -= move.amount
            sums[move.taker] += move.amount

    for number, (at, price) in enumerate(path):
        there = present(keepers, gas_price(setup, prices, number), 0)
        for now in range(at, at + 600, STEP):
            if now >= next_poke(oracle):
                oracle = poked(oracle, price * WAD, now)
                spot = spot_of(oracle.current or 0, RAY, MAT)
                queue = [i for i, urn in enumerate(book) if urn.art and is_unsafe(urn, RAY, spot)]
            bites = setup.bites_per_step
            while queue and bites:
                urn = book[queue[-1]]
                if not urn.art or not urn.ink or not is_unsafe(urn, RAY, spot):
                    queue.pop()
                    continue
                book[queue[-1]], taken = bite(urn, terms, RAY, spot)
                booked(Move(asset="collateral", giver=f"vault {queue[-1]}", taker=AUCTION, amount=taken.lot))
                running.append((now, taken.due, kick(taken, f"vault {queue[-1]}", terms, now)))
                bites -= 1
            left = []
            for begun, due, flip in running:
                if flip.tic and flip.tic < now:
                    booked(deal(flip, now))
                    done.append(
                        Auctioned(
                            started=begun,
                            due=due,
                            tab=flip.tab,
                            paid=flip.bid,
                            lot=flip.lot,
                            price=price * WAD,
                            winner=flip.bidder or "",
                        )
                    )
                    continue
                if flip.tic != now:  # in that very second a bid neither stands any more nor has won yet
                    flip, moves = _bid(flip, terms, there, margins, price, now)
                    booked(*moves)
                left.append((begun, due, flip))
            running = left
    return Result(tuple(done), dai, collateral, len(running))


def _bid(
    flip: Flip, terms: FlipTerms, there: Sequence[Keeper], margins: dict[str, int], price: int, now: int
) -> tuple[Flip, tuple[Move, ...]]:
    """Whoever is there bids what the lot is worth to them, at most `tab`; the opportunist only where nobody else is."""
    honest = [keeper for keeper in there if keeper.name in margins]
    moves: list[Move] = []
    for keeper in honest:
        worth = flip.lot * price * (100 - margins[keeper.name]) * 10**25
        offer = min(worth, flip.tab)
        if keeper.name != flip.bidder and least_bid(flip, terms) <= offer:
            flip, more = tend(flip, terms, keeper.name, offer, now)
            moves += more
    if not honest and there and not flip.bid:
        flip, more = tend(flip, terms, there[0].name, 1, now)
        moves += more
    return flip, tuple(moves)


@dataclass(frozen=True, slots=True)
class Figures:
    """What is compared."""

    auctions: int
    share: float  # [%] of auctions won with zero bids
    value: float  # [M USD] of collateral lost to them
    ether: float  # [ETH] likewise
    shortfall: float  # [M DAI] debt of all bitten vaults less what the auctions brought
    largest: float  # [ETH] taken from one vault


def figures(found: Result) -> Figures:
    """The sums of a replay."""
    zero = [one for one in found.auctions if one.zero]
    due = sum(one.due for one in found.auctions)
    return Figures(
        auctions=len(found.auctions),
        share=100.0 * len(zero) / max(1, len(found.auctions)),
        value=sum(one.lot * one.price for one in zero) / WAD / WAD / 1e6,
        ether=sum(one.lot for one in zero) / WAD,
        shortfall=(due - found.dai[PROTOCOL]) / RAD / 1e6,
        largest=-min(found.collateral.values(), default=0) / WAD,
    )


def rows(folder: Path) -> list[Row]:
    """All of it; figures are medians over the books of `SEEDS`."""
    path = ten_minutes(folder)
    books = [figures(replay(path, Setup(seed=seed))) for seed in SEEDS]
    after = replay(path, Setup(), terms_at(parse_time("2020-03-13T00:00:00Z")))
    return [
        Row(
            "ten-minute prices inside the hourly bars",
            "",
            f"{inside_bars(folder)} of {len(path)}",
            "",
            "two sources of the path, within 3 USD; lowest 90, of the bars 86.00",
        ),
        _row("auctions", "", [f.auctions for f in books], "", "about 4,000 are often quoted, not verified"),
        _row("share won with zero bids", "36", [f.share for f in books], "%", "calibrated: highest cap on gas"),
        _row("collateral lost to them", "8.32", [f.value for f in books], "M USD", "calibrated: size of the book"),
        _row(
            "shortfall",
            "5.67",
            [f.shortfall for f in books],
            "M DAI",
            "follows; our other keepers raise full penalties, the real ones did not always",
        ),
        _row("ether lost to them", "62890", [f.ether for f in books], "ETH", "follows"),
        _row(
            "taken from the largest vault",
            "35000",
            [f.largest for f in books],
            "ETH",
            "the tail of debts is a guess: only the range holds it",
        ),
        Row(
            "zero bids under the terms of 13 March",
            "",
            f"{sum(one.zero for one in after.auctions)} of {len(after.auctions)}",
            "",
            f"bids stand for six hours, lots of 500; {after.open} still open at the end",
        ),
    ]


def _row(quantity: str, printed: str, books: Sequence[float], unit: str, why: str) -> Row:
    places = len(printed.partition(".")[2])
    ours, low, high = median(books), min(books), max(books)
    return Row(
        quantity,
        f"{printed} {unit}" if printed else "",
        f"{ours:.{places}f} {unit} ({low:.{places}f} to {high:.{places}f})".replace("  ", " "),
        f"{ours / float(printed) - 1.0:+.0%}" if printed else "",
        why,
    )


if __name__ == "__main__":
    run(TITLE, rows)
