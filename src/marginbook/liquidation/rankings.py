"""Scores by which venues order the winners of a market; each is a `Score` for `winners.rank`. The higher, the earlier.

| venue | score | read |
|---|---|---|
| BitMEX, CoinEx, MEXC, Satori | in profit PnL % · leverage, else PnL % / leverage | help pages, in the same words |
| Binance, Aster | PnL share of the wallet · margin ratio | help article 360033525471, text of 2020 |
| Hyperliquid | (mark / entry) · (notional / account value) | documentation, auto-deleveraging |
| all of these, by arXiv 2512.01112 | leverage · mark / reference price | its definition of the queue |

dYdX has no order: the chain starts at a pseudo-random offset and skips those whose bankruptcy prices do not overlap
(`overlaps`). Bybit and OKX say "profit and leverage" without a formula that was found; GMX's keeper chooses. Not here.

Effective leverage is notional / equity: BitMEX writes |mark value| / (mark value − bankrupt value), and the bankrupt
value is the mark value less what is left of the position's margin.
"""

from collections.abc import Sequence
from decimal import Decimal

from marginbook.exact import ZERO, divide, in_exact_context
from marginbook.liquidation.winners import INFINITY, Score, Winner, effective_leverage, profit
from marginbook.venues.binance_adl import adl_score
from marginbook.venues.hyperliquid.liquidation import adl_index

LIGHTS = 5


@in_exact_context
def bitmex(winner: Winner, mark: Decimal) -> Decimal:
    """PnL % · leverage where in profit, PnL % / leverage where not, PnL % = profit / value at entry.

    >>> keen = Winner(account="a", side="long", quantity=Decimal(1), entry=Decimal(100), equity=Decimal(44))
    >>> str(bitmex(keen, Decimal(110))), str(bitmex(keen, Decimal(88)))
    ('0.25', '-0.06')
    """
    share = divide(profit(winner, mark), winner.quantity * winner.entry)
    leverage = effective_leverage(winner, mark)
    return share * leverage if share > 0 else divide(share, leverage)


@in_exact_context
def binance(winner: Winner, mark: Decimal) -> Decimal:
    """max(0, profit) / max(1, wallet) · maintenance / (wallet + profit), of the winner's `wallet` and `maintenance`.

    >>> one = Winner(account="a", side="long", quantity=Decimal(5), entry=Decimal(100),
    ...              equity=Decimal(1500), maintenance=Decimal(75))
    >>> binance(one, Decimal(200))
    Decimal('0.025')
    """
    gain = profit(winner, mark)
    wallet = winner.equity - gain if winner.wallet is None else winner.wallet
    return adl_score(wallet, gain, winner.maintenance)


@in_exact_context
def hyperliquid(winner: Winner, mark: Decimal) -> Decimal:
    """(mark / entry) · (notional / account value) of a long; entry / mark for a short, so that profit ranks first.

    The documentation states the index without a side; the inversion for shorts is ours, unverified.

    >>> long = Winner(account="a", side="long", quantity=Decimal(10), entry=Decimal(100), equity=Decimal(400))
    >>> short = Winner(account="a", side="short", quantity=Decimal(10), entry=Decimal(125), equity=Decimal(400))
    >>> str(hyperliquid(long, Decimal(120))), str(hyperliquid(short, Decimal(100)))
    ('3.6', '3.125')
    """
    if winner.equity <= 0:
        return effective_leverage(winner, mark)
    notional = winner.quantity * mark
    if winner.side == "long":
        return adl_index(mark, winner.entry, notional, winner.equity)
    return adl_index(winner.entry, mark, notional, winner.equity)


def lineage(reference: Score) -> Score:
    """leverage · mark / reference price, as the paper writes the score that BitMEX's ranking became, for either side.

    `reference` gives the price of a winner: by the paper its own bankruptcy price on Binance, the
    last mark on Hyperliquid (`lambda winner, mark: last`). A long that cannot go bankrupt (reference 0) then comes
    first, and shorts near their bankruptcy before those in profit: the venues' own formulas above do neither.

    >>> from marginbook.liquidation.winners import bankruptcy_price
    >>> one = Winner(account="a", side="long", quantity=Decimal(4), entry=Decimal(9), equity=Decimal(8))
    >>> str(lineage(bankruptcy_price)(one, Decimal(10)))
    '6.25'
    """

    @in_exact_context
    def score(winner: Winner, mark: Decimal) -> Decimal:
        price = reference(winner, mark)
        return divide(effective_leverage(winner, mark) * mark, price) if price > 0 else INFINITY

    return score


@in_exact_context
def overlaps(winner: Winner, price: Decimal, mark: Decimal) -> bool:
    """Whether the winner keeps at least 0 when its whole position is closed at `price` instead of `mark`.

    dYdX's condition in the form for an account that holds nothing else; `venues.dydx.subaccount.deleveraged` has the
    chain's own for any subaccount.

    >>> short = Winner(account="a", side="short", quantity=Decimal(10), entry=Decimal(100), equity=Decimal(50))
    >>> overlaps(short, Decimal(95), Decimal(90)), overlaps(short, Decimal(96), Decimal(90))
    (True, False)
    """
    return winner.equity + winner.sign * winner.quantity * (price - mark) >= 0


@in_exact_context
def lights(ranked: Sequence[Winner], count: int = LIGHTS) -> list[int]:
    """How many of `count` lights each position shows, `ranked` first to last; of 5 all are lit in the first 20 %.

    Positions are weighted with their quantity, and a position's own quantity counts: light k goes out where the share
    of the quantity down to and including it exceeds a further 1/5. So BitMEX's example (10, 20, 30, 10, 10, 20 of 100
    contracts) prints 20 %, 40 %, 60 %, 80 %, 80 %, 100 %. Binance's quantile 0 … 4 is such a number less one; its exact
    borders are not published.

    >>> sizes = (10, 20, 30, 10, 10, 20)
    >>> queue = [Winner(account="", side="long", quantity=Decimal(q), entry=ZERO, equity=ZERO) for q in sizes]
    >>> [120 - 20 * lit for lit in lights(queue)]
    [20, 40, 60, 80, 80, 100]
    """
    total = sum((winner.quantity for winner in ranked), ZERO)
    passed, band, lit = ZERO, 1, []
    for winner in ranked:
        passed += winner.quantity
        while passed * count > total * band:
            band += 1
        lit.append(count + 1 - band)
    return lit
