"""Binance USDⓈ-M futures in multi-assets mode: one cross pool in USD, backed by every asset of the futures wallet.

Source: FAQ "Multi-Assets Mode" (haircuts, auto-exchange) and `GET /fapi/v1/assetIndex` (bid and ask buffers); the two
rates and the totals were read off a live account of 2024-07-28, see `tests/venues/test_binance_unified.py`.

    x_a               = wallet_a + unrealised profit of the contracts settled in a         [asset]
    margin_balance    = Σ min(x_a · bid_a, x_a · ask_a),  bid = index·(1 − bid buffer),  ask = index·(1 + ask buffer)
    maintenance       = Σ (notional · rate − maintenance amount) · ask of the settlement asset
    initial           = Σ max(|net + bids|, |net − asks|) / leverage · ask
    liquidation       at maintenance / margin_balance ≥ 1

What an account has counts at the bid rate, what it owes and what is asked of it at the ask rate. Index prices are of
kind "index" (`[prices] binance = { USDT = { index = "1" }, BTCUSDT = "60000" }`), contracts are priced at mark, and
brackets are those of `binance/usdm`. Buffers by asset: `[parameters.<name>.BTC] bid_buffer = "0.05"`.

Deviations: the venue cuts each number at 8 decimals.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.legs import Legs
from marginbook.domain.market import Market
from marginbook.domain.zones import DERIVATIVES_BORDERS
from marginbook.exact import ONE, ZERO, divide, in_exact_context, round_ceil
from marginbook.params.records import record_at
from marginbook.venues import binance_usdm
from marginbook.venues.common.fields import fraction, read_row
from marginbook.venues.contracts.lowering import lower_currency, lower_joined
from marginbook.venues.contracts.model import Contracts, Terms, funding_due
from marginbook.venues.contracts.model import pools as pools_of
from marginbook.venues.contracts.overlay import ALL
from marginbook.venues.rules import RuleSet
from marginbook.venues.statements.functions import module_of
from marginbook.venues.statements.model import Line, Maker, Mover, Statement, quoted
from marginbook.venues.statements.positions import (
    TICK,
    apply,
    cross_holdings,
    factor_of,
    initial_by_market,
    position_movers,
    settlement,
)

RULES = "binance/multi-assets"
RECORD = "binance_multi_assets"
POOL = "cross"
FIELDS = {
    "bid_buffer": fraction,
    "ask_buffer": fraction,
    "auto_exchange_buffer": fraction,
}
AUTO_EXCHANGE_AT = Decimal(-10_000)
"""[USD] value of a wallet at which the venue exchanges other assets for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffers:
    """How far an asset's two rates lie from its index."""

    bid: Decimal  # [fraction]
    ask: Decimal
    auto_exchange: Decimal  # [fraction] lost when the venue sells the asset to cover another one


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiAssets:
    """Parameters of multi-assets mode at one time."""

    contracts: Contracts
    buffers: Mapping[str, Buffers]
    venue: str = "binance"
    price_kind: str = "mark"
    as_of: int | None = None
    warnings: tuple[str, ...] = ()

    def terms_of(self, market: str) -> Terms:
        """Terms of a contract, as in single-asset mode."""
        return self.contracts.terms_of(market)

    def currency_of(self, market: str) -> str | None:
        """Settlement asset by the market's name."""
        return self.contracts.currency_of(market)

    def buffers_of(self, asset: str) -> Buffers:
        """An asset's buffers; BadInput `no_parameters` where there are none."""
        if asset not in self.buffers:
            raise BadInput("no_parameters", f"parameters.{asset}", "nothing", f"bid_buffer of {asset} for {RULES}")
        return self.buffers[asset]


@in_exact_context
def parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> MultiAssets:
    """Brackets of single-asset mode and buffers by asset, an overlay of either on them."""
    rows: dict[str, Mapping[str, Any]] = {}
    record = record_at(RECORD, at)
    if record is not None:
        rows.update(record.rows)
    markets = {name: entry for name, entry in (overlay or {}).items() if name == ALL or _is_market(name)}
    for name, entry in (overlay or {}).items():
        if name not in markets and isinstance(entry, Mapping) and set(entry) & set(FIELDS):
            rows[name] = {**rows.get(name, {}), **entry}
    contracts = binance_usdm.parameters("usdm", at, markets or None)
    return MultiAssets(
        contracts=contracts,
        buffers={asset: _buffers(asset, row) for asset, row in rows.items()},
        as_of=contracts.as_of if record is None else min(record.as_of, contracts.as_of or record.as_of),
        warnings=contracts.warnings,
    )


