"""Whether the system takes a change of a position: every transaction that touches one ends with this question.

Not asked here: who signed, how much of an order is left, amounts of 2^64 units and more, a 65th asset in one position.
"""

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.exact import in_exact_context
from marginbook.venues.dydx_v3.fixed_point import has_smaller_holdings, transition_refusal
from marginbook.venues.dydx_v3.parameters import Parameters
from marginbook.venues.dydx_v3.rule import Valued, valued


@in_exact_context
def change_refusal(before: Account, after: Account, market: Market, parameters: Parameters) -> str | None:
    """The system's name of why the position `before` may not become `after` at these prices; None where it may.

    What a book fixes beside the position does not count. Errors: those of `valued`, but a balance out of range in
    `after`, which is a refusal.
    """
    old = valued(before, market, parameters)
    try:
        new = valued(after, market, parameters)
    except BadInput as bad:
        if bad.problem.code == "out_of_range":
            return "OUT_OF_RANGE_BALANCE"
        raise
    return transition_refusal(old.status, new.status, has_smaller_holdings(_balances(old), _balances(new)))


def _balances(found: Valued) -> dict[str, int]:
    return {asset.market: asset.balance for asset in found.assets}
