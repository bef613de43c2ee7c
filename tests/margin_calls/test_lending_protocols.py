"""Distances and remedies by a protocol's own integers: token units, scaled balances, e-mode."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Index, Market, Quote
from marginbook.domain.zones import Zone
from marginbook.margin_calls.distance import distances, distances_of_account
from marginbook.margin_calls.remedies import remedies
from marginbook.margin_calls.ways import Situation, ways
from marginbook.margin_calls.zones import family_of_pool, zone_of_account, zone_of_pool
from marginbook.venues.registry import rule_set

D = Decimal
AT = 1_790_856_000_000_000
RAY = 10**27
STEP = D("1E-8")
TERMS = {
    "WETH": {"ltv": "0.805", "liquidation_threshold": "0.83", "decimals": 18, "emode": 1},
    "wstETH": {"ltv": "0.785", "liquidation_threshold": "0.81", "decimals": 18, "emode": 1},
    "WBTC": {"ltv": "0.73", "liquidation_threshold": "0.78", "decimals": 8},
    "USDC": {"ltv": "0.75", "liquidation_threshold": "0.78", "decimals": 6},
    "emode:1": {"ltv": "0.93", "liquidation_threshold": "0.95", "liquidation_bonus": "0.01"},
}
RULES = [rule_set("aave/3.0"), rule_set("aave/3.6")]


def parameters_of(rules: Any) -> Any:
    return rules.module.parameters(rules.version, AT, TERMS)


def market_of(indices: bool = False, **prices: str) -> Market:
    grown = {
        ("aave", asset, kind): Index(value, 3 * 10**25, AT // 10**6 - 86_400)
        for asset in prices
        for kind, value in (("supply", RAY + RAY // 37), ("borrow", RAY + RAY // 13))
    }
    return Market(
        quotes={("aave", asset, "oracle"): Quote(D(price)) for asset, price in prices.items()},
        indices=grown if indices else {},
    )


def treasury(rules: Any, weth: str = "10", debt: str = "15000") -> Account:
    return Account(
        id="treasury",
        rules=rules.name,
        collateral=(
            Collateral(asset="WETH", amount=D(weth)),
            Collateral(asset="USDC", amount=D(5000), enabled=False),
        ),
        debt=(Debt(asset="USDC", amount=D(debt)),),
    )


@pytest.mark.parametrize("rules", RULES)
def test_the_treasury_of_the_design(rules) -> None:
    found = distances(rules, treasury(rules), "main", market_of(WETH="3000", USDC="1"), parameters_of(rules), AT)
    assert (found.down, found.up, found.worst) == (D("0.39759036"), None, D("0.39759036"))


def test_the_trader_of_the_design() -> None:
    from marginbook.domain.account import Position

    binance = rule_set("binance/usdm")
    account = Account(
        id="trader-1",
        rules="binance/usdm",
        wallet={"USDT": D(10_000)},
        positions=(
            Position(market="BTCUSDT", side="long", quantity=D("0.5"), entry=D(62_000), leverage=D(20)),
            Position(market="ETHUSDT", side="short", quantity=D(4), entry=D(2500), leverage=D(10)),
        ),
    )
    rate = {"brackets": [["0", None, "0.004", "125", "0"]]}
    parameters = binance.module.parameters("usdm", AT, {"BTCUSDT": rate, "ETHUSDT": rate})
    prices = {("binance", "BTCUSDT", "mark"): Quote(D(60_000)), ("binance", "ETHUSDT", "mark"): Quote(D(2600))}
    found = distances_of_account(binance, account, Market(quotes=prices), parameters, AT)
    # down: 8,438.4 / (30,000 − 10,400 − 161.6); worst: 8,438.4 / (30,000 − 120 + 10,400 + 41.6)
    assert (found.down, found.up, found.worst) == (D("0.43410980"), None, D("0.20927740"))


@pytest.mark.parametrize("rules", RULES)
def test_a_loop_is_judged_by_the_fall_of_collateral_against_debt(rules) -> None:
    def loop(debt: str) -> Account:
        return Account(
            id="loop",
            rules=rules.name,
            emode=1,
            collateral=(Collateral(asset="wstETH", amount=D(10)),),
            debt=(Debt(asset="WETH", amount=D(debt)),),
        )

    parameters = parameters_of(rules)
    market = market_of(wstETH="3600", WETH="3000", USDC="1")
    assert family_of_pool(rules, loop("10"), "main", market, parameters) == "loop"
    # health 11.4 / debt: 1.0654, 1.0364, 1.0179, 0.9913
    labels = [zone_of_account(rules, loop(d), market, parameters, AT).label for d in ("10.7", "11", "11.2", "11.5")]
    assert labels == ["safe", "warning", "call", "liquidation"]
    found = distances(rules, loop("11"), "main", market, parameters, AT)
    assert (found.down, found.up) == (None, None)
    assert found.worst == D("0.01785714")  # 11.4·(1 − d) = 11·(1 + d)
    held = zone_of_pool(rules, loop("10.8"), "main", market, parameters, AT, previous=Zone.WARNING)
    assert held == Zone.WARNING  # 5.26 % away: entered below 5 %, left at 5.5 %
    assert zone_of_account(rules, loop("10.8"), market, parameters, AT) == Zone.SAFE


def test_an_emode_may_price_its_members_by_another_asset() -> None:
    rules = RULES[0]
    source = {**TERMS, "emode:1": {**TERMS["emode:1"], "price_source": "ETH/USD"}}
    parameters = rules.module.parameters(rules.version, AT, source)
    account = Account(
        id="a",
        rules=rules.name,
        emode=1,
        collateral=(Collateral(asset="WETH", amount=D(10)),),
        debt=(Debt(asset="USDC", amount=D(15_000)),),
    )
    market = market_of(**{"WETH": "1", "ETH/USD": "3000", "USDC": "1"})
    assert distances(rules, account, "main", market, parameters, AT).down == D("0.47368421")  # 1 − 15 / 28.5


@pytest.mark.parametrize("rules", RULES)
def test_a_debt_is_repaid_with_the_interest_since_its_index_was_stored(rules) -> None:
    account = Account(
        id="a",
        rules=rules.name,
        collateral=(Collateral(asset="WETH", amount=D("0.001")),),
        debt=(Debt(asset="USDC", scaled_raw=10**12),),
    )
    market = market_of(True, WETH="3000", USDC="1")
    found = remedies(rules, account, market, parameters_of(rules), AT, "maintenance", actions=["repay"])
    stored = D(10**6) * (13 + 1) / 13
    assert [remedy.amount > stored for remedy in found] == [True]


LOANS = dict(  # noqa: C408
    rules=st.sampled_from(RULES),
    weth=st.integers(10**15, 10**20),
    wbtc=st.integers(0, 10**8),
    owed=st.integers(10**7, 3 * 10**11),
    owed_weth=st.integers(0, 10**19),
    price=st.decimals(500, 5000, places=8),
    scaled=st.booleans(),
    target=st.sampled_from([None, "maintenance", D("1.25")]),
)


@settings(max_examples=30, deadline=None)
@given(**LOANS)
def test_one_token_unit_less_fails(rules, weth, wbtc, owed, owed_weth, price, scaled, target) -> None:
    def amount(raw: int, decimals: int) -> dict[str, Any]:
        return {"scaled_raw": raw} if scaled else {"amount": D(raw).scaleb(-decimals)}

    account = Account(
        id="a",
        rules=rules.name,
        collateral=(
            Collateral(asset="wstETH", **amount(weth, 18)),
            *([Collateral(asset="WBTC", **amount(wbtc, 8))] if wbtc else []),
        ),
        debt=(
            Debt(asset="USDC", **amount(owed, 6)),
            *([Debt(asset="WETH", **amount(owed_weth, 18))] if owed_weth else []),
        ),
    )
    market = market_of(scaled, WETH=str(price), wstETH=str(price + 777), WBTC="61234.56789012", USDC="0.99987654")
    parameters = parameters_of(rules)
    zone = zone_of_account(rules, account, market, parameters, AT)
    limit = Zone.WARNING if zone == Zone.WARNING else Zone.CALL

    def reached(a: Account, m: Market) -> bool:
        if target == "maintenance":
            return not rules.module.is_liquidatable(a, "main", m, parameters, AT)
        if target is None:
            return zone_of_pool(rules, a, "main", m, parameters, AT, previous=limit) < limit
        risk = rules.module.risk(a, m, parameters, AT)["main"]
        return bool(risk.support * 4 >= risk.demand * 5)

    found = remedies(rules, account, market, parameters, AT, target)
    already = reached(account, market) or (target is None and zone == Zone.SAFE)
    assert any(remedy.action == "deposit" for remedy in found) is not already
    situation = Situation(rule_set=rules, account=account, pool="main", market=market, parameters=parameters, at=AT)
    for remedy in found:
        (way,) = [
            way
            for way in ways(situation, D(1), [remedy.action])
            if (way.asset, way.debt) == (remedy.asset, remedy.debt)
        ]

        def after(quantity: Decimal, way: Any = way) -> bool:
            changed, then = account, market
            try:
                for event in way.events(quantity):
                    changed, then = rules.module.apply(changed, then, event, parameters, AT)
            except BadInput:
                return False
            return reached(changed, then)

        assert after(remedy.amount)
        assert not after(remedy.amount - remedy.unit)


@settings(max_examples=30, deadline=None)
@given(
    rules=st.sampled_from(RULES),
    weth=st.decimals("0.01", 100, places=18),
    wbtc=st.decimals(0, 2, places=8),
    owed=st.decimals(100, 200_000, places=6),
    owed_weth=st.decimals(0, 20, places=18),
)
def test_one_step_either_side_of_a_distance(rules, weth, wbtc, owed, owed_weth) -> None:
    account = Account(
        id="a",
        rules=rules.name,
        collateral=(Collateral(asset="WETH", amount=weth), Collateral(asset="WBTC", amount=wbtc)),
        debt=(Debt(asset="USDC", amount=owed), Debt(asset="wstETH", amount=owed_weth)),
    )
    market, parameters = market_of(WETH="3000.12", wstETH="3600.5", WBTC="60000.99", USDC="1"), parameters_of(rules)

    def liquidatable(move: Decimal) -> bool:
        moved = {k: q.price * (1 + move) for k, q in market.quotes.items() if k[1] != "USDC"}
        return bool(rules.module.is_liquidatable(account, "main", market.with_prices(moved), parameters, AT))

    found = distances(rules, account, "main", market, parameters, AT)
    if liquidatable(D(0)):
        assert found.down == found.up == found.worst == 0
        return
    for sign, distance in ((-1, found.down), (1, found.up)):
        if distance is None:
            assert not liquidatable(D("-0.99999999") if sign < 0 else D(1000))
        else:
            assert liquidatable(sign * (distance + STEP))
            assert distance == 0 or not liquidatable(sign * (distance - STEP))


@pytest.mark.long
@settings(max_examples=2000, deadline=None)
@given(case=st.fixed_dictionaries(LOANS))
def test_one_token_unit_less_fails_with_a_long_budget(case) -> None:
    test_one_token_unit_less_fails.hypothesis.inner_test(**case)
