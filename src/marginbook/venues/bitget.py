"""Bitget USDT-margined futures: `bitget/usdt`.

Source: figures that accounts and the venue's API pages printed, 2022 to 2025 (`tests/vectors/bitget`).

    maintenance margin   = (rate + taker fee) · notional at mark, rate by the tier of the notional
    margin ratio         = maintenance margin / equity, liquidation at 1
    initial margin       = value at entry / leverage
    isolated price       = (entry·q − s·margin) / (q · (1 − s·(rate + fee))): the requirement at that price
    cross price, printed = mark − s·(equity − maintenance margin) / q: the requirement *of now*, so it drifts with the
                           mark and becomes the true border only there; `exact` is the border itself. In hedge mode
                           the border, from 2024-06-04 at the latest

The rate of a tier holds for the whole position, as the API page defines it. Deviations: none known. Not here: coin- and
USDC-margined contracts, the unified account.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.risk import LiquidationPrice
from marginbook.domain.zones import DERIVATIVES_BORDERS
from marginbook.exact import ZERO, divide, round_half_up
from marginbook.venues.brackets import number_from
from marginbook.venues.contracts import prices
from marginbook.venues.contracts.events import apply
from marginbook.venues.contracts.exchange import exchange_terms
from marginbook.venues.contracts.explanation import explain
from marginbook.venues.contracts.liquidation import plan_liquidation
from marginbook.venues.contracts.lowering import lower
from marginbook.venues.contracts.model import NO_TABLE, ContractRules, Contracts, Pool, Shown, Terms
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


@dataclass(frozen=True, slots=True)
class Displayed:
    """How liquidation prices are printed."""

    hedged: str = "frozen"  # cross prices in hedge mode: "border", or "frozen" at today's requirement

    def __call__(self, shown: Shown) -> Decimal | None:
        """The root itself for an isolated position, by today's requirement for a cross one.

        A cross one needs the market's present price, and one position in the market.
        """
        if shown.isolated:
            return round_half_up(shown.root, PRICE_PLACES)
        if shown.price is None or shown.room is None or len(shown.own) != 1:
            return None
        price = shown.price - divide(shown.room, shown.own[0].slope)
        return round_half_up(price, PRICE_PLACES) if price > 0 else None


def displayed_border(shown: Shown) -> Decimal | None:
    """The root, for one position in the market."""
    return round_half_up(shown.root, PRICE_PLACES) if len(shown.own) == 1 else None


def liquidation_prices(account: Account, market: Market, parameters: Contracts, at: int) -> list[LiquidationPrice]:
    """As of all contracts; printed cross prices by the account's position mode."""
    how = parameters.displayed
    if account.position_mode == "hedge" and isinstance(how, Displayed) and how.hedged == "border":
        parameters = replace(parameters, displayed=displayed_border)
    return prices.liquidation_prices(account, market, parameters, at)


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
        displayed=Displayed(found.venue_row.get("hedged_price", "frozen")),
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
        verified=(
            "printed liquidation prices and margin ratios, isolated and cross, 2022 to 2025, one or two positions",
        ),
        unverified=(
            "liquidation at a margin ratio of exactly 1",
            "the day, 2023-11-24 to 2024-06-04, from which hedge mode prints the border",
            "tiers above the first",
            "open-order margin as max(position + bids, position − asks)",
            "what a liquidation closes first, and its fee",
        ),
    ),
)
