"""BitMEX perpetuals in the venue's integers: linear in micro-USDT, inverse in satoshi.

Source: fields of positions that live accounts printed from 2017 to 2023 (tests/vectors/bitmex), which match to the last
unit. With raw amounts of 10^-6 USDT or 10^-8 XBT:

    value(p)     = quantity · p (linear) or quantity / p (inverse), to the nearest unit: in the inverse contracts of the
                   earlier years contract by contract, `values_of`
    posInit      = ⌈cost / leverage⌉,  cost = value(entry)
    posMargin    = posInit + posComm + posCross (the isolated wallet; posCross was added to it)
    posComm      = ⌈(cost + posInit + posCross) · taker fee⌉: the fee to close at bankruptcy
    posMaint     = ⌈cost · (maintenance rate + funding rate)⌉ + posComm; funding is asked of the side that pays it
    support      = posMargin + unrealised profit (the venue's "maintMargin"),  demand = posMaint
    initMargin   = ⌈cost · (1/leverage + taker fee + (1 + 1/leverage) · taker fee)⌉ of an order
    bankruptcy   where posMargin + profit = posComm, liquidation where it is posMaint: on the tick, toward the mark

The funding rate is that of the next interval: state `[state.bitmex.ETHUSDT] funding_rate`, else the parameter.
Cross positions share the wallet of their currency by the same formulas, without posCross. An inverse position that has
the wallet for itself is printed the prices at which all of the wallet is its margin. Liquidation at support ≤ demand.

With a funding index the profit includes what is not yet settled.

Lowering: linear (or inverse) legs and constant demand; allowance: one unit per position (or contract) for the rounding
of values, and (n + 8)·2u of gross and constants.
"""

from marginbook.domain.zones import DERIVATIVES_BORDERS
from marginbook.venues.bitmex.applying import apply
from marginbook.venues.bitmex.lowering import lower
from marginbook.venues.bitmex.parameters import inverse_parameters, linear_parameters, overlay_from_instruments
from marginbook.venues.bitmex.risk import INVERSE, LINEAR, liquidation_prices
from marginbook.venues.rules import RuleSet
from marginbook.venues.statements.functions import module_of

__all__ = ["RULE_SETS", "overlay_from_instruments"]

UNVERIFIED = (
    "when a cross position is liquidated: decided by posMaint as printed, without the wallet's part of the fee",
    "liquidation at exactly the requirement; several orders or positions: their sums",
    "risk steps: by the venue's page, without a printed position above its base limit",
    "positions whose margin funding has used up (posLoss); what a liquidation closes first",
)

RULE_SETS = (
    RuleSet(
        name="bitmex/linear",
        version="linear",
        venue="bitmex",
        family="derivatives",
        price_kind="mark",
        risk_scale=0,
        borders=DERIVATIVES_BORDERS,
        module=module_of(LINEAR, linear_parameters, apply, lower, liquidation_prices=liquidation_prices),
        verified=("every field of a live isolated position and the margin of another one, to the last unit",),
        unverified=("short positions, cross margin and orders: by bitmex/inverse", *UNVERIFIED),
    ),
    RuleSet(
        name="bitmex/inverse",
        version="inverse",
        venue="bitmex",
        family="derivatives",
        price_kind="mark",
        risk_scale=0,
        borders=DERIVATIVES_BORDERS,
        module=module_of(INVERSE, inverse_parameters, apply, lower, liquidation_prices=liquidation_prices),
        verified=(
            "fields and prices of seven positions, 2017 to 2023, long and short, isolated and cross, to the last unit",
            "funding rates of the venue's history; margins of two orders",
        ),
        unverified=("the day between 2020-07-28 and 2023-02-28 from which values are of whole positions", *UNVERIFIED),
    ),
)
