"""Worked examples of Binance: contracts of both kinds by `binance_usdm`, accounts in multi-assets mode here.

An account in multi-assets mode is stated by its totals, which enter as fixed sums of `binance/multi-assets`; wallets
and contracts enter as they are where a case states them with their prices.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account, Fixed, Position
from marginbook.domain.market import Market, Quote
from marginbook.exact import CONTEXT, ZERO
from marginbook.testing.adapters import binance_usdm
from marginbook.testing.vectors import Setting, Task, Unsupported, quantity
from marginbook.venues.binance_usdm import settlement_currency
from marginbook.venues.registry import rule_set

RULES = "binance/multi-assets"
NAMES = {"totalMarginBalance": "margin_balance", "totalWalletBalance": "wallet_balance"}
OF_ASSET = "_marginBalance"
"""Ending of the margin balance of one asset: USDT_marginBalance."""


def task(case: Mapping[str, Any], asked: Sequence[str]) -> Task:
    """The case as an account of one of Binance's rule sets, or why it is none."""
    words = f"{case.get('product', '')} {case.get('margin_mode', '')}".lower()
    symbol = str(case.get("product", "")).partition(" ")[0]
    if "multi-asset" not in words or settlement_currency(symbol) is not None:
        # A single contract's numbers are in its settlement asset in either mode.
        return binance_usdm.task(case, asked)

    def compute(name: str) -> Any:
        if name.endswith(OF_ASSET):
            return _of_asset(case, name.removesuffix(OF_ASSET))
        (found,) = _totals(case).call("quantities").values()
        return quantity(found, NAMES.get(name, name))

    return Task(RULES, "", compute)


def _totals(case: Mapping[str, Any]) -> Setting:
    """The account by its printed totals [USD]."""
    account = case.get("account") or {}
    wallet, profit = _number(account, "totalWalletBalance"), _number(account, "totalUnrealizedProfit")
    if wallet is None or profit is None:
        raise Unsupported("the case states no totals of wallet and profit")
    demand = _number(account, "totalMaintMargin") or ZERO
    return _setting(case, {}, (), Fixed(support=CONTEXT.add(wallet, profit), demand=demand), {})


def _of_asset(case: Mapping[str, Any], asset: str) -> Decimal:
    """Wallet and profit of one asset, from the case's own position where it is settled in that asset."""
    wallet = _number(case.get("collateral") or {}, f"{asset}_wallet")
    symbol = str(case.get("symbol") or case.get("product", "")).partition(" ")[0]
    size, entry, mark = (_number(case, name) for name in ("qty", "entry", "mark"))
    if wallet is None:
        raise Unsupported(f"the case states no wallet in {asset}")
    if settlement_currency(symbol) != asset or not size or not entry or not mark:
        raise Unsupported(f"the case states no profit in {asset}: neither entry nor mark price of its position")
    side = "long" if str(case.get("side")).lower() == "long" else "short"
    position = Position(market=symbol, side="long" if side == "long" else "short", quantity=abs(size), entry=entry)
    quotes = {("binance", symbol, "mark"): Quote(mark), ("binance", asset, "index"): Quote(Decimal(1))}
    overlay = {asset: {"bid_buffer": "0", "ask_buffer": "0"}, symbol: {"maintenance_rate": "0"}}
    setting = _setting(case, {asset: wallet}, (position,), None, quotes, overlay)
    (found,) = setting.call("risk").values()
    return Decimal(found.support)


def _setting(
    case: Mapping[str, Any],
    wallet: Mapping[str, Decimal],
    positions: tuple[Position, ...],
    fixed: Fixed | None,
    quotes: Mapping[Any, Quote],
    overlay: Mapping[str, Any] | None = None,
) -> Setting:
    account = Account(id=str(case.get("id", "case")), rules=RULES, wallet=wallet, positions=positions, fixed=fixed)
    rules, at = rule_set(RULES), binance_usdm.AT
    return Setting(account, Market(quotes=quotes), rules.module.parameters(rules.version, at, overlay), at)


def _number(values: Mapping[str, Any], name: str) -> Decimal | None:
    value = values.get(name)
    return None if value is None else Decimal(str(value))
