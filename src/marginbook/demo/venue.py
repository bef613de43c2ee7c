"""The demo's venues: they carry out the liquidations that the engine forecasts, a little later, as events of their own.

An observer's forecasts are not acts. In the demo somebody must act, or an account would stay under water for ever: a
contract is closed at its mark price, a debt is repaid by a liquidator who takes collateral, both as large as the rules
allow in one step. What is then missing in an empty account comes from the insurance fund.
"""

from collections.abc import Callable, Iterable
from typing import Any
from zlib import crc32

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Event, Fill, LendingAction, Stamp, Transfer
from marginbook.domain.market import Market
from marginbook.engine.outputs import IntentEnded, LiquidationIntent
from marginbook.units import MICROSECONDS
from marginbook.venues.registry import rule_set

SOONEST, SPREAD = 5 * MICROSECONDS, 55 * MICROSECONDS
"""[µs] between a crossing and its execution: the least, and by how much it varies from one to the next."""
AT_ONCE = 64
"""Most events handed out together."""


class DemoVenue:
    """Hears what the engine says and answers with fills. Deterministic: delays come from the intents' keys."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[int, LiquidationIntent]] = {}
        self._closed: set[str] = set()
        self._number = 0

    def hear(self, outputs: Iterable[Any]) -> None:
        """Take in new intents and those that ended."""
        for output in outputs:
            if isinstance(output, LiquidationIntent) and output.close_most > 0:
                key = f"{output.key}/{output.step}"
                self._waiting[key] = (output.time + SOONEST + crc32(key.encode()) % SPREAD, output)
            elif isinstance(output, IntentEnded):
                for key in [key for key, (_, intent) in self._waiting.items() if intent.key == output.key]:
                    del self._waiting[key]

    def due(self, clock: int, find: Callable[[str], Account], market: Market) -> list[Event]:
        """The fills whose time has come, oldest first."""
        ready = sorted((when, key) for key, (when, _) in self._waiting.items() if when <= clock)[:AT_ONCE]
        events = self._insured(clock, find)
        for _, key in ready:
            _, intent = self._waiting.pop(key)
            event = self._event(intent, clock, find, market)
            if event is not None:
                events.append(event)
        return events

    def _insured(self, clock: int, find: Callable[[str], Account]) -> list[Event]:
        events: list[Event] = []
        for name in sorted(self._closed):
            account = find(name)
            for currency, balance in account.wallet.items():
                if balance < 0 and not account.positions:
                    events.append(
                        Transfer(
                            stamp=self._stamp(clock), account=name, kind="correction", asset=currency, amount=-balance
                        )
                    )
        self._closed.clear()
        return events

    def _stamp(self, clock: int) -> Stamp:
        self._number += 1
        return Stamp(source="demo venue", source_sequence=self._number, time=clock)

    def _event(
        self, intent: LiquidationIntent, clock: int, find: Callable[[str], Account], market: Market
    ) -> Event | None:
        try:
            account = find(intent.account)
        except BadInput:
            return None
        if intent.collateral is not None:
            return LendingAction(
                stamp=self._stamp(clock),
                account=account.id,
                kind="liquidation",
                asset=intent.market,
                amount=intent.close_most,
                collateral_asset=intent.collateral,
            )
        alone = intent.pool.startswith("isolated:")
        held = [p for p in account.positions if p.market == intent.market and (p.mode == "isolated") == alone]
        if not held:
            return None
        rules = rule_set(account.rules)
        self._closed.add(account.id)
        return Fill(
            stamp=self._stamp(clock),
            account=account.id,
            market=intent.market,
            side="sell" if held[0].side == "long" else "buy",
            quantity=min(intent.close_most, held[0].quantity),
            price=market.price(rules.venue, intent.market, rules.price_kind),
            kind="liquidation",
        )
