"""Futures margined by fixed amounts per contract, as CME publishes them: dated initial and maintenance margins.

Source: tables of QuantConnect Lean (Apache-2.0), `Data/future/*/margins`, 2000 to 2022, figures only; contract sizes
and ticks of its symbol properties.

    unrealized_pnl = side · contracts · contract size · (price − entry)
    maintenance    = Σ contracts · maintenance amount
    initial        = Σ max(|net + bids|, |net − asks|) · initial amount; without one, 1.1 · maintenance (speculator)
    margin call    at equity < maintenance

`ESZ25` has the amounts of its root `ES`. Positions in other expiries of one root do not offset: spread credits are not
modelled, nor is SPAN. A call is for the account to be brought back to its initial margin.

Lowering: linear legs and a constant demand; allowance (n + 8)·2u of gross and constants.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.legs import Factor, Leg, Legs, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.domain.zones import DERIVATIVES_BORDERS
from marginbook.exact import ONE, ZERO, in_exact_context
from marginbook.params.records import record_at, record_or_error
from marginbook.venues.brackets import flat_table
from marginbook.venues.common.fields import not_negative, positive, read_row
from marginbook.venues.contracts.model import Holding, Terms
from marginbook.venues.rules import RuleSet
from marginbook.venues.statements.functions import UNIT_ROUNDOFF, module_of
from marginbook.venues.statements.model import Line, Maker, Mover, Statement
from marginbook.venues.statements.positions import apply, cross_holdings, factor_of, position_movers

RULES = "cme/fixed"
RECORD = "cme_fixed"
POOL = "cross:USD"
SPECULATOR = Decimal("1.1")
"""Initial margin of a speculator over maintenance, where no initial amount is known."""
CONTRACT = re.compile(r"([A-Z0-9]{1,3}?)[FGHJKMNQUVXZ]\d{1,2}")
FIELDS = {
    "initial": not_negative,
    "maintenance": not_negative,
    "contract_size": positive,
    "tick": positive,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """What one contract is asked for."""

    maintenance: Decimal  # [USD per contract]
    initial: Decimal  # [USD per contract]
    contract_size: Decimal
    tick: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """Amounts by root at one time."""

    amounts: Mapping[str, Amounts]
    venue: str = "cme"
    price_kind: str = "mark"
    as_of: int | None = None
    warnings: tuple[str, ...] = ()

    def amounts_of(self, market: str) -> Amounts:
        """Amounts of a contract, its own or its root's; BadInput `no_parameters` where there are none."""
        for name in (market, root_of(market)):
            if name in self.amounts:
                return self.amounts[name]
        raise BadInput("no_parameters", f"parameters.{market}", "nothing", f"maintenance of {market} for {RULES}")

    def terms_of(self, market: str) -> Terms:
        """The contract as a linear one in USD."""
        found = self.amounts_of(market)
        return Terms(
            table=flat_table(ZERO),
            currency="USD",
            contract_size=found.contract_size,
            tick=found.tick,
            quantity_step=ONE,
            initial_rate=ONE,
        )

    def currency_of(self, market: str) -> str:
        """USD."""
        return "USD"


def root_of(market: str) -> str:
    """The root of a contract's name.

    >>> root_of("ESZ25"), root_of("6EH6"), root_of("ES")
    ('ES', '6E', 'ES')
    """
    found = CONTRACT.fullmatch(market)
    return found.group(1) if found else market


@in_exact_context
def parameters(version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None) -> Fixed:
    """The amounts in force at `at`, a book's own rows on them (by root or contract)."""
    record = record_at(RECORD, at) if overlay else record_or_error(RECORD, at, RULES)
    rows = {name: read_row(row, FIELDS, f"parameters.{name}") for name, row in (record.rows if record else {}).items()}
    for name, row in (overlay or {}).items():
        base = rows.get(name, rows.get(root_of(name), {}))
        given = read_row(row, FIELDS, f"parameters.{name}")
        if "maintenance" in given and "initial" not in given:
            base = {key: value for key, value in base.items() if key != "initial"}
        rows[name] = {**base, **given}
    return Fixed(
        amounts={name: _amounts(name, row) for name, row in rows.items() if "maintenance" in row},
        as_of=record.as_of if record else None,
    )


def _amounts(name: str, row: Mapping[str, Any]) -> Amounts:
    if "contract_size" not in row:
        raise BadInput("no_parameters", f"parameters.{name}.contract_size", "nothing", "units per contract")
    maintenance = row["maintenance"]
    return Amounts(
        maintenance=maintenance,
        initial=row.get("initial", maintenance * SPECULATOR),
        contract_size=row["contract_size"],
        tick=row.get("tick"),
    )


def pools(account: Account, parameters: Fixed) -> tuple[str, ...]:
    """One pool in USD."""
    return (POOL,)


def held(account: Account, parameters: Fixed) -> list[Holding]:
    """The account's positions; BadInput for two sides of one contract: a clearing house nets them."""
    if account.position_mode == "hedge":
        raise BadInput("hedge_mode_not_offered", f"account {account.id}", "hedge", "one position per contract")
    return cross_holdings(account, parameters)


