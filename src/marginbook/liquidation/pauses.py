"""What venues remember between two steps of a liquidation, and when they go on: cooldowns, windows, blocks, slots.

A step leaves its marks (`noted_*`); where a plan refuses because a window or a block is used up, `next_*` is the scene
when it is not any more. Prices stay as they are. How long a block or slot takes is an assumption, stated at its name.
"""

from dataclasses import replace
from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.risk import Plan
from marginbook.exact import ZERO, format_decimal, in_exact_context, mul_div_ceil, parse_decimal, to_raw_floor
from marginbook.liquidation.fund import Fund
from marginbook.liquidation.stages import Done, Scene
from marginbook.units import MICROSECONDS, format_time
from marginbook.venues.common.views import in_units
from marginbook.venues.drift.liquidation import slots_passed
from marginbook.venues.drift.parameters import SYSTEM

DYDX_BLOCK = MICROSECONDS
"""[µs] assumed length of a block of dYdX v4."""
DRIFT_SLOT = 400_000
"""[µs] nominal length of a slot of Solana."""
QUOTE_DECIMALS = 6
BLOCK_MARKS = ("liquidated_markets", "notional_liquidated_raw", "insurance_lost_raw")
DRIFT_MARKS = ("being_liquidated", "liquidation_margin_freed", "last_active_slot")
COOL_OFF = "E_LiquidationCoolOff"
SLOT_IS_FULL = "nothing more may be liquidated in this slot"
DRIFT_WAITS = 20
"""Parts of the liquidation duration in which a waiting liquidator comes back."""


def marked(account: Account, **marks: str) -> Account:
    """The account with these details."""
    return replace(account, details={**account.details, **marks})


def unmarked(scene: Scene, names: tuple[str, ...]) -> Scene:
    """The scene whose account is without these details."""
    details = {name: text for name, text in scene.account.details.items() if name not in names}
    return replace(scene, account=replace(scene.account, details=details))


def noted_partial(before: Scene, done: Done, plan: Plan) -> Scene:
    """Hyperliquid: a partial order starts the cooldown."""
    held = sum((p.quantity for p in before.account.positions if p.market == plan.market), ZERO)
    if done.quantity >= held or done.scene.account == before.account:
        return done.scene
    time = format_time(before.at)
    return replace(done.scene, account=marked(done.scene.account, partially_liquidated_at=time))


@in_exact_context
def noted_in_block(before: Scene, done: Done, plan: Plan) -> Scene:
    """dYdX v4: one position of a subaccount per block, up to a notional and a loss of the fund."""
    details = before.account.details
    known = [name for name in details.get(BLOCK_MARKS[0], "").split(",") if name.strip()]
    price = before.market.price(before.rules.venue, plan.market, before.rules.price_kind)
    notional = int(details.get(BLOCK_MARKS[1], "0")) + to_raw_floor(done.quantity * price, QUOTE_DECIMALS)
    lost = -sum((flow.amount for flow in done.flows if flow.party == "insurance" and flow.amount < 0), ZERO)
    raw_lost = int(details.get(BLOCK_MARKS[2], "0")) + to_raw_floor(lost, QUOTE_DECIMALS)
    marks = {
        BLOCK_MARKS[0]: ",".join([*known, plan.market]),
        BLOCK_MARKS[1]: str(notional),
        BLOCK_MARKS[2]: str(raw_lost),
    }
    return replace(done.scene, account=marked(done.scene.account, **marks))


def next_block(scene: Scene, plan: Plan) -> Scene | None:
    """dYdX v4: the next block, where this one is used up; None where a new block would say the same."""
    if not any(name in scene.account.details for name in BLOCK_MARKS):
        return None
    return replace(unmarked(scene, BLOCK_MARKS), at=scene.at + DYDX_BLOCK)


def without_block_marks(scene: Scene) -> Scene:
    """dYdX v4: a later block knows nothing of this one."""
    return unmarked(scene, BLOCK_MARKS)