def _is_market(name: str) -> bool:
    return binance_usdm.settlement_currency(name) is not None


def _buffers(asset: str, row: Mapping[str, Any]) -> Buffers:
    values = read_row(row, FIELDS, f"parameters.{asset}")
    bid = values.get("bid_buffer", ZERO)
    return Buffers(bid=bid, ask=values.get("ask_buffer", bid), auto_exchange=values.get("auto_exchange_buffer", bid))


def pools(account: Account, parameters: MultiAssets) -> tuple[str, ...]:
    """One pool of everything."""
    return (POOL,)


def rates(asset: str, market: Market, parameters: MultiAssets) -> tuple[Decimal, Decimal]:
    """(bid, ask) rate of an asset [USD per unit]."""
    index, buffers = quoted(market, "binance", asset, "index"), parameters.buffers_of(asset)
    return index * (ONE - buffers.bid), index * (ONE + buffers.ask)


def statement(account: Account, pool: str, market: Market, parameters: MultiAssets) -> Statement:
    """The account's balance by asset and its requirement by position [USD]."""
    holdings = cross_holdings(account, parameters)
    profits: dict[str, Decimal] = {}
    demand = []
    notional = ZERO
    for holding in holdings:
        position = holding.position
        asset = settlement(account, position.market, parameters)
        factor = factor_of(holding, market, parameters)
        ask = rates(asset, market, parameters)[1]
        profits[asset] = profits.get(asset, ZERO) + holding.profit(factor) + funding_due(holding, market, "binance")
        required = holding.maintenance(factor)
        notional += holding.size * factor * ask
        demand.append(
            Line(
                f"maintenance_margin {position.market} {position.side}",
                required * ask,
                "(notional · rate − maintenance_amount) · ask rate",
                (("maintenance_margin", required, asset), ("ask rate", ask, "USD")),
                position.market,
                position.side,
            )
        )
    support, wallet, profit = [], ZERO, ZERO
    for asset in dict.fromkeys([*account.wallet, *profits]):
        held, gained = account.wallet.get(asset, ZERO), profits.get(asset, ZERO)
        amount = held + gained
        if not amount and not held:
            continue
        bid, ask = rates(asset, market, parameters)
        support.append(
            Line(
                f"balance {asset}",
                min(amount * bid, amount * ask),
                "(wallet + unrealized_pnl) · bid rate, ask rate where it is owed",
                (
                    ("wallet", held, asset),
                    ("unrealized_pnl", gained, asset),
                    ("bid rate", bid, "USD"),
                    ("ask rate", ask, "USD"),
                ),
            )
        )
        wallet += min(held * bid, held * ask)
        profit += min(gained * bid, gained * ask)
    if account.fixed is not None:
        support.append(Line("fixed_support", account.fixed.support, "stated by the book"))
        demand.append(Line("fixed_demand", account.fixed.demand, "stated by the book"))
        profit += account.fixed.support
    initial = ZERO
    for name, required in initial_by_market(account, holdings, market, parameters).items():
        initial += required * rates(settlement(account, name, parameters), market, parameters)[1]
    return Statement(
        currency="USD",
        support=tuple(support),
        demand=tuple(demand),
        initial=initial,
        wallet=wallet,
        profit=profit,
        notional=notional,
    )


def assets_of(account: Account, parameters: MultiAssets) -> list[str]:
    """Assets whose index moves the account."""
    settled = [settlement(account, position.market, parameters) for position in account.positions if position.quantity]
    settled += [settlement(account, order.market, parameters) for order in account.orders]
    return list(dict.fromkeys([*(asset for asset, held in account.wallet.items() if held), *settled]))


