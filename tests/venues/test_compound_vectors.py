"""What Compound's contracts showed on recorded walks, replayed through the models: no EVM needed."""

import json
import sys
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.events import LendingAction, Stamp
from marginbook.domain.events import Setting as SettingEvent
from marginbook.domain.market import Index, Market, Quote
from marginbook.exact import from_raw
from marginbook.testing.vectors import Setting
from marginbook.venues.compound.comet.applying import apply as apply_3
from marginbook.venues.compound.comet.collateral import is_liquidatable
from marginbook.venues.compound.comet.holdings import RATE_TO_RAY
from marginbook.venues.compound.comet.holdings import TOTALS as COMET_TOTALS
from marginbook.venues.compound.comet.interest import accrue, utilisation
from marginbook.venues.compound.comet.parameters import Comet
from marginbook.venues.compound.comet.parameters import Parameters as CometParameters
from marginbook.venues.compound.comet.steps import Action as Action3
from marginbook.venues.compound.comet.steps import step as step_3
from marginbook.venues.compound.v2.applying import apply as apply_2
from marginbook.venues.compound.v2.holdings import TOTALS
from marginbook.venues.compound.v2.parameters import Parameters
from marginbook.venues.compound.v2.state import ALL, Pool, exchange_rate
from marginbook.venues.compound.v2.steps import Action as Action2
from marginbook.venues.compound.v2.steps import step as step_2
from marginbook.venues.compound.v2.versions import COMPOUND
from marginbook.venues.registry import rule_set

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS / "evm"))

from compound_bench import figures_2, figures_3, scene_2, scene_3, scene_venus  # noqa: E402
from compound_bench.mistakes import MISTAKES_2, MISTAKES_3, MISTAKES_VENUS  # noqa: E402

MODELS: dict[str, tuple[Any, Any, Any, Any]] = {
    "2": (scene_2.scene, step_2, Action2, figures_2.model_numbers),
    "venus": (scene_venus.scene, scene_venus.step, Action2, figures_2.model_numbers),
    "3": (scene_3.scene, step_3, Action3, figures_3.model_numbers),
}


@cache
def vectors(version: str) -> dict[str, Any]:
    return json.loads((TESTS / "vectors" / "compound" / f"{version}.json").read_text())


def first_difference(version: str, start: Any = None) -> str | None:
    """Replay the walk; what did not agree first, or None."""
    scene, step, action_of, model_numbers = MODELS[version]
    pool = start or scene()
    numbers = [0] * len(model_numbers(pool))
    for i, (kind, user, asset, amount, collateral, recorded, changes) in enumerate(vectors(version)["steps"]):
        more = {} if version == "3" else {"collateral": collateral}
        action = action_of(kind=kind, user=user, asset=asset, amount=amount, **more)
        pool, _, reason = step(pool, action)
        if reason != recorded:
            return f"step {i}, {action}: recorded {recorded}, model {reason}"
        for place, value in zip(changes[::2], changes[1::2], strict=True):
            numbers[place] = value
        found = model_numbers(pool)
        if found != numbers:
            return f"step {i}, {action}: " + str([j for j, x in enumerate(found) if x != numbers[j]][:5])
    return None


@pytest.mark.parametrize("version", MODELS)
def test_the_model_shows_what_the_contracts_showed(version: str) -> None:
    assert first_difference(version) is None


