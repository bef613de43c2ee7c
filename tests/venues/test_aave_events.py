"""Events of an Aave account: the same steps as the contracts, and their refusals."""

from dataclasses import replace
from decimal import Decimal as D
from random import Random
from typing import Any

import pytest

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.events import (
    AccountSnapshot,
    Fill,
    IndexUpdate,
    LendingAction,
    PriceFrame,
    Setting,
    Stamp,
    Transfer,
)
from marginbook.domain.market import Index, Market, Quote
from marginbook.exact import RAY
from marginbook.venues.aave_v3.holdings import TOTALS
from marginbook.venues.aave_v3.liquidation import liquidate
from marginbook.venues.aave_v3.state import Pool, Reserve, Revert
from marginbook.venues.aave_v3.steps import act
from marginbook.venues.aave_v3.versions import VERSIONS
from marginbook.venues.registry import rule_set

START = 1_790_000_000
AT = START * 10**6
STAMP = Stamp(time=AT)
BOTH = pytest.mark.parametrize("version", [name for name in VERSIONS if name != "2"])
RATES = {
    "rate_optimal": "0.8",
    "rate_base": "0.01",
    "rate_slope_1": "0.04",
    "rate_slope_2": "0.6",
    "reserve_factor": "0.1",
}
TERMS: dict[str, Any] = {
    "C": {"ltv": "0.75", "liquidation_threshold": "0.80", "liquidation_bonus": "0.05", "decimals": 18, **RATES},
    "D": {"ltv": "0.7", "liquidation_threshold": "0.75", "decimals": 6, **RATES},
    "E": {"ltv": "0.7", "liquidation_threshold": "0.75", "decimals": 6, "emode": 1},
    "emode:1": {"ltv": "0.9", "liquidation_threshold": "0.95", "collateral": ["C"], "borrowable": ["D"]},
}


def terms(version: str) -> dict[str, Any]:
    """Version 2 knows no categories."""
    return {name: TERMS[name] for name in "CD"} if version == "2" else TERMS


def market(**prices: Any) -> Market:
    return Market(quotes={("aave", name, "oracle"): Quote(D(str(price))) for name, price in prices.items()})


def lend(kind: Any, asset: str, amount: Any, collateral: str | None = None) -> LendingAction:
    return LendingAction(
        stamp=STAMP, account="a", kind=kind, asset=asset, amount=D(str(amount)), collateral_asset=collateral
    )


class Life:
    """One account and its market, moved by events."""

    def __init__(self, version: str, market: Market) -> None:
        self.module = rule_set(f"aave/{version}").module
        self.parameters = self.module.parameters(version, AT, terms(version))
        self.account, self.market, self.at = Account(id="a", rules=f"aave/{version}"), market, AT

    def apply(self, *events: Any) -> "Life":
        for event in events:
            self.account, self.market = self.module.apply(self.account, self.market, event, self.parameters, self.at)
        return self

    def refused(self, event: Any) -> str:
        with pytest.raises(BadInput) as caught:
            self.apply(event)
        assert caught.value.problem.code == "refused"
        return caught.value.problem.value

    @property
    def health(self) -> D:
        found = self.module.quantities(self.account, self.market, self.parameters, self.at)["main"]
        return D(found.health_factor)


@BOTH
def test_a_loan_from_supply_to_repayment(version: str) -> None:
    life = Life(version, market(C=1000, D=1))
    life.apply(lend("supply", "C", 10), lend("borrow", "D", 6000))
    assert life.account.collateral == (Collateral(asset="C", amount=D(10)),)
    assert life.account.debt == (Debt(asset="D", amount=D(6000)),)
    assert abs(life.health - D(8000) / 6000) < D("1e-17")
    assert life.refused(lend("borrow", "D", "1500.000001")) == "CollateralCannotCoverNewBorrow"
    assert life.refused(lend("withdraw", "C", "2.500001")) == "HealthFactorLowerThanLiquidationThreshold"
    assert life.refused(lend("repay", "C", 1)) == "NoDebtOfSelectedType"
    life.apply(lend("withdraw", "C", "2.5"))
    assert life.health == 1
    life.apply(lend("repay", "D", "Infinity"), lend("withdraw", "C", "Infinity"))
    assert (life.account.collateral, life.account.debt) == ((), ())


