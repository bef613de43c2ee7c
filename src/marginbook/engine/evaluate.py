"""An account in, every number out: the one function behind `check`, the dashboard, alerts and tests.

    evaluate(account, market, parameters, at) -> Report

Money of an account is the sum over its pools; ratios, zone and distance are those of its worst pool. A bad input is an
`error` cell, never an exception, so one bad account does not stop a book.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput, Problem
from marginbook.domain.market import Market, Quote
from marginbook.domain.risk import LiquidationPrice, Quantities
from marginbook.domain.zones import Zone
from marginbook.exact import in_exact_context
from marginbook.margin_calls.distance import Distances, distances
from marginbook.margin_calls.quotes import quotes_of_pools
from marginbook.margin_calls.remedies import Remedy, remedies
from marginbook.margin_calls.ways import ACTIONS
from marginbook.margin_calls.zones import Borders, zone_of_pool
from marginbook.units import format_time
from marginbook.venues.registry import rule_set
from marginbook.venues.rules import RuleSet

MONEY = (
    "wallet_balance",
    "unrealized_pnl",
    "collateral_value",
    "debt_value",
    "margin_balance",
    "account_equity",
    "initial_margin",
    "maintenance_margin",
    "margin_used",
    "free_margin",
    "withdrawable",
    "borrowable",
    "headroom",
    "notional",
)
"""Quantities that add up over pools."""
RATIOS = ("effective_leverage", "margin_level", "health_factor", "ltv", "collateral_ratio", "bankruptcy_price")
"""Quantities that an account takes from its worst pool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What to work out besides quantities and zone: the rest costs more than they do."""

    distances: bool = True
    liquidation_prices: bool = True
    remedies: Collection[str] = ACTIONS  # which kinds


FULL = Measures()
ALERT = Measures(distances=False, remedies=("deposit",))
"""What a message about a call needs: the figures, the liquidation prices, and the least deposit that cures it."""
FIGURES = Measures(distances=False, remedies=())


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolReport:
    """One pool of a report."""

    pool: str
    zone: Zone
    quantities: Quantities
    distances: Distances | None
    liquidation_prices: tuple[LiquidationPrice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """The venue's printed figure beside ours."""

    quantity: str
    venue: Decimal
    ours: Decimal | None

    @property
    def difference(self) -> Decimal | None:
        """venue − ours."""
        return None if self.ours is None else self.venue - self.ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that is known of one account at one time."""

    account: str
    venue: str
    rules: str
    at: int | None = None  # [µs UTC]
    parameters_as_of: int | None = None  # [µs UTC]
    prices_as_of: int | None = None  # [µs UTC]
    zone: Zone | None = None
    currency: str | None = None
    money: Mapping[str, Decimal] = field(default_factory=dict)
    worst: PoolReport | None = None
    pools: tuple[PoolReport, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    reconciliation: tuple[Reconciliation, ...] = ()
    warnings: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()  # markets whose price is older than its max_age
    evidence: str | None = None
    owner: str | None = None
    error: Problem | None = None


def parameters_source(overlays: Mapping[str, Mapping[str, Mapping[str, Any]]], at: int) -> Callable[[Account], Any]:
    """A function from account to its parameter table at `at`; each table is built once.

    `overlays` are a book's `[parameters.<name>.<market>]` tables by name.
    """
    built: dict[tuple[str, str | None, str | None], Any] = {}

    def parameters_of(account: Account) -> Any:
        key = (account.rules, account.parameters, account.network)
        if key not in built:
            rules = rule_set(account.rules)
            overlay = None
            if account.parameters is not None:
                if account.parameters not in overlays:
                    raise BadInput(
                        "unknown_parameters",
                        f"account {account.id}.parameters",
                        account.parameters,
                        "one of " + (", ".join(sorted(overlays)) or "no tables: the book has none"),
                    )
                overlay = overlays[account.parameters]
            built[key] = rules.module.parameters(rules.version, at, overlay, account.network)
        return built[key]

    return parameters_of


@in_exact_context
def evaluate(
    account: Account,
    market: Market,
    parameters_of: Callable[[Account], Any],
    at: int,
    *,
    currency: str | None = None,
    borders: Borders | None = None,
    measures: Measures = FULL,
    parameters_max_age: int | None = None,
) -> Report:
    """Every quantity, the zone, distances, liquidation prices and remedies of `account` at `at` [µs UTC].

    `currency` asks for totals in that currency, which needs `market.rates`; `borders` replaces the default ones;
    `measures` asks for less than everything; a table older than `parameters_max_age` [µs] gives a warning.
    """
    try:
        rules = rule_set(account.rules)
        parameters = parameters_of(account)
        report = _report(rules, account, market, parameters, at, currency, borders, measures)
        as_of = report.parameters_as_of
        if parameters_max_age is None or as_of is None or at - as_of <= parameters_max_age:
            return report
        old = f"parameters of {account.rules} are as of {format_time(as_of)}: older than the limit asked for"
        return replace(report, warnings=(*report.warnings, old))
    except BadInput as bad:
        return Report(
            account=account.id, venue=account.venue, rules=account.rules, at=at, owner=account.owner, error=bad.problem
        )


def _report(
    rules: RuleSet,
    account: Account,
    market: Market,
    parameters: Any,
    at: int,
    currency: str | None,
    borders: Borders | None,
    measures: Measures,
) -> Report:
    module = rules.module
    risks = module.risk(account, market, parameters, at)
    quantities = module.quantities(account, market, parameters, at)
    prices = module.liquidation_prices(account, market, parameters, at) if measures.liquidation_prices else []
    pools = []
    for pool in quantities:
        zone = zone_of_pool(rules, account, pool, market, parameters, at, risk=risks[pool], borders=borders)
        pools.append(
            PoolReport(
                pool=pool,
                zone=zone,
                quantities=quantities[pool],
                distances=distances(rules, account, pool, market, parameters, at) if measures.distances else None,
                liquidation_prices=tuple(price for price in prices if price.pool == pool),
            )
        )
    worst = max(pools, key=_danger) if pools else None
    quotes = _quotes(rules, account, market, parameters)
    stale = tuple(name for name, quote in quotes.items() if _is_stale(quote, at))
    warnings = _concerning(getattr(parameters, "warnings", ()), account)
    if hasattr(module, "warnings"):
        warnings += module.warnings(account, market, parameters, at)
    warnings += [f"price of {name} is stale: from {format_time(quotes[name].time or 0)}" for name in stale]
    warnings += [f"price_substituted: {name}" for name, quote in quotes.items() if quote.substituted]
    target, money = _totals(account, pools, market, currency, warnings)
    return Report(
        account=account.id,
        venue=rules.venue,
        rules=account.rules,
        at=at,
        parameters_as_of=getattr(parameters, "as_of", None),
        prices_as_of=min((q.time for q in quotes.values() if q.time is not None), default=market.as_of),
        zone=worst.zone if worst else Zone.SAFE,
        currency=target,
        money=money,
        worst=worst,
        pools=tuple(pools),
        remedies=tuple(remedies(rules, account, market, parameters, at, actions=measures.remedies))
        if measures.remedies and worst and worst.zone > Zone.SAFE
        else (),
        reconciliation=(
            *_reconcile(account, money, worst),
            *(
                line
                for p in account.positions
                for line in _reconcile_position(rules, account, p, market, parameters, at)
            ),
            *_reconcile_prices(account, pools),
        ),
        warnings=tuple(warnings),
        stale=stale,
        evidence="; ".join(rules.unverified) or None,
        owner=account.owner,
    )


def _danger(pool: PoolReport) -> tuple[int, Decimal]:
    known = (pool.distances.down, pool.distances.up) if pool.distances else ()
    nearest = min((d for d in known if d is not None), default=Decimal("Infinity"))
    return (pool.zone, -nearest)


def _totals(
    account: Account, pools: list[PoolReport], market: Market, currency: str | None, warnings: list[str]
) -> tuple[str | None, dict[str, Decimal]]:
    """Sums over pools in one currency; where a rate is missing, no total rather than a silent 1."""
    currencies = list(dict.fromkeys(pool.quantities.currency for pool in pools))
    if not currencies:
        return currency, {}
    target = currency or (currencies[0] if len(currencies) == 1 else "USD")
    if currency is None and len(currencies) > 1 and not all(c == target or c in market.rates for c in currencies):
        warnings.append(f"pools in {', '.join(currencies)}: totals need [prices] rates for each of them")
        return None, {}
    money: dict[str, Decimal] = {}
    for pool in pools:
        rate = _rate(pool.quantities.currency, target, market, account)
        for name in MONEY:
            value = getattr(pool.quantities, name)
            if value is not None:
                money[name] = money.get(name, Decimal(0)) + value * rate
    return target, money


def _rate(source: str, target: str, market: Market, account: Account) -> Decimal:
    if source == target:
        return Decimal(1)
    if target != "USD" or source not in market.rates:
        raise BadInput("missing_rate", f"account {account.id}", f"no rate from {source} to {target}", "[prices] rates")
    return market.rates[source]


def _concerning(warnings: Iterable[str], account: Account) -> list[str]:
    """The warnings about a parameter table that are of a market that the account holds, or of no single market."""
    by_name = _by_name(tuple(warnings))
    if not by_name:
        return []
    held = [p.market for p in account.positions] + [o.market for o in account.orders] + list(account.wallet)
    held += [c.asset for c in account.collateral] + [d.asset for d in account.debt]
    return [text for name in dict.fromkeys(["", "*", *held]) for text in by_name.get(name, ())]


@lru_cache(maxsize=64)
def _by_name(warnings: tuple[str, ...]) -> Mapping[str, list[str]]:
    """Warnings by the market that they begin with; under "" those that are of no single market."""
    found: dict[str, list[str]] = {}
    for text in warnings:
        name = text.partition(":")[0]
        found.setdefault("" if " " in name else name, []).append(text)
    return found


def _quotes(rules: RuleSet, account: Account, market: Market, parameters: Any) -> dict[str, Quote]:
    """The quotes that the account is valued at, by market; of several kinds the oldest."""
    found: dict[str, Quote] = {}
    for keys in quotes_of_pools(rules, account, market, parameters).values():
        for key in keys:
            quote = market.quotes.get(key)
            if quote is not None and (key[1] not in found or (quote.time or 0) < (found[key[1]].time or 0)):
                found[key[1]] = quote
    return dict(sorted(found.items()))


def _is_stale(quote: Quote, at: int) -> bool:
    return quote.time is not None and quote.max_age is not None and at - quote.time > quote.max_age


PRINTED_AS = {"available_balance": "free_margin", "isolated_margin": "margin_balance"}
"""The venue's name of a figure -> ours, where they differ."""
ADDITIVE = ("unrealized_pnl", "notional", "initial_margin", "maintenance_margin", "isolated_margin")
"""Printed figures of one position."""


