"""Records of the fast book: pools, legs, leg classes, brackets and borders as NumPy structured arrays.

A leg is (amount, factor, class). With f the factor, g its offset and k the class's multipliers:

    v = amount·(f + g)          what the holding is worth per unit of each multiplier
    x = |amount|·f·k.size       its notional, which brackets and initial rates see
    sum_k += k·v                for each of the seven sums
    demand += rate·x − cum      of the bracket that contains x

A pool that joins currencies (`FLAG_JOINED`) has runs of legs, each led by a leg whose factor is the currency's price,
whose class says what the run's sums count (`domain.legs.CurrencyLegs`), whose amount is the run's allowance and whose
`bracket` is the length of the run; cash is a leg of factor 1.

A pool's constants are (cash, class) in the same way. Multipliers live in classes, so new parameters rewrite a few
rows and touch no holder.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from marginbook.domain.zones import Border, Zone

Array = npt.NDArray[Any]

POOL = np.dtype(
    [
        ("cash", "f8"),  # [currency] amount of the constant class
        ("wallet", "f8"),  # [currency] part of assets that is not unrealised; NaN where there is no such split
        ("absolute", "f8"),  # [currency] allowance of support and of demand, rounded up
        ("relative", "f4"),  # of gross, rounded up
        ("start", "u4"),  # first leg
        ("account", "i4"),
        ("klass", "u4"),  # class of the constants
        ("count", "u2"),
        ("capacity", "u2"),
        ("zone", "i1"),
        ("borders", "u1"),
        ("flags", "u1"),
        ("kind", "u1"),  # which columnar twin wrote it; 0: lowered by its rule set
    ],
    align=True,
)
LEG = np.dtype(
    [
        ("amount", "f8"),
        ("klass", "u4"),
        ("factor", "u2"),
        ("bracket", "u2"),  # where the notional was last found: a guess that is checked
        ("slot", "i4"),  # of the leg's group in the index; -1: not the first leg of its group
        ("weight", "f4"),  # share of the pool's slack, up to scale
        ("low", "f4"),  # certified band of the factor, as in the index
        ("high", "f4"),
    ],
    align=True,
)
CLASS = np.dtype(
    [  # first cache line: what zones need, and what plain contracts need besides
        ("equity", "f8"),  # assets − liabilities
        ("support", "f8"),
        ("demand", "f8"),
        ("size", "f8"),
        ("initial_rate", "f8"),
        ("gross", "f8"),  # bound of every multiplier, brackets included
        ("blur", "f8"),  # allowance per unit of factor, whatever the amount: a token unit
        ("table", "u4"),  # first bracket
        ("brackets", "u2"),  # 0: no table
        ("flags", "u2"),
        # second cache line
        ("margin_balance", "f8"),
        ("support_initial", "f8"),
        ("demand_initial", "f8"),
        ("side", "f8"),
        ("bids", "f8"),
        ("asks", "f8"),
        ("notional", "f8"),  # of |amount|·f: size of a position, or a debt
        ("counted", "f8"),  # margin_balance + liabilities: collateral that counts
        # rarely
        ("assets", "f8"),
        ("liabilities", "f8"),
        ("unit", "f8"),  # exact units per unit of amount, for legs in columns
        ("jump", "f8"),  # [currency] largest discontinuity of the table
        ("borrow_rate", "f8"),  # these three of a currency's class only
        ("borrow_initial_rate", "f8"),
        ("initial_of_demand", "f8"),
        ("_", "f8"),
    ],
    align=True,
)
BRACKET = np.dtype([("floor", "f8"), ("rate", "f8"), ("cum", "f8"), ("jump", "f8")], align=True)
"""`jump`: |discontinuity| at the floor. A row with an infinite floor ends every table."""

FACTORS_MOST = 1 << 16

REACH = np.dtype(
    [
        ("up_cap", "f8"),  # notional up to which a band may reach, with least and most rate on the way
        ("up_least", "f8"),
        ("up_most", "f8"),
        ("down_cap", "f8"),
        ("down_least", "f8"),
        ("down_most", "f8"),
    ],
    align=True,
)
"""Of each bracket, how far bands may go from it."""

CLASS_PLAIN, CLASS_JUMPS = 1, 2
"""`CLASS_PLAIN`: worth counts fully everywhere, notional is amount · factor, no order rests and the table is
continuous; `CLASS_JUMPS`: the table is not."""

FACTOR_VALUE, FACTOR_OFFSET, FACTOR_INSET, FACTOR_SIGMA = 0, 1, 2, 3
"""Columns of the factor table: value, offset (funding, negative), total movement of the offset, volatility."""

FLAG_DEAD, FLAG_OPAQUE, FLAG_AVERAGE, FLAG_TRUNCATES, FLAG_PLAIN, FLAG_TIMED, FLAG_JOINED = 1, 2, 4, 8, 16, 32, 64
"""`FLAG_TRUNCATES`: liquidation looks at collateral times the average threshold cut to whole basis points, which
differs from the sum, `FLAG_AVERAGE`, where thresholds are mixed. `FLAG_PLAIN`: every class of the pool is plain.
`FLAG_TIMED`: the decision depends on the clock itself. `FLAG_JOINED`: its legs are in several currencies."""

BASIS_POINT = 1e-4


class Records(NamedTuple):
    """What a pool is decided from."""

    pools: Array
    legs: Array
    classes: Array
    brackets: Array
    reach: Array
    factors: Array  # [factor, FACTOR_*]
    chain: Array  # [border set, 8]
    stay: Array  # [border set, zone, condition, 3]


class Links(NamedTuple):
    """What factors are made of."""

    values: Array  # quotes and indices
    fan_start: Array  # [value] first of its factors in fan_factor
    fan_factor: Array
    part_start: Array  # [factor] first of its parts
    part_value: Array
    part_power: Array


class Slots(NamedTuple):
    """The live index: bands of every group of legs by factor, and their extremes by block, superblock and factor."""

    edges: Array  # [slot, (low, high)] float32
    owners: Array  # [slot] pool, or −1
    blocks: Array  # [block, (greatest low, least high)] float32
    supers: Array
    tops: Array
    ranges: Array  # [factor, (first slot, end, used)]


STAY = 3
"""Most conditions that keep a pool in its zone."""

SLOTS, BLOCKS = 32, 8
"""Slots per block, blocks per superblock."""

OUTPUT = np.dtype(
    [
        ("equity", "f8"),
        ("unrealized", "f8"),
        ("margin_balance", "f8"),
        ("initial_margin", "f8"),
        ("maintenance_margin", "f8"),
        ("ratio", "f8"),  # demand / support
        ("notional", "f8"),
        ("zone", "i8"),
    ],
    align=True,
)


def border_rows(sets: Iterable[tuple[Border, ...]]) -> tuple[Array, Array]:
    """(chain, stay) of border sets.

    chain[set] is wa wb wa′ wb′ ca cb ca′ cb′; stay[set, zone, condition] is (e, s, d) of equity, support and demand.

    A pool stays in its zone while every condition e·equity + s·support + d·demand is positive:

        safe         not entered warning
        warning      not entered call, not rearmed from warning
        call         not liquidatable, not rearmed from call
        liquidation  liquidatable, equity not negative
        bankrupt     liquidatable, equity negative
    """
    chain_rows: list[list[float]] = []
    stay_rows: list[list[list[list[float]]]] = []
    none = [0.0, 0.0, 0.0]
    for borders in sets:
        by_zone = {border.zone: border for border in borders}
        chain = []
        for zone in (Zone.WARNING, Zone.CALL):
            border = by_zone.get(zone)
            if border is None:
                chain += [np.nan] * 4
                continue
            scale = float(max(border.support_factor, border.demand_factor))
            chain += [
                border.support_factor / scale,
                border.demand_factor / scale,
                border.rearm_support_factor / scale,
                border.rearm_demand_factor / scale,
            ]
        wa, wb, wra, wrb, ca, cb, cra, crb = chain
        solvent = [0.0, 1.0, -1.0]
        conditions = [
            [[0.0, wa, -wb], [0.0, ca, -cb], solvent],
            [[0.0, -wra, wrb], [0.0, ca, -cb], solvent],
            [[0.0, -cra, crb], solvent, none],
            [[0.0, -1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]],
            [[0.0, -1.0, 1.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]],
        ]
        conditions = [[none if np.isnan(c).any() else c for c in zone] for zone in conditions]
        if wa * cb <= ca * wb and ca <= cb:  # nested: the milder border is always met first
            conditions[0][1:] = [none, none]
        if ca <= cb:
            conditions[1][2] = none
        chain_rows.append(chain)
        stay_rows.append(conditions)
    return np.array(chain_rows), np.array(stay_rows)


def bracket_rows(table: Iterable[tuple[float, float, float]]) -> tuple[Array, Array]:
    """(brackets, reach) of a table of (floor, rate, cum).

    A band may reach through the next bracket, unless the requirement jumps at the border between them.

    >>> _, reach = bracket_rows(((0.0, 0.01, 0.0), (100.0, 0.02, 1.0), (200.0, 0.05, 7.0)))
    >>> float(reach[0]["up_cap"]), float(reach[0]["up_most"]), float(reach[2]["down_cap"])
    (200.0, 0.02, 100.0)
    """
    rows = list(table)
    n = len(rows)
    out, reach = np.zeros(n + 1, BRACKET), np.zeros(n + 1, REACH)
    out[n]["floor"] = np.inf
    floors = [0.0, *(row[0] for row in rows[1:]), np.inf]
    for i, (floor, rate, cum) in enumerate(rows):
        jump = 0.0
        if i:
            before = rows[i - 1][1] * floor - rows[i - 1][2]
            jump = abs(rate * floor - cum - before)
            if jump <= 1e-12 * max(abs(before), rate * floor, abs(cum)):
                jump = 0.0
        out[i] = (floor, rate, cum, jump)
    for i in range(n):
        up_open = i + 1 < n and out[i + 1]["jump"] == 0.0
        down_open = i > 0 and out[i]["jump"] == 0.0
        up = [rows[i][1]] + ([rows[i + 1][1]] if up_open else [])
        down = [rows[i][1]] + ([rows[i - 1][1]] if down_open else [])
        up_cap = floors[i + 2] if up_open else floors[i + 1]
        down_cap = floors[i - 1] if down_open else floors[i]
        reach[i] = (up_cap, min(up), max(up), down_cap, min(down), max(down))
    return out, reach
