"""Binance Portfolio Margin: margin, USDⓈ-M and COIN-M accounts under one ratio, uniMMR.

Source: articles "Portfolio Margin" of 2022 to 2024, formulas only: no printed result was available.

    x_a       = asset_a − loan_a + futures balance + unrealised profit settled in a        [asset]
    Equity    = Σ min(haircut(x_a · index), x_a · index): haircuts count against balances, debts count in full
    adjusted  = Equity − Σ open loss · index,  open loss of an order = quantity · max(0, −side·(mark − price))
    MM        = Σ (notional · rate − amount) · index + Σ loan · loan rate · index
    uniMMR    = adjusted / MM (bad when low)

Bands: above 150 % free, to 120 % a reminder (zone warning), to 105 % no new risk (zone call), from 105 % liquidation,
at 100 % claim for loss. So demand = 1.05 · MM, initial = 1.20 · MM, and liquidation is at uniMMR ≤ 105 %.

Haircuts are data: `collateral_rate`, or `collateral_tiers = [[floor, cap, rate], …]` by value in USD, each slice of the
value at its own rate. Loan rates: 10 % at 3x margin, 8 % at 5x, 5 % at 10x (`details.margin_leverage`, default 3).
Assets are the wallet, loans are `details.loan_USDT`. Index prices are of kind "index", contracts are priced at mark.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Event, LendingAction
from marginbook.domain.legs import Legs
from marginbook.domain.market import Market
from marginbook.domain.risk import MarginRatio
from marginbook.domain.zones import Border, Zone
from marginbook.exact import ONE, ZERO, divide, format_decimal, in_exact_context, round_floor
from marginbook.params.records import record_at
from marginbook.venues import binance_coinm, binance_usdm
from marginbook.venues.common.fields import not_negative
from marginbook.venues.contracts.collateral import DiscountTier, counted_by, lower_lines, tiers_from
from marginbook.venues.contracts.lowering import lower_currency, lower_joined
from marginbook.venues.contracts.model import ContractRules, Contracts, Pool, Terms, funding_due
from marginbook.venues.contracts.model import pools as pools_of
from marginbook.venues.contracts.overlay import ALL
from marginbook.venues.rules import RuleSet
from marginbook.venues.statements.functions import lower_opaque, module_of
from marginbook.venues.statements.model import Line, Maker, Mover, Statement, quoted
from marginbook.venues.statements.positions import TICK, cross_holdings, factor_of, position_movers, settlement
from marginbook.venues.statements.positions import apply as apply_to_positions

RULES = "binance/portfolio"
RECORD = "binance_portfolio"
POOL = "cross"
LOAN_PLACES = 8
LOAN = "loan_"
"""Details that begin so are loans: loan_USDT."""
LIQUIDATION_AT = Decimal("1.05")
NO_NEW_RISK_AT = Decimal("1.20")
LOAN_RATES = {"3": Decimal("0.10"), "5": Decimal("0.08"), "10": Decimal("0.05")}
"""Leverage of the margin account -> maintenance rate of its loans."""
BANDS = (
    Border(Zone.WARNING, 105, 150, 105, 155),
    Border(Zone.CALL, 105, 120, 105, 125),
)
"""uniMMR below 150 % and 120 %, on demand = 105 % of MM."""
INFINITY = Decimal("Infinity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """Parameters of portfolio margin at one time."""

    linear: Contracts
    inverse: Contracts
    tiers: Mapping[str, tuple[DiscountTier, ...]]
    venue: str = "binance"
    price_kind: str = "mark"
    as_of: int | None = None
    warnings: tuple[str, ...] = ()

    def terms_of(self, market: str) -> Terms:
        """Terms of a USDⓈ-M or COIN-M contract."""
        return (self.inverse if binance_coinm.settlement_coin(market) else self.linear).terms_of(market)

    def currency_of(self, market: str) -> str | None:
        """Settlement asset by the market's name."""
        return binance_coinm.settlement_coin(market) or binance_usdm.settlement_currency(market)

    def tiers_of(self, asset: str) -> tuple[DiscountTier, ...]:
        """An asset's haircuts; BadInput `no_parameters` where there are none."""
        if asset not in self.tiers:
            raise BadInput("no_parameters", f"parameters.{asset}", "nothing", f"collateral_rate of {asset} for {RULES}")
        return self.tiers[asset]


