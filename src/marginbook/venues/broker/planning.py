"""What a broker closes when it must: of the position behind the largest requirement, the least that cures.

Which position goes first is the broker's choice; the customer's agreement allows any, at once and without notice
(FINRA Rule 2264, margin disclosure statement). A short position is bought back, a long one sold, at its mark.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account, Position
from marginbook.domain.market import Market
from marginbook.domain.risk import Flow, Plan
from marginbook.exact import ONE, ZERO, div_floor, in_exact_context, round_half_up, to_raw_ceil
from marginbook.venues.broker.instruments import instrument_of
from marginbook.venues.broker.parameters import Rates
from marginbook.venues.statements.model import Maker, quoted


def closed(account: Account, position: Position, quantity: Decimal, price: Decimal) -> Account:
    """The account after closing `quantity` at `price`, orders cancelled."""
    multiplier = instrument_of(position.market, position.details).multiplier
    gained = position.sign * quantity * multiplier * price
    left = replace(position, quantity=position.quantity - quantity)
    positions = tuple(left if one is position else one for one in account.positions)
    return replace(
        account,
        positions=tuple(one for one in positions if one.quantity),
        orders=(),
        wallet={**account.wallet, "USD": account.wallet.get("USD", ZERO) + gained},
    )


def plan_by(maker: Maker) -> Any:
    """`plan_liquidation` of a rule set of brokers."""

    @in_exact_context
    def plan_liquidation(account: Account, pool: str, market: Market, parameters: Rates, at: int) -> Plan:
        """The least of one position that cures; all of it where no part does."""
        maker.known(account, pool, parameters)
        state = maker.statement(account, pool, market, parameters)
        if not maker.is_breached(state):
            return Plan(pool=pool, market="", reason="equity covers the maintenance margin: no call")
        asked = [line for line in state.demand if line.market is not None]
        if not asked:
            return Plan(pool=pool, market="", reason="no position to close")
        worst = max(asked, key=lambda line: line.value)
        position = next(one for one in account.positions if one.market == worst.market)
        price = quoted(market, parameters.venue, position.market, parameters.price_kind)

        def cures(count: int) -> bool:
            after = closed(account, position, min(count * ONE, position.quantity), price)
            return not maker.is_breached(maker.statement(after, pool, market, parameters))

        low, high = 0, to_raw_ceil(position.quantity, 0)
        if cures(high):
            while high - low > 1:
                middle = div_floor(low + high, 2)
                low, high = (low, middle) if cures(middle) else (middle, high)
        least = min(high * ONE, position.quantity)
        multiplier = instrument_of(position.market, position.details).multiplier
        proceeds = round_half_up(position.sign * position.quantity * multiplier * price, 8)
        given = -position.sign * position.quantity
        return Plan(
            pool=pool,
            market=position.market,
            close_least=least,
            close_most=position.quantity,
            price=price,
            bad_debt=max(ZERO, (state.liabilities) - (state.assets or ZERO)),
            flows=(
                Flow("account", "USD", proceeds),
                Flow("counterparties", "USD", -proceeds),
                Flow("account", position.market, given),
                Flow("counterparties", position.market, -given),
            ),
        )

    return plan_liquidation
