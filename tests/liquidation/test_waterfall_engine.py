"""A waterfall's events drive the engine in authority mode: intents are answered until none is left."""

from dataclasses import replace
from decimal import Decimal as D

from marginbook.domain.account import Account, Position
from marginbook.domain.events import PriceFrame, Stamp
from marginbook.domain.market import Market, Quote
from marginbook.engine.live import Engine
from marginbook.engine.outputs import IntentEnded, LiquidationIntent, Rejected
from marginbook.engine.state import Policy
from marginbook.liquidation.fund import Fund
from marginbook.liquidation.waterfall import run
from marginbook.venues.registry import rule_set

TERMS = {"*": {"maintenance_rate": "0.05", "liquidation_fee": "0.01", "quantity_step": "0.1", "currency": "USDT"}}
MARK = ("generic", "BTC", "mark")


def test_the_engine_ends_where_the_waterfall_ends() -> None:
    position = Position(market="BTC", side="long", quantity=D(1), entry=D(1000), leverage=D(10))
    for wallet, last, steps in (("86", "950", ["reduce"]), ("60", "930", ["take_over", "insurance", "deleverage"])):
        account = Account(
            id="a", rules="generic/derivatives", wallet={"USDT": D(wallet)}, positions=(position,), parameters="perps"
        )
        market = Market(quotes={MARK: Quote(D(1000), time=0)})
        options = {"accounts": [account], "market": market, "at": 0, "overlays": {"perps": TERMS}}
        with Engine.open(**options, policy=Policy(mode="authority")) as engine:
            frame = PriceFrame(stamp=Stamp(source="prices", source_sequence=1, time=1), prices={MARK: D(last)})
            outputs = list(engine.submit([frame]).outputs)
            assert [one.step for one in outputs if isinstance(one, LiquidationIntent)] == [1]
            state = engine.state()
            parameters = rule_set("generic/derivatives").module.parameters("derivatives", 0, TERMS)
            fund = Fund({"USDT": D(4)})
            found = run(state.accounts["a"], "cross:USDT", state.market, parameters, 2, fund=fund)
            assert [step.stage for step in found.steps] == steps
            for event in found.events:
                outputs += engine.submit([replace(event, stamp=replace(event.stamp, source="waterfall"))]).outputs
            assert not [one for one in outputs if isinstance(one, Rejected)]
            intents = {one.key for one in outputs if isinstance(one, LiquidationIntent)}
            assert intents == {one.key for one in outputs if isinstance(one, IntentEnded)}
            after = engine.state()
            assert not after.intents
            assert after.accounts["a"].wallet == found.account.wallet
            assert after.accounts["a"].positions == found.account.positions