@in_exact_context
def parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> Portfolio:
    """Brackets of both kinds of contracts and haircuts by asset, an overlay of any on them."""
    rows: dict[str, Any] = {}
    record = record_at(RECORD, at)
    if record is not None:
        rows.update(record.rows)
    given = overlay or {}
    linear = {n: entry for n, entry in given.items() if n == ALL or binance_usdm.settlement_currency(n)}
    inverse = {n: entry for n, entry in given.items() if n == ALL or binance_coinm.settlement_coin(n)}
    for name, entry in given.items():
        if name not in linear and name not in inverse:
            rows[name] = entry
    flat = binance_usdm.parameters("usdm", at, linear or None)
    try:
        coins = binance_coinm.parameters("coinm", at, inverse or None)
    except BadInput:
        if inverse:
            raise
        coins = replace(flat, rules=binance_coinm.RULES, terms={}, default=None)
    return Portfolio(
        linear=flat,
        inverse=coins,
        tiers={asset: _tiers(asset, row) for asset, row in rows.items()},
        as_of=flat.as_of,
        warnings=(*flat.warnings, *coins.warnings),
    )


def _tiers(asset: str, row: Any) -> tuple[DiscountTier, ...]:
    place = f"parameters.{asset}"
    if not isinstance(row, Mapping) or len(row) != 1 or not set(row) <= {"collateral_rate", "collateral_tiers"}:
        raise BadInput("bad_parameters", place, row, "collateral_rate, or collateral_tiers")
    ((key, value),) = row.items()
    if (key == "collateral_tiers") != isinstance(value, list | tuple):
        raise BadInput("bad_parameters", f"{place}.{key}", value, "one rate, or [floor, cap, rate] rows of tiers")
    return tiers_from(value, f"{place}.{key}", "bad_tiers")


def pools(account: Account, parameters: Portfolio) -> tuple[str, ...]:
    """One pool of everything."""
    return (POOL,)


def loan_rate(account: Account) -> Decimal:
    """Maintenance rate of loans, by the leverage of the margin account."""
    leverage = account.details.get("margin_leverage", "3")
    if leverage not in LOAN_RATES:
        place = f"account {account.id}.details.margin_leverage"
        raise BadInput("bad_detail", place, leverage, "one of " + ", ".join(LOAN_RATES))
    return LOAN_RATES[leverage]


def loans_of(account: Account) -> dict[str, Decimal]:
    """Loans by asset; BadInput for a negative one."""
    found: dict[str, Decimal] = {}
    for name, amount in account.details.items():
        if name.startswith(LOAN):
            found[name.removeprefix(LOAN)] = not_negative(amount, f"account {account.id}.details.{name}")
    return found


def statement(account: Account, pool: str, market: Market, parameters: Portfolio) -> Statement:
    """Adjusted equity by asset, requirement by position and loan [USD]."""
    if account.collateral or account.debt:
        raise BadInput(
            "unexpected_holding", f"account {account.id}", "collateral or debt", "wallet, and details.loan_…"
        )
    loans, rate = loans_of(account), loan_rate(account)
    profits: dict[str, Decimal] = {}
    demand: list[Line] = []
    notional = ZERO
    for holding in cross_holdings(account, parameters):
        position = holding.position
        asset = settlement(account, position.market, parameters)
        factor = factor_of(holding, market, parameters)
        index = quoted(market, "binance", asset, "index")
        profits[asset] = profits.get(asset, ZERO) + holding.profit(factor) + funding_due(holding, market, "binance")
        required = holding.maintenance(factor)
        notional += holding.size * factor * index
        demand.append(
            Line(
                f"maintenance_margin {position.market} {position.side}",
                required * index,
                "(notional · rate − maintenance_amount) · index",
                (("maintenance_margin", required, asset), ("index", index, "USD")),
                position.market,
                position.side,
            )
        )
    debt = ZERO
    for asset, owed in loans.items():
        index = quoted(market, "binance", asset, "index")
        debt += owed * index
        inputs = (("loan", owed, asset), ("index", index, "USD"), ("loan rate", rate, "fraction"))
        demand.append(Line(f"maintenance_margin of loan {asset}", owed * rate * index, "loan · rate · index", inputs))
    support: list[Line] = []
    equity = wallet = profit = ZERO
    for asset in dict.fromkeys([*account.wallet, *loans, *profits]):
        held, gained = account.wallet.get(asset, ZERO) - loans.get(asset, ZERO), profits.get(asset, ZERO)
        if not held and not gained:
            continue
        index = quoted(market, "binance", asset, "index")
        value = (held + gained) * index
        counted = value if value <= 0 else min(counted_by(parameters.tiers_of(asset), value), value)
        equity += value
        wallet += held * index
        profit += gained * index
        support.append(
            Line(
                f"equity {asset}",
                counted,
                "min(haircut of value, value)",
                (("asset − loan + wallet", held, asset), ("unrealized_pnl", gained, asset), ("index", index, "USD")),
            )
        )
    support += _open_losses(account, market, parameters)
    if account.fixed is not None:
        support.append(Line("fixed_support", account.fixed.support, "stated by the book"))
        demand.append(Line("fixed_demand", account.fixed.demand, "stated by the book"))
    required = sum((line.value for line in demand), ZERO)
    adjusted = sum((line.value for line in support), ZERO)
    demand.append(Line("up to 105 %", required * (LIQUIDATION_AT - ONE), "0.05 · MM: liquidation from uniMMR 105 %"))
    ratio = round_floor(divide(adjusted, required), 8) if required > 0 else INFINITY
    return Statement(
        currency="USD",
        support=tuple(support),
        demand=tuple(demand),
        initial=required * NO_NEW_RISK_AT,
        wallet=wallet,
        profit=profit,
        notional=notional,
        debt=debt,
        margin_ratio=MarginRatio(ratio, "uniMMR = adjusted equity / maintenance margin", "low"),
    )


