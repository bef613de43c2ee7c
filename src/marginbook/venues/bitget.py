"""Bitget USDT-margined futures: `bitget/usdt`.

Source: figures that live accounts and the venue's API pages printed, 2022 to 2023 (`tests/vectors/bitget`).

    maintenance margin   = (rate + taker fee) · notional at mark, rate by the tier of the notional
    margin ratio         = maintenance margin / equity, liquidation at 1
    initial margin       = value at entry / leverage
    isolated price       = (entry·q − s·margin) / (q · (1 − s·(rate + fee))): the requirement at that price
    cross price, printed = mark − s·(equity − maintenance margin) / q: the requirement *of now*, so it drifts with the
                           mark and becomes the true border only there; `exact` is the border itself

The rate of a tier holds for the whole position, as the API page defines it. Deviations: none known. Not here: coin- and
USDC-margined contracts, the unified account.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from marginbook.domain.market import Market
from marginbook.domain.zones import DERIVATIVES_BORDERS
from marginbook.exact import ZERO, divide, round_half_up
from marginbook.venues.brackets import number_from
from marginbook.venues.contracts.events import apply
from marginbook.venues.contracts.exchange import exchange_terms
from marginbook.venues.contracts.explanation import explain
from marginbook.venues.contracts.liquidation import plan_liquidation
from marginbook.venues.contracts.lowering import lower
from marginbook.venues.contracts.model import NO_TABLE, ContractRules, Contracts, Pool, Shown, Terms
from marginbook.venues.contracts.prices import liquidation_prices
from marginbook.venues.contracts.sums import figures, is_liquidatable, quantities, risk, warnings
from marginbook.venues.rules import RuleSet, rule_module

PRICE_PLACES = 16
"""Decimals of a printed liquidation price."""
RATIO_PLACES = 16


def settlement_currency(market: str) -> str | None:
    """USDT for a market whose name says so; API names of 2022 carry a suffix.

    >>> settlement_currency("BTCUSDT"), settlement_currency("BTCUSDT_UMCBL"), settlement_currency("BTCUSD")
    ('USDT', 'USDT', None)
    """
    return "USDT" if market.partition("_")[0].endswith("USDT") and market != "USDT" else None


def displayed_price(shown: Shown) -> Decimal | None:
    """The printed price: the root itself for an isolated position, by today's requirement for a cross one.

    A cross one needs the market's present price, and one position in the market.
    """
    if shown.isolated:
        return round_half_up(shown.root, PRICE_PLACES)
    if shown.price is None or shown.room is None or len(shown.own) != 1:
        return None
    price = shown.price - divide(shown.room, shown.own[0].slope)
    return round_half_up(price, PRICE_PLACES) if price > 0 else None


def printed_numbers(pool: Pool, market: Market, parameters: ContractRules) -> dict[str, Decimal]:
    """The margin ratio with all the digits that the venue prints."""
    found = figures(pool, market, parameters)
    if found.balance <= 0:
        return {}
    return {"margin_ratio": round_half_up(divide(found.demand, found.balance), RATIO_PLACES)}


def conventions(row: Mapping[str, Any], market: str) -> Terms:
    """The rate of a tier for the whole position, fee at mark, initial margin at entry."""
    return Terms(
        table=NO_TABLE,
        steps=True,
        initial_basis="entry",
        initial_basis_isolated="entry",
        fee_to_close=number_from(row.get("taker_fee", ZERO), "taker_fee"),
    )


def parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> Contracts:
    """The rules at `at` [µs UTC], with an overlay on them."""
    found = exchange_terms("bitget_usdt", "bitget/usdt", at, overlay, conventions, settlement_currency)
    return Contracts(
        rules="bitget/usdt",
        venue="bitget",
        price_kind="mark",
        at_equality=True,
        displayed=displayed_price,
        extra=printed_numbers,
        terms=found.terms,
        currency_of=settlement_currency,
        source=found.source,
        default_of=found.default_of,
        as_of=found.as_of,
        warnings=found.warnings,
    )


RULE_SETS = (
    RuleSet(
        name="bitget/usdt",
        version="usdt",
        venue="bitget",
        family="derivatives",
        price_kind="mark",
        risk_scale=0,
        borders=DERIVATIVES_BORDERS,
        module=rule_module(
            parameters,
            apply,
            risk,
            quantities,
            is_liquidatable,
            liquidation_prices,
            plan_liquidation,
            explain,
            lower,
            warnings=warnings,
        ),
        verified=("printed liquidation prices and margin ratios, isolated and cross, of one position",),
        unverified=(
            "liquidation at a margin ratio of exactly 1",
            "the printed price of a cross position beside others: by the requirement of all of them",
            "tiers above the first",
            "open-order margin as max(position + bids, position − asks)",
            "what a liquidation closes first, and its fee",
        ),
    ),
)
