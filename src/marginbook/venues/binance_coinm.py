"""Binance COIN-M futures: inverse contracts of 100 or 10 USD, margined and settled in their coin.

Source: help article "Leverage and Margin of COIN-M Futures" and figures that live accounts printed. Brackets are in
coin: BTC as carried by the tests of ccxt in 2024-07; other coins need a book's own.

    notional            = contracts · contract size / mark                       [coin]
    unrealized_pnl      = side · contracts · contract size · (1/entry − 1/mark)
    maintenance_margin  = notional · rate − maintenance amount, bracket of the notional in coin
    margin_balance      = wallet + unrealized_pnl
    liquidation price   = N·(1 + rate) / (N/entry + W + amount) of a long,
                          N·(1 − rate) / (N/entry − W − amount) of a short,  N = contracts · contract size,
                          W = wallet − others' maintenance + others' profit in the same coin, or the isolated wallet

A pool per coin (`cross:BTC`) and per isolated position. All contracts of a coin share the brackets of its perpetual. A
contract is 100 USD for BTC and 10 USD for every other coin. The venue prints amounts to the nearest 8th decimal and
cuts the liquidation price there.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.domain.zones import DERIVATIVES_BORDERS
from marginbook.exact import ONE, in_exact_context, round_half_up, round_trunc
from marginbook.params.records import record_at, record_or_error
from marginbook.venues.brackets import BracketTable, bracket_table
from marginbook.venues.contracts.events import apply
from marginbook.venues.contracts.explanation import explain
from marginbook.venues.contracts.liquidation import plan_liquidation
from marginbook.venues.contracts.lowering import lower
from marginbook.venues.contracts.model import NO_TABLE, ContractRules, Contracts, Pool, Printing, Shown, Terms
from marginbook.venues.contracts.overlay import ALL, terms_with
from marginbook.venues.contracts.prices import liquidation_prices
from marginbook.venues.contracts.sums import figures, is_liquidatable, quantities, risk, warnings
from marginbook.venues.rules import RuleSet, rule_module

RULES = "binance/coinm"
RECORD = "binance_coinm"
OVERLAY_KEYS = frozenset(
    ("brackets", "maintenance_rate", "initial_rate", "leverage", "liquidation_fee", "tick", "quantity_step")
)


def settlement_coin(market: str) -> str | None:
    """The coin of a contract's name.

    >>> settlement_coin("BTCUSD_PERP"), settlement_coin("ETHUSD_240628"), settlement_coin("BTCUSDT")
    ('BTC', 'ETH', None)
    """
    pair, _, kind = market.partition("_")
    known = pair.endswith("USD") and len(pair) > 3 and (kind == "PERP" or (kind.isdigit() and len(kind) == 6))
    return pair[:-3] if known else None


def contract_size(coin: str) -> Decimal:
    """USD per contract.

    >>> contract_size("BTC"), contract_size("ETH")
    (Decimal('100'), Decimal('10'))
    """
    return Decimal(100) if coin == "BTC" else Decimal(10)


class OfPair(dict[str, Terms]):
    """Terms by market, where a delivery contract has those of its coin's perpetual."""

    def get(self, market: str, default: Any = None) -> Any:
        """The market's own terms, else its perpetual's."""
        if market in self:
            return self[market]
        coin = settlement_coin(market)
        return super().get(f"{coin}USD_PERP", default) if coin else default


def coin_terms(coin: str, table: BracketTable) -> Terms:
    """Terms of a coin's contracts, of which only whole ones are traded."""
    return Terms(table=table, currency=coin, inverse=True, contract_size=contract_size(coin), quantity_step=ONE)


def displayed_price(shown: Shown) -> Decimal:
    """The liquidation price as the venue prints it, cut at 8 decimals: 25,119.97445760|9 of a long."""
    return round_trunc(shown.root, 8)


