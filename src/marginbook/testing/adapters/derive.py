"""Portfolios of Derive's own tests (rows named by the group's `columns`), and the scenario table of Paradex."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from marginbook.risk_models import derive_portfolio as derive
from marginbook.testing.vectors import Task, Unsupported

RULES = "risk_models/derive_portfolio"
COLUMNS = {
    "collateral": ("name", "amount", "price", "confidence", "risk_cancelling", "im_haircut_extra", "mm_haircut"),
    "options": ("sec_to_expiry", "strike", "type", "amount", "mark_vol"),
    "feeds": ("sec_to_expiry", "forward", "fwd_conf", "rate", "rate_conf", "vol_conf"),
}
NAMES = {
    "basis": (
        "BasisContingency",
        {
            "spot_up": "SCENARIO_SPOT_UP",
            "spot_down": "SCENARIO_SPOT_DOWN",
            "add": "BASIS_CONT_ADD_FACTOR",
            "multiple": "BASIS_CONT_MULT_FACTOR",
        },
    ),
    "contingency": (
        "OtherContingency",
        {
            "peg_threshold": "PEG_LOSS_THRESHOLD",
            "peg_factor": "PEG_LOSS_FACTOR",
            "confidence": "CONF_THRESHOLD",
            "confidence_factor": "CONF_MARGIN",
            "perp_maintenance": "MM_PERP_PERCENT",
            "perp_initial": "IM_PERP_PERCENT",
            "option_maintenance": "MM_OPTION_PERCENT",
            "option_initial": "IM_OPTION_PERCENT",
        },
    ),
    "margin": (
        "Margin",
        {
            "initial_factor": "IM_LOSS_FACTOR",
            "maintenance_factor": "MM_LOSS_FACTOR",
            "short_rate": "SHORT_RATE_MULTSCALE",
            "long_rate": "LONG_RATE_MULTSCALE",
            "short_add": "SHORT_RATE_ADDSCALE",
            "long_add": "LONG_RATE_ADDSCALE",
            "short_discount": "BASE_STATIC_DISCOUNT_NEG",
            "long_discount": "BASE_STATIC_DISCOUNT",
        },
    ),
    "volatility": (
        "VolShock",
        {
            "up": "VOLRANGEUP",
            "down": "VOLRANGEDOWN",
            "short_power": "SHORTTERMPOWER",
            "long_power": "LONGTERMPOWER",
            "floor_days": "DTE_FLOOR",
            "least_up": "MIN_VOL_EVAL_SHOCKED",
        },
    ),
    "skew": (
        "SkewShock",
        {
            "linear_cap": "LINEAR_SCALE_CAP",
            "abs_cap": "ABS_SCALE_CAP",
            "linear_slope": "LINEAR_CBASE",
            "abs_slope": "ABS_CBASE",
            "least_k": "MIN_K_STAR",
            "width": "MIN_WIDTH_SCALE",
            "static": "VOL_PARAM_STATIC",
            "scale": "VOL_PARAM_SCALE",
        },
    ),
}
"""Section of the model -> section of the venue's tests, and the names of its numbers there."""
DIRECTIONS: dict[str, derive.Direction] = {
    "up": "up",
    "down": "down",
    "none": "none",
    "linear": "linear",
    "abs": "abs",
}
REGULAR = 0.25
"""A move of spot beyond this is one of the tail scenarios."""


def task(case: Mapping[str, Any], asked: Sequence[str]) -> Task:
    """The margins of a portfolio and the worst of each kind of scenario."""
    if str(case.get("kind", case.get("id"))).startswith("paradex"):
        raise Unsupported("unverified: a table of scenarios without a portfolio", "risk_models/paradex", "scan")
    if "spot" not in case:
        raise Unsupported("no portfolio is given", RULES, "margin")
    parameters, scenarios = _parameters(case), _scenarios(case)
    found = derive.margin(_portfolio(case), parameters, scenarios)

    def worst(wanted: Callable[[derive.Scenario], bool]) -> float:
        profits = [profit for one, profit in zip(scenarios, found.profits, strict=True) if wanted(one)]
        if not profits:
            raise Unsupported("no such scenario", RULES)
        return min(profits)

    answers: dict[str, Callable[[], float]] = {
        "IM": lambda: found.initial,
        "MM": lambda: found.maintenance,
        "mtm": lambda: found.mark_to_market,
        "fwd_contingency": lambda: found.basis_contingency,
        "worst_reg": lambda: worst(lambda one: not one.is_skew and abs(one.spot - 1) <= REGULAR),
        "worst_tail": lambda: worst(lambda one: not one.is_skew and abs(one.spot - 1) > REGULAR),
        "worst_skew": lambda: worst(lambda one: one.is_skew),
    }

    def compute(name: str) -> Any:
        if name not in answers:
            raise Unsupported(f"no number {name}", RULES)
        return Decimal(repr(answers[name]()))

    return Task(RULES, "", compute)


def _parameters(case: Mapping[str, Any]) -> derive.Parameters:
    given = case["params"]
    table = case["param_sets"][given] if isinstance(given, str) else given
    return derive.parameters_of(
        {
            section: {ours: table[theirs][name] for ours, name in names.items()}
            for section, (theirs, names) in NAMES.items()
        }
    )


def _scenarios(case: Mapping[str, Any]) -> list[derive.Scenario]:
    given = case["scenarios"]
    rows = case["scenario_sets"][given] if isinstance(given, str) else given
    return [derive.Scenario(float(spot), DIRECTIONS[str(move).lower()], float(damping)) for spot, move, damping in rows]


def _rows(case: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    columns = case.get("columns", {}).get(name, COLUMNS[name])
    return [row if isinstance(row, dict) else dict(zip(columns, row, strict=False)) for row in case.get(name, [])]


def _portfolio(case: Mapping[str, Any]) -> derive.Portfolio:
    options = _rows(case, "options")
    collateral = [
        derive.Collateral(
            float(row["amount"]),
            float(row["price"]),
            float(row["confidence"]),
            bool(row["risk_cancelling"]),
            float(row["im_haircut_extra"]),
            float(row["mm_haircut"]),
        )
        for row in _rows(case, "collateral")
    ]
    expiries = []
    for feed in _rows(case, "feeds"):
        seconds = int(feed["sec_to_expiry"])
        held = [
            derive.Option(
                float(row["strike"]), str(row["type"]).upper()[:1] == "C", float(row["amount"]), float(row["mark_vol"])
            )
            for row in options
            if int(row["sec_to_expiry"]) == seconds
        ]
        moving, settled = derive.forward_parts(float(feed["forward"]), seconds)
        trust = min(float(feed[name]) for name in ("fwd_conf", "rate_conf", "vol_conf"))
        if held:
            expiries.append(derive.Expiry(seconds, moving, settled, float(feed["rate"]), trust, held))
    number = {name: float(case.get(name, 0)) for name in ("spot", "cash", "perps", "perp_price", "perp_pnl")}
    one = {name: float(case.get(name, 1)) for name in ("spot_conf", "stable", "perp_conf")}
    return derive.Portfolio(
        spot=number["spot"],
        spot_confidence=one["spot_conf"],
        stable_price=one["stable"],
        cash=number["cash"],
        perps=number["perps"],
        perp_price=number["perp_price"],
        perp_confidence=one["perp_conf"],
        perp_profit=number["perp_pnl"],
        collateral=collateral,
        expiries=expiries,
    )
