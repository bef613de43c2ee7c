"""What OKX asks of swaps and futures at one time, and how it prints: doubles, and a displayed price one tick safer.

margin ratio = equity / (maintenance margin + taker fee · notional), liquidation at 1
maintenance  = rate · notional, rate by the tier of the position's quantity, for the whole position
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from marginbook.domain.market import Market
from marginbook.exact import ONE, ZERO, divide, nearest_double, round_half_up, shortest_double
from marginbook.venues.brackets import number_from
from marginbook.venues.contracts.currencies import with_currencies
from marginbook.venues.contracts.exchange import exchange_terms
from marginbook.venues.contracts.model import NO_TABLE, ContractRules, Holding, Pool, Printing, Shown, Terms
from marginbook.venues.contracts.multi_currency import MultiCurrency

COIN_PLACES = 16
"""Decimals of a printed amount of coin."""
RECORD = "okx_derivatives"


def settlement_currency(market: str) -> str | None:
    """The currency in which an instrument settles, from its id.

    >>> [settlement_currency(name) for name in ("ETH-USDT-SWAP", "ETH-USD-SWAP", "BTC-USDC-SWAP", "ETH-USD-210430")]
    ['USDT', 'ETH', 'USDC', 'ETH']
    >>> settlement_currency("ETH-USDT") is None
    True
    """
    parts = market.split("-")
    if len(parts) != 3:
        return None
    return parts[0] if parts[1] == "USD" else parts[1]


def is_inverse(market: str) -> bool:
    """Whether an instrument is coin-margined.

    >>> is_inverse("ETH-USD-SWAP"), is_inverse("ETH-USDT-SWAP")
    (True, False)
    """
    parts = market.split("-")
    return len(parts) == 3 and parts[1] == "USD"


def conventions(row: Mapping[str, Any], market: str) -> Terms:
    """Tiers by quantity, fee at mark, initial margin at mark (cross) or at entry (isolated)."""
    tick = row.get("ticks", {}).get(market.partition("-")[0])
    return Terms(
        table=NO_TABLE,
        tiers_by="quantity",
        steps=True,
        inverse=is_inverse(market),
        initial_basis_isolated="entry",
        tick=None if tick is None else number_from(tick, "ticks"),
        fee_to_close=number_from(row.get("taker_fee", ZERO), "taker_fee"),
    )


def displayed_price(shown: Shown) -> Decimal | None:
    """The price that the venue prints, computed in doubles; of an isolated position one tick nearer to the mark.

        cross linear      (q · mark − s · equity) / (q · (1 − s·(rate + fee)))
        isolated linear   (entry − s · margin / q) / (1 − s·(rate + fee)) + s · tick
        isolated inverse  (1 + s·(rate + fee)) / (1 / entry + s · margin / q) + s · tick

    The shift is observed on two isolated positions and on none of the cross ones; without a tick there is no isolated
    price. Pools of several positions print the exact border as a double.
    """
    holding = shown.own[0]
    tick = holding.terms.tick if shown.isolated else ZERO
    if tick is None:
        return None
    shift = tick if shown.when == "at_or_below" else -tick
    if shown.pool.fixed_support or shown.pool.fixed_demand or shown.funding or len(shown.pool.holdings) != 1:
        return shortest_double(shown.root + shift)
    if shown.isolated:
        root = _isolated_inverse(holding) if holding.terms.inverse else _isolated_linear(holding)
    elif holding.terms.inverse or shown.price is None:
        root = nearest_double(shown.root)
    else:
        root = _cross_linear(holding, shown.price, shown.pool.wallet)
    return shortest_double(root + nearest_double(shift))


def _isolated_linear(holding: Holding) -> Decimal:
    share = -holding.position.sign * _double_ratio(holding.own_wallet, holding.size)
    value = nearest_double(nearest_double(holding.position.entry) + share)
    return _double_ratio(value, nearest_double(ONE - holding.position.sign * _double_rates(holding)))


def _isolated_inverse(holding: Holding) -> Decimal:
    share = holding.position.sign * _double_ratio(holding.own_wallet, holding.size)
    value = nearest_double(_double_ratio(ONE, holding.position.entry) + share)
    return _double_ratio(nearest_double(ONE + holding.position.sign * _double_rates(holding)), value)


def _cross_linear(holding: Holding, price: Decimal, wallet: Decimal) -> Decimal:
    sign, change = holding.position.sign, nearest_double(nearest_double(price) - nearest_double(holding.position.entry))
    equity = nearest_double(nearest_double(wallet) + _double_product(change, holding.slope))
    value = nearest_double(_double_product(holding.size, price) - sign * equity)
    return _double_ratio(value, _double_product(holding.size, nearest_double(ONE - sign * _double_rates(holding))))


def _double_rates(holding: Holding) -> Decimal:
    """rate + fee as the sum of two doubles."""
    return nearest_double(nearest_double(_rate(holding)) + nearest_double(holding.terms.fee_to_close))


def _double_ratio(a: Decimal, b: Decimal) -> Decimal:
    return nearest_double(divide(nearest_double(a), nearest_double(b)))


def _double_product(*values: Decimal) -> Decimal:
    """A product of doubles, from the left."""
    found = ONE
    for value in values:
        found = nearest_double(found * nearest_double(value))
    return found


def _rate(holding: Holding) -> Decimal:
    return holding.terms.table.bracket_up_to(holding.position.quantity).rate


def printed_numbers(pool: Pool, market: Market, parameters: ContractRules) -> dict[str, Decimal]:
    """Maintenance margin without the fee and the figures of one position, as doubles or at 16 decimals of coin."""
    if len(pool.holdings) != 1 or pool.fixed_support or pool.fixed_demand:
        return {}
    holding = pool.holdings[0]
    position, terms = holding.position, holding.terms
    price = market.price(parameters.venue, position.market, parameters.price_kind)
    rate, fee = _rate(holding), terms.fee_to_close
    if terms.inverse:
        factor = holding.factor(price)
        notional = holding.size * factor
        profit, maintenance = holding.profit(factor), rate * notional
        initial = holding.initial(holding.initial_value(factor))
        numbers = {
            "unrealized_pnl": round_half_up(profit, COIN_PLACES),
            "maintenance_margin": round_half_up(maintenance, COIN_PLACES),
            "notional": round_half_up(notional, COIN_PLACES),
        }
        demand, support = maintenance + fee * notional, pool.wallet + profit
        if position.leverage is not None:
            numbers["initial_margin"] = round_half_up(initial, COIN_PLACES)
    else:
        profit = _double_product(nearest_double(nearest_double(price) - nearest_double(position.entry)), holding.slope)
        maintenance = _double_product(rate, holding.size, price)
        notional = _double_product(price, holding.size)
        numbers = {
            "unrealized_pnl": shortest_double(profit),
            "maintenance_margin": shortest_double(maintenance),
            "notional": shortest_double(notional),
        }
        demand = nearest_double(_double_product(notional, rate) + _double_product(notional, fee))
        support = nearest_double(nearest_double(pool.wallet) + profit)
        if position.leverage is not None:
            numbers["initial_margin"] = shortest_double(holding.initial(holding.initial_value(holding.factor(price))))
    if demand > 0:
        numbers["margin_ratio"] = shortest_double(divide(support, demand))
    return numbers


def multi_currency_parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> MultiCurrency:
    """Contracts as in single-currency mode, discounts dated. An overlay's currencies have `discount`, `borrow_rate`."""
    contracts, currencies, source, as_of = with_currencies(
        "okx_collateral", at, overlay, lambda rest: parameters(version, at, rest)
    )
    return MultiCurrency(
        contracts=replace(contracts, rules="okx/multi-currency"),
        currencies=currencies,
        source=source,
        as_of=as_of,
        warnings=contracts.warnings,
    )


def parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> ContractRules:
    """The rules of single-currency mode at `at` [µs UTC], with an overlay on them."""
    found = exchange_terms(RECORD, "okx/single-currency", at, overlay, conventions, settlement_currency)
    return ContractRules(
        rules="okx/single-currency",
        venue="okx",
        price_kind="mark",
        at_equality=True,
        printing=Printing(ratio="support / demand"),
        displayed=displayed_price,
        extra=printed_numbers,
        terms=found.terms,
        currency_of=settlement_currency,
        source=found.source,
        default_of=found.default_of,
        as_of=found.as_of,
        warnings=found.warnings,
    )
