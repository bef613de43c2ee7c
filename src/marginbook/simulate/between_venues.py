"""Contagion between venues: what each one's accounts would set off alone, and what reaches it from the others.

Venues touch through prices (what is sold on one moves the quotes of all), through assets that back loans here and are
traded there, and through insurance funds that they share. The same shock is run on every venue's accounts alone and on
all together; the difference is contagion. `exposures` tells how much of each asset a venue's liquidations could sell,
the holdings that `contagion.overlap` wants.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.exact import ZERO, in_exact_context
from marginbook.margin_calls.assets import is_stable, underlying
from marginbook.simulate.exact_cascade import Round, Terms, rounds
from marginbook.simulate.holders import ParametersOf, holders_of
from marginbook.simulate.shocks import Shock, shocked
from marginbook.simulate.values import position_value, price_of, rate_to_reporting
from marginbook.units import STABLE_ASSETS


@dataclass(frozen=True, slots=True)
class Reach:
    """What a shock does at one venue; values in the reporting currency."""

    closed_alone: Decimal
    closed_together: Decimal
    accounts_alone: int
    accounts_together: int
    uncovered_alone: Decimal  # deficits of contracts that no fund paid
    uncovered_together: Decimal


def between_venues(
    accounts: Iterable[Account],
    market: Market,
    parameters_of: ParametersOf,
    shocks: Sequence[Shock | str],
    at: int,
    terms: Terms,
) -> dict[str, Reach]:
    """Every venue alone against all together."""
    everybody = list(accounts)
    hit, _ = shocked(market, shocks)

    def run(chosen: list[Account]) -> list[Round]:
        return rounds(holders_of(chosen, hit, parameters_of, at), terms, at)

    together = run(everybody)
    found = {}
    for venue in sorted({account.venue for account in everybody}):
        alone = run([account for account in everybody if account.venue == venue])
        (one, few, less), (all_, many, more) = (_of(venue, done, hit) for done in (alone, together))
        found[venue] = Reach(one, all_, few, many, less, more)
    return found


@in_exact_context
def _of(venue: str, done: Sequence[Round], market: Market) -> tuple[Decimal, int, Decimal]:
    closed = sum((row.closed[venue] for row in done if venue in row.closed), ZERO)
    accounts: set[str] = set().union(*(row.accounts.get(venue, set()) for row in done))
    missing = [(c, amount) for row in done for (name, c), amount in row.uncovered.items() if name == venue]
    return closed, len(accounts), sum((a * rate_to_reporting(c, venue, market) for c, a in missing), ZERO)


@in_exact_context
def exposures(
    accounts: Iterable[Account], market: Market, parameters_of: ParametersOf, at: int
) -> dict[str, dict[str, Decimal]]:
    """Venue -> asset -> value that liquidations would sell: longs, and the collateral of those who owe.

    Amounts of collateral that only a growth index tells are left out. An account that cannot be judged is BadInput.
    """
    found: dict[str, dict[str, Decimal]] = {}
    for account in accounts:
        sold = found.setdefault(account.venue, {})
        for position in account.positions:
            if position.side == "long" and not is_stable(position.market, STABLE_ASSETS):
                value = position_value(account, position, market, parameters_of(account), at)
                _add(sold, position.market, value)
        for held in account.collateral if account.debt else ():
            if held.enabled and held.amount and not is_stable(held.asset, STABLE_ASSETS):
                _add(sold, held.asset, held.amount * price_of(account, held.asset, market))
    return found


def _add(sums: dict[str, Decimal], name: str, value: Decimal) -> None:
    asset = underlying(name)
    sums[asset] = sums.get(asset, ZERO) + value