def movers(account: Account, pool: str, parameters: MultiAssets) -> tuple[Mover, ...]:
    """Every contract at mark and every asset at its index."""
    found = position_movers(account.positions, parameters)
    for asset in assets_of(account, parameters):
        found.append(Mover(asset, (("binance", asset, "index"),), TICK, ONE, ("collateral", "debt")))
    return tuple(found)


MAKER = Maker(rules=RULES, at_equality=True, pools=pools, statement=statement, movers=movers)


@in_exact_context
def lower(account: Account, market: Market, parameters: MultiAssets) -> Legs:
    """One pool, asset by asset: what it has at the bid rate, what it owes and is asked at the ask rate."""
    cross_holdings(account, parameters)
    held = {pool.currency: pool for pool in pools_of(replace(account, fixed=None), parameters.contracts).values()}
    found = []
    for asset in dict.fromkeys([*account.wallet, *held]):
        wallet, pool = account.wallet.get(asset, ZERO), held.get(asset)
        if not wallet and (pool is None or not (pool.holdings or pool.orders)):
            continue
        parts = [] if pool is None else [(pool, parameters.contracts)]
        one = lower_currency(parts, wallet, market, (("quote", "binance", asset, "index"),))
        buffers = parameters.buffers_of(asset)
        bid, ask = float(ONE - buffers.bid), float(ONE + buffers.ask)
        lines = ((ask, 0.0, 0.0), (bid, 0.0, 0.0))
        found.append(replace(one, lines=lines, equity_whole=False, demand_rate=ask, initial_rate=ask))
    return Legs((lower_joined(POOL, found, account.fixed, MAKER.at_equality),))


@dataclass(frozen=True, slots=True)
class Exchange:
    """An asset that the venue would exchange for a debt of the wallet."""

    asset: str  # that is owed
    deficit: Decimal  # [asset]
    bought: Decimal  # [value in the owed asset] what has to be sold, buffer included
    sold: str


@in_exact_context
def auto_exchanges(account: Account, market: Market, parameters: MultiAssets) -> tuple[Exchange, ...]:
    """What auto-exchange would sell now: for each wallet below −10,000 USD, the most valuable other asset.

    A debt of 20,000 with a buffer of 2.5 % takes 20,000 / 0.975 = 20,513 of the sold asset's value. Which asset the
    venue sells first is not verified.
    """
    worth = {asset: held * quoted(market, "binance", asset, "index") for asset, held in account.wallet.items() if held}
    best = max(worth, key=lambda asset: worth[asset], default=None)
    found = []
    for asset, value in worth.items():
        if value < AUTO_EXCHANGE_AT and best is not None and worth[best] > 0:
            owed = -account.wallet[asset]
            buffer = parameters.buffers_of(best).auto_exchange
            found.append(Exchange(asset, owed, round_ceil(divide(owed, ONE - buffer), 8), best))
    return tuple(found)


def overlay_from_asset_index(answer: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """An overlay from the venue's `GET /fapi/v1/assetIndex` answer.

    >>> overlay_from_asset_index([{"symbol": "ADAUSD", "index": "1.92", "bidBuffer": "0.10000000",
    ...     "askBuffer": "0.10000000", "autoExchangeBidBuffer": "0.05000000"}])
    {'ADA': {'bid_buffer': '0.10000000', 'ask_buffer': '0.10000000', 'auto_exchange_buffer': '0.05000000'}}
    """
    return {
        row["symbol"].removesuffix("USD"): {
            "bid_buffer": row["bidBuffer"],
            "ask_buffer": row["askBuffer"],
            "auto_exchange_buffer": row["autoExchangeBidBuffer"],
        }
        for row in answer
    }


RULE_SETS = (
    RuleSet(
        name=RULES,
        version="multi-assets",
        venue="binance",
        family="derivatives",
        price_kind="mark",
        risk_scale=0,
        borders=DERIVATIVES_BORDERS,
        module=module_of(MAKER, parameters, apply, lower),
        verified=("both rates of USDT and the totals of a live account of 2024-07-28",),
        unverified=(
            "ask buffers other than those of USDT and ADA (taken as the bid buffer)",
            "the sign that decides between bid and ask: of wallet and profit together",
            "available balance: a printed one differs by 0.014 USD from balance less initial margin",
            "which asset auto-exchange sells first",
        ),
    ),
)