def _open_losses(account: Account, market: Market, parameters: Portfolio) -> list[Line]:
    found = []
    for order in account.orders:
        if order.reduce_only:
            continue
        terms = parameters.terms_of(order.market)
        asset = settlement(account, order.market, parameters)
        mark = quoted(market, "binance", order.market, "mark")
        size = order.quantity * terms.contract_size
        paid, worth = (
            (divide(size, order.price), divide(size, mark))
            if terms.inverse
            else (
                size * order.price,
                size * mark,
            )
        )
        buys = (order.side == "buy") != terms.inverse
        loss = max(ZERO, paid - worth if buys else worth - paid)
        if loss:
            index = quoted(market, "binance", asset, "index")
            inputs = (("open loss", loss, asset), ("index", index, "USD"))
            found.append(Line(f"open loss {order.market}", -loss * index, "−open loss · index", inputs))
    return found


def movers(account: Account, pool: str, parameters: Portfolio) -> tuple[Mover, ...]:
    """Every contract at mark and every asset at its index."""
    found = position_movers(account.positions, parameters)
    known = {mover.name for mover in found}
    for order in account.orders:
        if order.market not in known:
            key = ("binance", order.market, "mark")
            found.append(Mover(order.market, (key,), TICK, order.price, ("both", "both")))
            known.add(order.market)
    settled = [settlement(account, p.market, parameters) for p in account.positions if p.quantity]
    settled += [settlement(account, order.market, parameters) for order in account.orders]
    held = [asset for asset, amount in account.wallet.items() if amount]
    for asset in dict.fromkeys([*held, *loans_of(account), *settled]):
        found.append(Mover(asset, (("binance", asset, "index"),), TICK, ONE, ("collateral", "debt")))
    return tuple(found)


MAKER = Maker(rules=RULES, at_equality=True, pools=pools, statement=statement, movers=movers)


