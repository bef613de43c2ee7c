"""HTX coin-margined swaps: inverse contracts of 100 USD (BTC) or 10 USD, cross margin per coin.

Source: API documentation of coin-margined swaps; position margin, profit, balance and liquidation price of live
accounts match to the last of 18 digits. They are at the last price, which is then the mark price of a book.

    position margin  = contracts · contract size / price / leverage                   [coin]
    unrealized_pnl   = side · contracts · contract size · (1/entry − 1/price), both inverses cut at 18 decimals
    margin ratio     = equity / position margin − adjustment factor; liquidation at 0 or below
    so demand        = Σ position margin · adjustment factor,  initial = Σ position margin

The adjustment factor depends on leverage and contracts. Shipped is what answers of 2020 showed (BTC-USD at 125x, 20
contracts of THETA-USD at 20x); a book brings others: `adjustment_factor = "0.05"` for all, or `adjustment_factors =
[[leverage, contracts from, factor], …]`. Without one, what depends on it is an error.

Lowering: legs of 1 / price with a flat table of rate factor / leverage; allowance (n + 8)·2u of gross and constants,
and what the two cuts of each position can take.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.legs import Leg, Legs, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.domain.zones import DERIVATIVES_BORDERS
from marginbook.exact import ONE, ZERO, divide, grid_floor, in_exact_context
from marginbook.params.records import record_at
from marginbook.venues.brackets import flat_table, number_from
from marginbook.venues.common.fields import fraction, positive, read_row
from marginbook.venues.contracts.lowering import lower_funding
from marginbook.venues.contracts.model import Holding, Terms, funding_due, initial_margin, leg_of
from marginbook.venues.contracts.overlay import ALL
from marginbook.venues.rules import RuleSet
from marginbook.venues.statements.functions import UNIT_ROUNDOFF, module_of
from marginbook.venues.statements.model import Line, Maker, Mover, Statement
from marginbook.venues.statements.positions import (
    NO_ORDERS,
    apply,
    cross_holdings,
    factor_of,
    initial_by_market,
    position_movers,
    resting_orders,
)

RULES = "htx/coin-swap"
RECORD = "htx"
INVERSE_STEP = Decimal("1e-18")
"""Inverse prices are cut to whole multiples of it in a profit [coin per USD]."""


def _ladders(value: Any, place: str) -> tuple[tuple[Decimal, Decimal, Decimal], ...]:
    rows = []
    for number, row in enumerate(value if isinstance(value, list | tuple) else ()):
        here = f"{place}[{number}]"
        if not isinstance(row, list | tuple) or len(row) != 3:
            raise BadInput("bad_parameter", here, row, "[leverage, contracts from, factor]")
        rows.append((number_from(row[0], here), number_from(row[1], here), fraction(row[2], here)))
    if not rows:
        raise BadInput("bad_parameter", place, value, "rows of [leverage, contracts from, factor]")
    return tuple(sorted(rows))


FIELDS = {
    "adjustment_factor": fraction,
    "adjustment_factors": _ladders,
    "liquidation_fee": fraction,
    "tick": positive,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinSwap:
    """Parameters of coin-margined swaps."""

    rows: Mapping[str, Mapping[str, Any]]
    venue: str = "htx"
    price_kind: str = "mark"
    as_of: int | None = None
    warnings: tuple[str, ...] = ()

    def row(self, market: str) -> Mapping[str, Any]:
        """What is known of a market."""
        return self.rows.get(market, self.rows.get(ALL, {}))

    def currency_of(self, market: str) -> str:
        """The coin of `BTC-USD`; BadInput for any other name."""
        coin, _, quote = market.partition("-")
        if quote != "USD" or not coin:
            raise BadInput("unknown_market", market, market, "a coin-margined swap such as BTC-USD")
        return coin

    def terms_of(self, market: str) -> Terms:
        """The contract: 100 USD for BTC, 10 USD for other coins."""
        coin, row = self.currency_of(market), self.row(market)
        return Terms(
            table=flat_table(ZERO),
            currency=coin,
            inverse=True,
            contract_size=Decimal(100) if coin == "BTC" else Decimal(10),
            quantity_step=ONE,
            liquidation_fee=row.get("liquidation_fee"),
            tick=row.get("tick"),
        )

    def factor_of(self, holding: Holding) -> Decimal:
        """The adjustment factor of a position; BadInput `no_parameters` where none is known."""
        name, row = holding.position.market, self.row(holding.position.market)
        if "adjustment_factor" in row:
            return Decimal(row["adjustment_factor"])
        known = [
            factor
            for leverage, least, factor in row.get("adjustment_factors", ())
            if leverage == holding.position.leverage and least <= holding.position.quantity
        ]
        if not known:
            raise BadInput("no_parameters", f"parameters.{name}", "nothing", f"adjustment_factor of {name} for {RULES}")
        return Decimal(known[-1])


@in_exact_context
def parameters(version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None) -> CoinSwap:
    """Contract sizes and adjustment factors by market, a book's own on them (`"*"`: every other market)."""
    record = record_at(RECORD, at)
    rows = {}
    if record is not None and ALL not in (overlay or {}):
        rows = {name: read_row(row, FIELDS, name) for name, row in record.rows.items()}
    for name, entry in (overlay or {}).items():
        rows[name] = {**rows.get(name, {}), **read_row(entry, FIELDS, f"parameters.{name}")}
    return CoinSwap(rows=rows, as_of=record.as_of if record is not None else None)


