"""The pictures of the pages on margin models, drawn from the models themselves.

`python -m marginbook.testing.pictures [ROOT]` writes `docs/pictures/model-*.svg`; a test fails while one is stale. The
frontier of the backtests needs price histories that are no part of the project: pass their folder as a second argument.
"""

import sys
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from math import sqrt
from pathlib import Path
from types import MappingProxyType

import numpy as np

from marginbook.risk_models import (
    add_ons,
    black_76,
    coverage,
    deribit_portfolio,
    derive_portfolio,
    lognormal_es,
    okx_portfolio,
    paradex,
    schedule,
    span_array,
)
from marginbook.risk_models.calibration import Choice as CalibrationChoice
from marginbook.risk_models.calibration import Prices, calibrate
from marginbook.risk_models.correlation import eigen, positive_definite
from marginbook.risk_models.dynamic import Policy, margin_path
from marginbook.risk_models.historical import expected_shortfall, value_at_risk
from marginbook.risk_models.scenarios import Positions
from marginbook.risk_models.shortfall import critical
from marginbook.risk_models.var import Model, filtered, margins, price_arrays
from marginbook.testing.charts import bars, lines, points
from marginbook.venues.broker.parameters import parameters
from marginbook.venues.broker.portfolio import moves

FOLDER = Path("docs") / "pictures"
HISTORIES = ("BTCUSDT", "ETHUSDT")
AT = 1_771_200_000_000_000
"""Parameters of 16 February 2026."""


def _walk(rows: int, seed: int) -> list[float]:
    """A drawn history: calm, a storm in the middle, calm again."""
    days = np.arange(rows)
    sigma = 0.012 + 0.035 * np.exp(-(((days - 0.55 * rows) / (0.05 * rows)) ** 2))
    moves_ = sigma * np.random.default_rng(seed).standard_normal(rows)
    return [float(price) for price in 100 * np.exp(np.cumsum(moves_))]


def _add_ons() -> str:
    shares = [n / 100 for n in range(51)]
    cost = [add_ons.square_root_impact(1e6 * x, 1.0, 0.04, 1e6) for x in shares]
    line = [1e6 * x * 0.04 * sqrt(0.01) for x in shares]
    series = {
        "square root of size": [(100 * x, y) for x, y in zip(shares, cost, strict=True)],
        "in proportion": [(100 * x, y) for x, y in zip(shares, line, strict=True)],
    }
    return lines("Closing a position at once, σ 4 % a day", "size, % of a day's volume", "cost, thousandths", series)


def _black_76() -> str:
    series = {
        f"{years:g} years": [(f, black_76.value(True, f, 100.0, years, 0.5)) for f in range(50, 152, 2)]
        for years in (0.0, 0.1, 0.5, 1.0)
    }
    return lines("Call on a forward, strike 100, volatility 50 %", "forward", "value", series)


def _calibration() -> str:
    days = [day * 86_400_000_000 for day in range(1200)]
    series: dict[str, list[tuple[float, float]]] = {"normal range": [], "range down": [], "range up": []}
    for percent in (90, 92, 94, 95, 96, 97, 98, 98.5, 99, 99.5):
        choice = CalibrationChoice(confidence=Decimal(str(percent)) / 100, window=Decimal(1000))
        found = calibrate([Prices("A", days, _walk(1200, 3))], choice)
        for estimate in found.estimates:
            if estimate.quantity in series:
                series[estimate.quantity].append((percent, 100 * estimate.value))
    return lines("Ranges of a drawn history with a storm, 24 hours", "confidence, %", "% of the price", series)


def _correlation() -> str:
    given = [[1.0, 0.9, -0.9, 0.2], [0.9, 1.0, 0.9, 0.3], [-0.9, 0.9, 1.0, 0.1], [0.2, 0.3, 0.1, 1.0]]
    before = sorted(eigen(np.array(given))[0].tolist())
    after = sorted(eigen(positive_definite(given).matrix)[0].tolist())
    series = {"as given": before, "repaired": after}
    labels = [str(n + 1) for n in range(4)]
    return bars("Eigenvalues of a correlation matrix of four markets", "number", "eigenvalue", labels, series)


