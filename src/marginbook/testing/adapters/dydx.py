"""Numeric cases of dYdX v4's own unit tests, in quantums."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.testing.vectors import Task, Unsupported
from marginbook.venues.dydx.quantums import (
    MarginRisk,
    adjusted_initial_margin_ppm,
    maintenance_margin_ppm,
    margin_of,
    position_notional_limits,
    settlement_ppm,
    subticks_of_fillable_price,
)
from marginbook.venues.dydx.subaccount import (
    Holding,
    LiquidationsConfig,
    Perpetual,
    Subaccount,
    Tier,
    asset_collateral,
    bankruptcy_price,
    deleveraged,
    fillable_price,
    insurance_fund_delta_of_fill,
)

RULES = "dydx/4"
USDC_ID = "0"
ERRORS = {
    "invalid_size_delta": "ErrInvalidPerpetualPositionSizeDelta",
    "update_refused": "ErrFailedToUpdateSubaccounts",
    "unknown_market": "ErrPerpetualDoesNotExist",
    "unsupported_collateral": "ErrNotImplementedMulticollateral",
    "unsupported_debt": "ErrNotImplementedMargin",
    "maintenance_fraction_too_large": "ErrMaintenanceFractionPpmExceedsMax",
    "empty_fill": "ErrInvalidQuantumsForInsuranceFundDeltaCalculation",
}
"""Our code -> the chain's error."""
Inputs = Mapping[str, Any]
Answer = Mapping[str, Any]


def task(case: Mapping[str, Any], asked: Sequence[str]) -> Task:
    """One function of the chain as a task; Unsupported for a function that no rule set has."""
    function = str(case.get("function", ""))
    if function not in FUNCTIONS:
        raise Unsupported(f"no function {function}", RULES, function)
    inputs = case["inputs"]

    def compute(name: str) -> Any:
        try:
            answer = FUNCTIONS[function](inputs)
        except BadInput as refused:
            code = refused.problem.code
            if name == "error" and code in ERRORS:
                return ERRORS[code]
            raise
        if name == "error":
            return None
        if name not in answer:
            raise Unsupported(f"{function} has no number {name}")
        return answer[name]

    return Task(RULES, function, compute)


def _first(inputs: Inputs, *names: str, default: int | None = None) -> int:
    """The integer under the first of several spellings."""
    for name in names:
        if inputs.get(name) is not None:
            return int(inputs[name])
    if default is None:
        raise BadInput("missing_key", f"inputs.{names[0]}", "nothing", "an integer")
    return default


def _tier(inputs: Inputs) -> Tier:
    caps = ("openInterestLowerCap", "OpenInterestLowerCap", "open_interest_lower_cap")
    upper = ("openInterestUpperCap", "OpenInterestUpperCap", "open_interest_upper_cap")
    return Tier(
        initial_margin_ppm=_first(inputs, "initialMarginPpm", "InitialMarginPpm", "initial_margin_ppm"),
        maintenance_fraction_ppm=_first(
            inputs, "maintenanceFractionPpm", "MaintenanceFractionPpm", "maintenance_fraction_ppm", default=0
        ),
        open_interest_lower_cap=_first(inputs, *caps, default=0),
        open_interest_upper_cap=_first(inputs, *upper, default=0),
    )


def _perpetual(inputs: Inputs) -> Perpetual:
    """One of a case's `perpetuals`."""
    return Perpetual(
        market=str(inputs["id"]),
        atomic_resolution=int(inputs["atomic_resolution"]),
        price=int(inputs["oracle_price"]),
        price_exponent=int(inputs["oracle_exponent"]),
        tier=_tier(inputs),
        open_interest=_first(inputs, "open_interest", default=0),
        funding_index=_first(inputs, "funding_index", default=0),
    )


