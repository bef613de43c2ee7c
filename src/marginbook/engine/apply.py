"""`apply(state, event) -> state, outputs`: the engine as a pure function, and the order in which files of events merge.

    state = fold(apply, snapshot, ordered events)

Every pool is evaluated exactly at every event: this is the authority that the live engine is tested against.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from heapq import merge

from marginbook.domain.account import Account
from marginbook.domain.events import Event, IndexUpdate, ParameterChange, PriceFrame, StateUpdate
from marginbook.domain.market import Market
from marginbook.engine.fold import Fold
from marginbook.engine.outputs import Output
from marginbook.engine.state import Overlay, Policy, State, settled
from marginbook.engine.store import PlainStore
from marginbook.engine.tables import Tables


def opening(
    accounts: Iterable[Account],
    market: Market,
    *,
    at: int,
    overlays: Mapping[str, Overlay] | None = None,
    policy: Policy | None = None,
) -> tuple[State, tuple[Output, ...]]:
    """The state before the first event, and the calls of pools that are in trouble already.

    Accounts that cannot be evaluated are kept aside, not lost.
    """
    state = State(policy=settled(policy or Policy()), clock=at, market=market, overlays=overlays or {})
    working, store = _working(state)
    outputs = working.open(accounts)
    return _frozen(state, working, store), tuple(outputs)


def apply(state: State, event: Event) -> tuple[State, tuple[Output, ...]]:
    """The state after `event`, and what there is to say. Deterministic; never raises for a bad event."""
    return fold(state, (event,))


def fold(state: State, events: Iterable[Event]) -> tuple[State, tuple[Output, ...]]:
    """`apply` over many events."""
    working, store = _working(state)
    outputs: list[Output] = []
    for event in events:
        outputs += working.step(event)
    return _frozen(state, working, store), tuple(outputs)


def in_order(*streams: Iterable[Event]) -> Iterator[Event]:
    """Streams, each in order, as one: by time; at equal time account events, parameters, funding, prices."""
    return merge(*streams, key=order)


def order(event: Event) -> tuple[int, int, str, int]:
    """The place of an event among others: time, rank at equal time, source, number.

    >>> from marginbook.domain.events import Stamp
    >>> order(PriceFrame(stamp=Stamp(time=5), prices={}))
    (5, 3, 'file', 0)
    """
    rank = {ParameterChange: 1, IndexUpdate: 2, StateUpdate: 2, PriceFrame: 3}.get(type(event), 0)
    return event.stamp.time, rank, event.stamp.source, event.stamp.source_sequence


def _working(state: State) -> tuple[Fold, PlainStore]:
    tables = Tables(state.overlays, state.tables, state.clock)
    store = PlainStore(state.accounts, state.zones, tables.of, state.policy.borders, state.clock)
    return Fold(state, store, tables), store


def _frozen(state: State, fold: Fold, store: PlainStore) -> State:
    return replace(fold.frozen(state), accounts=store.accounts, zones=store.all_zones())