def initial_of(account: Account, holdings: list[Holding], parameters: Fixed) -> Decimal:
    """Initial margin [USD] of positions and orders."""
    nets: dict[str, tuple[Decimal, Decimal, Decimal]] = {}
    for holding in holdings:
        net, bids, asks = nets.get(holding.position.market, (ZERO, ZERO, ZERO))
        nets[holding.position.market] = (net + holding.position.sign * holding.position.quantity, bids, asks)
    for order in account.orders:
        if not order.reduce_only:
            net, bids, asks = nets.get(order.market, (ZERO, ZERO, ZERO))
            buys = order.side == "buy"
            nets[order.market] = (net, bids + order.quantity, asks) if buys else (net, bids, asks + order.quantity)
    total = ZERO
    for name, (net, bids, asks) in nets.items():
        total += max(abs(net + bids), abs(net - asks)) * parameters.amounts_of(name).initial
    return total


def statement(account: Account, pool: str, market: Market, parameters: Fixed) -> Statement:
    """Equity and the sum of fixed amounts [USD]."""
    others = [currency for currency, held in account.wallet.items() if held and currency != "USD"]
    if others:
        raise BadInput("unexpected_currency", f"account {account.id}.wallet", others[0], "USD")
    wallet = account.wallet.get("USD", ZERO)
    support = [Line("wallet_balance", wallet, f"account {account.id}")]
    demand: list[Line] = []
    profit = notional = ZERO
    holdings = held(account, parameters)
    for holding in holdings:
        position, amounts = holding.position, parameters.amounts_of(holding.position.market)
        price = factor_of(holding, market, parameters)
        gained = holding.profit(price)
        profit += gained
        notional += holding.size * price
        name = f"{position.market} {position.side}"
        inputs = (("contracts", position.quantity, "contracts"), ("price", price, "USD"))
        support.append(Line(f"unrealized_pnl {name}", gained, "side · size · (price − entry)", inputs))
        demand.append(
            Line(
                f"maintenance_margin {name}",
                position.quantity * amounts.maintenance,
                "contracts · maintenance amount",
                (("contracts", position.quantity, "contracts"), ("amount", amounts.maintenance, "USD")),
                position.market,
                position.side,
            )
        )
    if account.fixed is not None:
        support.append(Line("fixed_support", account.fixed.support, "stated by the book"))
        demand.append(Line("fixed_demand", account.fixed.demand, "stated by the book"))
    return Statement(
        currency="USD",
        support=tuple(support),
        demand=tuple(demand),
        initial=initial_of(account, holdings, parameters),
        wallet=wallet,
        profit=profit,
        notional=notional,
    )


def movers(account: Account, pool: str, parameters: Fixed) -> tuple[Mover, ...]:
    """Every contract."""
    return tuple(position_movers(account.positions, parameters))


MAKER = Maker(rules=RULES, at_equality=False, pools=pools, statement=statement, movers=movers)


@in_exact_context
def lower(account: Account, market: Market, parameters: Fixed) -> Legs:
    """One pool: linear support, constant demand."""
    known, demand = account.wallet.get("USD", ZERO), ZERO
    gross, legs = abs(known), []
    holdings = held(account, parameters)
    for holding in holdings:
        at_entry = holding.slope * holding.entry_factor
        known -= at_entry
        gross += abs(at_entry)
        demand += holding.position.quantity * parameters.amounts_of(holding.position.market).maintenance
        slope = float(holding.slope)
        slopes = Sums(slope, 0.0, slope, slope, 0.0, slope, 0.0)
        factor: Factor = (("quote", "cme", holding.position.market, "mark"),)
        legs.append(Leg(holding.position.market, factor, slopes, size=float(holding.size)))
    if account.fixed is not None:
        known, demand = known + account.fixed.support, demand + account.fixed.demand
        gross += abs(account.fixed.support)
    relative = (len(legs) + 8) * 2 * UNIT_ROUNDOFF
    constant, initial = float(known), float(initial_of(account, holdings, parameters))
    pool = PoolLegs(
        pool=POOL,
        constants=Sums(constant, 0.0, constant, constant, initial, constant, float(demand)),
        legs=tuple(legs),
        absolute=relative * float(gross + demand),
        relative=relative,
        liquidatable_at_equality=False,
        family="derivatives",
    )
    return Legs((pool,))


RULE_SETS = (
    RuleSet(
        name=RULES,
        version="fixed",
        venue="cme",
        family="derivatives",
        price_kind="mark",
        risk_scale=0,
        borders=DERIVATIVES_BORDERS,
        module=module_of(MAKER, parameters, apply, lower),
        verified=("amounts and dates of public tables; no account of a broker was compared",),
        unverified=(
            "a broker's own house margins, intraday amounts and spread credits",
            "margin call below maintenance, not at it",
            "which position is closed first: the one with the largest amount here",
        ),
    ),
)
