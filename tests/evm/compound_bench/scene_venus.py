"""The pool of Venus that the walks start from, and the model's step as far as Venus tells its reasons."""

from dataclasses import replace

from compound_bench.scene_2 import BLOCKS_PER_YEAR, CONFIGS, YEARLY
from compound_bench.scene_2 import scene as scene_of_compound
from marginbook.exact import WAD
from marginbook.venues.compound.v2.interest import touch
from marginbook.venues.compound.v2.liquidation import Liquidation
from marginbook.venues.compound.v2.parameters import rates_of_year
from marginbook.venues.compound.v2.state import Pool, Revert
from marginbook.venues.compound.v2.steps import Action
from marginbook.venues.compound.v2.steps import step as step_of_model
from marginbook.venues.compound.v2.versions import VENUS

TERMS = {  # liquidation threshold, liquidation incentive
    "USD": (88 * 10**16, 105 * 10**16),
    "ETH": (85 * 10**16, 108 * 10**16),
    "BTC": (75 * 10**16 + 1, 11 * 10**17),
    "ODD": (4 * 10**17, 115 * 10**16 + 3),
}
MATH = ("INSUFFICIENT_LIQUIDITY", "MATH", "PRICE_ERROR", "RedeemTransferOutNotPossible", "BorrowCashNotAvailable")
RETURNED = ("INSUFFICIENT_SHORTFALL", "TOO_MUCH_REPAY", "LiquidateCloseAmountIsZero", "NONZERO_BORROW_BALANCE")


def scene() -> Pool:
    """The empty pool, with thresholds and incentives per market."""
    configs = {
        name: replace(
            config,
            liquidation_threshold=TERMS[name][0],
            incentive=TERMS[name][1],
            rates=rates_of_year(*YEARLY[name], BLOCKS_PER_YEAR, WAD),
        )
        for name, config in CONFIGS.items()
    }
    return replace(scene_of_compound(), configs=configs, version=VENUS)


def reason_of(action: Action, reason: str | None) -> str | None:
    """The model's reason as far as the contracts tell it: many of theirs are one text, or a code that they return."""
    if reason in MATH and action.kind != "leave":
        return "math error"
    if reason in RETURNED or (reason is not None and action.kind == "leave"):
        return "returned"
    return reason


def step(pool: Pool, action: Action) -> tuple[Pool, Liquidation | None, str | None]:
    """The model's step. A refusal that is returned keeps the interest that the call has stored."""
    after, call, reason = step_of_model(pool, action)
    reason = reason_of(action, reason)
    if action.kind == "liquidate" and reason == "returned":
        try:
            after = touch(touch(pool, action.asset), action.collateral)
        except Revert as revert:
            return pool, None, revert.reason
    return after, call, reason