def _coverage() -> str:
    counts = list(range(13))
    title = "At most x exceedances in 250 days at 99 %: green to 4, yellow to 9, red from 10"
    values = [100 * coverage.binomial_at_most(n, 250, 0.01) for n in counts]
    return bars(title, "exceedances", "probability, %", [str(n) for n in counts], {"probability": values})


def _shortfall() -> str:
    confidence = Decimal("0.975")
    series = {
        tail: [(t, critical(t, confidence, tail=tail)) for t in (100, 150, 250, 500, 1000, 2000)]
        for tail in ("normal", "t3")
    }
    return lines("Z₂ below which a right model falls in 5 % of cases, 97.5 %", "periods", "Z₂", dict(series))


def _derive() -> str:
    given, scenarios = derive_portfolio.parameters_at(AT)
    sold = derive_portfolio.Option(3200.0, True, -1.0, 0.6)
    expiry = derive_portfolio.Expiry(20 * 86_400, 3010.0, 0.0, 0.05, 1.0, [sold])
    hedge = derive_portfolio.Portfolio(3000.0, 1.0, 1.0, cash=500.0, perps=0.4, perp_price=3000.0, expiries=[expiry])
    found = derive_portfolio.margin(hedge, given, scenarios)
    labels = [str(n + 1) for n in range(len(scenarios))]
    title = "0.4 perpetuals against a short call: profit by scenario"
    return bars(title, "scenario", "USDC after damping", labels, {"profit": found.profits})


def _deribit() -> str:
    settings = deribit_portfolio.settings_at(1_718_700_000_000_000, "BTC")
    strangle = [
        deribit_portfolio.Option(True, 75_000.0, -1.0, 66_000.0, 20.0, 0.6),
        deribit_portfolio.Option(False, 58_000.0, -1.0, 66_000.0, 20.0, 0.6),
    ]
    table = deribit_portfolio.margin([], strangle, 65_666.19, settings).before.standard
    steps = deribit_portfolio.moves(settings)
    series = {
        f"volatility {name}": [(100 * move, table[3 * i + n]) for i, move in enumerate(steps)]
        for n, name in enumerate(("up", "same", "down"))
    }
    return lines("Risk matrix of a short strangle, 20 days", "price move, %", "profit, BTC", series)


def _dynamic() -> str:
    prices = _walk(700, 5)
    series = {}
    for tool in ("none", "buffer", "stressed", "long_run"):
        policy = Policy(tool=tool, stressed_rate=0.12, long_run=400)
        rate = margin_path(prices, policy).rate
        series[tool.replace("_", " ")] = [(t, 100 * float(rate[t])) for t in range(100, 700, 3)]
    return lines("Rates of a drawn history through a storm, 99 %, one day", "day", "% of notional", series)


def _live_scenarios() -> str:
    def worth(price: float, volatility: float) -> float:
        return black_76.value(True, price, 70_000.0, 30 / 365, volatility)

    def largest_loss(price: float) -> float:
        shocks = [(1 + m / 20, v) for m in range(-3, 4) for v in (0.45, 0.6, 0.75)]
        return max(worth(price * move, volatility) - worth(price, 0.6) for move, volatility in shocks)

    prices = [float(price) for price in range(50_000, 76_000, 500)]
    series = {
        "support": [(p / 1000, (12_000 - worth(p, 0.6)) / 1000) for p in prices],
        "requirement": [(p / 1000, largest_loss(p) / 1000) for p in prices],
    }
    return lines("A short call with 12 thousand in cash", "price, thousand", "thousand", series)