def next_window(scene: Scene, plan: Plan) -> Scene | None:
    """Synthetix v3: the end of the longest window of the account's markets, which are then empty."""
    names = [position.market for position in scene.account.positions]
    used = [n for n in names if scene.market.state.get(("synthetix", n, "liquidated_in_window"))]
    if not used:
        return None
    longest = max(scene.parameters.terms_of(name).window_seconds for name in used)
    state = dict(scene.market.state)
    for name in used:
        state["synthetix", name, "liquidated_in_window"] = ZERO
        state.pop(("synthetix", name, "liquidated_in_window_raw"), None)
    market = replace(scene.market, state=state)
    return replace(scene, market=market, at=scene.at + max(1, longest) * MICROSECONDS)


def next_after_cool_off(scene: Scene, plan: Plan) -> Scene | None:
    """Euler: when the vault's cool-off after a status check is over, at the latest."""
    if plan.reason != COOL_OFF:
        return None
    vault = scene.pool.partition(":")[2].partition(":")[0]
    terms = scene.parameters.terms(vault, f"account {scene.account.id}")
    return replace(scene, at=scene.at + terms.cool_off * MICROSECONDS) if terms.cool_off else None


@in_exact_context
def noted_by_drift(before: Scene, done: Done, plan: Plan) -> Scene:
    """Drift: the liquidation is entered, its slot kept, and what it has freed so far added up."""
    account = done.scene.account
    if before.pool != "cross":
        positions = tuple(
            replace(p, details={**p.details, "being_liquidated": "true"}) if p.market == plan.market else p
            for p in account.positions
        )
        return replace(done.scene, account=replace(account, positions=positions))
    entered = before.account.details.get("being_liquidated") == "true"
    slot = str(_slot(before.market))
    first = {} if entered else {"being_liquidated": "true", "last_active_slot": slot}
    scene = replace(done.scene, account=marked(account, **first))
    freed = max(
        ZERO, _shortage(replace(before, account=marked(before.account, being_liquidated="true"))) - _shortage(scene)
    )
    total = (parse_decimal(before.account.details.get("liquidation_margin_freed", "0")) if entered else ZERO) + freed
    state = {**scene.market.state, ("drift", SYSTEM, "slot"): _slot(before.market)}
    return replace(
        scene,
        account=marked(scene.account, liquidation_margin_freed=format_decimal(total)),
        market=replace(scene.market, state=state),
    )


def _slot(market: Market) -> int:
    return int(market.state.get(("drift", SYSTEM, "slot"), market.state.get(("drift", SYSTEM, "slot_raw"), 0)))


def _shortage(scene: Scene) -> Decimal:
    found = scene.rules.module.risk(scene.account, scene.market, scene.parameters, scene.at).get(scene.pool)
    if found is None:
        return ZERO
    sums = in_units(found, scene.rules.risk_scale)
    return max(ZERO, sums.demand - sums.support)


def next_slots(scene: Scene, plan: Plan) -> Scene | None:
    """Drift: some slots later, when a larger share may be taken; None once the whole duration has passed."""
    duration = scene.parameters.system.liquidation_duration
    if plan.reason != SLOT_IS_FULL or slots_passed(scene.account, scene.market) >= max(1, duration):
        return None
    slots = max(1, mul_div_ceil(duration, 1, DRIFT_WAITS))
    state = {**scene.market.state, ("drift", SYSTEM, "slot"): _slot(scene.market) + slots}
    state.pop(("drift", SYSTEM, "slot_raw"), None)
    account = scene.account
    if "last_active_slot" not in account.details:
        account = marked(account, last_active_slot=str(_slot(scene.market)))
    market = replace(scene.market, state=state)
    return replace(scene, account=account, market=market, at=scene.at + slots * DRIFT_SLOT)


def without_drift_marks(scene: Scene) -> Scene:
    """Drift: a liquidation that has ended leaves no marks on the account."""
    return unmarked(scene, DRIFT_MARKS[:2])


def told_dydx(scene: Scene, fund: Fund) -> Market:
    """dYdX v4: what the fund holds is state of every market."""
    state = dict(scene.market.state)
    for position in scene.account.positions:
        state["dydx", position.market, "insurance_fund"] = fund.holds("USDC")
    return replace(scene.market, state=state)


def told_perp(scene: Scene, fund: Fund) -> Market:
    """Perpetual Protocol v2: the fund's capacity is state of the settlement token."""
    token = scene.parameters.settlement
    state = {**scene.market.state, ("perp", token, "insurance_fund_capacity"): fund.holds(token)}
    return replace(scene.market, state=state)