def _loose_perpetual(inputs: Inputs) -> Perpetual:
    """A perpetual given by its parts: flat keys, or tables named as in the chain's code."""
    perpetual, price = inputs.get("perpetual"), inputs.get("marketPrice")
    if perpetual is None or price is None:
        return Perpetual(
            market="0",
            atomic_resolution=_first(inputs, "baseCurrencyAtomicResolution", "atomic_resolution"),
            price=_first(inputs, "price", "oracle_price"),
            price_exponent=_first(inputs, "exponent", "oracle_exponent"),
            tier=_tier({"initialMarginPpm": 0, **inputs}),
            open_interest=_first(inputs, "openInterest", "open_interest", default=0),
        )
    params = perpetual.get("Params", {})
    return Perpetual(
        market=str(params.get("Id", 0)),
        atomic_resolution=_first(params, "AtomicResolution", default=0),
        price=_first(price, "Price"),
        price_exponent=_first(price, "Exponent", default=0),
        tier=_tier({"InitialMarginPpm": 0, **(inputs.get("liquidityTier") or {})}),
        open_interest=_first(perpetual, "OpenInterest", default=0),
        funding_index=_first(perpetual, "FundingIndex", default=0),
    )


def _perpetuals(inputs: Inputs) -> dict[str, Perpetual]:
    return {str(row["id"]): _perpetual(row) for row in inputs.get("perpetuals", ())}


def _holding(row: Inputs, perpetuals: Mapping[str, Perpetual]) -> Holding:
    name = str(row["perpetual_id"])
    if name not in perpetuals:
        raise BadInput("unknown_market", f"perpetual {name}", "nothing", "a listed perpetual")
    return Holding(
        perpetual=perpetuals[name],
        quantums=int(row["quantums"]),
        funding_index=_first(row, "funding_index", default=0),
        quote_balance=_first(row, "quote_balance", default=0),
        custom_ppm=_first(row, "custom_imf_ppm", default=0),
    )


def _usdc(rows: Sequence[Inputs]) -> int:
    """The USDC of asset positions and updates; BadInput where another asset is left with anything but 0."""
    totals: dict[str, int] = {}
    for row in rows:
        asset = str(row.get("asset", row.get("asset_id", row.get("AssetId", 0))))
        asset = "USDC" if asset == USDC_ID else asset
        totals[asset] = totals.get(asset, 0) + _first(row, "quantums", "BigQuantumsDelta", "quantums_delta")
    return sum(asset_collateral(asset, total) for asset, total in totals.items())


def _subaccount(inputs: Inputs, perpetuals: Mapping[str, Perpetual]) -> Subaccount:
    holdings = tuple(_holding(row, perpetuals) for row in inputs.get("perpetual_positions", ()))
    usdc = int(inputs["usdc"]) if "usdc" in inputs else _usdc(inputs.get("asset_positions", ()))
    return Subaccount(usdc=usdc, holdings=holdings)


def _config(inputs: Inputs) -> LiquidationsConfig:
    given = inputs.get("liquidations_config") or {}
    price = given.get("FillablePriceConfig", {})
    position = inputs.get("position_block_limits") or given.get("PositionBlockLimits", {})
    subaccount = given.get("SubaccountBlockLimits", {})
    return LiquidationsConfig(
        max_liquidation_fee_ppm=_first(given, "MaxLiquidationFeePpm", default=0),
        min_position_notional_liquidated=_first(position, "MinPositionNotionalLiquidated", default=0),
        max_position_portion_liquidated_ppm=_first(position, "MaxPositionPortionLiquidatedPpm", default=0),
        max_notional_liquidated=_first(subaccount, "MaxNotionalLiquidated", default=0),
        max_insurance_lost=_first(subaccount, "MaxQuantumsInsuranceLost", default=0),
        bankruptcy_adjustment_ppm=_first(price, "BankruptcyAdjustmentPpm", default=0),
        spread_to_maintenance_ppm=_first(price, "SpreadToMaintenanceMarginRatioPpm", default=0),
    )


