"""Keepers with policies and costs of their own after one pool: who liquidates it, how much, and what each earns.

Every runner chooses an amount by its policy and knows its profit before gas; the gas auction (`liquidation.gas`)
decides who is there in time and first; what the winner does is the rule set's own `apply`. The others find the chance
gone and pay for a failed transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from marginbook.domain.errors import BadInput
from marginbook.liquidation.gas import GasAuction, Keeper, gas_auction
from marginbook.liquidation.keepers import Chance, Costs, Outcome, Policy, net_profit, outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """A competitor: what it would do, and what that costs it besides gas."""

    keeper: Keeper
    policy: Policy
    costs: Costs


@dataclass(frozen=True, slots=True)
class Race:
    """`found` is what the winner did; None where nobody took part."""

    auction: GasAuction
    found: Outcome | None


def race(
    chance: Chance, runners: Sequence[Runner], gas: int, base_price: Decimal, *, elapsed: int = 0, failed_gas: int = 0
) -> Race:
    """One round; runners whose policy leaves the chance, or is refused, stay out."""
    found: dict[str, Outcome] = {}
    profits: dict[str, Decimal] = {}
    for runner in runners:
        amount = runner.policy(chance)
        if amount <= 0:
            continue
        try:
            own = outcome(chance, amount)
        except BadInput:
            continue
        found[runner.keeper.name] = own
        profits[runner.keeper.name] = net_profit(own, runner.costs)
    able = [runner.keeper for runner in runners if runner.keeper.name in profits]
    auction = gas_auction(able, profits, gas, base_price, elapsed=elapsed, failed_gas=failed_gas)
    return Race(auction, found[auction.winner] if auction.winner is not None else None)