@BOTH
def test_deposits_and_withdrawals_are_supplies_and_withdrawals(version: str) -> None:
    life = Life(version, market(C=1000, D=1))
    move = Transfer(stamp=STAMP, account="a", kind="deposit", asset="C", amount=D(3))
    life.apply(move, replace(move, kind="withdrawal", amount=D(-1)))
    assert life.account.collateral[0].amount == 2


@BOTH
def test_an_empty_debt_may_grow(version: str) -> None:
    life = Life(version, market(C=1000, D=1)).apply(lend("supply", "C", 10))
    life.account = replace(life.account, debt=(Debt(asset="D", amount=D(0)),))
    assert life.refused(lend("borrow", "D", "7500.000001")) == "CollateralCannotCoverNewBorrow"
    life.apply(lend("borrow", "D", 7500))
    assert life.account.debt == (Debt(asset="D", amount=D(7500)),)


@BOTH
def test_settings(version: str) -> None:
    life = Life(version, market(C=1000, D=1)).apply(lend("supply", "C", 10))
    off = Setting(stamp=STAMP, account="a", kind="collateral_enabled", market="C", value="false")
    life.apply(off)
    assert not life.account.collateral[0].enabled
    life.apply(replace(off, value="true"), lend("borrow", "D", 7000))
    assert life.refused(off) == "HealthFactorLowerThanLiquidationThreshold"
    mode = Setting(stamp=STAMP, account="a", kind="emode", value="1")
    life.apply(mode)
    assert life.account.emode == 1
    assert abs(life.health - D(9500) / 7000) < D("1e-17")
    life.apply(replace(mode, value="0"))
    assert life.refused(replace(mode, value="9")) == "InconsistentEModeCategory"
    with pytest.raises(BadInput, match="bad_value"):
        life.apply(replace(mode, value="one"))
    with pytest.raises(BadInput, match="unknown_market"):
        life.apply(replace(off, market="X"))


@BOTH
def test_a_liquidation_follows_the_plan(version: str) -> None:
    life = Life(version, market(C=1000, D=1)).apply(lend("supply", "C", 10), lend("borrow", "D", 7500))
    assert life.refused(lend("liquidation", "D", 1, "C")) == "HealthFactorNotBelowThreshold"
    life.apply(PriceFrame(stamp=STAMP, prices={("aave", "C", "oracle"): D(930)}))
    plan = life.module.plan_liquidation(life.account, "main", life.market, life.parameters, AT)
    life.apply(lend("liquidation", plan.market, plan.close_most, plan.collateral))
    assert life.account.debt[0].amount == 7500 - plan.close_most
    assert life.account.collateral[0].amount == 10 - plan.seized - plan.protocol_fee
    with pytest.raises(BadInput, match="missing_value"):
        life.apply(lend("liquidation", "D", 1))


@BOTH
def test_a_liquidation_that_takes_all_collateral(version: str) -> None:
    life = Life(version, market(C=1000, D=1)).apply(lend("supply", "C", 10), lend("borrow", "D", 7500))
    life.market = market(C=500, D=1)
    plan = life.module.plan_liquidation(life.account, "main", life.market, life.parameters, AT)
    assert plan.seized == 10
    assert plan.close_most < 5000
    assert plan.bad_debt == (7500 - plan.close_most if version >= "3.3" else 0)
    life.apply(lend("liquidation", "D", plan.close_most, "C"))
    assert life.account.collateral == ()
    assert life.account.debt == (() if version >= "3.3" else (Debt(asset="D", amount=7500 - plan.close_most),))


@BOTH
def test_other_events(version: str) -> None:
    life = Life(version, market(C=1000))
    update = IndexUpdate(stamp=STAMP, venue="aave", asset="C", kind="supply", value=D(RAY * 2), rate=D(5))
    life.apply(update)
    assert life.market.indices["aave", "C", "supply"] == Index(2 * RAY, 5, START)
    whole = AccountSnapshot(stamp=STAMP, account=Account(id="a", rules="aave/3.6", emode=1))
    assert life.apply(whole).account.emode == 1
    fill = Fill(stamp=STAMP, account="a", market="C", side="buy", quantity=D(1), price=D(1))
    with pytest.raises(BadInput, match="unsupported_event"):
        life.apply(fill)
    with pytest.raises(BadInput, match="too_many_decimals"):
        life.apply(lend("supply", "D", "0.0000001"))
    with pytest.raises(BadInput, match="unknown_market"):
        life.apply(lend("supply", "X", "1"))
    for amount in ("-1", "Infinity", "NaN", "1e30"):
        with pytest.raises(BadInput, match="bad_value"):
            life.apply(lend("supply", "C", amount))