def _lognormal() -> str:
    volatilities = [n / 20 for n in range(1, 41)]
    found = [lognormal_es.margin_factors(0.0, v, 1 / 365, 0.01) for v in volatilities]
    series = {
        "short": [(100 * v, 100 * f.short) for v, f in zip(volatilities, found, strict=True)],
        "long": [(100 * v, 100 * f.long) for v, f in zip(volatilities, found, strict=True)],
    }
    return lines("Mean loss of the worst 1 % after a day", "volatility a year, %", "% of notional", series)


def _okx() -> str:
    tiers = okx_portfolio.charge_tiers_at(1_735_862_400_000_000, "BTC")
    raw = [Decimal(n) for n in range(0, 800_001, 10_000)]
    charged = [(float(r) / 1000, float(okx_portfolio.tiered_charge(r, tiers)) / 1000) for r in raw]
    plain = [(float(r) / 1000, float(r) / 1000) for r in raw]
    series = {"after the tiers": charged, "raw": plain}
    return lines("Minimum charge MR7 of BTC until January 2025", "raw charge, thousand USD", "thousand USD", series)


def _paradex() -> str:
    table = paradex.scenarios_at(AT)

    def worth(spot: float, volatility: float) -> float:
        return black_76.value(True, spot, 110_000.0, 20 / 365, volatility)

    def lost(scenario: paradex.Scenario) -> float:
        shocked = paradex.shocked_volatility(0.6, scenario.volatility, 20.0)
        change = worth(100_000.0 * (1 + scenario.spot), shocked) - worth(100_000.0, 0.6)
        return -scenario.weight * change

    labels = [f"{100 * s.spot:g}" for s in table]
    title = "Short call, 10 % out of the money, 20 days: weighted profit by scenario"
    return bars(title, "move of spot, %", "USD", labels, {"profit": [lost(s) for s in table]})


def _quantiles() -> str:
    profits = [Decimal(round(1000 * p)) for p in np.random.default_rng(2).standard_t(4, 400).tolist()]
    series: dict[str, list[tuple[float, float]]] = {"value at risk": [], "expected shortfall": []}
    for level in range(900, 998):
        confidence = Decimal(level) / 1000
        series["value at risk"].append((level / 10, float(value_at_risk(profits, confidence, "ceiling")) / 1000))
        shortfall = expected_shortfall(profits, confidence, "acerbi_tasche")
        series["expected shortfall"].append((level / 10, float(shortfall) / 1000))
    return lines("400 drawn profits (Student t, 4): quantile and tail mean", "confidence, %", "loss", series)


def _scenarios() -> str:
    random = np.random.default_rng(4)
    sorted_ = np.sort(random.standard_normal((2, 500)) * [[30.0], [30.0]], axis=1)
    hedged = np.sort(0.4 * sorted_[0] + 3.0 * random.standard_normal(500))
    series = {
        "a position": [(n + 1, float(sorted_[0][n])) for n in range(500)],
        "with its hedge": [(n + 1, float(hedged[n])) for n in range(500)],
    }
    return lines("Profits in 500 scenarios, in order: reducers read the left end", "rank", "profit", series)


def _schedule() -> str:
    rates = schedule.rates_at(AT)
    classes = ("Rates", "Credit", "FX", "Equity")
    series = {}
    for years, name in ((1, "below 2 years"), (3, "2 to 5"), (7, "5 and more")):
        series[name] = [100 * float(schedule.rate_of(rates, one, Fraction(years))) for one in classes]
    return bars("Gross margin by class and time to the end", "class", "% of notional", list(classes), series)


def _span_array() -> str:
    ranges = span_array.Ranges(Decimal(9), Decimal(3), Decimal("0.33"), Decimal("0.1"))

    def call(move: Decimal, swing: Decimal) -> Decimal:
        return Decimal(repr(black_76.value(True, 100.0 + float(move), 105.0, 0.2, 0.4 + float(swing))))

    series = {
        "long future": [float(loss) for loss in span_array.future_array(ranges)],
        "long call": [float(loss) for loss in span_array.risk_array(call, ranges, 6)],
    }
    labels = [str(n + 1) for n in range(16)]
    return bars("Risk arrays: loss in the 16 scenarios of SPAN", "scenario", "loss", labels, series)


