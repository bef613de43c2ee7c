"""One owner's accounts on several venues as one portfolio: totals, the worst account, the nearest common shock.

money     sums over the accounts, in one currency; where a rate is missing there is no total
zone      of the worst account
distance  the smallest common move of all prices, on every venue, that makes one of the accounts liquidatable
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from marginbook.domain.zones import Zone
from marginbook.engine.evaluate import MONEY, Report
from marginbook.exact import ZERO, in_exact_context
from marginbook.margin_calls.distance import Distances


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """What an owner has, over all venues."""

    owner: str
    accounts: tuple[str, ...]
    venues: tuple[str, ...]
    zone: Zone | None
    worst: str | None  # the account in the worst zone, the nearest to liquidation among them
    distances: Distances
    currency: str | None = None  # None: no total
    money: Mapping[str, Decimal] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@in_exact_context
def portfolios(reports: Iterable[Report], rates: Mapping[str, Decimal], currency: str = "USD") -> list[Portfolio]:
    """One portfolio per owner that a report names, by name.

    Totals are in the accounts' own currency where they share one, else in `currency`, which `rates` leads to.
    """
    owned: dict[str, list[Report]] = {}
    for report in reports:
        if report.owner is not None:
            owned.setdefault(report.owner, []).append(report)
    return [_portfolio(owner, found, rates, currency) for owner, found in sorted(owned.items())]


def _portfolio(owner: str, reports: Sequence[Report], rates: Mapping[str, Decimal], currency: str) -> Portfolio:
    valued = [report for report in reports if report.zone is not None]
    warnings = [f"{report.account} could not be evaluated" for report in reports if report.zone is None]
    target, money = _total(valued, rates, currency, warnings)
    worst = max(valued, key=_danger, default=None)
    return Portfolio(
        owner=owner,
        accounts=tuple(report.account for report in reports),
        venues=tuple(dict.fromkeys(report.venue for report in reports)),
        zone=worst.zone if worst else None,
        worst=worst.account if worst else None,
        distances=Distances(*(_nearest(valued, name) for name in ("down", "up", "worst"))),
        currency=target,
        money=money,
        warnings=tuple(warnings),
    )


def _danger(report: Report) -> tuple[int, Decimal]:
    found = report.worst.distances if report.worst else None
    known = [move for move in (found.down, found.up) if move is not None] if found else []
    return int(report.zone or 0), -min(known, default=Decimal("Infinity"))


def _nearest(reports: Iterable[Report], name: str) -> Decimal | None:
    found = [
        getattr(pool.distances, name)
        for report in reports
        for pool in report.pools
        if pool.distances is not None and getattr(pool.distances, name) is not None
    ]
    return min(found, default=None)


def _total(
    reports: Sequence[Report], rates: Mapping[str, Decimal], currency: str, warnings: list[str]
) -> tuple[str | None, dict[str, Decimal]]:
    currencies = list(dict.fromkeys(r.currency for r in reports if r.currency is not None))
    if not currencies:
        return None, {}
    target = currencies[0] if len(currencies) == 1 else currency
    missing = [name for name in currencies if name != target and name not in rates]
    if missing:
        warnings.append(f"no total: [prices] rates lack {', '.join(missing)}")
        return None, {}
    money: dict[str, Decimal] = {}
    for report in reports:
        rate = Decimal(1) if report.currency == target else rates[str(report.currency)]
        for name in MONEY:
            if name in report.money:
                money[name] = money.get(name, ZERO) + report.money[name] * rate
    return target, money
