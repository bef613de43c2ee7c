"""Troves: ratios and modes to the unit, recovery mode, plans, events, and what is refused."""

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.events import LendingAction, Stamp, Transfer
from marginbook.domain.market import Market, Quote
from marginbook.exact import WAD
from marginbook.venues.liquity.liquidation import batch, liquidated, sequence
from marginbook.venues.liquity.parameters import Terms
from marginbook.venues.liquity.redistribution import Redistribution, stake_of
from marginbook.venues.liquity.revert import Revert
from marginbook.venues.liquity.stability_pool import StabilityPool
from marginbook.venues.liquity.system import System, Trove
from marginbook.venues.registry import rule_set

AT = 1_717_243_200_000_000
MODULE = rule_set("liquity/1").module
PARAMETERS = MODULE.parameters("1", AT)
SYSTEM = {"total_collateral_raw": 100_000 * WAD, "total_debt_raw": 100_000_000 * WAD, "stability_pool_raw": 10**7 * WAD}


def trove(eth: str = "10", lusd: str = "10000", **details: str) -> Account:
    collateral = (Collateral(asset="ETH", amount=D(eth)),) if D(eth) else ()
    debt = (Debt(asset="LUSD", amount=D(lusd)),) if D(lusd) else ()
    return Account(id="t", rules="liquity/1", collateral=collateral, debt=debt, details=details)


def market(price: str = "2000", **state: int) -> Market:
    found = {("liquity", "system", name): value for name, value in state.items()}
    return Market(quotes={("liquity", "ETH", "oracle"): Quote(D(price))}, state=found)


def liquidatable(account: Account, m: Market) -> bool:
    return MODULE.is_liquidatable(account, "main", m, PARAMETERS, AT)


def act(account: Account, m: Market, kind: Any, asset: str, amount: str, pool: str | None = None) -> Any:
    event = LendingAction(stamp=Stamp(), account="t", kind=kind, asset=asset, amount=D(amount), pool=pool)
    return MODULE.apply(account, m, event, PARAMETERS, AT)


def refused(account: Account, m: Market, kind: str, asset: str, amount: str) -> str:
    with pytest.raises(BadInput) as error:
        act(account, m, kind, asset, amount)
    assert error.value.problem.code == "refused"
    return error.value.problem.value


def test_at_the_least_ratio_it_is_safe_and_a_unit_of_price_below_it_is_not() -> None:
    assert not liquidatable(trove(), market("1100"))
    assert liquidatable(trove(), market("1099.999999999999999999"))
    (price,) = MODULE.liquidation_prices(trove(), market(), PARAMETERS, AT)
    assert price.price == D("1099.999999999999999999")


def test_quantities() -> None:
    found = MODULE.quantities(trove(), market(), PARAMETERS, AT)["main"]
    assert (found.collateral_value, found.debt_value, found.collateral_ratio) == (20_000, 10_000, 2)
    assert (found.health_factor, found.headroom) == (D("1.81818181"), 9_000)
    assert found.withdrawable == 9_000
    # 20000 / 1.1 − 10000 = 8181.81…, the fee of 0.5 % taken out
    assert found.borrowable == D("8141.11261872")
    assert found.margin_ratio is not None
    assert found.margin_ratio.value == 2


