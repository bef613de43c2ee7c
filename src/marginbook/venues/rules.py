"""The shape of a rule set: the same names, in the same order, for every venue."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Literal, Protocol, cast

from marginbook.domain.account import Account
from marginbook.domain.events import Event
from marginbook.domain.legs import Legs
from marginbook.domain.market import Market
from marginbook.domain.node import Node
from marginbook.domain.risk import LiquidationPrice, Plan, Quantities, Risk
from marginbook.domain.zones import Border


class RuleModule(Protocol):
    """What a venue module defines. `parameters` is the module's own frozen dataclass, opaque to callers."""

    def parameters(
        self, version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
    ) -> Any:
        """The dated table valid at `at`, a book's overlay on it. BadInput `no_parameters` before the first table."""

    def apply(self, account: Account, market: Market, event: Event, parameters: Any, at: int) -> tuple[Account, Market]:
        """The account (and indices) after a fill, transfer, funding, interest …; BadInput where the venue refuses."""

    def risk(self, account: Account, market: Market, parameters: Any, at: int) -> dict[str, Risk[Any]]:
        """The seven sums of every pool."""

    def quantities(self, account: Account, market: Market, parameters: Any, at: int) -> dict[str, Quantities]:
        """Every number of mission §1 that the rule has, per pool."""

    def is_liquidatable(self, account: Account, pool: str, market: Market, parameters: Any, at: int) -> bool:
        """The venue's own arithmetic and operator, and demand > 0."""

    def liquidation_prices(self, account: Account, market: Market, parameters: Any, at: int) -> list[LiquidationPrice]:
        """Per pool and market; `exact` is the nearest price on the grid at which `is_liquidatable` is true."""

    def plan_liquidation(self, account: Account, pool: str, market: Market, parameters: Any, at: int) -> Plan:
        """One step: what may or must be closed now, at what price, who gets what; or why not."""

    def explain(self, account: Account, market: Market, parameters: Any, at: int) -> Node:
        """The tree behind the account's headroom."""

    def lower(self, account: Account, market: Market, parameters: Any) -> Legs:
        """Legs, factors and allowance."""


def rule_module(
    parameters: Any,
    apply: Any,
    risk: Any,
    quantities: Any,
    is_liquidatable: Any,
    liquidation_prices: Any,
    plan_liquidation: Any,
    explain: Any,
    lower: Any,
    **more: Any,
) -> RuleModule:
    """The functions of a rule set, in the order of `RuleModule`, which may lie in several modules.

    `more`: warnings(account, market, parameters, at) -> texts; accrued_index(index, kind, parameters, at) -> int, where
    growth indices move with the clock.
    """
    functions = {
        "parameters": parameters,
        "apply": apply,
        "risk": risk,
        "quantities": quantities,
        "is_liquidatable": is_liquidatable,
        "liquidation_prices": liquidation_prices,
        "plan_liquidation": plan_liquidation,
        "explain": explain,
        "lower": lower,
    }
    return cast(RuleModule, SimpleNamespace(**functions, **more))


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """A registered rule set: a module at a version, with the facts that generic code needs about it."""

    name: str  # "aave/3.6"
    version: str
    venue: str  # prices are filed under it
    family: Literal["derivatives", "lending", "broker"]
    price_kind: str  # what an untyped price in a file means
    risk_scale: int  # decimals of an integer Risk; 0 for Decimal
    borders: tuple[Border, ...]
    module: RuleModule
    price_decimals: int | None = None  # the venue's price feed keeps so many; further ones are cut
    verified: tuple[str, ...] = ()  # by what: venue figures, real contracts
    unverified: tuple[str, ...] = ()  # what no venue number has confirmed