def _span() -> str:
    parts = {"scan": (4140.0, 5400.0), "calendar": (400.0, 0.0), "delivery": (230.0, 0.0), "credit": (-2430.0, -3240.0)}
    parts["risk"] = (2340.0, 2160.0)
    series = {name: [parts[part][n] for part in parts] for n, name in enumerate(("OIL", "GAS"))}
    return bars("The account worked by hand in the tests", "part of the requirement", "USD", list(parts), series)


def _tims() -> str:
    ranges = {name: moves(parameters("portfolio", AT).of(name)) for name in ("AAPL", "SPX")}
    series = {}
    for name, steps in ranges.items():
        now = black_76.value(False, 100.0, 95.0, 0.25, 0.3)
        changes = [black_76.value(False, 100.0 * (1 + float(m)), 95.0, 0.25, 0.3) - now for m in steps]
        series[name] = [100 * float(m) + change for m, change in zip(steps, changes, strict=True)]
    labels = [str(n + 1) for n in range(10)]
    title = "A share at 100 with a put at 95: profit at the ten valuation points"
    return bars(title, "valuation point, lowest first", "USD a share", labels, series)


def _var() -> str:
    returns = np.diff(np.log(np.array(_walk(900, 5))))
    book = Positions.of(1, account=[0], contract=[0], quantity=[1.0])
    series: dict[str, list[tuple[float, float]]] = {"historical": [], "filtered": []}
    for end in range(300, 900, 10):
        window = returns[end - 250 : end]
        for name, scenarios in (("historical", window), ("filtered", filtered(window))):
            found = margins(book, scenarios, Model(), price_arrays([100.0]))
            series[name].append((end, float(found[0])))
    return lines("Margin of 100 through a drawn storm, 250 days, 99 %", "day", "margin", series)


def frontier(folder: Path) -> str:
    """Cost, coverage and procyclicality of every model on the histories in `folder`."""
    from marginbook.connectors.price_series import read_price_series
    from marginbook.simulate.backtests import Choice, compare

    series = {}
    for name in HISTORIES:
        prices = read_price_series(folder / f"binance_spot_{name}_1h_2017-08_2022-10.csv.gz")
        found = compare(prices.times, prices.prices, Choice(), name)
        series[name[:3]] = {
            tested.model: (
                (
                    100 * tested.movement.cost,
                    50 * (tested.long.exceeded + tested.short.exceeded) / tested.long.periods,
                ),
                tested.movement.peak_to_trough,
            )
            for tested in found.tested
        }
    title = "Cost, coverage and procyclicality, 2018 to 2022: 1 % was promised"
    return points(title, "mean rate, % of notional (area: peak to trough)", "exceeded, % of periods", series)


PICTURES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "add-ons": _add_ons,
        "black-76": _black_76,
        "calibration": _calibration,
        "correlation": _correlation,
        "coverage": _coverage,
        "deribit-portfolio": _deribit,
        "derive": _derive,
        "dynamic-margin": _dynamic,
        "live-scenarios": _live_scenarios,
        "lognormal-shortfall": _lognormal,
        "okx-portfolio": _okx,
        "paradex": _paradex,
        "quantiles": _quantiles,
        "scenarios": _scenarios,
        "schedule": _schedule,
        "shortfall": _shortfall,
        "span": _span,
        "span-array": _span_array,
        "tims": _tims,
        "var": _var,
    }
)
"""Name of the picture -> its SVG text; `docs/pictures/model-NAME.svg`."""


def path_of(name: str) -> Path:
    """Where a picture lies."""
    return FOLDER / f"model-{name}.svg"


if __name__ == "__main__":
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    for name, draw in PICTURES.items():
        (root / path_of(name)).write_text(draw(), encoding="utf-8")
    if len(sys.argv) > 2:
        (root / path_of("backtest")).write_text(frontier(Path(sys.argv[2])), encoding="utf-8")