def test_the_largest_draw_is_accepted_and_one_unit_more_is_not() -> None:
    for state in ({}, SYSTEM, SYSTEM | {"base_rate_raw": WAD // 100, "last_fee_time": AT // 10**6}):
        m = market("1750", **state)
        for account in (trove(), trove(lusd="0")):
            from marginbook.venues.liquity.holdings import USER, system_of
            from marginbook.venues.liquity.risk import borrowable

            s = system_of(account, m, PARAMETERS, AT, 1750 * WAD)
            most = D(borrowable(s)).scaleb(-18)
            assert s.troves[USER].collateral == 10 * WAD
            act(account, m, "borrow", "LUSD", str(most))
            refused(account, m, "borrow", "LUSD", str(most + D("1e-18")))


def test_recovery_mode_liquidates_above_mcr_what_the_pool_can_pay() -> None:
    account = trove(eth="10", lusd="10000")  # ratio 1.4 at 1400, the system's is also 1.4
    weaker = trove(eth="9.9", lusd="10000")
    normal, recovery = market("1500", **SYSTEM), market("1499.999999999999999999", **SYSTEM)
    assert not liquidatable(weaker, normal)
    assert liquidatable(weaker, recovery)
    assert not liquidatable(account, recovery)  # not below the total ratio
    poor = market("1499", **SYSTEM | {"stability_pool_raw": 9_999 * WAD})
    assert not liquidatable(weaker, poor)
    (price,) = MODULE.liquidation_prices(weaker, normal, PARAMETERS, AT)
    assert price.price == D("1499.999999999999999999")
    plan = MODULE.plan_liquidation(weaker, "main", recovery, PARAMETERS, AT)
    assert plan.reason is None
    assert plan.close_most == 10_000
    assert plan.seized == D("7.333333333333333333")  # 11000 dollars of it; the rest is the owner's to claim
    assert {flow.party for flow in plan.flows} == {"account", "liquidator", "pool", "protocol"}
    (pool,) = MODULE.lower(weaker, normal, PARAMETERS).pools
    assert pool.opaque
    assert not MODULE.lower(account, normal, PARAMETERS).pools[0].opaque


def test_offset_and_redistribution() -> None:
    m = market("1000", **SYSTEM | {"stability_pool_raw": 4_000 * WAD})
    account = trove(eth="10.5")
    plan = MODULE.plan_liquidation(account, "main", m, PARAMETERS, AT)
    eth = {flow.party: flow.amount for flow in plan.flows if flow.asset == "ETH"}
    assert eth["liquidator"] == D("0.0525")
    assert eth["pool"] == D("4.179")
    assert eth["counterparties"] == D("6.2685")
    lusd = [(flow.party, flow.amount) for flow in plan.flows if flow.asset == "LUSD"]
    assert ("pool", -4_000) in lusd
    assert ("counterparties", -6_000) in lusd
    assert ("liquidator", 200) in lusd
    at_par = MODULE.plan_liquidation(trove(), "main", m, PARAMETERS, AT)  # ratio exactly 1: nothing for the pool
    assert not [flow for flow in at_par.flows if flow.party == "pool"]


def test_the_last_trove_is_left_alone() -> None:
    plan = MODULE.plan_liquidation(trove(), "main", market("1000", trove_count=1), PARAMETERS, AT)
    assert plan.reason == "TroveManager: Only one trove in the system"
    assert MODULE.plan_liquidation(trove(), "main", market(), PARAMETERS, AT).reason is not None


def test_pending_redistribution_counts() -> None:
    account = trove(stake_raw=str(10 * WAD), l_eth_raw="0", l_lusd_raw="0")
    m = market("1100", l_eth_raw=WAD // 100, l_lusd_raw=30 * WAD)  # 0.1 ETH and 300 LUSD more
    found = MODULE.quantities(account, m, PARAMETERS, AT)["main"]
    assert (found.collateral_value, found.debt_value) == (11_110, 10_300)
    assert liquidatable(account, m)
    with pytest.raises(BadInput, match="l_eth_raw"):
        liquidatable(account, market("1100"))
    with pytest.raises(BadInput, match="l_lusd_raw"):
        liquidatable(trove(stake_raw="1", l_eth_raw="0"), m)


def test_pending_becomes_the_trove_s_own_when_it_is_touched() -> None:
    account = trove(stake_raw=str(10 * WAD), l_eth_raw="0", l_lusd_raw="0")
    m = market("2000", l_eth_raw=WAD // 100, l_lusd_raw=30 * WAD)
    with pytest.raises(BadInput, match="total_stakes_snapshot_raw"):
        act(account, m, "supply", "ETH", "1")
    snapshots = {"total_stakes_snapshot_raw": 9 * WAD, "total_collateral_snapshot_raw": 10 * WAD}
    m = market("2000", l_eth_raw=WAD // 100, l_lusd_raw=30 * WAD, total_stakes_raw=10 * WAD, **snapshots)
    after, changed = act(account, m, "supply", "ETH", "1")
    assert after.collateral[0].amount == D("11.1")
    assert after.debt[0].amount == 10_300
    assert after.details["stake_raw"] == str(999 * WAD // 100)
    assert after.details["l_eth_raw"] == str(WAD // 100)
    assert changed.state["liquity", "system", "total_stakes_raw"] == 999 * WAD // 100


def test_a_trove_from_its_opening_to_its_end() -> None:
    m = market("2000", **SYSTEM)
    account, m = act(replace(trove("0", "0"), collateral=(), debt=()), m, "supply", "ETH", "5")
    assert MODULE.risk(account, m, PARAMETERS, AT)["main"].demand == 0
    assert refused(account, m, "borrow", "LUSD", "1000") == "BorrowerOps: Trove's net debt must be greater than minimum"
    account, m = act(account, m, "borrow", "LUSD", "4000")
    assert account.debt[0].amount == 4_220  # 0.5 % and the reserve
    assert m.state["liquity", "system", "total_debt_raw"] == 100_004_220 * WAD
    account, m = act(account, m, "borrow", "LUSD", "1000")
    assert account.debt[0].amount == 5_225
    assert refused(account, m, "withdraw", "ETH", "3").endswith("ICR < MCR is not permitted")
    account, m = act(account, m, "withdraw", "ETH", "1")
    account, m = act(account, m, "repay", "LUSD", "3000")
    assert refused(account, m, "repay", "LUSD", "1000").endswith("greater than minimum")
    event = Transfer(stamp=Stamp(), account="t", kind="deposit", asset="ETH", amount=D(1))
    account, m = MODULE.apply(account, m, event, PARAMETERS, AT)
    assert account.collateral[0].amount == 5
    account, m = act(account, m, "repay", "LUSD", "Infinity")
    assert not account.collateral
    assert not account.debt
    assert m.state["liquity", "system", "total_collateral_raw"] == 100_000 * WAD


def test_stakes_of_troves_that_state_none_are_left_out() -> None:
    figures = {"l_eth_raw": 5, "l_lusd_raw": 7, "total_stakes_raw": 10 * WAD}
    figures |= {"total_stakes_snapshot_raw": 9 * WAD, "total_collateral_snapshot_raw": 10 * WAD}
    m = market("2000", **figures)
    after, changed = act(trove(), m, "supply", "ETH", "1")
    assert changed.state == m.state
    assert not after.details
    opened, changed = act(trove(lusd="0"), m, "borrow", "LUSD", "5000")
    assert opened.details == {"stake_raw": str(9 * WAD), "l_eth_raw": "5", "l_lusd_raw": "7"}
    assert changed.state["liquity", "system", "total_stakes_raw"] == 19 * WAD
    closed, changed = act(opened, changed, "repay", "LUSD", "Infinity")
    assert not closed.details
    assert changed.state["liquity", "system", "total_stakes_raw"] == 10 * WAD


def test_recovery_mode_restricts() -> None:
    m = market("1400", **SYSTEM)
    account = trove(eth="20")
    assert "Recovery Mode" in refused(account, m, "withdraw", "ETH", "1")
    assert "Recovery Mode" in refused(account, m, "repay", "LUSD", "Infinity")
    assert "decrease your Trove's ICR" in refused(account, m, "borrow", "LUSD", "100")
    opened, _ = act(trove(eth="10", lusd="0"), m, "borrow", "LUSD", "5000")
    assert opened.debt[0].amount == 5_200  # no fee
    found = MODULE.quantities(account, m, PARAMETERS, AT)["main"]
    assert (found.withdrawable, found.free_margin) == (0, 13_000)
    normal = market("1501", **SYSTEM)
    assert "TCR < CCR" in refused(trove(eth="1000"), normal, "withdraw", "ETH", "200")


def test_a_liquidation_takes_all() -> None:
    m = market("1000", **SYSTEM)
    account, after = act(trove(eth="10.5"), m, "liquidation", "LUSD", "Infinity")
    assert not account.collateral
    assert not account.debt
    assert after.state["liquity", "system", "stability_pool_raw"] == (10**7 - 10_000) * WAD
    assert "whole debt" in refused(trove(eth="10.5"), m, "liquidation", "LUSD", "10000.1")
    assert "nothing to liquidate" in refused(trove(), market(), "liquidation", "LUSD", "Infinity")


def test_a_redemption_takes_collateral_of_the_same_value_and_raises_the_base_rate() -> None:
    """Of 100,000,000 LUSD 2,000 are redeemed: the base rate rises by half of 0.002 %."""
    m = market("2000", **SYSTEM, base_rate_raw=0, last_fee_time=0)
    account, after = act(trove(), m, "liquidation", "LUSD", "2000")
    assert (account.collateral[0].amount, account.debt[0].amount) == (9, 8_000)
    totals = [after.state["liquity", "system", name] for name in ("total_collateral_raw", "total_debt_raw")]
    assert totals == [99_999 * WAD, 99_998_000 * WAD]
    assert after.state["liquity", "system", "base_rate_raw"] == 10**13
    assert after.state["liquity", "system", "last_fee_time"] == AT // 10**6
    ended, after = act(trove(), m, "liquidation", "LUSD", "9800")
    assert (ended.collateral, ended.debt) == ((), ())
    assert after.state["liquity", "system", "total_debt_raw"] == 99_990_000 * WAD
    for amount, reason in (("9800.1", "leaves the reserve"), ("8001", "Unable to redeem")):
        assert reason in refused(trove(), m, "liquidation", "LUSD", amount)
    assert "TCR < MCR" in refused(trove(), market("1099", **SYSTEM), "liquidation", "LUSD", "1")
    assert "Unable to redeem" in refused(trove(eth="10"), market("1099"), "liquidation", "LUSD", "1")


def test_a_batch_judges_every_trove_at_its_turn() -> None:
    """In recovery mode the first offset leads out of it, so that the second is left alone; alone, each would go."""
    troves = {
        "a": Trove(collateral=735 * WAD // 10, debt=100_000 * WAD),
        "b": Trove(collateral=73 * WAD, debt=100_000 * WAD),
        "c": Trove(collateral=1495 * WAD // 10, debt=200_000 * WAD),
    }
    s = System(
        terms=Terms(),
        price=2_000 * WAD,
        time=0,
        troves=troves,
        total_collateral=296 * WAD,
        total_debt=400_000 * WAD,
        count=3,
        pool=StabilityPool(total=400_000 * WAD),
    )
    assert s.in_recovery()
    assert [liquidated(s, who)[1].offset for who in ("a", "b")] == [100_000 * WAD] * 2
    after, found = batch(s, ("b", "nobody", "a", "b"))
    assert list(found) == ["b"]
    # 73 − 100,000 · 1.1 / 2,000 are the owner's to claim, but still counted when a's turn comes
    assert found["b"].surplus == 18 * WAD
    assert after.total_ratio() == (296 - 73) * 2_000 * WAD // 300_000
    assert list(sequence(s, ("b", "a", "c"), 3)[1]) == ["b", "a"]


def test_without_any_stake_at_the_last_liquidation_no_trove_can_be_touched() -> None:
    assert stake_of(Redistribution(stakes_snapshot=1, collateral_snapshot=2), 5) == 2
    with pytest.raises(Revert, match="assertion"):
        stake_of(Redistribution(stakes_snapshot=0, collateral_snapshot=2), 5)


def test_what_a_trove_cannot_hold() -> None:
    for account in (
        replace(trove(), collateral=(Collateral(asset="WETH", amount=D(1)),)),
        replace(trove(), debt=(Debt(asset="DAI", amount=D(1)),)),
        replace(trove(), debt=(Debt(asset="LUSD", amount=D(1), pool="other"),)),
        replace(trove(), collateral=2 * trove().collateral),
        replace(trove(), debt=(Debt(asset="LUSD", amount=D("1e-19")),)),
    ):
        with pytest.raises(BadInput):
            MODULE.risk(account, market(), PARAMETERS, AT)
    with pytest.raises(BadInput, match="main"):
        MODULE.is_liquidatable(trove(), "other", market(), PARAMETERS, AT)
    with pytest.raises(BadInput, match="total_debt_raw"):
        MODULE.risk(trove(), market(total_collateral_raw=1), PARAMETERS, AT)


def test_the_mode_that_is_assumed_is_said() -> None:
    assert len(MODULE.warnings(trove(), market(), PARAMETERS, AT)) == 1  # type: ignore[attr-defined]
    assert not MODULE.warnings(trove(), market(**SYSTEM), PARAMETERS, AT)  # type: ignore[attr-defined]


def test_parameters() -> None:
    with pytest.raises(BadInput, match="2021-04-05"):
        MODULE.parameters("1", 0)
    assert MODULE.parameters("1", AT, {"system": {"mcr": "1.2"}}).terms.mcr == 12 * 10**17
    for overlay in (
        {"ETH": {"mcr": "1.2"}},
        {"system": {"mcr": "0.9"}},
        {"system": {"fee": "1"}},
        {"system": {"percent_divisor": 0}},
        {"system": {"minute_decay_factor": "1.5"}},
    ):
        with pytest.raises(BadInput):
            MODULE.parameters("1", AT, overlay)
