"""The demo's venues: forecasts become fills, accounts leave the liquidation zone, nobody is left under water."""

from marginbook.demo.venue import SOONEST, SPREAD, DemoVenue
from marginbook.domain.events import Fill, LendingAction, ZoneChange
from marginbook.domain.zones import Zone
from marginbook.engine.outputs import LiquidationIntent
from marginbook.service.core import Core
from marginbook.service.setup import demo_setup
from marginbook.units import MICROSECONDS


def test_forecasts_are_carried_out_in_time_on_both_venues() -> None:
    setup = demo_setup(accounts=1500, seed=11)
    assert setup.frames is not None
    core, venue = Core(setup, lambda _: None), DemoVenue()
    intents: dict[str, int] = {}
    late, kinds, liquidated = [], set(), set()
    for number, frame in enumerate(setup.frames()):
        if number % 4:
            continue
        outputs = list(core.submit((frame,)).outputs)
        venue.hear(outputs)
        fills = venue.due(core.clock, core.find, core.market)
        kinds |= {type(event) for event in fills}
        late += [e for e in fills if isinstance(e, Fill | LendingAction) and e.stamp.time < intents.get(e.account, 0)]
        done = core.submit(fills).outputs if fills else ()
        venue.hear(done)
        outputs += done
        intents |= {o.account: o.time + SOONEST for o in outputs if isinstance(o, LiquidationIntent) and o.step == 1}
        liquidated |= {o.account for o in outputs if isinstance(o, ZoneChange) and o.cause == "liquidation"}
    assert {Fill, LendingAction} <= kinds
    assert not late
    assert len(liquidated) > 20
    counts = core.book.counts()
    left = sum(counts[v, zone] for v in ("binance", "aave") for zone in (Zone.LIQUIDATION, Zone.BANKRUPT))
    assert left < 0.2 * len(liquidated)
    assert SPREAD < 120 * MICROSECONDS
    broke = [a for a in map(core.find, liquidated) if not a.positions and any(w < 0 for w in a.wallet.values())]
    assert len(broke) <= 3
