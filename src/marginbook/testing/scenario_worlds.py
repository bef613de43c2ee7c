"""Random portfolios of futures and options on a few underlyings, for tests and benches of scenario margin."""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from marginbook.book.scenario_accounts import Portfolio, ScenarioAccounts
from marginbook.book.scenario_model import Scan, ScenarioModel
from marginbook.domain.market import QuoteKey
from marginbook.risk_models.option_arrays import CALL, FUTURE, PUT, Contracts
from marginbook.risk_models.reducers import Reducer

D = Decimal


@dataclass(frozen=True, slots=True)
class ScenarioWorld:
    """A model, its prices and portfolios."""

    model: ScenarioModel
    prices: dict[QuoteKey, Decimal]
    portfolios: list[Portfolio]


def scenario_world(
    seed: int, accounts: int, underlyings: int = 4, each: int = 12, reducer: Reducer | None = None, scenarios: int = 16
) -> ScenarioWorld:
    """Portfolios of up to six contracts, about half of them near a border."""
    random = np.random.default_rng(seed)
    keys = tuple(("made-up", f"U{n}", "index") for n in range(underlyings))
    prices = {key: D(repr(round(float(10 ** random.uniform(0, 4)), 4))) for key in keys}
    under = np.repeat(np.arange(underlyings), each)
    spot = np.array([float(prices[keys[u]]) for u in under])
    count = under.size
    kind = random.choice([FUTURE, CALL, PUT], count)
    contracts = Contracts.of(
        kind,
        spot,
        spot * np.exp(random.standard_normal(count) * 0.15),
        random.choice([0.0, 0.001, 0.02, 0.2, 1.0], count),
        random.uniform(0.1, 1.2, count),
        random.uniform(0.9, 1.0, count),
        random.choice([0.1, 1.0, 10.0], count),
    )
    move = np.linspace(-0.2, 0.2, scenarios)[None, :] * random.uniform(0.2, 1.0, count)[:, None]
    scan = Scan(
        move,
        np.zeros((1, 1)),
        random.choice([-0.2, 0.0, 0.2], (1, scenarios)),
        np.where(np.arange(scenarios) % 7 == 6, 0.35, 1.0),
        years=0.003,
    )
    names = [f"C{n}" for n in range(count)]
    ratio = random.uniform(0.98, 1.03, count)
    model = ScenarioModel.of(names, keys, under, contracts, scan, reducer, ratio)
    portfolios = []
    for a in range(accounts):
        chosen = random.choice(count, int(random.integers(1, 7)), replace=False)
        held = {names[c]: float(random.integers(-9, 10)) for c in chosen}
        add_on, floor = random.choice([0.0, 0.0, 5.0]), random.choice([0.0, 0.0, 50.0])
        portfolios.append(Portfolio(f"a{a}", 0.0, held, add_on, floor))
    live = ScenarioAccounts(model, prices)
    live.put(portfolios, 0)
    funded = []
    for portfolio in portfolios:
        found = live.figures(portfolio.id)
        share = random.choice([random.uniform(0.8, 3.0), random.uniform(0.99, 1.35), 1.25, 100 / 78, 1.0])
        cash = found.requirement * share - found.support
        funded.append(Portfolio(portfolio.id, cash, portfolio.quantities, portfolio.add_on, portfolio.floor))
    return ScenarioWorld(model, prices, funded)
