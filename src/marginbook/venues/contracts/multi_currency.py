"""Accounts whose currencies back each other: one cross pool in USD over all of them, isolated positions apart.

    equity of a currency = balance (wallet, collateral, less debt) + profit of the positions that settle in it
    adjusted equity      = Σ value counted (`collateral`)
    maintenance          = Σ (rate + taker fee) · notional · index + Σ borrowed · borrow rate · index
    margin ratio         = adjusted equity / maintenance, liquidation at 1

A negative equity is borrowed. Positions are valued at mark, currencies at the index price of their own name. Where a
venue's parameters say `joined="several"`, an account of one currency that counts in full is a pool in that currency,
without a conversion.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.domain.risk import MarginRatio, Quantities, Risk
from marginbook.exact import ONE, ZERO, divide, in_exact_context, round_half_up
from marginbook.venues.common.views import INFINITY, derivative_quantities, down
from marginbook.venues.contracts import sums as contract_sums
from marginbook.venues.contracts.collateral import CurrencyTerms
from marginbook.venues.contracts.model import ContractRules, Holding, Pool, currency_of, is_isolated, pools

POOL = "cross"
CURRENCY = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiCurrency:
    """Parameters at one time: the contracts' and the currencies'."""

    contracts: ContractRules
    currencies: Mapping[str, CurrencyTerms]
    source: str
    joined: Literal["always", "several"] = "always"
    as_of: int | None = None  # [µs UTC]
    warnings: tuple[str, ...] = ()

    def terms_of(self, market: str) -> object:
        """A market's terms."""
        return self.contracts.terms_of(market)

    def currency(self, name: str) -> CurrencyTerms:
        """A currency's terms; BadInput `no_parameters` where there are none."""
        if name not in self.currencies:
            raise BadInput(
                "no_parameters", f"parameters.{name}.discount", "nothing", f"the discount of {name} as collateral"
            )
        return self.currencies[name]


@dataclass(frozen=True, slots=True)
class CurrencyFigures:
    """One currency of the cross pool. Amounts in the currency, values in USD."""

    name: str
    price: Decimal  # [USD]
    balance: Decimal
    profit: Decimal
    notional: Decimal
    initial: Decimal
    maintenance: Decimal  # of positions, fee included
    counts: bool
    terms: CurrencyTerms

    @property
    def equity(self) -> Decimal:
        """balance + profit."""
        return self.balance + self.profit

    @property
    def borrowed(self) -> Decimal:
        """What is owed."""
        return max(ZERO, -self.equity)

    @property
    def counted(self) -> Decimal:
        """Value in USD that counts for the adjusted equity."""
        if self.equity < 0:
            return self.equity * self.price
        return self.terms.counted(self.equity) * self.price if self.counts else ZERO

    @property
    def asked(self) -> Decimal:
        """Maintenance margin of its positions and of what is borrowed [USD]."""
        return (self.maintenance + self._borrowing(self.terms.borrow_rate, "borrow_rate")) * self.price

    @property
    def asked_initial(self) -> Decimal:
        """Initial margin of the same [USD]."""
        rate = self.terms.borrow_initial_rate
        return (
            self.initial + self._borrowing(self.terms.borrow_rate if rate is None else rate, "borrow_rate")
        ) * self.price

    def _borrowing(self, rate: Decimal | None, key: str) -> Decimal:
        if not self.borrowed:
            return ZERO
        if rate is None:
            raise BadInput(
                "no_parameters", f"parameters.{self.name}.{key}", "nothing", f"the margin rate of borrowed {self.name}"
            )
        return self.borrowed * rate


def is_joined(account: Account, parameters: MultiCurrency) -> bool:
    """Whether the account's cross money is one pool in USD."""
    if parameters.joined == "always":
        return True
    names = currencies_of(account, parameters)
    known = (parameters.currencies[name] for name in names if name in parameters.currencies)
    return len(names) > 1 or any(tier.rate != 1 for terms in known for tier in terms.discount)


def currencies_of(account: Account, parameters: MultiCurrency) -> list[str]:
    """Currencies of the cross money by name: those held or owed, and those in which a position or an order settles."""
    names = {name for name, amount in account.wallet.items() if amount}
    names |= {held.asset for held in account.collateral if held.amount != 0}
    names |= {owed.asset for owed in account.debt if owed.amount != 0}
    markets = [position.market for position in account.positions if not is_isolated(account, position)]
    markets += [order.market for order in account.orders]
    names |= {currency_of(account, market, parameters.contracts) for market in markets}
    return sorted(names or account.wallet)


def isolated_part(account: Account) -> Account:
    """The account's isolated positions alone."""
    held = tuple(position for position in account.positions if is_isolated(account, position))
    return replace(account, positions=held, orders=(), wallet={}, collateral=(), debt=(), fixed=None)


def cross_part(account: Account) -> Account:
    """The account without its isolated positions."""
    held = tuple(position for position in account.positions if not is_isolated(account, position))
    return replace(account, positions=held)


def cross_pools(account: Account, parameters: MultiCurrency) -> Mapping[str, Pool]:
    """The cross holdings by settlement currency."""
    found = pools(replace(cross_part(account), fixed=None), parameters.contracts)
    return {pool.currency: pool for pool in found.values()}


def cross_figures(account: Account, market: Market, parameters: MultiCurrency) -> list[CurrencyFigures]:
    """Every currency of the cross pool, by name."""
    held = cross_pools(account, parameters)
    balances, disabled = balances_of(account, held)
    return [
        _currency(name, balances.get(name, ZERO), held.get(name), name not in disabled, market, parameters)
        for name in currencies_of(account, parameters)
    ]


