"""The venue's printed figures beside ours, from the same report that a person would read."""

from collections.abc import Callable
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.engine.evaluate import FIGURES, evaluate
from marginbook.engine.outputs import Difference


def differences(
    account: Account, market: Market, parameters_of: Callable[[Account], Any], at: int
) -> tuple[Difference, ...]:
    """One line per figure that the account carries from its venue; empty if it carries none."""
    if not account.reported and not any(position.reported for position in account.positions):
        return ()
    report = evaluate(account, market, parameters_of, at, measures=FIGURES)
    return tuple(Difference(quantity=line.quantity, venue=line.venue, ours=line.ours) for line in report.reconciliation)
