"""Bends in what a leg asks for initially, out of the greatest of two sides that every leg has.

With x = size · f ≥ 0 and k the place of a bend:  max(0, x − k) = (x − k + |x − k|) / 2, which is a slope of 1/2, a
constant of −k/2 and an initial rate of 1/2 on max(|x + bids|, |x − asks|) with bids = −k and asks = k. A leg has one
bend, so a position with more is split; the parts are powers of two where that is enough, which costs no digit.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from marginbook.domain.legs import BracketTable, Leg, Sums

Bend = tuple[float, float, int]
"""(place k, rate, side): initial demand of rate · max(0, side · (x − k))."""


def lower_bends(leg: Leg, bends: Sequence[Bend]) -> tuple[list[Leg], float]:
    """The leg with these bends, in parts, and the constant [currency] that belongs to them.

    Its initial rate so far becomes a slope. ValueError where orders rest on it: those are a bend of their own.

    >>> whole = Leg("BTC", (("quote", "v", "BTC", ""),), Sums(), size=2.0, initial_rate=0.1)
    >>> legs, constant = lower_bends(whole, [(100.0, 1.0, 1), (110.0, -1.0, 1)])
    >>> def asked(f):
    ...     bent = sum(leg.slopes.demand_initial * f + leg.initial_rate * abs(leg.size * f - leg.asks) for leg in legs)
    ...     return round(constant + bent, 9)
    >>> asked(40.0) == 0.1 * 80, asked(52.0) == 0.1 * 104 + 4, asked(60.0) == 0.1 * 120 + 10
    (True, True, True)
    """
    if leg.bids or leg.asks:
        raise ValueError("orders rest on the leg")
    if not bends:
        return [leg], 0.0
    parts = 1 << (len(bends) - 1).bit_length()
    shares = [(parts - len(bends) + 1) / parts] + [1.0 / parts] * (len(bends) - 1)
    slope = (leg.initial_rate + sum(side * rate for _, rate, side in bends) / 2.0) * leg.size
    whole = replace(leg, slopes=replace(leg.slopes, demand_initial=leg.slopes.demand_initial + slope))
    if leg.table is not None:
        rows = tuple((floor * shares[0], rate / shares[0], cum) for floor, rate, cum in leg.table)
        whole = replace(whole, table=rows)
    bare = replace(leg, slopes=Sums(), table=None)
    found = [
        replace(
            part,
            size=leg.size * share,
            initial_rate=rate / 2.0 / share,
            side=1,
            bids=-place * share,
            asks=place * share,
        )
        for part, share, (place, rate, _) in zip([whole] + [bare] * len(bends), shares, bends, strict=False)
    ]
    return found, -sum(side * rate * place for place, rate, side in bends) / 2.0


def lower_table(leg: Leg, table: BracketTable) -> tuple[list[Leg], float]:
    """The leg with initial demand by a table without jumps: a bend where each row but the first begins."""
    bends = [(row[0], row[1] - before[1], 1) for before, row in pairwise(table)]
    legs, constant = lower_bends(replace(leg, initial_rate=table[0][1]), bends)
    return legs, constant - table[0][2]
