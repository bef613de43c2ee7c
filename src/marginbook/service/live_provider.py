"""The provider over a running engine: one thread owns the book and publishes views; any thread reads them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from marginbook.connectors.events import events_of
from marginbook.connectors.sources import source_of_bytes
from marginbook.domain.errors import BadInput, Problem
from marginbook.domain.events import PriceFrame
from marginbook.domain.zones import Zone
from marginbook.engine.answers import node_json, problem_json, remedy_json, report_json
from marginbook.engine.book_orders import book_orders_json
from marginbook.engine.evaluate import evaluate
from marginbook.engine.orders import order_of, orders_json
from marginbook.engine.ports import Ledger
from marginbook.exact import in_exact_context
from marginbook.margin_calls.fast_what_if import OrderDesk
from marginbook.service.cascade_desk import CascadeDesk
from marginbook.service.core import Core
from marginbook.service.provider import Answer, CascadeQuery, Json, PageQuery, Stamp
from marginbook.service.rows import gauge_of, table_row
from marginbook.service.runner import Runner
from marginbook.service.setup import Setup, upload_setup
from marginbook.service.summary import parameter_rows, price_rows, summary_of
from marginbook.service.sweeps import ladder_answer, shock_answer
from marginbook.service.trial import trial_event, what_if_answer
from marginbook.service.view import View
from marginbook.venues.registry import rule_set

SPEED_MOST = Decimal(100_000)
PROBLEMS_SHOWN = 1000
UNNUMBERED = "events without a source"
"""Name under which the reader puts events that carry no source of their own, numbered by their lines."""


class LiveProvider:
    """`Provider` over a `Runner`; see there for what each answer holds."""

    def __init__(self, setup: Setup, ledger: Ledger | None = None) -> None:
        self.runner = Runner(setup, ledger)
        self.cascades = CascadeDesk()

    def start(self) -> None:
        self.runner.start()

    def stop(self) -> None:
        self.cascades.cancel()
        self.runner.stop()

    def alive(self) -> bool:
        return self.runner.alive()

    def number(self) -> int:
        return self.runner.number

    # ---- reading

    def summary(self) -> Answer:
        runner = self.runner
        body = summary_of(runner)
        view = runner.view
        return Answer(body, self._stamp(view))

    @in_exact_context
    def page(self, query: PageQuery) -> Answer:
        view, core = self._ready()
        total, chosen = view.select(query)
        rows, undecided = [], core.undecided
        for i in chosen:
            found = core.at_hand(view.names.id(i))
            if found is not None:
                account, held = found
                zone = Zone.UNDECIDED if account.id in undecided else held
                rows.append(table_row(account, zone, core.market, core.parameters(account), core.clock))
        return Answer({"total": total, "offset": query.offset, "rows": rows}, self._stamp(view))

    def account(self, account: str) -> Answer:
        _, core = self._ready()
        found = core.find(account)
        row = report_json(evaluate(found, core.market, core.parameters, core.clock, borders=core.borders))
        gauge: Json = {}
        if row["error"] is None:
            gauge = gauge_of(found, core.market, core.parameters(found), core.clock, core.borders)
            gauge["zone"] = core.zone(account)
        return Answer({"account": row, "gauge": gauge}, _now(core))

    def explain(self, account: str) -> Answer:
        _, core = self._ready()
        found = core.find(account)
        tree = rule_set(found.rules).module.explain(found, core.market, core.parameters(found), core.clock)
        return Answer({"tree": node_json(tree)}, _now(core))

    def remedies(self, account: str) -> Answer:
        _, core = self._ready()
        found = core.find(account)
        report = evaluate(found, core.market, core.parameters, core.clock, borders=core.borders)
        body = {"account": account, "remedies": [remedy_json(remedy) for remedy in report.remedies]}
        return Answer(body, _now(core))

    def what_if(self, account: str, change: Mapping[str, Any]) -> Answer:
        _, core = self._ready()
        found = core.find(account)
        action = trial_event(found, change, core.market, core.clock)
        body = what_if_answer(found, action, core.market, core.parameters(found), core.clock, core.borders)
        return Answer(body, _now(core))

    def what_if_orders(self, account: str, orders: Sequence[str]) -> Answer:
        _, core = self._ready()
        found, trials = core.find(account), [order_of(text) for text in orders]
        here = (rule_set(found.rules), found, core.market, core.parameters(found), core.clock)
        return Answer(orders_json(*here, trials, core.borders), _now(core))

    def what_if_book(self, orders: Sequence[str], limit: int) -> Answer:
        _, core = self._ready()
        trials = [order_of(text) for text in orders]
        return Answer(book_orders_json(OrderDesk(core.book), trials, limit), _now(core))

    def scenarios(self, offset: int, limit: int) -> Answer:
        _, core = self._ready()
        return Answer(self.runner.call(lambda: core.scenario_rows(offset, limit)), _now(core))

    def scenario(self, account: str, fresh: bool) -> Answer:
        _, core = self._ready()
        row = self.runner.call(lambda: self._scenario(core, account, fresh))
        return Answer({"account": row}, _now(core))

    def _scenario(self, core: Core, account: str, fresh: bool) -> Json:
        """Only on the engine's thread: a fresh evaluation may move a zone, which the time line then tells."""
        if fresh:
            self.runner.heard(core.fresh_scenario(account))
        return core.scenario_row(account)

    def shock(self, shocks: Sequence[tuple[str, Decimal]], only: bool) -> Answer:
        view, core = self._ready()
        body = shock_answer(core.book, view.market, shocks, only)
        return Answer(body | {"currency": "USD"}, self._stamp(view))

    def cascade(self, query: CascadeQuery) -> Answer:
        _, core = self._ready()
        stamp = _now(core)
        return Answer(self.cascades.run(core.book, core.engine.fold.tables, core.problems, query), stamp)

    def cascade_progress(self) -> Answer:
        return Answer(self.cascades.progress(), self._stamp(self.runner.view))

    def cancel_cascade(self) -> Answer:
        return Answer(self.cascades.cancel(), self._stamp(self.runner.view))

    def ladder(self, asset: str, by: str) -> Answer:
        view, core = self._ready()
        body = ladder_answer(core.book, view.market, asset, by)
        return Answer(body | {"currency": "USD"}, self._stamp(view))

    def timeline(self, after: int, limit: int) -> Answer:
        return Answer(self.runner.timeline.read(after, limit), self._stamp(self.runner.view))

    def prices(self) -> Answer:
        view, _ = self._ready()
        return Answer({"prices": price_rows(view, self.runner)}, self._stamp(view))

    def parameters(self) -> Answer:
        view, core = self._ready()
        return Answer({"parameters": parameter_rows(core, view, self.runner.setup.mode == "live")}, self._stamp(view))

    # ---- writing

    def submit(self, lines: bytes) -> Answer:
        self._ready()
        events, problems = [], []
        for found in events_of(source_of_bytes(UNNUMBERED, lines)):
            if isinstance(found, Problem):
                problems.append(found)
            else:
                events.append(_as_given(found))
        accepted = duplicates = 0
        if events:
            accepted, duplicates, refused = self.runner.call(lambda: self._apply(events))
            problems += refused
        body = {
            "accepted": accepted,
            "duplicates": duplicates,
            "problems": [problem_json(problem) for problem in problems[:PROBLEMS_SHOWN]],
        }
        return Answer(body, self._stamp(self.runner.view))

    def _apply(self, events: list[Any]) -> tuple[int, int, list[Problem]]:
        core = self.runner.core
        assert core is not None
        receipt = core.submit(events)
        self.runner.heard(receipt.outputs)
        if not all(isinstance(event, PriceFrame) for event in events):
            self.runner.changed()
        refused = [Problem(o.code, o.place, o.value, o.expected) for o in receipt.rejected]
        if receipt.last >= receipt.first:
            self.runner.now_live()
        return len(events) - receipt.duplicates - len(refused), receipt.duplicates, refused

    def load(self, name: str, content: bytes) -> Answer:
        setup = upload_setup(name, content, time.time_ns() // 1000)
        problems = list(setup.problems)
        shown = 0
        if setup.total:
            problems += self.runner.call(lambda: self._show(setup))
            assert self.runner.core is not None
            shown = len(self.runner.core.book)
        body = {
            "accounts": shown,
            "shown": setup.total > 0,
            "problems": [problem_json(problem) for problem in problems[:PROBLEMS_SHOWN]],
        }
        return Answer(body, self._stamp(self.runner.view))

    def _show(self, setup: Setup) -> list[Problem]:
        self.runner.show(setup)
        assert self.runner.core is not None
        return self.runner.core.problems

    def restore(self) -> Answer:
        self.runner.call(self.runner.restore)
        return Answer({"book": self.runner.generation}, self._stamp(self.runner.view))

    def control(self, paused: bool | None, speed: Decimal | None) -> Answer:
        if speed is not None and not 0 < speed <= SPEED_MOST:
            raise BadInput("bad_speed", "speed", speed, f"above 0 and at most {SPEED_MOST}")
        self.runner.call(lambda: self._control(paused, speed))
        player = self.runner.player
        return Answer({"paused": player.paused, "speed": player.speed}, self._stamp(self.runner.view))

    def _control(self, paused: bool | None, speed: Decimal | None) -> None:
        if self.runner.player.finished and paused is False:
            self.runner.again()
            return
        self.runner.player.control(time.monotonic(), paused, speed)
        self.runner.number += 1

    # ---- parts

    def _ready(self) -> tuple[View, Core]:
        view, core = self.runner.view, self.runner.core
        if view is None or core is None:
            done = f"{self.runner.built} of {self.runner.setup.total} accounts read"
            raise BadInput("not_ready", "service", done, "a book that is ready; ask again in a moment")
        return view, core

    def _stamp(self, view: View | None) -> Stamp:
        if view is None:
            return Stamp(as_of=self.runner.setup.at, sequence=0, rules=())
        core = self.runner.core
        return Stamp(as_of=view.at, sequence=view.sequence, rules=core.rules if core is not None else ())


def _now(core: Core) -> Stamp:
    """A single account is read as it is now, which may be a moment after the view."""
    return Stamp(as_of=core.clock, sequence=core.sequence, rules=core.rules)


def _as_given(event: Any) -> Any:
    """An event without a source has no number either: two posts of one line each are two events."""
    if event.stamp.source != UNNUMBERED:
        return event
    return replace(event, stamp=replace(event.stamp, source="api", source_sequence=0))
