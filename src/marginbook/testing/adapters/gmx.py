"""Cases of GMX v1 and v2: a position becomes an account of `gmx/1` or `gmx/2`, a formula is asked directly.

Keys of the cases carry their scale (`_e30`, `_wei`, `_usd`); tokens are named freely, so the index token is `INDEX` and
the collateral `COLLATERAL`. Which payouts of a liquidation a case prints its inputs do not tell, so `payout` as a
whole is computed only where nothing is liquidated; `payout.user_receives_…` and `payout.pool_delta_…` always are.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account, Position
from marginbook.domain.market import Market, Quote
from marginbook.exact import CONTEXT, ZERO, divide, format_decimal, from_raw, to_raw_exact
from marginbook.testing.vectors import Setting, Task, Unsupported
from marginbook.units import parse_time
from marginbook.venues.gmx import vault
from marginbook.venues.gmx.closing import close
from marginbook.venues.gmx.impact import Balance, Increase, increase
from marginbook.venues.gmx.margin import Check, check, pnl_of
from marginbook.venues.gmx.parameters import Parameters, parameters
from marginbook.venues.gmx.positions import positions_of
from marginbook.venues.gmx.power import apply_impact_factor

AT = parse_time("2026-03-13")
MARKET = "INDEX/USD"
USD = 30


def task(case: Mapping[str, Any], asked: Sequence[str]) -> Task:
    """The case as a function of its rule set, or why it is none."""
    function = str(case.get("function", ""))
    rules = "gmx/1" if case.get("venue") == "gmx_v1" else "gmx/2"
    reader = READERS.get((rules, function))
    if reader is None:
        raise Unsupported(f"no function {function}", rules, function)
    inputs = case["inputs"]
    answers = reader(inputs)

    def compute(name: str) -> Any:
        found: Any = answers
        payout = re.fullmatch(r"payout\.(user_receives|pool_delta)_.*", name)
        for step in [payout[1]] if payout else name.split("."):
            if not isinstance(found, Mapping) or step not in found:
                raise Unsupported(f"{name} is not computed from such a case")
            found = found[step]
        if isinstance(found, Unsupported):
            raise found
        return found

    return Task(rules, function, compute)


def _given(inputs: Mapping[str, Any], *names: str) -> Any:
    """The first of the names that the inputs have."""
    for name in names:
        if inputs.get(name) is not None:
            return inputs[name]
    raise Unsupported(f"the case has no {names[0]}")


def _decimal(inputs: Mapping[str, Any], name: str, default: str | None = None) -> Decimal:
    """A number as such, or by a key that ends in its scale: `_usd`, `_wei` (18), `_e30`."""
    for key, value in inputs.items():
        scale = re.fullmatch(rf"{name}(?:_usd)?(?:_(wei|e\d+))?", key)
        if scale and value is not None:
            places = 0 if scale[1] is None else 18 if scale[1] == "wei" else int(scale[1][1:])
            return Decimal(str(value)).scaleb(-places, CONTEXT)
    if default is None:
        raise Unsupported(f"the case has no {name}")
    return Decimal(default)


def _raw(inputs: Mapping[str, Any], name: str, places: int = USD, default: str | None = None) -> int:
    return to_raw_exact(_decimal(inputs, name, default), places)


def _impact_factor(inputs: Mapping[str, Any]) -> dict[str, Any]:
    names = ("diff", "impact_factor", "exponent_factor")
    return {"impact_usd_e30": str(apply_impact_factor(*(_raw(inputs, name) for name in names)))}


def _terms(inputs: Mapping[str, Any], more: Mapping[str, Any]) -> Parameters:
    row = {"index_token": "INDEX", "min_collateral_factor": "0.01", **more}
    return parameters("2", AT, {MARKET: row})


def _execution_price(inputs: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        "positive_impact_factor": "positive_impact_factor",
        "negative_impact_factor": "negative_impact_factor",
        "positive_exponent": "positive_impact_exponent",
        "negative_exponent": "negative_impact_exponent",
        "positive_max_position_impact_factor": "positive_max_impact_factor",
    }
    row = {ours: format_decimal(_decimal(inputs, theirs)) for theirs, ours in names.items()}
    most = row["positive_max_impact_factor"]
    row["negative_max_impact_factor"] = format_decimal(_decimal(inputs, "negative_max_position_impact_factor", most))
    scaled = next((key for key in inputs if key.startswith("index_price") and re.search(r"_e\d+$", key)), None)
    if scaled is None:
        raise Unsupported("the case has no index price")
    places = int(scaled.rpartition("_e")[2])
    low = int(_given(inputs, f"index_price_min_e{places}", f"index_price_min_max_e{places}", f"index_price_e{places}"))
    high = int(_given(inputs, f"index_price_max_e{places}", f"index_price_min_max_e{places}", f"index_price_e{places}"))
    terms = _terms(inputs, {**row, "index_decimals": USD - places}).terms_of(MARKET)
    virtual = _decimal(inputs, "virtual_inventory", "0")
    has_virtual = any(key.startswith("virtual_inventory") for key in inputs)
    balance = Balance(
        long=_raw(inputs, "long_open_interest"),
        short=_raw(inputs, "short_open_interest"),
        virtual=to_raw_exact(virtual, USD) if has_virtual else None,
    )
    found: Increase = increase(terms, balance, _raw(inputs, "size_delta"), bool(inputs["is_long"]), low, high)
    return {
        "price_impact_usd_e30": str(found.impact_usd),
        f"execution_price_e{places}": str(found.price),
        "pending_impact_amount_wei": str(found.impact_amount),
        "pending_impact_amount": str(found.impact_amount),
        "base_size_delta_in_tokens": str(found.base_tokens),
        "balance_was_improved": found.improved,
    }


def _position(inputs: Mapping[str, Any], collateral: Decimal) -> Position:
    tokens, size = _decimal(inputs, "size_in_tokens"), _decimal(inputs, "size_in_usd")
    return Position(
        market=MARKET,
        side="long" if inputs.get("is_long", True) else "short",
        quantity=tokens,
        entry=divide(size, tokens),
        mode="isolated",
        isolated_wallet=collateral,
        details={
            "collateral": "COLLATERAL",
            "size_in_usd": format_decimal(size),
            "pending_impact": format_decimal(_decimal(inputs, "pending_impact_amount", "0")),
        },
    )


def _setting(inputs: Mapping[str, Any], collateral: Decimal, row: Mapping[str, Any], state: Any, price: Any) -> Setting:
    long = bool(inputs.get("is_long", True))
    tokens = {"long_token": "COLLATERAL", "short_token": "OTHER"} if long else {"short_token": "COLLATERAL"}
    account = Account(id="case", rules="gmx/2", mode="isolated", positions=(_position(inputs, collateral),))
    prices = {MARKET: (_prices(inputs, "index_price")), "COLLATERAL": price}
    quotes = {
        ("gmx", name, kind): Quote(value)
        for name, pair in prices.items()
        for kind, value in zip(("min", "max"), pair, strict=True)
    }
    return Setting(account, Market(quotes=quotes, state=state), _terms(inputs, {**tokens, **row}), AT)


def _prices(inputs: Mapping[str, Any], name: str) -> tuple[Decimal, Decimal]:
    """(min, max), or one price for both."""
    if any(key.startswith((f"{name}_min", f"{name}_max")) for key in inputs):
        return _decimal(inputs, f"{name}_min"), _decimal(inputs, f"{name}_max")
    return (_decimal(inputs, name),) * 2


def _capped_pnl(inputs: Mapping[str, Any]) -> dict[str, Any]:
    factor = format_decimal(_decimal(inputs, "max_pnl_factor"))
    side = "long" if inputs.get("is_long", True) else "short"
    own = {"open_interest": "size_in_usd", "open_interest_in_tokens": "size_in_tokens"}
    state = {
        ("gmx", MARKET, f"{side}_{name}"): _decimal(inputs, name, format_decimal(_decimal(inputs, given)))
        for name, given in own.items()
    }
    state["gmx", MARKET, f"{side}_pool_amount"] = _decimal(inputs, "pool")
    decimals = {"long_decimals": 18, "short_decimals": 18}
    setting = _setting(inputs, ZERO, {"max_pnl_factor": factor, **decimals}, state, (Decimal(1), Decimal(1)))
    held = next(iter(positions_of(setting.account, setting.parameters).values()))
    found = pnl_of(held, setting.market)
    return {
        "position_pnl_usd": from_raw(found.uncapped, USD),
        "capped_position_pnl_usd": from_raw(found.capped, USD),
        "profit_WNT": Unsupported("the case does not state the price of the token that profits are paid in"),
    }


RESULTS = {
    "remaining_collateral_usd_e30": "remaining",
    "min_collateral_usd_for_leverage_e30": "min_for_leverage",
}


def _liquidatable(inputs: Mapping[str, Any]) -> dict[str, Any]:
    if any(_decimal(inputs, name, "0") for name in ("fees", "price_impact")):
        raise Unsupported("fees and impact stated as sums", "gmx/2", "isPositionLiquidatable")
    decimals = int(_given(inputs, "collateral_decimals"))
    collateral = from_raw(int(_given(inputs, "collateral_amount")), decimals)
    row = {
        "min_collateral_factor_for_liquidation": format_decimal(
            _decimal(inputs, "min_collateral_factor_for_liquidation")
        ),
        "min_collateral_usd": format_decimal(_decimal(inputs, "min_collateral", "1")),
        "long_decimals": decimals,
        "short_decimals": decimals,
    }
    setting = _setting(inputs, collateral, row, {}, _prices(inputs, "collateral_price"))
    pool, held = next(iter(positions_of(setting.account, setting.parameters).items()))
    found: Check = check(held, setting.market, AT)
    liquidatable = bool(setting.call("is_liquidatable", pool))
    derived = {name: str(getattr(found, ours)) for name, ours in RESULTS.items()}
    answers = {"liquidatable": liquidatable, "derived": {**derived, "reason": found.reason}, "payout": None}
    if liquidatable:
        closing, _ = close(held, setting.market, AT)
        answers["payout"] = Unsupported("which payouts a case prints its inputs do not tell")
        answers["user_receives"] = str(held.collateral + closing.amounts["account", held.token])
        answers["pool_delta"] = str(closing.amounts["pool", held.token])
    return answers


def _validate_liquidation(inputs: Mapping[str, Any]) -> dict[str, Any]:
    if _decimal(inputs, "funding_fee", "0"):
        raise Unsupported("a funding fee stated as a sum", "gmx/1", "validateLiquidation")
    size, average = _decimal(inputs, "size"), _decimal(inputs, "average_price")
    row = {
        "max_leverage": format_decimal(_decimal(inputs, "max_leverage_bps", "500000").scaleb(-4)),
        "margin_fee": format_decimal(_decimal(inputs, "margin_fee_bps", "10").scaleb(-4)),
        "liquidation_fee_usd": format_decimal(_decimal(inputs, "liquidation_fee")),
    }
    position = Position(
        market=MARKET,
        side="long" if inputs.get("is_long", True) else "short",
        quantity=divide(size, average),
        entry=average,
        mode="isolated",
        isolated_wallet=_decimal(inputs, "collateral"),
        details={"size_in_usd": format_decimal(size)},
    )
    price = _prices(inputs, "price")
    quotes = {("gmx", MARKET, kind): Quote(value) for kind, value in zip(("min", "max"), price, strict=True)}
    account = Account(id="case", rules="gmx/1", mode="isolated", positions=(position,))
    terms = vault.parameters("1", AT, {MARKET: row})
    held = next(iter(vault.positions_of(account, terms).values()))
    found = vault.validate(held, Market(quotes=quotes), AT)
    return {
        "delta_e30": str(found.delta.amount),
        "has_profit": found.delta.has_profit,
        "liquidation_state": found.state,
        "margin_fees_e30": str(found.fees),
    }


READERS = {
    ("gmx/2", "PricingUtils.applyImpactFactor"): _impact_factor,
    ("gmx/2", "getExecutionPriceForIncrease"): _execution_price,
    ("gmx/2", "getPositionPnlUsd.cappedPnl"): _capped_pnl,
    ("gmx/2", "isPositionLiquidatable"): _liquidatable,
    ("gmx/1", "validateLiquidation"): _validate_liquidation,
}
"""(rule set, the case's function) -> answers by name."""