def pools(account: Account, parameters: CoinSwap) -> tuple[str, ...]:
    """A pool per coin."""
    settled = [parameters.currency_of(held.market) for held in account.positions]
    settled += [parameters.currency_of(order.market) for order in account.orders]
    return tuple(f"cross:{coin}" for coin in dict.fromkeys([*account.wallet, *settled]))


def _held(account: Account, pool: str, parameters: CoinSwap) -> list[Holding]:
    coin = pool.partition(":")[2]
    found = [h for h in cross_holdings(account, parameters) if h.terms.currency == coin]
    for holding in found:
        if holding.position.leverage is None:
            place = f"account {account.id}.{holding.position.market}.leverage"
            raise BadInput("missing_leverage", place, "nothing", "the leverage of the position")
    return found


def position_margin(holding: Holding, factor: Decimal) -> Decimal:
    """contracts · contract size / price / leverage [coin]; `factor` is 1 / price."""
    return divide(holding.size * factor, holding.position.leverage or ONE)


def profit(holding: Holding, factor: Decimal) -> Decimal:
    """side · contracts · contract size · (1/entry − 1/price) as it is printed [coin]; `factor` is 1 / price.

    The venue prints −10.5257562398810992 where the exact difference is −10.52575623988109922943….
    """
    entry, price = (grid_floor(inverse, INVERSE_STEP) for inverse in (holding.entry_factor, factor))
    return holding.position.sign * holding.size * (entry - price)


def statement(account: Account, pool: str, market: Market, parameters: CoinSwap) -> Statement:
    """Equity and adjusted position margins of one coin."""
    coin = pool.partition(":")[2]
    wallet = account.wallet.get(coin, ZERO)
    support = [Line("wallet_balance", wallet, f"account {account.id}")]
    demand: list[Line] = []
    gains = notional = ZERO
    held = _held(account, pool, parameters)
    for holding in held:
        position = holding.position
        factor = factor_of(holding, market, parameters)
        gained = profit(holding, factor) + funding_due(holding, market, "htx")
        margin, adjustment = position_margin(holding, factor), parameters.factor_of(holding)
        gains += gained
        notional += holding.size * factor
        name = f"{position.market} {position.side}"
        inputs = (("size", holding.size, "USD"), ("entry", position.entry, "price"), ("1 / price", factor, "coin"))
        support.append(Line(f"unrealized_pnl {name}", gained, "side · size · (1/entry − 1/price)", inputs))
        demand.append(
            Line(
                f"adjusted position margin {name}",
                margin * adjustment,
                "size / price / leverage · adjustment factor",
                (("position margin", margin, coin), ("adjustment factor", adjustment, "fraction")),
                position.market,
                position.side,
            )
        )
    if account.fixed is not None and pool == pools(account, parameters)[0]:
        support.append(Line("fixed_support", account.fixed.support, "stated by the book"))
        demand.append(Line("fixed_demand", account.fixed.demand, "stated by the book"))
    initial = initial_by_market(account, held, market, parameters)
    return Statement(
        currency=coin,
        support=tuple(support),
        demand=tuple(demand),
        initial=sum((value for name, value in initial.items() if parameters.currency_of(name) == coin), ZERO),
        wallet=wallet,
        profit=gains,
        notional=notional,
    )


