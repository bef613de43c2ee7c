"""Bybit: `bybit/uta` (unified account), `bybit/inverse` and `bybit/classic` (the accounts before it).

Source: help articles "Trading Terms and Formulas in UTA" (2024 to 2026 copies), 360039261334 and 900000031623, checked
against figures that live accounts printed (`tests/vectors/bybit`). With value = size at entry (linear) or size / entry
(inverse), base = value at entry (2022-12 to 2025-10) or at mark (from 2025-11-08 at the latest), s = ±1 by side:

    fee to close        = value · up8(taker fee · (1 − s / leverage)), the fee at the bankruptcy price
    initial margin      = base / leverage + fee to close     (1 / leverage rounded up at 8 decimals in the first era)
    maintenance margin  = base · rate − deduction + fee to close, deduction by the tier of the base
    classic, inverse    = the same on the value at entry; a cross inverse pool pays its fee at its own bankruptcy price
    bankruptcy price    = entry · (1 − s / leverage), up to the tick for a long

A unified account of several currencies is one pool in USD (`contracts.multi_currency`); `displayed` has the prices that
it prints for cross positions. Liquidation where the margin
balance is at most the maintenance margin (account rate 100 %).
"""

from marginbook.domain.zones import DERIVATIVES_BORDERS
from marginbook.venues.bybit import displayed
from marginbook.venues.bybit.parameters import classic_parameters, inverse_parameters, uta_parameters
from marginbook.venues.contracts import events, explanation, liquidation, lowering, prices, sums
from marginbook.venues.contracts.multi_currency_rules import multi_currency_module
from marginbook.venues.rules import RuleModule, RuleSet, rule_module

_COMMON_UNVERIFIED = (
    "liquidation at a rate of exactly 100 %",
    "short positions' prices rounded down to the tick, but for one of the classic account",
    "open-order margin as max(position + bids, position − asks)",
    "what a liquidation closes first, and its fee",
)


def _of_contracts(parameters: object) -> RuleModule:
    return rule_module(
        parameters,
        events.apply,
        sums.risk,
        sums.quantities,
        sums.is_liquidatable,
        prices.liquidation_prices,
        liquidation.plan_liquidation,
        explanation.explain,
        lowering.lower,
        warnings=sums.warnings,
    )


def _rule_set(version: str, module: RuleModule, verified: str, *unverified: str) -> RuleSet:
    return RuleSet(
        name=f"bybit/{version}",
        version=version,
        venue="bybit",
        family="derivatives",
        price_kind="mark",
        risk_scale=0,
        borders=DERIVATIVES_BORDERS,
        module=module,
        verified=(verified,),
        unverified=(*unverified, *_COMMON_UNVERIFIED),
    )


RULE_SETS = (
    _rule_set(
        "uta",
        multi_currency_module(uta_parameters, displayed.liquidation_prices),
        "margins that accounts printed, 2022-12 to 2026-03, to the last digit; one wallet with its liquidation price",
        "the day on which margins went from entry to mark value: between 2025-10-02 and 2025-11-08",
        "accounts of several currencies: collateral value ratios and borrow rates are the book's own",
        "printed prices of several cross positions; the fee of an isolated linear position by analogy",
    ),
    _rule_set(
        "inverse",
        _of_contracts(inverse_parameters),
        "published bankruptcy and liquidation prices, isolated and cross, to the tick",
        "the fee of a cross pool of several positions: each as if it were alone",
    ),
    _rule_set(
        "classic",
        _of_contracts(classic_parameters),
        "printed isolated positions, long and short, with and without added margin: bankruptcy and liquidation price",
        "cross margin before the unified account",
        "a risk limit chosen above the position's own tier",
    ),
)