@in_exact_context
def lower(account: Account, market: Market, parameters: Portfolio) -> Legs:
    """One pool, asset by asset; opaque with orders that may lose, or where a haircut falls with the value."""
    if any(not order.reduce_only for order in account.orders):
        return Legs((lower_opaque(MAKER, account, POOL, market, parameters),))
    cross_holdings(account, parameters)
    loans, rate = loans_of(account), loan_rate(account)
    parts: dict[str, list[tuple[Pool, ContractRules]]] = {}
    for contracts, inverse in ((parameters.linear, False), (parameters.inverse, True)):
        own = tuple(p for p in account.positions if bool(binance_coinm.settlement_coin(p.market)) == inverse)
        for pool in pools_of(replace(account, positions=own, orders=(), fixed=None), contracts).values():
            if pool.holdings:
                parts.setdefault(pool.currency, []).append((pool, contracts))
    found = []
    for asset in dict.fromkeys([*account.wallet, *loans, *parts]):
        owed = loans.get(asset, ZERO)
        balance = account.wallet.get(asset, ZERO) - owed
        if not balance and not owed and asset not in parts:
            continue
        one = lower_currency(parts.get(asset, ()), balance, market, (("quote", "binance", asset, "index"),))
        never_above_zero = not one.legs and balance <= 0
        lines = ((1.0, 0.0),) if never_above_zero else lower_lines(parameters.tiers_of(asset))
        if lines is None:
            return Legs((lower_opaque(MAKER, account, POOL, market, parameters),))
        found.append(
            replace(
                one,
                lines=tuple((part, 0.0, plus) for part, plus in lines),
                equity_whole=False,
                demand=one.demand + float(owed * rate),
                demand_rate=float(LIQUIDATION_AT),
                initial_rate=0.0,
                initial_of_demand=float(NO_NEW_RISK_AT),
            )
        )
    return Legs((lower_joined(POOL, found, account.fixed, MAKER.at_equality, LIQUIDATION_AT),))


@in_exact_context
def apply(account: Account, market: Market, event: Event, parameters: Portfolio, at: int) -> tuple[Account, Market]:
    """Fills and transfers as for contracts; supply, withdraw, borrow and repay on the margin account."""
    if not isinstance(event, LendingAction):
        return apply_to_positions(account, market, event, parameters, at)
    place = f"account {account.id}.{event.kind}"
    if event.kind == "liquidation" or event.amount <= 0:
        raise BadInput("bad_action", place, event.amount, "an amount above 0 to supply, withdraw, borrow or repay")
    held, owed = account.wallet.get(event.asset, ZERO), loans_of(account).get(event.asset, ZERO)
    amount = event.amount
    if amount.is_infinite():
        # What an inverse contract paid has more digits than a loan is kept with.
        amount = max(ZERO, held if event.kind == "withdraw" else min(owed, round_floor(held, LOAN_PLACES)))
    if event.kind in ("withdraw", "repay") and amount > held:
        raise BadInput("insufficient_balance", place, amount, f"at most {held}")
    if event.kind == "repay" and amount > owed:
        raise BadInput("repays_too_much", place, amount, f"at most {owed}")
    wallet = held + (amount if event.kind in ("supply", "borrow") else -amount)
    after = replace(account, wallet={**account.wallet, event.asset: wallet})
    if event.kind in ("borrow", "repay"):
        left = owed + amount if event.kind == "borrow" else owed - amount
        details = {**after.details, LOAN + event.asset: format_decimal(left)}
        after = replace(after, details=details)
    if event.kind in ("withdraw", "borrow"):
        found = statement(after, POOL, market, parameters)
        if found.supported < found.initial:
            raise BadInput("no_new_risk", place, amount, "a uniMMR of at least 120 % afterwards")
    return after, market


def overlay_from_collateral_rate(answer: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """An overlay from the venue's `GET /sapi/v2/portfolio/collateralRate` answer.

    >>> overlay_from_collateral_rate([{"asset": "USDC", "collateralInfo": [
    ...     {"tierFloor": "0.0000", "tierCap": "1000.0000", "collateralRate": "1.0000", "cum": "0.0000"},
    ...     {"tierFloor": "1000.0000", "tierCap": "2000.0000", "collateralRate": "0.9000", "cum": "0.0000"}]}])
    {'USDC': {'collateral_tiers': [['0.0000', '1000.0000', '1.0000'], ['1000.0000', '2000.0000', '0.9000']]}}
    """
    return {
        row["asset"]: {
            "collateral_tiers": [
                [tier["tierFloor"], tier["tierCap"], tier["collateralRate"]] for tier in row["collateralInfo"]
            ]
        }
        for row in answer
    }


RULE_SETS = (
    RuleSet(
        name=RULES,
        version="portfolio",
        venue="binance",
        family="derivatives",
        price_kind="mark",
        risk_scale=0,
        borders=BANDS,
        module=module_of(MAKER, parameters, apply, lower),
        verified=("profit and notional of single positions of live accounts",),
        unverified=(
            "uniMMR as a whole: formulas of the articles, no printed result",
            "haircuts apply slice by slice; tiers are in USD of value",
            "liquidation at exactly 105 %; a borrower must keep 120 %",
            "open loss of orders",
            "which position is closed first: the one with the largest requirement here",
        ),
    ),
)
