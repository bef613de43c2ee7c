"""BitMEX perpetuals in the venue's integers: linear in micro-USDT, inverse in satoshi.

Source: position fields of a live account (ETHUSDT, isolated, long), which match to the last unit. With raw amounts of
10^-6 USDT or 10^-8 XBT:

    value(p)     = quantity · p (linear) or quantity / p (inverse), to the nearest unit
    posInit      = ⌈cost / leverage⌉,  cost = value(entry)
    posComm      = ⌈(cost + posInit) · taker fee⌉: the fee to close at bankruptcy
    posMargin    = posInit + posComm (the isolated wallet)
    posMaint     = ⌈cost · maintenance rate⌉ + posComm + ⌈cost · funding rate⌉
    support      = posMargin + unrealised profit (the venue's "maintMargin"),  demand = posMaint
    bankruptcy   = entry − side · (posMargin − posComm) / quantity,
    liquidation  = bankruptcy + side · (posMaint − posComm) / quantity, both on the tick, toward the mark  (linear)

The funding rate is that of the next interval: state `[state.bitmex.ETHUSDT] funding_rate`, else the parameter.
Cross positions share the wallet of their currency by the same formulas. Liquidation at support ≤ demand.

With a funding index the profit includes what is not yet settled.

Lowering: linear (or inverse) legs and constant demand; allowance: one unit per position for the rounding of values, and
(n + 8)·2u of gross and constants. With a funding index a pool is opaque.
"""

from marginbook.domain.zones import DERIVATIVES_BORDERS
from marginbook.venues.bitmex.applying import apply
from marginbook.venues.bitmex.lowering import lower
from marginbook.venues.bitmex.parameters import inverse_parameters, linear_parameters, overlay_from_instruments
from marginbook.venues.bitmex.risk import INVERSE, LINEAR, linear_prices
from marginbook.venues.rules import RuleSet
from marginbook.venues.statements.functions import module_of

__all__ = ["RULE_SETS", "overlay_from_instruments"]

UNVERIFIED = (
    "cross positions: the same formulas on one wallet",
    "the funding term: inferred from one position; asked of both sides while the rate is positive",
    "liquidation at exactly the requirement; short positions",
    "values to the nearest unit; order margin; what a liquidation closes first",
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
        module=module_of(LINEAR, linear_parameters, apply, lower, liquidation_prices=linear_prices),
        verified=("every field of one live isolated position, to the last unit",),
        unverified=UNVERIFIED,
    ),
    RuleSet(
        name="bitmex/inverse",
        version="inverse",
        venue="bitmex",
        family="derivatives",
        price_kind="mark",
        risk_scale=0,
        borders=DERIVATIVES_BORDERS,
        module=module_of(INVERSE, inverse_parameters, apply, lower),
        unverified=("everything: the linear formulas carried over to satoshi", *UNVERIFIED),
    ),
)