def printed(pool: Pool, market: Market, parameters: ContractRules) -> Mapping[str, Decimal]:
    """What the venue prints of a pool: to the nearest at 8 decimals (0.0000270462… as 0.00002705)."""
    found = figures(pool, market, parameters)
    numbers = {
        "wallet_balance": found.wallet,
        "unrealized_pnl": found.profit,
        "margin_balance": found.balance,
        "notional": found.notional,
        "maintenance_margin": found.demand,
    }
    return {name: round_half_up(value, 8) for name, value in numbers.items()}


def _rows(rows: Mapping[str, Mapping[str, Any]]) -> OfPair:
    found = OfPair()
    for market, row in rows.items():
        coin = settlement_coin(market)
        if coin is None:
            raise BadInput("unknown_market", f"parameters of {RULES}", market, "a COIN-M market")
        found[market] = coin_terms(coin, bracket_table(row["brackets"], market))
    return found


@in_exact_context
def parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> Contracts:
    """Brackets in coin valid at `at`, with an overlay by market on them (`"*"`: every market that has no terms).

    An overlay may serve accounts of several venues: names that are no COIN-M market are not looked at.
    """
    record = record_at(RECORD, at) if overlay else record_or_error(RECORD, at, RULES)
    terms = _rows(record.rows) if record else OfPair()
    odd: list[str] = []
    if overlay and ALL in overlay:
        for coin_market in [name for name in overlay if settlement_coin(name)]:
            terms.pop(coin_market, None)
    for market, entry in (overlay or {}).items():
        coin = settlement_coin(market)
        if coin is None:
            continue
        base = terms.get(market)
        if base is None and isinstance(entry, Mapping) and not {"brackets", "maintenance_rate"} & set(entry):
            general = (overlay or {}).get(ALL)
            entry = {**general, **entry} if isinstance(general, Mapping) else entry
        terms[market], more = terms_with(base or coin_terms(coin, NO_TABLE), entry, market, OVERLAY_KEYS)
        odd += more
    source = "the book's own parameters" if record is None else record.source
    return Contracts(
        rules=RULES,
        venue="binance",
        price_kind="mark",
        at_equality=True,
        printing=Printing(),
        extra=printed,
        displayed=displayed_price,
        terms=terms,
        currency_of=settlement_coin,
        source=f"the book's own parameters on: {source}" if overlay and record else source,
        as_of=record.as_of if record else None,
        warnings=tuple(odd),
    )


def overlay_from_leverage_bracket(answer: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """An overlay from the venue's `GET /dapi/v2/leverageBracket` answer (v1 too, which names a pair).

    >>> overlay_from_leverage_bracket([{"symbol": "ETHUSD_PERP", "brackets": [{"bracket": 1, "initialLeverage": 75,
    ...     "qtyCap": 100, "qtyFloor": 0, "maintMarginRatio": 0.005, "cum": 0}]}])
    {'ETHUSD_PERP': {'brackets': [[0, 100, 0.005, 75, 0]]}}
    """
    return {
        market.get("symbol") or f"{market['pair']}_PERP": {
            "brackets": [
                [
                    row.get("qtyFloor", row.get("qtylFloor")),  # v1 spells it so
                    row["qtyCap"],
                    row["maintMarginRatio"],
                    row["initialLeverage"],
                    row.get("cum"),
                ]
                for row in sorted(market["brackets"], key=lambda row: int(row["bracket"]))
            ]
        }
        for market in answer
    }


RULE_SETS = (
    RuleSet(
        name=RULES,
        version="coinm",
        venue="binance",
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
            "figures of live accounts: profit, notional, an isolated liquidation price (tests/vectors/binance-coin)",
        ),
        unverified=(
            "liquidation at maintenance margin = margin balance, not only above it",
            "10 USD per contract for every coin but BTC",
            "the date from which the BTC brackets hold",
            "open-order margin, withdrawable, what a liquidation closes first: as for binance/usdm",
        ),
    ),
)