def _reconcile(account: Account, money: Mapping[str, Decimal], worst: PoolReport | None) -> Iterator[Reconciliation]:
    for name, printed in account.reported.items():
        ours = PRINTED_AS.get(name, name)
        if ours in _QUANTITIES:
            yield Reconciliation(quantity=name, venue=printed, ours=money.get(ours, _ratio(worst, ours)))
        elif worst is not None and name in worst.quantities.venue:
            yield Reconciliation(quantity=name, venue=printed, ours=worst.quantities.venue[name])


def _reconcile_position(
    rules: RuleSet, account: Account, position: Position, market: Market, parameters: Any, at: int
) -> Iterator[Reconciliation]:
    """A position's printed figures beside those of an account that has nothing else."""
    printed = [name for name in ADDITIVE if name in position.reported]
    if not printed:
        return
    alone = replace(account, positions=(position,), orders=(), fixed=None, wallet={})
    quantities = rules.module.quantities(alone, market, parameters, at).values()
    for name in printed:
        values = [getattr(one, PRINTED_AS.get(name, name)) for one in quantities]
        ours = sum((value for value in values if value is not None), Decimal(0))
        place = f"{position.market}.{position.side}.{name}"
        yield Reconciliation(quantity=place, venue=position.reported[name], ours=ours)


def _reconcile_prices(account: Account, pools: list[PoolReport]) -> Iterator[Reconciliation]:
    displayed = {
        (price.market, price.side): price.price
        for pool in pools
        for price in pool.liquidation_prices
        if price.source == "venue_displayed"
    }
    for position in account.positions:
        if "liquidation_price" in position.reported:
            ours = displayed.get((position.market, position.side), displayed.get((position.market, "both")))
            place = f"{position.market}.{position.side}.liquidation_price"
            yield Reconciliation(quantity=place, venue=position.reported["liquidation_price"], ours=ours)


_QUANTITIES = {f.name for f in fields(Quantities)}


def _ratio(worst: PoolReport | None, name: str) -> Decimal | None:
    if worst is None:
        return None
    if name == "margin_ratio":
        return worst.quantities.margin_ratio.value if worst.quantities.margin_ratio else None
    return getattr(worst.quantities, name, None)
