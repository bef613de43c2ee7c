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
