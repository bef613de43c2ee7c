"""What `stress` is asked for, and the answer put together from its parts."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marginbook.cli.common import ticker

if TYPE_CHECKING:
    from marginbook.connectors.books import BookFile
    from marginbook.simulate.histories import History
    from marginbook.simulate.scenarios import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """The options of one call."""

    shocks: tuple[str, ...] = ()
    only: bool = False
    scenario: str | None = None
    history: Path | None = None
    hours: float = 24.0
    correlated: Path | None = None
    parameters: tuple[str, ...] = ()
    venue_down: str | None = None
    reverse: str | None = None
    direction: str = "all"

    @property
    def anything(self) -> bool:
        """Whether there is a question."""
        return bool(self.shocks or self.scenario or self.history or self.parameters or self.venue_down or self.reverse)


def stress_answer(loaded: "BookFile", at: int, asked: WhatIf) -> dict[str, Any]:
    """The answer of `stress`: shocks first, then what else was asked at the prices that they leave."""
    from marginbook.connectors.books import market_of
    from marginbook.engine.evaluate import parameters_source
    from marginbook.simulate.parameter_changes import changed_parameters, effect, parse_change
    from marginbook.simulate.scenarios import shocks_of
    from marginbook.simulate.shocks import shocked
    from marginbook.simulate.stress import stress

    market = market_of(loaded)
    before = parameters_source(loaded.overlays, at)
    changes = [parse_change(text) for text in asked.parameters]
    after = changed_parameters(before, loaded.overlays, changes, at) if changes else None
    crashes = _scenarios(loaded, asked)
    shocks, assumed = list[Any](asked.shocks), list[str]()
    if asked.correlated:
        from marginbook.simulate.correlated import correlated_shocks

        shocks = correlated_shocks(asked.shocks, _history(loaded, asked.correlated))
    for crash in crashes:
        moves, missing = shocks_of(crash, market)
        shocks += moves
        assumed += missing
    answer = stress(loaded.accounts, market, before, shocks, at, only=asked.only, parameters_after=after)
    if crashes:
        answer["scenarios"] = [
            {
                "name": crash.name,
                "title": crash.title,
                "source": crash.source,
                "from": crash.start,
                "to": crash.end,
                "how": crash.how,
            }
            for crash in crashes
        ]
        answer["assumed"] = assumed
    then = shocked(market, shocks, only=asked.only)[0]
    if after is not None:
        named = [row["account"] for row in answer["accounts"]]
        answer |= effect(loaded.accounts, market, before, after, changes, at, named)
    if asked.venue_down:
        from marginbook.simulate.venue_outage import venue_down

        answer |= venue_down(asked.venue_down, loaded.accounts, then, after or before, at)
        answer["errors"] += answer.pop("outage_errors")
    if asked.reverse:
        from marginbook.simulate.reverse_stress import answer_of, parse_direction, parse_goal, reverse_stress

        goal = parse_goal(asked.reverse)
        weights = parse_direction(asked.direction, then)
        found = reverse_stress(loaded.accounts, then, after or before, at, goal, weights, ticker("probes"))
        answer["reverse"] = answer_of(goal, asked.direction, found)
    return answer


def _scenarios(loaded: "BookFile", asked: WhatIf) -> "list[Scenario]":
    """The named crash and the worst window of a file."""
    from marginbook.simulate.scenarios import historical, scenario

    found = [scenario(asked.scenario)] if asked.scenario else []
    if asked.history:
        found.append(historical(_history(loaded, asked.history), asked.hours, asked.history.name))
    return found


def _history(loaded: "BookFile", file: Path) -> "History":
    """Prices in a file of the assets that the book quotes and the file has."""
    from marginbook.connectors.price_series import read_points
    from marginbook.margin_calls.assets import is_stable, underlying
    from marginbook.simulate.histories import history
    from marginbook.units import STABLE_ASSETS

    points = read_points(file)[0]
    quoted = {underlying(key[1]) for key in loaded.quotes if not is_stable(key[1], STABLE_ASSETS)}
    known = {underlying(key[min(1, len(key) - 1)]) for key in points}
    return history(points, sorted(quoted & known))