def movers(account: Account, pool: str, parameters: CoinSwap) -> tuple[Mover, ...]:
    """The coin's swaps."""
    coin = pool.partition(":")[2]
    return tuple(
        position_movers([p for p in account.positions if parameters.currency_of(p.market) == coin], parameters)
    )


MAKER = Maker(rules=RULES, at_equality=True, pools=pools, statement=statement, movers=movers)


@in_exact_context
def lower(account: Account, market: Market, parameters: CoinSwap) -> Legs:
    """Every coin's pool as legs of 1 / price."""
    return Legs(tuple(_lower_pool(account, pool, market, parameters) for pool in pools(account, parameters)))


def _lower_pool(account: Account, pool: str, market: Market, parameters: CoinSwap) -> PoolLegs:
    held = _held(account, pool, parameters)
    coin = pool.partition(":")[2]
    orders = resting_orders(account, parameters)
    known, demand, initial = account.wallet.get(coin, ZERO), ZERO, ZERO
    if account.fixed is not None and pool == pools(account, parameters)[0]:
        known, demand = known + account.fixed.support, account.fixed.demand
    gross, cut = abs(known) + demand, 0.0
    legs: list[Leg] = []
    for holding in held:
        name = holding.position.market
        at_entry = holding.slope * holding.entry_factor
        funding, settled = lower_funding(holding, market, "htx")
        known += settled - at_entry
        gross += abs(at_entry) + abs(settled)
        cut += 2.0 * float(holding.size * INVERSE_STEP)
        slope, size, leverage = float(holding.slope), float(holding.size), float(holding.position.leverage or ONE)
        resting = orders.pop((name, leg_of(account, holding.position.side)), NO_ORDERS)
        legs.append(
            Leg(
                name,
                (("inverse", "htx", name, "mark"),),
                Sums(slope, 0.0, slope, slope, 0.0, slope, 0.0),
                size=size,
                table=((0.0, float(parameters.factor_of(holding)) / leverage, 0.0),),
                initial_rate=1.0 / leverage,
                side=holding.position.sign,
                bids=float(resting.bids),
                asks=float(resting.asks),
            )
        )
        legs += funding
    for (name, _), resting in orders.items():
        if parameters.currency_of(name) == coin:
            initial += initial_margin(max(resting.bids, resting.asks), resting.leverage, parameters.terms_of(name))
    relative = (len(legs) + 8) * 2 * UNIT_ROUNDOFF
    constant = float(known)
    return PoolLegs(
        pool=pool,
        constants=Sums(constant, 0.0, constant, constant, float(initial), constant, float(demand)),
        legs=tuple(legs),
        absolute=relative * float(gross) + cut,
        relative=relative,
        liquidatable_at_equality=True,
        family="derivatives",
    )


def overlay_from_adjust_factors(answer: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """An overlay from the `data` of the venue's `GET /swap-api/v1/swap_adjustfactor` answer.

    >>> overlay_from_adjust_factors([{"contract_code": "BTC-USD", "list": [{"lever_rate": 5, "ladders": [
    ...     {"ladder": 0, "min_size": 0, "max_size": 999, "adjust_factor": 0.05}]}]}])
    {'BTC-USD': {'adjustment_factors': [[5, 0, 0.05]]}}
    """
    return {
        row["contract_code"]: {
            "adjustment_factors": [
                [by_leverage["lever_rate"], ladder["min_size"], ladder["adjust_factor"]]
                for by_leverage in row["list"]
                for ladder in by_leverage["ladders"]
            ]
        }
        for row in answer
    }


RULE_SETS = (
    RuleSet(
        name=RULES,
        version="coin-swap",
        venue="htx",
        family="derivatives",
        price_kind="mark",
        risk_scale=0,
        borders=DERIVATIVES_BORDERS,
        module=module_of(MAKER, parameters, apply, lower),
        verified=(
            "position margin, profit, balance and liquidation price of a live cross account, to the 18th digit",
            "position margin and profit of another one",
        ),
        unverified=(
            "adjustment factors: answers of 2020 for BTC-USD at 125x and THETA-USD at 20x, else the book's own",
            "10 USD per contract of coins other than THETA; whether prices other than the last one are ever used",
            "liquidation exactly at the printed price; order margin: in the printed ratio, not in the printed price",
            "what a liquidation closes first",
        ),
    ),
)