def whole_market(version: str) -> tuple[Market, Pool]:
    """A market that knows its reserves entirely, and the pool of the same state."""
    base = 10 ** VERSIONS[version].base_decimals
    parameters = rule_set(f"aave/{version}").module.parameters(version, AT, terms(version))
    reserves = {
        name: Reserve(
            liquidity_index=RAY + RAY // 50,
            borrow_index=RAY + RAY // 30,
            liquidity_rate=RAY // 40,
            borrow_rate=RAY // 20,
            updated_at=START - 1_000,
            scaled_supply=5_000_000 * unit,
            scaled_debt=3_000_000 * unit,
            cash=2_100_000 * unit,
            accrued_to_treasury=unit,
        )
        for name, unit in (("C", 10**18), ("D", 10**6))
    }
    pool = Pool(
        version=VERSIONS[version],
        configs={name: parameters.assets[name] for name in reserves},
        reserves=reserves,
        prices={"C": 1000 * base, "D": base},
        emodes=parameters.emodes,
        time=START,
    )
    venue, indices, state = VERSIONS[version].venue, {}, {}
    for name, r in reserves.items():
        indices[venue, name, "supply"] = Index(r.liquidity_index, r.liquidity_rate, r.updated_at)
        indices[venue, name, "borrow"] = Index(r.borrow_index, r.borrow_rate, r.updated_at)
        values = (r.cash, r.scaled_supply, r.scaled_debt, r.accrued_to_treasury, r.deficit)
        state |= {(venue, name, key): value for key, value in zip(TOTALS, values, strict=True) if value is not None}
    quotes = {(venue, name, "oracle"): Quote(D(price)) for name, price in (("C", 1000), ("D", 1))}
    return Market(quotes=quotes, indices=indices, state=state), pool


@pytest.mark.parametrize("version", VERSIONS)
def test_a_whole_market_moves_as_the_pool_does(version: str) -> None:
    """Indices, rates and totals after every event equal those of the pool that was proved on the chain."""
    random = Random(1)
    life = Life(version, Market())
    life.market, pool = whole_market(version)
    kinds = ("supply", "withdraw", "borrow", "repay", "liquidation")
    venue, base = VERSIONS[version].venue, 10 ** VERSIONS[version].base_decimals
    accepted = 0
    for _ in range(150):
        life.at += random.randrange(10**9)
        pool = pool.at(life.at // 10**6)
        kind: Any = random.choice(kinds)
        asset = random.choice("CD")
        raw = random.randrange(1, 10**7) * (10**15 if asset == "C" else 10**6)
        price = random.choice([950, 1000, 1050, 700])
        pool = pool.with_prices({"C": price * base})
        life.apply(PriceFrame(stamp=STAMP, prices={(venue, "C", "oracle"): D(price)}))
        asset = "D" if kind == "liquidation" else asset
        event = lend(kind, asset, D(raw).scaleb(-(18 if asset == "C" else 6)), "C")
        reason = None
        try:
            if kind == "liquidation":
                after, _ = liquidate(pool, "a", "C", "D", raw)
            else:
                after = act(pool, kind, "a", asset, raw)
        except Revert as revert:
            reason = revert.reason
        if reason is not None:
            assert life.refused(event) == reason
            continue
        life.apply(event)
        pool, accepted = after, accepted + 1
        for name in ("C", "D") if kind == "liquidation" else (asset,):
            reserve = pool.reserves[name]
            supply = life.market.indices[venue, name, "supply"]
            assert supply == Index(reserve.liquidity_index, reserve.liquidity_rate, reserve.updated_at)
            borrow = life.market.indices[venue, name, "borrow"]
            assert borrow == Index(reserve.borrow_index, reserve.borrow_rate, reserve.updated_at)
            assert life.market.state[venue, name, "cash_raw"] == reserve.cash
        scaled = {c.asset: c.scaled_raw for c in life.account.collateral}
        owed = {d.asset: d.scaled_raw for d in life.account.debt}
        for name, position in pool.user("a").positions.items():
            assert scaled.get(name, 0) == position.scaled_supply
            assert owed.get(name, 0) == position.scaled_debt
    assert accepted > 30