def _risk(inputs: Inputs, prefix: str = "") -> MarginRisk:
    def named(name: str) -> int:
        return _first(inputs, f"{prefix}{name}", default=0)

    return MarginRisk(named("NC"), named("IMR"), named("MMR"))


def _collateral_and_margins(inputs: Inputs) -> Answer:
    if "perpetual" in inputs:
        held = Holding(
            perpetual=_loose_perpetual(inputs),
            quantums=_first(inputs, "quantums"),
            quote_balance=_first(inputs, "quoteBalance", "quote_balance", default=0),
            custom_ppm=_first(inputs, "custom_imf_ppm", "customImfPpm", default=0),
        )
        return _figures(held.risk())
    perpetuals = _perpetuals(inputs)
    usdc = _usdc((*inputs.get("asset_positions", ()), *inputs.get("asset_updates", ())))
    updates = [
        (str(row.get("PerpetualId", row.get("perpetual_id", 0))), _first(row, "BigQuantumsDelta", "quantums_delta"))
        for row in inputs.get("perpetual_updates", ())
    ]
    subaccount = _subaccount({**inputs, "asset_positions": ()}, perpetuals)
    return _figures(subaccount.updated(usdc, updates, perpetuals).risk())


def _figures(found: MarginRisk) -> Answer:
    return {
        "net_collateral": found.collateral,
        "initial_margin": found.initial,
        "maintenance_margin": found.maintenance,
    }


def _liquidatable(inputs: Inputs) -> Answer:
    found = _subaccount(inputs, _perpetuals(inputs)).risk()
    return {"liquidatable": found.is_liquidatable(), "derived": _figures(found)}


def _margins(inputs: Inputs) -> Answer:
    custom = _first(inputs, "custom_imf_ppm", "customImfPpm", default=0)
    initial, maintenance = _loose_perpetual(inputs).margins(_first(inputs, "bigBaseQuantums", "quantums"), custom)
    return {"initial_margin_quote_quantums": initial, "maintenance_margin_quote_quantums": maintenance}


def _net_notional(inputs: Inputs) -> Answer:
    return {"net_notional": _loose_perpetual(inputs).notional(_first(inputs, "quantums", "bigBaseQuantums"))}


def _scaled_fraction(inputs: Inputs) -> int:
    tier = _tier(inputs)
    return adjusted_initial_margin_ppm(
        tier.initial_margin_ppm,
        tier.open_interest_lower_cap,
        tier.open_interest_upper_cap,
        _first(inputs, "openInterestNotional", "openInterest", default=0),
    )


def _initial_margin(inputs: Inputs) -> Answer:
    fraction = max(_scaled_fraction(inputs), _first(inputs, "custom_imf_ppm", "customImfPpm", default=0))
    return {"initial_margin_quote_quantums": margin_of(_first(inputs, "bigQuoteQuantums", "quoteQuantums"), fraction)}


def _bankruptcy(inputs: Inputs) -> Answer:
    subaccount = _subaccount(inputs, _perpetuals(inputs))
    price = bankruptcy_price(subaccount, str(inputs["perpetual_id"]), int(inputs["delta_quantums"]))
    return {"bankruptcy_price_quote_quantums": price}


def _fillable(inputs: Inputs) -> Answer:
    subaccount = _subaccount(inputs, _perpetuals(inputs))
    price = fillable_price(subaccount, str(inputs["perpetual_id"]), int(inputs["delta_quantums"]), _config(inputs))
    return {"fillable_price_rational": {"num": price.numerator, "den": price.denominator}}


def _insurance(inputs: Inputs) -> Answer:
    delta = insurance_fund_delta_of_fill(
        _subaccount(inputs, _perpetuals(inputs)),
        str(inputs["perpetual_id"]),
        bool(inputs["is_buy"]),
        int(inputs["fill_amount"]),
        int(inputs["subticks"]),
        int(inputs["quantum_conversion_exponent"]),
        _config(inputs).max_liquidation_fee_ppm,
    )
    return {"insurance_fund_delta_quote_quantums": delta}


