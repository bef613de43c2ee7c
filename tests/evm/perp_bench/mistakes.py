"""Mistakes of one rounding, one constant or one rule each, planted in the rule set to see that walks find them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from marginbook.domain.account import Account
from marginbook.domain.events import Fill
from marginbook.domain.market import Market
from marginbook.exact import ZERO, div_ceil, div_floor, mul_div_ceil, mul_div_floor, mul_div_trunc, to_raw_floor
from marginbook.venues.perp import collateral, model, prices, sales, steps

TAKEOVER, SIZE, GROWTH, FILL = steps.takeover, steps.liquidatable_size, prices.premium_growth, steps._fill


def _not_floored(found: model.Figures) -> int:
    return found.total_collateral + found.unrealized


def _requirement_up(found: model.Figures, ratio: int) -> int:
    return mul_div_ceil(found.absolute, ratio, model.RATIO)


def _value_down(held: model.Held, market: Market) -> int:
    return mul_div_floor(held.size, model.price_of(market, held.market), model.UNIT) if held.size else 0


def _dust_has_no_debt(held: model.Held, market: Market) -> int:
    price = model.price_of(market, held.market)
    return mul_div_floor(-held.size, price, model.UNIT) if held.size < 0 else 0


def _funding_down(held: model.Held, market: Market) -> int:
    growth = mul_div_trunc(held.balance, model.growth_since(held, market), model.PREMIUM_SCALE)
    return div_floor(growth + held.pooled.funding, model.FUNDING_PERIOD)


def _ratio_of_the_turn(held: model.Held, trade: steps.Trade) -> bool:
    return False


def _nothing_settled(account: Account, market: Market) -> Account:
    return account


def _pnl_by_quote(size: int, notional: int, trade: steps.Trade) -> int:
    if not size or (size < 0) == (trade.base < 0):
        return 0
    part = min(abs(trade.base), abs(size))
    return trade.quote * part // abs(trade.base) + notional * part // abs(size)


def _amount_down(value: int, price: int, price_decimals: int, decimals: int) -> int:
    wide = value * 10 ** max(0, decimals - 18)
    return div_floor(mul_div_floor(wide, 10**price_decimals, price), 10 ** max(0, 18 - decimals))


def _no_discount(asset: str, market: Market, parameters: model.Parameters) -> int:
    return model.price_of(market, asset, parameters.collateral(asset).price_decimals)


def _fund_first(*arguments: Any) -> steps.Takeover:
    found = TAKEOVER(*arguments)
    return replace(found, to_liquidator=div_ceil(found.penalty, 2)) if found.to_fund else found


def _small_below_60(held: model.Held, market: Market, found: model.Figures, parameters: model.Parameters) -> int:
    return SIZE(held, market, found, replace(parameters, min_partial_value=60 * model.UNIT))


def _mean(pool: Any, root: int, now: int, window: int) -> int:
    return int(root)


def _uncut(root: int, index_mean: int, seconds: int) -> int:
    return GROWTH(root, index_mean, seconds, model.RATIO)


def _fee_from_pnl(account: Account, market: Market, event: Fill, parameters: model.Parameters) -> Account:
    return steps.with_owed(FILL(account, market, replace(event, fee=ZERO), parameters), -to_raw_floor(event.fee, 18))


MISTAKES: dict[str, tuple[Any, str, Any]] = {
    "account value not floored": (model.Figures, "value", property(_not_floored)),
    "requirement up": (model.Figures, "requirement", _requirement_up),
    "values of shorts down": (model, "value_of", _value_down),
    "dust is not owed": (model, "base_debt", _dust_has_no_debt),
    "funding down": (model, "funding_of", _funding_down),
    "reductions at the initial ratio": (steps, "only_reduces", _ratio_of_the_turn),
    "withdrawals leave funding": (steps, "with_funding_settled", _nothing_settled),
    "PnL without the ratio of 18 digits": (steps, "realized", _pnl_by_quote),
    "tokens down": (collateral, "amount_for", _amount_down),
    "sales without the discount": (sales, "discounted", _no_discount),
    "penalty's odd unit to the liquidator": (steps, "takeover", _fund_first),
    "small positions from 60 USD": (steps, "liquidatable_size", _small_below_60),
    "fees from the PnL": (steps, "_fill", _fee_from_pnl),
    "any position may be divided": (steps, "RATIO_MOST", 10**30),
    "mark without means": (prices, "mean_root", _mean),
    "premium uncut": (prices, "premium_growth", _uncut),
}
"""Name -> (where, what, instead of it)."""


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The rule set with one mistake."""
    where, attribute, wrong = MISTAKES[name]
    with patch.object(where, attribute, wrong):
        yield
