"""What Bybit asks at one time: conventions of each account type, dated tiers, and how prices are printed."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from marginbook.domain.market import Market
from marginbook.exact import ONE, ZERO, grid_ceil, grid_floor, round_half_up
from marginbook.venues.brackets import number_from
from marginbook.venues.contracts.currencies import with_currencies
from marginbook.venues.contracts.exchange import exchange_terms
from marginbook.venues.contracts.model import (
    NO_TABLE,
    ClosingFee,
    ContractRules,
    Pool,
    Printing,
    Shown,
    Terms,
)
from marginbook.venues.contracts.multi_currency import MultiCurrency
from marginbook.venues.contracts.sums import bankruptcy_factor

UNIT = Decimal("0.00000001")
LINEAR = ("USDT", "USDC")


def settlement_currency(market: str) -> str | None:
    """The currency in which a market settles, from its name.

    >>> [settlement_currency(name) for name in ("BTCUSDT", "ETHPERP", "BTCUSD", "BTCUSDU22", "BTC-26DEC25")]
    ['USDT', 'USDC', 'BTC', 'BTC', 'USDC']
    """
    if "-" in market:
        return market.rpartition("-")[2] if market.rpartition("-")[2] in LINEAR else "USDC"
    for currency in LINEAR:
        if market.endswith(currency) and market != currency:
            return currency
    if market.endswith("PERP"):
        return "USDC"
    base, found, _ = market.partition("USD")
    return base if base and found else None


def is_inverse(market: str) -> bool:
    """Whether a market's name is that of a coin-margined contract.

    >>> is_inverse("BTCUSD"), is_inverse("BTCUSDT"), is_inverse("BTCUSDH26")
    (True, False, True)
    """
    return settlement_currency(market) not in (None, *LINEAR)


def displayed_price(shown: Shown) -> Decimal:
    """The liquidation price as the venue prints it: to the tick, toward the mark."""
    tick = shown.own[0].terms.tick or UNIT
    return grid_ceil(shown.root, tick) if shown.when == "at_or_below" else grid_floor(shown.root, tick)


def printed_numbers(pool: Pool, market: Market, parameters: ContractRules) -> dict[str, Decimal]:
    """Value at entry, and the bankruptcy price (isolated: to the tick), where there is one position."""
    if len(pool.holdings) != 1 or not pool.holdings[0].size:
        return {}
    holding = pool.holdings[0]
    numbers = {"position_value": round_half_up(holding.size * holding.entry_factor, 8)}
    factor = bankruptcy_factor(holding, pool.wallet + pool.fixed_support - holding.closing_fee)
    if factor > 0:
        tick, price = holding.terms.tick or UNIT, holding.factor(factor)
        long = holding.position.side == "long"
        if not holding.isolated:  # published unrounded
            tick = UNIT
        numbers["bankruptcy_price"] = grid_ceil(price, tick) if long else grid_floor(price, tick)
    return numbers


def _rules(
    version: str,
    record: str,
    at: int,
    overlay: Mapping[str, Any] | None,
    conventions: Any,
    is_market: Any,
) -> ContractRules:
    found = exchange_terms(record, f"bybit/{version}", at, overlay, conventions, is_market)
    return ContractRules(
        rules=f"bybit/{version}",
        venue="bybit",
        price_kind="mark",
        at_equality=True,
        printing=Printing(cuts=version == "uta" and found.venue_row.get("basis") == "mark"),
        displayed=displayed_price,
        extra=printed_numbers,
        terms=found.terms,
        currency_of=settlement_currency,
        source=found.source,
        default_of=found.default_of,
        as_of=found.as_of,
        warnings=found.warnings,
    )


def quantity_step(market: str) -> Decimal:
    """Only whole contracts of 1 USD are traded of the coin-margined ones; the step of linear ones is the book's own."""
    return ONE if is_inverse(market) else UNIT


def _uta_conventions(row: Mapping[str, Any], market: str) -> Terms:
    """Margins on one base, the fee on the value at entry; from the mark era on an isolated fee follows the wallet."""
    at_mark = row.get("basis") == "mark"
    return Terms(
        table=NO_TABLE,
        inverse=is_inverse(market),
        quantity_step=quantity_step(market),
        basis="mark" if at_mark else "entry",
        initial_basis="mark" if at_mark else "entry",
        initial_basis_isolated="mark" if at_mark else "entry",
        rounds_leverage=row.get("rounds_leverage") is True,
        closing=ClosingFee(
            rate=_taker(row), cross="leverage", isolated="wallet" if at_mark else "leverage", in_initial=True
        ),
    )


def _inverse_conventions(row: Mapping[str, Any], market: str) -> Terms:
    return Terms(
        table=NO_TABLE,
        steps=True,
        inverse=True,
        quantity_step=ONE,
        basis="entry",
        initial_basis="entry",
        initial_basis_isolated="entry",
        closing=ClosingFee(rate=_taker(row), cross="wallet", isolated="none"),
    )


def _classic_conventions(row: Mapping[str, Any], market: str) -> Terms:
    return Terms(
        table=NO_TABLE,
        steps=True,
        inverse=is_inverse(market),
        quantity_step=quantity_step(market),
        basis="entry",
        initial_basis="entry",
        initial_basis_isolated="entry",
        rounds_leverage=True,
        closing=ClosingFee(rate=_taker(row), cross="leverage", isolated="wallet", in_initial=True),
    )


def _taker(row: Mapping[str, Any]) -> Decimal:
    return number_from(row.get("taker_fee", ZERO), "taker_fee")


def uta_parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> MultiCurrency:
    """The unified account's rules at `at` [µs UTC]: entry or mark base, tiers, with an overlay on them.

    Collateral value ratios are the book's own (`discount`): no table of them is known.
    """
    contracts, currencies, source, as_of = with_currencies(
        None,
        at,
        overlay,
        lambda rest: _rules(version, "bybit_uta", at, rest, _uta_conventions, settlement_currency),
    )
    return MultiCurrency(
        contracts=contracts,
        currencies=currencies,
        source=source,
        joined="several",
        as_of=as_of,
        warnings=contracts.warnings,
    )


def inverse_parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> ContractRules:
    """Coin-margined contracts before the unified account, at `at` [µs UTC]."""
    return _rules(version, "bybit_classic", at, overlay, _inverse_conventions, is_inverse)


def classic_parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> ContractRules:
    """USDT contracts before the unified account, at `at` [µs UTC]."""
    return _rules(version, "bybit_classic", at, overlay, _classic_conventions, settlement_currency)