@pytest.mark.parametrize(
    ("version", "name"), [("2", name) for name in MISTAKES_2] + [("3", name) for name in MISTAKES_3]
)
def test_planted_mistakes_are_found(version: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    patch = (MISTAKES_2 if version == "2" else MISTAKES_3)[name]
    monkeypatch.setattr(*patch)
    assert first_difference(version) is not None


@pytest.mark.parametrize("name", MISTAKES_VENUS)
def test_mistakes_planted_in_venus_are_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    change, start = MISTAKES_VENUS[name], scene_venus.scene()
    if isinstance(change, dict):
        start = replace(start, version=replace(start.version, **change))
    else:
        monkeypatch.setattr(*change)
    assert first_difference("venus", start) is not None


def states_of(pool: Pool, user: str, parameters: Any) -> Setting:
    """A user of the walk as an account of a book."""
    state = pool.user(user)
    collateral, debt, quotes, indices = [], [], {}, {}
    for asset in pool.markets:
        position = state.position(asset)
        quotes["compound", asset, "oracle"] = Quote(from_raw(pool.prices[asset], 36 - pool.configs[asset].decimals))
        rate = exchange_rate(pool.configs[asset], pool.markets[asset])
        indices["compound", asset, "supply"] = Index(rate * 10**9)
        indices["compound", asset, "borrow"] = Index(pool.markets[asset].index * 10**9)
        entered = asset in state.entered
        if position.tokens or entered:
            collateral.append(Collateral(asset=asset, scaled_raw=position.tokens, enabled=entered))
        if position.principal:
            details = {"interest_index_raw": str(position.index)}
            debt.append(Debt(asset=asset, scaled_raw=position.principal, details=details))
    account = Account(id=user, rules="compound/2", collateral=tuple(collateral), debt=tuple(debt))
    return Setting(account, Market(quotes=quotes, indices=indices), parameters, 0)


def test_a_book_shows_the_liquidity_and_shortfall_that_the_comptroller_shows() -> None:
    """At every 10th state of the walk whose prices have no more than the 8 decimals of a book's feed."""
    overlay: dict[str, Any] = {"comptroller": {"close_factor": "0.5", "liquidation_incentive": "1.08"}}
    for name, config in scene_2.CONFIGS.items():
        overlay[name] = {"decimals": config.decimals, "collateral_factor": str(from_raw(config.collateral_factor, 18))}
    parameters = rule_set("compound/2").module.parameters("2", 0, overlay)
    per_market, per_user = 9 + len(scene_2.CONFIGS), 2 + 3 * len(scene_2.CONFIGS)
    pool = scene_2.scene()
    numbers = [0] * len(figures_2.model_numbers(pool))
    compared = short = 0
    for i, (kind, user, asset, amount, collateral, _, changes) in enumerate(vectors("2")["steps"]):
        pool, _, _ = step_2(pool, Action2(kind=kind, user=user, asset=asset, amount=amount, collateral=collateral))
        for place, value in zip(changes[::2], changes[1::2], strict=True):
            numbers[place] = value
        factors = all(pool.configs[a].collateral_factor == scene_2.CONFIGS[a].collateral_factor for a in pool.configs)
        rounded = all(pool.prices[a] % 10 ** (28 - c.decimals) == 0 for a, c in pool.configs.items())
        if i % 10 or not factors or not rounded:
            continue
        for n, name in enumerate(scene_2.USERS):
            at = per_market * len(scene_2.CONFIGS) + per_user * n
            found = states_of(pool, name, parameters).call("quantities")["main"].venue
            assert (found["liquidity"], found["shortfall"]) == (
                from_raw(numbers[at], 18),
                from_raw(numbers[at + 1], 18),
            )
            compared, short = compared + 1, short + (numbers[at + 1] > 0)
    assert compared >= 20
    assert short >= 3


EVENTS: dict[str, Any] = {
    "mint": "supply",
    "redeem_underlying": "withdraw",
    "borrow": "borrow",
    "repay": "repay",
    "liquidate": "liquidation",
}


def event_of(action: Action2, decimals: int) -> Any:
    """The action as an event of a book."""
    if action.kind in ("enter", "leave"):
        value = "true" if action.kind == "enter" else "false"
        return SettingEvent(
            stamp=Stamp(), account=action.user, kind="collateral_enabled", market=action.asset, value=value
        )
    amount = Decimal("Infinity") if action.amount == ALL else from_raw(action.amount, decimals)
    return LendingAction(
        stamp=Stamp(),
        account=action.user,
        kind=EVENTS[action.kind],
        asset=action.asset,
        amount=amount,
        collateral_asset=action.collateral or None,
    )


def with_totals(pool: Pool, setting: Setting) -> Setting:
    """The setting with every market whole, at the pool's block."""
    state: dict[Any, Any] = {("compound", "chain", "block"): pool.block}
    indices, quotes = dict(setting.market.indices), dict(setting.market.quotes)
    for asset, m in pool.markets.items():
        config = pool.configs[asset]
        values = (m.cash, m.borrows, m.reserves, m.supply, m.block)
        state |= {("compound", asset, name): value for name, value in zip(TOTALS, values, strict=True)}
        indices["compound", asset, "supply"] = Index(exchange_rate(config, m) * 10**9)
        indices["compound", asset, "borrow"] = Index(m.index * 10**9)
        quotes["compound", asset, "oracle"] = Quote(from_raw(pool.prices[asset], 36 - config.decimals))
    return replace(setting, market=Market(quotes=quotes, indices=indices, state=state))


def test_events_of_a_book_move_account_and_market_as_the_contracts_were_moved() -> None:
    """Every action of a user in the walk, as an event on a book whose markets are whole."""
    pool, done, refused = scene_2.scene(), 0, 0
    for kind, user, asset, amount, collateral, _, _ in vectors("2")["steps"]:
        before = pool
        action = Action2(kind=kind, user=user, asset=asset, amount=amount, collateral=collateral)
        pool, _, reason = step_2(pool, action)
        posted = all(price % 10 ** (28 - pool.configs[a].decimals) == 0 for a, price in pool.prices.items())
        if kind not in (*EVENTS, "enter", "leave") or not posted or (amount == ALL and kind != "repay"):
            continue
        if not before.markets[asset].supply or (collateral and not before.markets[collateral].supply):
            continue
        terms = Parameters(
            version=COMPOUND,
            as_of=None,
            assets=before.configs,
            close_factor=before.close_factor,
            incentive=before.incentive,
        )
        setting = with_totals(before, states_of(before, user, terms))
        event = event_of(action, before.configs[asset].decimals)
        if reason is not None:
            with pytest.raises(BadInput, match="refused") as caught:
                apply_2(setting.account, setting.market, event, terms, 0)
            assert caught.value.problem.value == reason
            refused += 1
            continue
        account, market = apply_2(setting.account, setting.market, event, terms, 0)
        expected = with_totals(pool, states_of(pool, user, terms))
        assert holdings(account) == holdings(expected.account), action
        for name in {asset, collateral} - {""}:
            for total in TOTALS:
                assert market.state["compound", name, total] == expected.market.state["compound", name, total], action
            for side in ("supply", "borrow"):
                key = ("compound", name, side)
                assert market.indices[key].value_raw == expected.market.indices[key].value_raw, action
        done += 1
    assert done >= 100
    assert refused >= 50


def holdings(account: Account) -> tuple[Any, Any]:
    """Balances by asset, with what the contract keeps of them."""
    return (
        {c.asset: (c.scaled_raw, c.enabled) for c in account.collateral},
        {d.asset: (d.scaled_raw, d.details.get("interest_index_raw")) for d in account.debt},
    )


COMET = Comet(name="cUSDv3", config=scene_3.CONFIG)
COMETS = CometParameters(as_of=None, comets={"cUSDv3": COMET})


def comet_setting(pool: Any, user: str) -> Setting:
    """A user of the Comet's walk as an account of a book that knows the Comet whole."""
    state, used, config = pool.user(user), utilisation(pool), pool.config
    indices, values = {}, {}
    for kind, index, curve in (
        ("supply", pool.supply_index, config.supply_curve),
        ("borrow", pool.borrow_index, config.borrow_curve),
    ):
        rate = curve.rate(used) * RATE_TO_RAY
        indices["compound", "cUSDv3", kind] = Index(index * 10**12, rate, pool.updated_at)
    totals = (pool.cash, pool.supply_total, pool.borrow_total)
    values = {("compound", "cUSDv3", name): total for name, total in zip(COMET_TOTALS, totals, strict=True)}
    for asset in config.assets:
        values["compound", f"cUSDv3:{asset}", "total_raw"] = pool.collateral_totals.get(asset, 0)
    collateral = [
        Collateral(asset=asset, amount=from_raw(raw, config.assets[asset].decimals), pool="cUSDv3")
        for asset, raw in state.collateral.items()
        if raw
    ]
    debt = []
    if state.principal > 0:
        collateral.append(Collateral(asset=config.base, scaled_raw=state.principal, pool="cUSDv3"))
    elif state.principal < 0:
        debt.append(Debt(asset=config.base, scaled_raw=-state.principal, pool="cUSDv3"))
    quotes = {("compound", asset, "oracle"): Quote(from_raw(price, 8)) for asset, price in pool.prices.items()}
    account = Account(id=user, rules="compound/3", collateral=tuple(collateral), debt=tuple(debt))
    return Setting(account, Market(quotes=quotes, indices=indices, state=values), COMETS, pool.time * 10**6)


def test_events_of_a_book_move_a_comet_as_the_contract_was_moved() -> None:
    """Every action of a user in the walk, and the decision before it, on a book that knows the Comet whole."""
    pool, done, refused, weak = scene_3.scene(), 0, 0, 0
    for kind, user, asset, amount, _, _, _ in vectors("3")["steps"]:
        before = pool
        pool, _, reason = step_3(pool, Action3(kind=kind, user=user, asset=asset, amount=amount))
        if kind not in ("supply", "withdraw", "absorb"):
            continue
        setting, base = comet_setting(before, user), asset == scene_3.CONFIG.base
        liquidatable = is_liquidatable(accrue(before), user)
        if setting.account.collateral or setting.account.debt:
            assert setting.call("is_liquidatable", "main:cUSDv3") == liquidatable
        weak += liquidatable
        asset = asset or scene_3.CONFIG.base
        places = scene_3.CONFIG.decimals if base or kind == "absorb" else scene_3.CONFIG.assets[asset].decimals
        names = {"supply": "repay" if amount == ALL else "supply", "absorb": "liquidation"}
        event = LendingAction(
            stamp=Stamp(),
            account=user,
            kind=names.get(kind, kind),  # type: ignore[arg-type]
            asset=asset,
            amount=Decimal("Infinity") if amount == ALL else from_raw(amount, places),
            pool="cUSDv3",
        )
        if reason is not None:
            with pytest.raises(BadInput, match="refused") as caught:
                apply_3(setting.account, setting.market, event, COMETS, setting.at)
            assert caught.value.problem.value == reason
            refused += 1
            continue
        account, market = apply_3(setting.account, setting.market, event, COMETS, setting.at)
        expected = comet_setting(pool, user)
        assert comet_holdings(account) == comet_holdings(expected.account)
        assert market.state == expected.market.state
        assert market.indices == expected.market.indices
        done += 1
    assert done >= 200
    assert refused >= 50
    assert weak >= 10


def comet_holdings(account: Account) -> tuple[Any, Any]:
    """Balances by asset."""
    return (
        {c.asset: (c.amount, c.scaled_raw) for c in account.collateral},
        {d.asset: d.scaled_raw for d in account.debt},
    )
