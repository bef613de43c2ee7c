"""From a pool that is liquidatable to an intent: what a price in doubt or the brake may put in between.

due        the pool's call stands at liquidation (zone reached, grace over)
undecided  a stale price leaves it open whether the pool is liquidatable: escalated, not acted on
held       too many at once: kept until released, or until the price takes them back
intent     one step of the venue's plan, with a key; a fill answers it, then the pool is checked again
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Fill, LendingAction
from marginbook.domain.market import Market
from marginbook.domain.zones import Zone
from marginbook.engine.doubts import Doubts
from marginbook.engine.outputs import Brake, IntentEnded, LiquidationIntent, Output, Undecided
from marginbook.engine.state import Intent, Policy, PoolKey, State
from marginbook.engine.store import Store
from marginbook.exact import ZERO
from marginbook.margin_calls.calls import Call
from marginbook.venues.registry import rule_set


@dataclass(frozen=True, slots=True)
class Moment:
    """When something is said, and about which market."""

    sequence: int
    at: int  # [µs UTC]
    market: Market
    cause: str


class Liquidations:
    """Intents, the brake and undecided pools of one fold."""

    def __init__(
        self,
        state: State,
        store: Store,
        calls: Mapping[PoolKey, Call],
        parameters_of: Callable[[Account], Any],
        doubts: Doubts,
    ) -> None:
        self.policy: Policy = state.policy
        self.intents = dict(state.intents)
        self.held = dict(state.held)
        self.undecided = dict(state.undecided)
        self.said: Mapping[str, LiquidationIntent] = {}  # by key: from the time line, while events are folded again
        self._store = store
        self._calls = calls
        self._parameters_of = parameters_of
        self._doubts = doubts

    def settle(
        self,
        moment: Moment,
        touched: Collection[PoolKey],
        filled: Fill | LendingAction | None,
        *,
        own: str | None,
        everything: bool,
    ) -> list[Output]:
        """Everything that follows for the pools in `touched` and of the account whose `own` event this is.

        `everything`: time has moved on, or more than one account's holdings have; then all are judged that prices in
        doubt concern.
        """
        outputs: list[Output] = []
        candidates: dict[PoolKey, int] = {}  # -> step
        was_held = bool(self.held)
        for key in touched:
            if not self._is_due(key):
                outputs += self._end(key, moment, "withdrawn")
                self.held.pop(key, None)
            elif key not in self.intents and key not in self.held:
                candidates[key] = 1
        if filled is not None:
            candidates |= self._answered(filled, moment, outputs)
        names = {name for name, _ in touched} | ({own} if own is not None else set())
        candidates |= self._judge(moment, names, everything or self._doubts.moved, outputs)
        acting = {key: step for key, step in sorted(candidates.items()) if key not in self.undecided}
        fresh = [key for key, step in acting.items() if step == 1]
        if fresh and self._brakes(fresh, moment, outputs):
            self.held |= dict.fromkeys(fresh, moment.sequence)
            acting = {key: step for key, step in acting.items() if step > 1}
        elif was_held and not self.held:
            outputs.append(self._brake_output(moment, "released", 0, None, moment.cause))
        outputs += (self._intent(key, step, moment) for key, step in acting.items())
        return outputs

    def release(self, moment: Moment, by: str) -> list[Output]:
        """Let go of what the brake holds."""
        if not self.held:
            raise BadInput("nothing_held", "operator", "release", "liquidations held by the brake")
        held = sorted(self.held)
        self.held.clear()
        outputs: list[Output] = [self._brake_output(moment, "released", len({a for a, _ in held}), None, by)]
        outputs += (self._intent(key, 1, moment) for key in held if self._is_due(key) and key not in self.undecided)
        return outputs

    def forget(self, account: str, moment: Moment) -> list[Output]:
        """The account has left the book."""
        outputs: list[Output] = []
        for key in sorted(key for key in {*self.intents, *self.undecided, *self.held} if key[0] == account):
            outputs += self._end(key, moment, "withdrawn")
            self.held.pop(key, None)
            self.undecided.pop(key, None)
        return outputs

    def _is_due(self, key: PoolKey) -> bool:
        call = self._calls.get(key)
        return call is not None and call.zone >= Zone.LIQUIDATION and self._store.holds(key[0])

    def _end(self, key: PoolKey, moment: Moment, how: Any) -> list[Output]:
        intent = self.intents.pop(key, None)
        if intent is None:
            return []
        at, sequence, cause = moment.at, moment.sequence, moment.cause
        return [
            IntentEnded(time=at, sequence=sequence, account=key[0], pool=key[1], key=intent.key, how=how, cause=cause)
        ]

    def _answered(self, filled: Fill | LendingAction, moment: Moment, outputs: list[Output]) -> dict[PoolKey, int]:
        """Intents that this liquidation fill answers; a pool that is still due gets its next step."""
        market = filled.market if isinstance(filled, Fill) else filled.asset
        again: dict[PoolKey, int] = {}
        for key, intent in sorted(self.intents.items()):
            if key[0] == filled.account and intent.market == market:
                outputs += self._end(key, moment, "filled")
                if self._is_due(key):
                    again[key] = intent.step + 1
        return again

    def _judge(self, moment: Moment, names: set[str], everything: bool, outputs: list[Output]) -> dict[PoolKey, int]:
        """Bring the undecided pools up to date; returns those that are now decided and due."""
        self._doubts.moved = False
        doubtful = self._doubts.doubtful()
        if not doubtful and not self.undecided:
            return {}
        known = {key for key in self.undecided if everything or key[0] in names}
        chosen: Iterable[str] = sorted(names)
        if everything:
            chosen = ()
            if doubtful:
                near = self._store.near(self._doubts.bounds(moment.market))
                chosen = sorted({*near, *names, *(name for name, _ in known)})
        found = self._doubts.undecided(chosen, self._store, moment.market, self._parameters_of)
        decided: dict[PoolKey, int] = {}
        for key in sorted(found.keys() | known):
            prices = found.get(key)
            if (prices is None) != (key not in self.undecided):
                told = prices or self.undecided[key]
                outputs.append(self._undecided_output(key, told, prices is None, moment))
            if prices is not None:
                self.undecided[key] = prices
                continue
            del self.undecided[key]
            if self._is_due(key) and key not in self.intents and key not in self.held:
                decided[key] = 1
        return decided

    def _brakes(self, fresh: list[PoolKey], moment: Moment, outputs: list[Output]) -> bool:
        """Whether these new liquidations are held; the first ones that are tell."""
        if self.policy.mode == "observe":
            return False
        if self.held:
            return True
        brakes = self.policy.brakes
        accounts = len({account for account, _ in fresh})
        notional = self._notional(fresh, moment) if brakes.notional is not None else None
        too_many = (
            brakes.accounts is not None
            and accounts >= brakes.accounts_least
            and accounts > brakes.accounts * self._store.count()
        )
        too_much = notional is not None and brakes.notional is not None and notional > brakes.notional
        if too_many or too_much:
            outputs.append(self._brake_output(moment, "held", accounts, notional, moment.cause))
        return too_many or too_much

    def _notional(self, keys: list[PoolKey], moment: Moment) -> Decimal:
        total = ZERO
        for name, pool in keys:
            account = self._store.get(name)
            assert account is not None
            module = rule_set(account.rules).module
            found = module.quantities(account, moment.market, self._parameters_of(account), moment.at)[pool]
            total += found.notional or found.debt_value or ZERO
        return total

    def _intent(self, key: PoolKey, step: int, moment: Moment) -> LiquidationIntent:
        account = self._store.get(key[0])
        assert account is not None
        identity = f"{self._calls[key].id}/{moment.sequence}/{step}"
        known = self.said.get(identity)
        if known is not None:
            self.intents[key] = Intent(key=identity, step=step, market=known.market)
            return known
        module = rule_set(account.rules).module
        market = collateral = price = None
        least = most = ZERO
        try:
            plan = module.plan_liquidation(account, key[1], moment.market, self._parameters_of(account), moment.at)
            market, collateral, price, reason = plan.market, plan.collateral, plan.price, plan.reason
            least, most = plan.close_least, plan.close_most
        except BadInput as bad:
            reason = str(bad)
        self.intents[key] = Intent(key=identity, step=step, market=market or "")
        return LiquidationIntent(
            time=moment.at,
            sequence=moment.sequence,
            account=key[0],
            pool=key[1],
            key=identity,
            step=step,
            forecast=self.policy.mode == "observe",
            market=market or "",
            collateral=collateral,
            close_least=least,
            close_most=most,
            price=price,
            reason=reason,
        )

    def _undecided_output(self, key: PoolKey, prices: tuple[str, ...], resolved: bool, moment: Moment) -> Undecided:
        zone = self._store.zones(key[0]).get(key[1], Zone.SAFE).label
        return Undecided(
            time=moment.at,
            sequence=moment.sequence,
            account=key[0],
            pool=key[1],
            zone=zone,
            prices=prices,
            resolved=resolved,
        )

    def _brake_output(self, moment: Moment, state: Any, accounts: int, notional: Decimal | None, by: str) -> Brake:
        return Brake(
            time=moment.at,
            sequence=moment.sequence,
            account="",
            pool="",
            state=state,
            accounts=accounts,
            notional=notional,
            by=by,
        )
