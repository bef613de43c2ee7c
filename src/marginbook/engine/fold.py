"""One step of the engine: an event in, outputs out. The same code folds a plain store in tests and the fast book live.

refuse or apply        a refused event is an output and changes nothing
prices, parameters     move pools between zones (the store says which)
moves                  open, escalate, ease or cure calls
liquidations           intents, unless a stale price leaves them undecided or the brake holds them
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput, Problem
from marginbook.domain.events import (
    AccountClosed,
    AccountSnapshot,
    Event,
    Fill,
    IndexUpdate,
    LendingAction,
    OperatorAction,
    OrderChange,
    ParameterChange,
    PriceFrame,
    Setting,
    StateUpdate,
    Transfer,
    ZoneChange,
)
from marginbook.domain.market import Index, IndexKey, Market, Quote, QuoteKey, StateKey
from marginbook.engine.doubts import Doubts
from marginbook.engine.guards import Told
from marginbook.engine.liquidations import Liquidations, Moment
from marginbook.engine.numbers import check_numbers
from marginbook.engine.outputs import LatePrices, NotEvaluated, Output, PriceGuarded, Reconciled, Rejected, Revised
from marginbook.engine.ports import admit
from marginbook.engine.reconcile import differences
from marginbook.engine.state import Blind, PoolKey, State
from marginbook.engine.store import Move, Store, moves_between
from marginbook.engine.tables import Tables
from marginbook.exact import in_exact_context, to_raw_floor
from marginbook.margin_calls import calls
from marginbook.margin_calls.calls import CallPolicy
from marginbook.units import seconds
from marginbook.venues.registry import rule_set

AccountEvent = Transfer | Fill | OrderChange | LendingAction | Setting
PRICE_MAX = Decimal("1e24")
"""A price above this is an error of its source."""
NO_VENUE_CALLS = CallPolicy()
LIQUIDATIONS = ("liquidation", "adl")


FOR_ALL = (IndexUpdate, StateUpdate, ParameterChange)
"""Events that concern all holders."""


class Fold:
    """The working state between two events. Not safe for threads: one fold, one thread."""

    def __init__(self, state: State, store: Store, tables: Tables) -> None:
        self.policy = state.policy
        self.store = store
        self.tables = tables
        self.sequence = state.sequence
        self.clock = state.clock
        self.market = state.market
        self.marks = dict(state.marks)
        self.blind = dict(state.blind)
        self.calls = dict(state.calls)
        self.granted = {key for key, call in self.calls.items() if call.deadline is not None}
        self._seen: list[str] = []
        self.doubts = Doubts(state)
        self.liquidations = Liquidations(state, store, self.calls, tables.of, self.doubts)

    @in_exact_context
    def step(self, event: Event) -> list[Output]:
        """Fold one event; a duplicate of its source changes nothing and says nothing."""
        admission = admit(self.marks, (event,))
        if admission.duplicates:
            return []
        self.marks |= admission.marks
        self.sequence += 1
        before = self.clock
        self.clock = self.tables.clock = max(self.clock, event.stamp.time)
        outputs: list[Output] = []
        touched: list[PoolKey] = []
        if not isinstance(event, PriceFrame | IndexUpdate):
            accrued = self.store.advance(self.market, self.clock)
            touched += self._follow(accrued, self._moment("interest"), outputs)
        try:
            check_numbers(event)
            moves = self._apply(event, outputs)
        except BadInput as bad:
            moves = []
            outputs.append(rejected(event, bad.problem, self.clock, self.sequence))
        moment = self._moment(_cause(event))
        touched += self._follow(moves, moment, outputs)
        touched += self._expire(moment, outputs)
        touched += self._seen_again()
        self.doubts.advance(self.market, self.clock)
        outputs += self.liquidations.settle(
            moment,
            dict.fromkeys(touched),
            event if isinstance(event, Fill | LendingAction) and event.kind in LIQUIDATIONS else None,
            own=_account_of(event),
            everything=self.doubts.due(before, self.clock) or isinstance(event, FOR_ALL),
        )
        return outputs

    @in_exact_context
    def told(self, moves: Iterable[Move], event: Event) -> list[Output]:
        """What follows from moves that a batch has made for `event`, with no price in doubt and no grace running."""
        self.sequence += 1
        self.clock = self.tables.clock = event.stamp.time
        outputs: list[Output] = []
        moment = self._moment(_cause(event))
        touched = dict.fromkeys(self._follow(moves, moment, outputs))
        return outputs + self.liquidations.settle(moment, touched, None, own=_account_of(event), everything=False)

    @in_exact_context
    def open(self, accounts: Iterable[Account]) -> list[Output]:
        """The first accounts, before any event: calls open for the pools that are in trouble already."""
        outputs: list[Output] = []
        moves = [move for account in accounts for move in self._put(account, outputs)]
        return outputs + self.opened(moves)

    def opened(self, moves: Iterable[Move]) -> list[Output]:
        """What the zones that the store starts with give rise to."""
        outputs: list[Output] = []
        moment = self._moment("opening")
        touched = self._follow(sorted(moves), moment, outputs)
        self._seen_again()
        return outputs + self.liquidations.settle(moment, dict.fromkeys(touched), None, own=None, everything=True)

    def frozen(self, state: State) -> State:
        """The state now, but for accounts and zones, which the store has."""
        return replace(
            state,
            sequence=self.sequence,
            clock=self.clock,
            market=self.market,
            blind=dict(self.blind),
            tables=dict(self.tables.used),
            marks=dict(self.marks),
            calls=dict(self.calls),
            intents=dict(self.liquidations.intents),
            held=dict(self.liquidations.held),
            undecided=dict(self.liquidations.undecided),
            suspect=dict(self.doubts.suspect),
            guarded=dict(self.doubts.guards.known),
        )

    def account(self, name: str) -> Account:
        """The account; BadInput `unknown_account`."""
        found = self.store.get(name)
        if found is None and name in self.blind:
            found = self.blind[name].account
        if found is None:
            raise BadInput("unknown_account", f"account {name}", name, "an account of the book")
        return found

    def after(self, event: AccountEvent) -> tuple[Account, Market]:
        """The account and market as they would be after `event`; BadInput where the venue refuses it."""
        account = self.account(event.account)
        module = rule_set(account.rules).module
        return module.apply(account, self.market, event, self.tables.of(account), self.clock)

    def _apply(self, event: Event, outputs: list[Output]) -> list[Move]:
        match event:
            case PriceFrame():
                return self._prices(event, outputs)
            case AccountSnapshot():
                return self._snapshot(event, outputs)
            case AccountClosed():
                return self._closed(event, outputs)
            case IndexUpdate():
                key, index = index_of(event)
                return self._indices({key: index}, replace(self.market, indices={**self.market.indices, key: index}))
            case StateUpdate():
                return self._states({(event.venue, event.market, name): value for name, value in event.values.items()})
            case ParameterChange():
                self.tables.change(event, self.clock)
                self.doubts.forget()
                moves = self.store.parameters_changed(event.rules, event.name, self.market, self.clock)
                return moves + self._retry(outputs)
            case OperatorAction():
                self._operate(event, outputs)
                return []
        account, market = self.after(event)
        if event.stamp.time < self.clock:
            outputs.append(
                Revised(
                    time=self.clock,
                    sequence=self.sequence,
                    account=account.id,
                    pool="",
                    since=event.stamp.time,
                )
            )
        moved = _moved(self.market, market)
        stated = market.state is not self.market.state
        self.market = market
        # The indices first, under the account as it was: its own event then meets a book that stands at them.
        moves = self._indices(moved, market) if moved else []
        if stated:
            moves += self.store.state_changed({rule_set(account.rules).venue}, market, self.clock)
        return moves + self._put(account, outputs)

    def _indices(self, changes: Mapping[IndexKey, Index], market: Market) -> list[Move]:
        self.market = market
        self.doubts.forget()
        return self.store.refresh(changes, market, self.clock)

    def _states(self, changes: Mapping[StateKey, Decimal]) -> list[Move]:
        self.market = replace(self.market, state={**self.market.state, **changes})
        self.doubts.forget()
        return self.store.state_changed({key[0] for key in changes}, self.market, self.clock)

    def _prices(self, event: PriceFrame, outputs: list[Output]) -> list[Move]:
        time = event.stamp.time
        changes: dict[QuoteKey, Decimal] = {}
        late: list[QuoteKey] = []
        for key, price in event.prices.items():
            if not price.is_finite() or not 0 < price <= PRICE_MAX:
                raise BadInput("bad_price", f"prices.{'.'.join(key)}", price, f"above 0 and at most {PRICE_MAX}")
            known = self.market.quotes.get(key)
            if known is not None and known.time is not None and known.time > time:
                late.append(key)
            else:
                changes[key] = price
        if late:
            markets = tuple(sorted(":".join(key) for key in late))
            outputs.append(
                LatePrices(time=self.clock, sequence=self.sequence, account="", pool="", since=time, markets=markets)
            )
        before = self.market
        changes, guarded = self.doubts.passed(changes, before, self.clock)
        outputs += (self._guarded_output(told) for told in guarded)
        self.market = with_frame(before, changes, event, self.sequence)
        self.doubts.arrived(changes, before, self.market)
        moves = self.store.prices(changes, self.market, self.clock)
        if self.blind and not changes.keys() <= before.quotes.keys():
            moves = sorted(moves + self._retry(outputs))
        return moves

    def _guarded_output(self, told: Told) -> PriceGuarded:
        decision = told.decision
        return PriceGuarded(
            time=self.clock,
            sequence=self.sequence,
            account="",
            pool="",
            price=":".join(told.key),
            given=told.given,
            used=told.given if decision.price is None else decision.price,
            liquidations=decision.allow_liquidation,
            reason=decision.reason,
        )

    def _snapshot(self, event: AccountSnapshot, outputs: list[Output]) -> list[Move]:
        parameters = self.tables.of(event.account)
        module = rule_set(event.account.rules).module
        account, self.market = module.apply(event.account, self.market, event, parameters, self.clock)
        moves = self._put(account, outputs)
        if account.id not in self.blind:
            lines = differences(event.account, self.market, self.tables.of, self.clock)
            if lines:
                outputs.append(
                    Reconciled(time=self.clock, sequence=self.sequence, account=account.id, pool="", lines=lines)
                )
        return moves

    def _closed(self, event: AccountClosed, outputs: list[Output]) -> list[Move]:
        account = self.account(event.account)
        outputs += self.liquidations.forget(account.id, self._moment(_cause(event)))
        blind = self.blind.pop(account.id, None)
        if blind is not None:
            return list(moves_between(account.id, blind.zones, {}))
        self.doubts.forget(account.id)
        return self.store.remove(account.id)

    def _operate(self, event: OperatorAction, outputs: list[Output]) -> None:
        if event.kind == "release":
            outputs += self.liquidations.release(self._moment(_cause(event)), event.by)
            return
        keys = [key for key in sorted(self.calls) if key[0] == event.account and event.pool in (None, key[1])]
        if not keys:
            raise BadInput("no_call", f"account {event.account}", event.pool or "any pool", "an open call")
        for key in keys:
            self.calls[key], told = calls.acknowledge(
                self.calls[key], event.by, at=self.clock, sequence=self.sequence, policy=self._call_policy(key[0])
            )
            outputs += told

    def _put(self, account: Account, outputs: list[Output]) -> list[Move]:
        """Into the store; an account that cannot be evaluated is kept aside, known and visibly blind."""
        self.doubts.forget(account.id)
        known = self.blind.get(account.id)
        try:
            moves = self.store.put(account, self.market, self.clock)
        except BadInput as bad:
            zones = known.zones if known is not None else dict(self.store.zones(account.id))
            if self.store.holds(account.id):
                self.store.remove(account.id)
            self.blind[account.id] = Blind(account=account, problem=bad.problem, zones=zones)
            if known is None or known.problem != bad.problem:
                outputs.append(self._not_evaluated(account.id, bad.problem))
            return []
        if known is None:
            return moves
        del self.blind[account.id]
        self._seen.append(account.id)
        outputs.append(self._not_evaluated(account.id, None))
        return list(moves_between(account.id, known.zones, self.store.zones(account.id)))

    def _seen_again(self) -> list[PoolKey]:
        """Pools of accounts that were blind before this event: due again, if they are."""
        keys = [(name, pool) for name in self._seen for pool in self.store.zones(name)]
        self._seen.clear()
        return keys

    def _retry(self, outputs: list[Output]) -> list[Move]:
        """Blind accounts once there is something new to see."""
        return [move for name in sorted(self.blind) for move in self._put(self.blind[name].account, outputs)]

    def _moment(self, cause: str) -> Moment:
        return Moment(self.sequence, self.clock, self.market, cause)

    def _follow(self, moves: Iterable[Move], moment: Moment, outputs: list[Output]) -> list[PoolKey]:
        touched: list[PoolKey] = []
        for move in moves:
            key = (move.account, move.pool)
            touched.append(key)
            outputs.append(
                ZoneChange(
                    time=moment.at,
                    sequence=moment.sequence,
                    account=move.account,
                    pool=move.pool,
                    from_zone=move.before.label,
                    to_zone=move.after.label,
                    cause=moment.cause,
                )
            )
            call, told = calls.follow(
                self.calls.get(key),
                account=move.account,
                pool=move.pool,
                zone=move.after,
                at=moment.at,
                sequence=moment.sequence,
                cause=moment.cause,
                policy=self._call_policy(move.account),
            )
            if call is None:
                self.calls.pop(key, None)
            else:
                self.calls[key] = call
            (self.granted.add if call is not None and call.deadline is not None else self.granted.discard)(key)
            outputs += told
        return touched

    def _expire(self, moment: Moment, outputs: list[Output]) -> list[PoolKey]:
        touched = []
        for key in sorted(self.granted):
            call, told = calls.expire(
                self.calls[key], at=moment.at, sequence=moment.sequence, policy=self._call_policy(key[0])
            )
            if told:
                self.calls[key] = call
                outputs += told
                touched.append(key)
        return touched

    def _call_policy(self, name: str) -> CallPolicy:
        account = self.store.get(name) if self.policy.calls else None
        return self.policy.calls.get(account.rules, NO_VENUE_CALLS) if account is not None else NO_VENUE_CALLS

    def _not_evaluated(self, account: str, problem: Problem | None) -> NotEvaluated:
        return NotEvaluated(
            time=self.clock,
            sequence=self.sequence,
            account=account,
            pool="",
            code=problem.code if problem else "",
            place=problem.place if problem else "",
            expected=problem.expected if problem else "",
        )


def with_frame(market: Market, changes: dict[QuoteKey, Decimal], frame: PriceFrame, sequence: int) -> Market:
    """The market after a frame: new prices with their time, sequence and source."""
    quotes = dict(market.quotes)
    stamp = frame.stamp
    for key, price in changes.items():
        old = quotes.get(key)
        quotes[key] = Quote(price, stamp.time, stamp.source_sequence, stamp.source, old.max_age if old else None)
    return replace(market, quotes=quotes, sequence=sequence, as_of=max(market.as_of or stamp.time, stamp.time))


def index_of(event: IndexUpdate) -> tuple[IndexKey, Index]:
    """The growth index that an update stores: funding [quote per base · 10^-18], lending [ray, ray per year]."""
    value = to_raw_floor(event.value, 18 if event.kind == "funding" else 0)
    index = Index(value, to_raw_floor(event.rate, 0), seconds(event.stamp.time))
    return (event.venue, event.asset, event.kind), index


def _moved(before: Market, after: Market) -> dict[IndexKey, Index]:
    """The indices that an account's own event moved (a supply accrues its reserve)."""
    if before.indices is after.indices:
        return {}
    return {key: index for key, index in after.indices.items() if before.indices.get(key) != index}


def rejected(event: Event, problem: Problem, at: int, sequence: int) -> Rejected:
    """What is said of an event that was refused at a time [µs UTC]."""
    return Rejected(
        time=at,
        sequence=sequence,
        account=_account_of(event) or "",
        pool="",
        source=event.stamp.source,
        source_sequence=event.stamp.source_sequence,
        code=problem.code,
        place=problem.place,
        value=problem.value,
        expected=problem.expected,
    )


def _account_of(event: Event) -> str | None:
    """The account that an event is about, if it is about one."""
    account = getattr(event, "account", None)
    return account.id if isinstance(account, Account) else account


def _cause(event: Event) -> str:
    """What an output gives as its cause."""
    match event:
        case PriceFrame():
            return "price"
        case Transfer() | LendingAction() | Setting():
            return event.kind
        case Fill():
            return "fill" if event.kind == "trade" else event.kind
        case StateUpdate():
            return "system state"
        case IndexUpdate():
            return "funding" if event.kind == "funding" else "interest"
    return {
        AccountSnapshot: "snapshot",
        AccountClosed: "account closed",
        OrderChange: "order",
        ParameterChange: "parameters",
        OperatorAction: "operator",
    }[type(event)]