def balances_of(account: Account, held: Mapping[str, Pool]) -> tuple[dict[str, Decimal], set[str]]:
    """(balance by currency, currencies that do not count as collateral)."""
    balances: dict[str, Decimal] = {name: pool.wallet for name, pool in held.items()}
    disabled = set()
    for item in account.collateral:
        balances[item.asset] = balances.get(item.asset, ZERO) + _amount(account, item.asset, item.amount)
        if not item.enabled:
            disabled.add(item.asset)
    for owed in account.debt:
        balances[owed.asset] = balances.get(owed.asset, ZERO) - _amount(account, owed.asset, owed.amount)
    return balances, disabled


def _amount(account: Account, asset: str, amount: Decimal | None) -> Decimal:
    if amount is None:
        raise BadInput("missing_key", f"account {account.id}.{asset}.amount", "nothing", "an amount")
    return amount


def _currency(
    name: str, balance: Decimal, pool: Pool | None, counts: bool, market: Market, parameters: MultiCurrency
) -> CurrencyFigures:
    found = contract_sums.figures(pool, market, parameters.contracts) if pool is not None else None
    return CurrencyFigures(
        name=name,
        price=index_price(name, market, parameters.contracts.venue),
        balance=balance,
        profit=found.profit if found else ZERO,
        notional=found.notional if found else ZERO,
        initial=found.initial if found else ZERO,
        maintenance=found.maintenance if found else ZERO,
        counts=counts,
        terms=parameters.currency(name),
    )


def index_price(name: str, market: Market, venue: str) -> Decimal:
    """USD per unit of a currency: its index price; 1 for USD itself."""
    if name == CURRENCY:
        return ONE
    price = market.price(venue, name, "index")
    if price <= 0:
        raise BadInput("bad_price", f"prices.{venue}.{name}", price, "above 0")
    return price


def cross_risk(account: Account, market: Market, parameters: MultiCurrency) -> Risk[Decimal]:
    """The seven sums of the cross pool [USD]."""
    found = cross_figures(account, market, parameters)
    fixed_support = account.fixed.support if account.fixed else ZERO
    fixed_demand = account.fixed.demand if account.fixed else ZERO
    counted = sum((one.counted for one in found), fixed_support)
    return Risk(
        sum((max(ZERO, one.equity) * one.price for one in found), fixed_support),
        sum((one.borrowed * one.price for one in found), ZERO),
        counted,
        counted,
        sum((one.asked_initial for one in found), ZERO),
        counted,
        sum((one.asked for one in found), fixed_demand),
    )


@in_exact_context
def risk(account: Account, market: Market, parameters: MultiCurrency, at: int) -> dict[str, Risk[Decimal]]:
    """Support = adjusted equity, demand = maintenance, per pool."""
    if not is_joined(account, parameters):
        return contract_sums.risk(account, market, parameters.contracts, at)
    apart = contract_sums.risk(isolated_part(account), market, parameters.contracts, at)
    return {POOL: cross_risk(account, market, parameters), **apart}


@in_exact_context
def quantities(account: Account, market: Market, parameters: MultiCurrency, at: int) -> dict[str, Quantities]:
    """Every number of every pool; the cross one in USD, with what each currency counts among the venue's numbers."""
    if not is_joined(account, parameters):
        return contract_sums.quantities(account, market, parameters.contracts, at)
    apart = contract_sums.quantities(isolated_part(account), market, parameters.contracts, at)
    sums = cross_risk(account, market, parameters)
    found = cross_figures(account, market, parameters)
    ratio = None
    if parameters.contracts.printing.ratio == "support / demand":
        value = down(divide(sums.support, sums.demand)) if sums.demand > 0 else INFINITY
        ratio = MarginRatio(value, "adjusted equity / maintenance_margin", "low")
    cross = derivative_quantities(
        sums,
        CURRENCY,
        wallet_balance=sum((one.balance * one.price for one in found), ZERO),
        unrealized_pnl=sum((one.profit * one.price for one in found), ZERO),
        collateral_value=sum((max(ZERO, one.counted) for one in found), ZERO),
        debt_value=sums.liabilities,
        notional=sum((one.notional * one.price for one in found), ZERO),
        margin_ratio=ratio,
        venue={f"counted_{one.name}": round_half_up(one.counted, 12) for one in found},
    )
    return {POOL: cross, **apart}


@in_exact_context
def is_liquidatable(account: Account, pool: str, market: Market, parameters: MultiCurrency, at: int) -> bool:
    """Maintenance above 0 and adjusted equity at most as large."""
    if not is_joined(account, parameters):
        return contract_sums.is_liquidatable(account, pool, market, parameters.contracts, at)
    if pool == POOL:
        return joined_liquidatable(account, market, parameters)
    return contract_sums.is_liquidatable(isolated_part(account), pool, market, parameters.contracts, at)


def joined_liquidatable(account: Account, market: Market, parameters: MultiCurrency) -> bool:
    """The decision about the pool in USD."""
    sums = cross_risk(account, market, parameters)
    inverse = any(held.has_inverse for held in cross_pools(account, parameters).values())
    return contract_sums.breached(sums.support, sums.demand, True, inverse)


def holdings(account: Account, parameters: MultiCurrency) -> list[tuple[str, Holding]]:
    """(settlement currency, holding) of the cross pool."""
    return [
        (currency, holding) for currency, pool in cross_pools(account, parameters).items() for holding in pool.holdings
    ]
