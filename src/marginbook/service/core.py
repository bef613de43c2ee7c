"""The engine behind the service, built from a setup: what the service's thread drives and its readers look into."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from marginbook.book.book import Book
from marginbook.book.bulk import ContractColumns, LendingColumns
from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput, Problem
from marginbook.domain.events import Event, ZoneChange
from marginbook.domain.market import Market
from marginbook.domain.zones import Zone
from marginbook.engine.book_store import BookStore
from marginbook.engine.fold import rejected
from marginbook.engine.live import Engine, Receipt
from marginbook.engine.ports import Ledger
from marginbook.engine.state import Policy, State
from marginbook.engine.tables import Tables
from marginbook.margin_calls.zones import Borders
from marginbook.service.setup import Setup

Progress = Callable[[int], None]
CHUNK = 500


class Core:
    """One book, taking events."""

    def __init__(self, setup: Setup, progress: Progress, ledger: Ledger | None = None) -> None:
        self.borders: Borders | None = setup.borders or None
        self.scenarios = setup.scenarios() if setup.scenarios is not None else None
        policy = Policy(borders=setup.borders)
        if setup.columns is not None and (ledger is None or next(iter(ledger.snapshots(State)), None) is None):
            self.engine = _from_columns(setup.columns(), setup, policy, ledger)
            return
        self.engine = Engine.open(
            ledger=ledger,
            accounts=_counted(setup.accounts(), progress),
            market=setup.market,
            overlays=setup.overlays,
            at=setup.at,
            policy=policy,
        )

    @property
    def book(self) -> Book:
        """Columns and exact accounts."""
        return self.engine.store.book

    @property
    def sequence(self) -> int:
        """Of the last event."""
        return self.engine.fold.sequence

    @property
    def clock(self) -> int:
        """[µs UTC] the latest time of any event."""
        return self.engine.fold.clock

    @property
    def market(self) -> Market:
        """Prices and indices as applied."""
        return self.engine.fold.market

    @property
    def problems(self) -> list[Problem]:
        """Why accounts of the book cannot be evaluated."""
        return [_placed(name, blind.problem) for name, blind in self.engine.fold.blind.items()]

    @property
    def undecided(self) -> frozenset[str]:
        """Accounts about which a stale price leaves the decision open."""
        pools = list(self.engine.fold.liquidations.undecided)  # in one step: the engine's thread may be changing it
        return frozenset(account for account, _ in pools)

    def parameters(self, account: Account) -> Any:
        """The parameters of an account; BadInput where there are none."""
        return self.engine.fold.tables.of(account)

    def find(self, account: str) -> Account:
        """The account, evaluated or not; BadInput `unknown_account`."""
        with self.book.lock:
            if account in self.book:
                return self.book.account(account)
        blind = self.engine.fold.blind.get(account)
        if blind is None:
            raise BadInput("unknown_account", "account", account, "an account of the book shown")
        return blind.account

    def at_hand(self, account: str) -> tuple[Account, Zone] | None:
        """The account and the zone that it is held in, of one moment; None if it has just left."""
        with self.book.lock:
            return (self.book.account(account), self.book.zone(account)) if account in self.book else None

    def zone(self, account: str) -> str | None:
        """The zone that the account is held in: hysteresis keeps it until the inner border is passed."""
        if account in self.undecided:
            return Zone.UNDECIDED.label
        with self.book.lock:
            return self.book.zone(account).label if account in self.book else None

    def tables(self) -> list[tuple[str, Any]]:
        """Parameter tables in use, by rule set."""
        used = sorted(self.engine.fold.tables.used, key=lambda key: tuple(part or "" for part in key))
        return [
            (rules, self.parameters(Account(id="", rules=rules, parameters=name, network=network)))
            for rules, name, network in used
        ]

    @property
    def rules(self) -> tuple[str, ...]:
        """Rule sets in use."""
        return tuple(sorted({name for name, _ in self.tables()}))

    def submit(self, events: Sequence[Event]) -> Receipt:
        """Log and fold events; what the engine has to say about them.

        Events of accounts under scenario margin go to those, and are not in the log.
        """
        own = self.scenarios
        if own is None:
            return self.engine.submit(events)
        receipt = self.engine.submit([event for event in events if not own.concerns(event)])
        outputs, duplicates = list(receipt.outputs), receipt.duplicates
        for event in events:
            try:
                with self.book.lock:  # kernels on all cores run one at a time, and readers sweep the book
                    told = own.step(event, self.sequence)
            except BadInput as bad:
                if own.concerns(event):  # of a frame of prices the engine has said so
                    outputs.append(rejected(event, bad.problem, self.clock, self.sequence))
                continue
            outputs += told or ()
            duplicates += told is None
        return replace(receipt, outputs=tuple(outputs), duplicates=duplicates)

    def scenario_rows(self, offset: int, limit: int) -> dict[str, Any]:
        """Accounts under scenario margin in their order, and how many evaluations they have cost."""
        own = self.scenarios
        ids = own.ids if own is not None else []
        rows = [own.row(name) for name in ids[offset : offset + limit]] if own is not None else []
        evaluations = own.live.evaluations if own is not None else 0
        return {"total": len(ids), "offset": offset, "evaluations": evaluations, "rows": rows}

    def scenario_row(self, account: str) -> dict[str, Any]:
        """One of them; BadInput `unknown_account`."""
        if self.scenarios is None:
            raise BadInput("unknown_account", "account", account, "a service with accounts under scenario margin")
        return self.scenarios.row(account)

    def fresh_scenario(self, account: str) -> list[ZoneChange]:
        """Evaluate one of them at the prices of now."""
        self.scenario_row(account)
        assert self.scenarios is not None
        return self.scenarios.fresh([account], self.clock, self.sequence)

    def close(self) -> None:
        """Release the ledger."""
        self.engine.close()


def _from_columns(
    columns: list[ContractColumns | LendingColumns], setup: Setup, policy: Policy, ledger: Ledger | None
) -> Engine:
    state = State(policy=policy, clock=setup.at, market=setup.market, overlays=setup.overlays)
    tables = Tables(state.overlays, {}, setup.at)
    store = BookStore(Book.from_columns(columns, setup.market, tables.of, setup.at))
    engine = Engine(state, store, tables, ledger)
    engine.fold.opened(store.moves_from_safe())
    if ledger is not None:
        engine.snapshot()
    return engine


def _placed(account: str, problem: Problem) -> Problem:
    """The problem with its account in front, unless its place names it."""
    place = problem.place if account in problem.place else f"account {account}: {problem.place}"
    return Problem(problem.code, place, problem.value, problem.expected)


def _counted(accounts: Iterable[Account], progress: Progress) -> Iterable[Account]:
    for number, account in enumerate(accounts):
        if number % CHUNK == 0:
            progress(number)
        yield account
