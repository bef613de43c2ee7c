"""Generic derivatives: linear or inverse contracts whose every parameter is the book's own.

Source: the definitions of this project; no venue. Parameters by market in `[parameters.<name>.<market>]`, with `"*"`
for every other market; without any, `no_parameters`.

    contract          "linear" (default) | "inverse"
    maintenance_rate  fraction of the basis; or brackets = [[floor, cap, rate, max_leverage, cum], …]
    basis             "mark" (default) | "entry": what the maintenance margin is a fraction of
    initial_rate      fraction of the notional, or leverage, where a position has no leverage of its own
    taker_fee         fraction of the notional at mark, demanded on top of maintenance (fee to close)
    liquidation_fee   fraction of the closed notional
    operator          "<" (default) | "<=": liquidatable where margin balance is below (or at) the requirement
    currency          settlement currency; default: the account's only wallet currency
    tick, quantity_step, contract_size

A position bought with own and borrowed money is a long whose wallet is the own money: 4,000 own and 6,000 borrowed for
10,000 is wallet 4,000 and a long of 10,000. Numbers have 8 decimals, rounded toward danger.
"""

from collections.abc import Mapping
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.venues.contracts.events import apply
from marginbook.venues.contracts.explanation import explain
from marginbook.venues.contracts.liquidation import plan_liquidation
from marginbook.venues.contracts.lowering import lower
from marginbook.venues.contracts.model import Contracts
from marginbook.venues.contracts.overlay import with_overlay
from marginbook.venues.contracts.prices import liquidation_prices
from marginbook.venues.contracts.sums import is_liquidatable, quantities, risk, warnings
from marginbook.venues.rules import rule_module


def parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> Contracts:
    """The book's own parameters. BadInput `no_parameters` without any."""
    if not overlay:
        raise BadInput("no_parameters", "parameters", "nothing", "a table [parameters.<name>.<market>]")
    terms, default, odd = with_overlay({}, overlay)
    return Contracts(
        rules="generic/derivatives",
        venue="generic",
        price_kind="mark",
        at_equality=operator_of(overlay) == "<=",
        terms=terms,
        currency_of=_unstated,
        source="the book's own parameters",
        default=default,
        warnings=tuple(odd),
    )


def _unstated(market: str) -> None:
    """A generic market's name says nothing about its settlement currency."""


def operator_of(overlay: Mapping[str, Any]) -> str:
    """`<` or `<=`, the same wherever the overlay states it.

    >>> operator_of({"*": {"maintenance_rate": "0.05", "operator": "<="}}), operator_of({"X": {}})
    ('<=', '<')
    """
    found = {entry["operator"] for entry in overlay.values() if isinstance(entry, Mapping) and "operator" in entry}
    if len(found) > 1 or not found <= {"<", "<="}:
        raise BadInput("bad_parameter", "parameters.*.operator", sorted(map(str, found)), '"<" or "<=", one for all')
    return str(found.pop()) if found else "<"


MODULE = rule_module(
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
)