def _subticks(inputs: Inputs) -> Answer:
    given = inputs["fillable_price"]
    numerator, denominator = given if isinstance(given, Sequence) else (given["num"], given["den"])
    subticks = subticks_of_fillable_price(
        Fraction(int(numerator), int(denominator)),
        bool(inputs["is_liquidating_long"]),
        int(inputs["subticks_per_tick"]),
        int(inputs["quantum_conversion_exponent"]),
    )
    return {"subticks": subticks}


def _notional_limits(inputs: Inputs) -> Answer:
    position, config = inputs["position"], _config(inputs)
    notional = _loose_perpetual(inputs).notional(int(position["quantums"]))
    least, most = position_notional_limits(
        notional, config.min_position_notional_liquidated, config.max_position_portion_liquidated_ppm
    )
    return {"min": least, "max": most}


def _deleveraging(inputs: Inputs) -> Answer:
    perpetuals = _perpetuals(inputs)
    delta = int(inputs["delta_quantums"])
    liquidated = _subaccount(inputs["liquidated"], perpetuals)
    offsetting = _subaccount(inputs["offsetting"], perpetuals)
    market = str(inputs.get("perpetual_id", liquidated.holdings[0].perpetual.market if liquidated.holdings else 0))
    quote = bankruptcy_price(liquidated, market, delta)
    first, second = deleveraged(liquidated, offsetting, market, delta, quote)
    return {
        "liquidated": _written(first),
        "offsetting": _written(second),
        "derived_bankruptcy_quote_quantums": quote,
    }


def _written(subaccount: Subaccount) -> dict[str, Any]:
    return {
        "usdc": subaccount.usdc,
        "perpetual_positions": [
            {
                "perpetual_id": int(held.perpetual.market),
                "quantums": held.quantums,
                "funding_index": held.funding_index,
                "quote_balance": held.quote_balance,
            }
            for held in sorted(subaccount.holdings, key=lambda held: int(held.perpetual.market))
        ],
    }


FUNCTIONS: Mapping[str, Callable[[Inputs], Answer]] = {
    "ConvertFillablePriceToSubticks": _subticks,
    "GetAdjustedInitialMarginPpm": lambda inputs: {"imf_ppm": _scaled_fraction(inputs)},
    "GetBankruptcyPriceInQuoteQuantums": _bankruptcy,
    "GetFillablePrice": _fillable,
    "GetInitialMarginQuoteQuantums": _initial_margin,
    "GetLiquidationInsuranceFundDelta": _insurance,
    "GetMaintenanceMarginPpm": lambda inputs: {
        "maintenance_margin_ppm": maintenance_margin_ppm(
            _first(inputs, "initialMarginPpm"), _first(inputs, "maintenanceFractionPpm")
        )
    },
    "GetMarginRequirementsInQuoteQuantums": _margins,
    "GetMaxAndMinPositionNotionalLiquidatable": _notional_limits,
    "GetNetCollateralAndMarginRequirements": _collateral_and_margins,
    "GetNetNotionalInQuoteQuantums": _net_notional,
    "GetSettlementPpmWithPerpetual": lambda inputs: {
        "net_settlement_ppm": settlement_ppm(
            _first(inputs, "funding_index"), _first(inputs, "position_index"), _first(inputs, "quantums")
        )
    },
    "IsLiquidatable": _liquidatable,
    "ProcessDeleveraging": _deleveraging,
    "Risk.Cmp": lambda inputs: {"cmp": _risk(inputs, "first").compare(_risk(inputs, "second"))},
    "Risk.IsInitialCollateralized": lambda inputs: {"result": _risk(inputs).is_initial_collateralized()},
    "Risk.IsLiquidatable": lambda inputs: {"result": _risk(inputs).is_liquidatable()},
    "Risk.IsMaintenanceCollateralized": lambda inputs: {"result": _risk(inputs).is_maintenance_collateralized()},
}
"""The chain's functions by name."""
