"""Morpho Blue accounts: the edges of health, events, plans, shares and totals, and what is refused."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.events import IndexUpdate, LendingAction, Stamp, Transfer
from marginbook.domain.market import Index, Market, Quote
from marginbook.exact import RAY, WAD
from marginbook.testing.laws import settings
from marginbook.units import parse_time
from marginbook.venues.morpho import MODULE, parameters
from marginbook.venues.morpho.adaptive_curve import INITIAL_RATE, LEAST_RATE, MOST_RATE, borrow_rate, exponential
from marginbook.venues.morpho.holdings import USER, holdings_of, isolated_of
from marginbook.venues.morpho.market import Revert, liquidate
from marginbook.venues.morpho.math import incentive_factor, taylor_compounded
from marginbook.venues.morpho.planning import largest

AT = parse_time("2026-10-01T12:00:00Z")
NAME = "wstETH/USDC-0.86"
POOL = f"main:{NAME}"
PARAMETERS = parameters("blue", AT)
D = Decimal


def account(held: str = "10", owed: str = "15000", **more: Any) -> Account:
    return Account(
        id="a",
        rules="morpho/blue",
        collateral=(Collateral(asset="wstETH", amount=D(held), pool=NAME),),
        debt=(Debt(asset="USDC", amount=D(owed), pool=NAME),),
        **more,
    )


def market(price: str = "3000", **more: Any) -> Market:
    return Market(quotes={("morpho", NAME, "oracle"): Quote(D(price))}, **more)


def act(kind: Any, asset: str, amount: str, **more: Any) -> LendingAction:
    return LendingAction(stamp=Stamp(), account="a", kind=kind, asset=asset, amount=D(amount), pool=NAME, **more)


def ask(name: str, a: Account, m: Market, *more: Any, at: int = AT) -> Any:
    return getattr(MODULE, name)(a, *more, m, PARAMETERS, at)


def apply(a: Account, m: Market, event: Any, at: int = AT) -> tuple[Account, Market]:
    return MODULE.apply(a, m, event, PARAMETERS, at)


def test_numbers_of_one_market() -> None:
    found = ask("quantities", account(), market())[POOL]
    assert (found.currency, found.collateral_value, found.debt_value) == ("USDC", 30_000, 15_000)
    assert (found.health_factor, found.borrowable) == (D("1.72"), 10_800)
    assert (found.ltv, found.headroom) == (D("0.5"), 10_800)
    (price,) = ask("liquidation_prices", account(), Market())
    assert (price.market, price.when) == (NAME, "at_or_below")
    assert price.price == D("1744.186046599999999999")  # below ⌈15,000 / 0.86⌉ / 10, ⌈⌉ at 6 decimals


@pytest.mark.parametrize(("owed", "expected"), [("25800", False), ("25800.000001", True)])
def test_a_debt_of_the_most_is_healthy_and_one_unit_more_is_not(owed: str, expected: bool) -> None:
    assert ask("is_liquidatable", account("10", owed), market(), POOL) is expected


def test_incentive_factors_are_those_that_the_contract_uses() -> None:
    known = {"0.86": 1043841336116910229, "0.77": 1074113856068743286, "0.915": 1026167265264238070}
    known |= {"0.625": 1126760563380281690, "0.385": 1150000000000000000}
    for lltv, factor in known.items():
        assert incentive_factor(int(D(lltv) * WAD)) == factor


def test_a_plan_repays_every_share_and_pays_the_incentive() -> None:
    plan = ask("plan_liquidation", account("10", "26000"), market(), POOL)
    assert plan.close_most == 26_000
    assert plan.bonus == D("0.043841336116910229")
    assert plan.seized == D("9.046624913")  # ⌊26,000 · 1.043841…⌋ / 3,000, ⌊⌋ at 6 decimals
    assert plan.bad_debt == 0
    assert sum(flow.amount for flow in plan.flows if flow.asset == "USDC") == 0
    after, _ = apply(account("10", "26000"), market(), act("liquidation", "USDC", "26000", collateral_asset="wstETH"))
    assert not after.debt
    assert after.collateral[0].amount == 10 - plan.seized


def test_collateral_that_does_not_pay_for_the_debt_leaves_bad_debt() -> None:
    plan = ask("plan_liquidation", account("10", "40000"), market(), POOL)
    assert plan.seized == 10
    assert plan.close_most == D("28740.000001")  # 30,000 · 0.958, the factor rounded down, the rest up
    assert plan.bad_debt == 40_000 - plan.close_most
    after, _ = apply(account("10", "40000"), market(), act("liquidation", "wstETH", "10"))
    assert not after.collateral
    assert not after.debt
    one_left, _ = apply(account("10", "40000"), market(), act("liquidation", "wstETH", "9.999999999999999999"))
    assert one_left.debt[0].amount is not None
    assert one_left.debt[0].amount > 11_000  # one unit of collateral left: nothing is written off


def test_healthy_positions_are_left_alone() -> None:
    plan = ask("plan_liquidation", account(), market(), POOL)
    assert (plan.reason, plan.flows) == ("position is healthy", ())
    with pytest.raises(BadInput, match="position is healthy"):
        apply(account(), market(), act("liquidation", "wstETH", "1"))


def test_borrowing_up_to_the_last_unit() -> None:
    found = ask("quantities", account(), market())[POOL]
    after, _ = apply(account(), market(), act("borrow", "USDC", str(found.borrowable)))
    assert after.debt[0].amount == 25_800
    with pytest.raises(BadInput, match="insufficient collateral"):
        apply(account(), market(), act("borrow", "USDC", "10800.000001"))


@pytest.mark.parametrize(
    ("event", "refusal"),
    [
        (act("withdraw", "wstETH", "10.1"), "arithmetic"),
        (act("withdraw", "wstETH", "4.2"), "insufficient collateral"),
        (act("repay", "USDC", "15000.000001"), "arithmetic"),
        (act("withdraw", "wstETH", "0"), "zero assets"),
        (act("repay", "USDC", "0"), "inconsistent input"),
    ],
)
def test_what_the_contract_refuses(event: LendingAction, refusal: str) -> None:
    with pytest.raises(BadInput, match=refusal):
        apply(account(), market(), event)


def test_supplying_withdrawing_and_repaying() -> None:
    after, _ = apply(account(), Market(), act("supply", "wstETH", "2"))
    assert after.collateral[0].amount == 12
    after, _ = apply(after, Market(), act("repay", "USDC", "Infinity"))
    assert after.debt == ()
    after, _ = apply(after, Market(), act("withdraw", "wstETH", "Infinity"))
    assert after.collateral == ()
    after, _ = apply(
        after, Market(), Transfer(stamp=Stamp(), account="a", kind="deposit", asset="USDC", amount=D(5), pool=NAME)
    )
    assert (after.collateral[0].asset, after.collateral[0].amount) == ("USDC", 5)


STATE = {
    ("morpho", NAME, "supply_assets_raw"): 40_000_000_000,
    ("morpho", NAME, "supply_shares_raw"): 40_000_000_000_000_000,
    ("morpho", NAME, "borrow_assets_raw"): 30_000_000_000,
    ("morpho", NAME, "borrow_shares_raw"): 29_000_000_000_000_000,
}
RATE = 1_500_000_000  # [wad per second], about 4.8 % a year


def shares(owed: int = 14_500_000_000_000_000) -> Account:
    return replace(account(), debt=(Debt(asset="USDC", scaled_raw=owed, pool=NAME),))


def moving() -> Market:
    stored = AT // 10**6 - 86_400
    return market(state=STATE, indices={("morpho", NAME, "borrow"): Index(RAY, RATE, stored)})


def test_shares_are_worth_their_part_of_the_totals_and_grow_with_them() -> None:
    interest = 30_000_000_000 * taylor_compounded(RATE, 86_400) // WAD
    total = 30_000_000_000 + interest
    owed = -(-14_500_000_000_000_000 * (total + 1) // (29_000_000_000_000_000 + 10**6))
    found = ask("quantities", shares(), moving())[POOL]
    assert found.debt_value == D(owed).scaleb(-6)
    index = moving().indices["morpho", NAME, "borrow"]
    assert MODULE.accrued_index(index, "borrow", PARAMETERS, AT) > RAY  # type: ignore[attr-defined]
    still = ask("quantities", shares(), replace(moving(), indices={}))[POOL]
    assert still.debt_value == 15_000


def test_a_call_moves_the_totals_and_their_time() -> None:
    after, m = apply(shares(), moving(), act("borrow", "USDC", "1000"))
    t = {key[2]: value for key, value in m.state.items()}
    assert t["borrow_assets_raw"] > 31_000_000_000
    assert after.debt[0].scaled_raw == 14_500_000_000_000_000 + int(t["borrow_shares_raw"]) - 29_000_000_000_000_000
    assert m.indices["morpho", NAME, "borrow"] == Index(RAY, RATE, AT // 10**6)
    with pytest.raises(BadInput, match="insufficient liquidity"):
        apply(shares(), moving(), act("borrow", "USDC", "10000.000001"))


def test_bad_debt_is_taken_from_the_suppliers_at_once() -> None:
    poor = replace(moving(), quotes=market("500").quotes)
    after, m = apply(shares(), poor, act("liquidation", "wstETH", "Infinity"))
    t = {key[2]: int(value) for key, value in m.state.items()}
    assert after.debt == ()
    assert t["borrow_shares_raw"] == 14_500_000_000_000_000
    assert t["supply_assets_raw"] < 31_000_000_000


def test_an_index_update_sets_growth_and_rate() -> None:
    update = IndexUpdate(stamp=Stamp(time=AT), venue="morpho", asset=NAME, kind="borrow", value=D(RAY + RAY // 100))
    _, m = apply(shares(), moving(), update)
    grown = ask("quantities", shares(), m)[POOL].debt_value
    assert grown == 15_150


def test_the_fee_is_minted_to_somebody_else() -> None:
    lender = Account(
        id="l", rules="morpho/blue", collateral=(Collateral(asset="USDC", scaled_raw=40 * 10**15, pool=NAME),)
    )
    free = MODULE.quantities(lender, moving(), PARAMETERS, AT)[POOL].account_equity
    taxed = MODULE.quantities(lender, moving(), parameters("blue", AT, {NAME: {"fee": "0.25"}}), AT)[
        POOL
    ].account_equity
    assert free is not None
    assert taxed is not None
    interest = D(30_000_000_000 * taylor_compounded(RATE, 86_400) // WAD).scaleb(-6)
    assert abs((free - 40_000) - interest) < D("0.00001")
    assert abs((taxed - 40_000) - interest * 3 / 4) < D("0.00001")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"pool": None}, "missing_value"),
        ({"pool": "nobody/USDC"}, "no_parameters"),
        ({"asset": "WETH"}, "unknown_asset"),
        ({"amount": D("0.0000001")}, "too_many_decimals"),
        ({"amount": None, "scaled_raw": 5}, "missing_state"),
        ({"amount": D(-1)}, "bad_value"),
    ],
)
def test_bad_holdings_name_their_place(changed: dict[str, Any], code: str) -> None:
    bad = replace(account(), debt=(replace(account().debt[0], **changed),))
    with pytest.raises(BadInput) as error:
        ask("risk", bad, market())
    assert error.value.problem.code == code


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"lltv": "1"}, "bad_parameter"),
        ({"fee": "0.3"}, "bad_parameter"),
        ({"loan": "wstETH"}, "bad_parameter"),
        ({"loan": "XYZ"}, "missing_parameter"),
        ({"haircut": "1"}, "unknown_parameter"),
    ],
)
def test_bad_terms_name_their_place(row: dict[str, Any], code: str) -> None:
    with pytest.raises(BadInput) as error:
        parameters("blue", AT, {NAME: row})
    assert error.value.problem.code == code


def test_a_name_says_the_terms() -> None:
    found = parameters("blue", AT, {"SHIB/USDC-0.625": {"collateral_decimals": 18}}).terms("SHIB/USDC-0.625", "test")
    assert (found.lltv, found.price_decimals) == (625 * 10**15, 24)
    assert not found.correlated
    assert PARAMETERS.terms("wstETH/WETH-0.945", "test").correlated


def test_before_the_first_listing_and_elsewhere_only_the_book_s_own_markets_exist() -> None:
    for early in (parameters("blue", parse_time("2023-12-01")), parameters("blue", AT, None, "base")):
        with pytest.raises(BadInput, match="no_parameters"):
            early.terms(NAME, "test")


def test_the_rate_model_keeps_its_bounds_and_its_curve() -> None:
    assert exponential(10**18) == pytest.approx(2.718281828 * 1e18, rel=5e-3)  # two terms of the series
    assert borrow_rate(0, 0, 0, 0)[0] == INITIAL_RATE // 4
    assert borrow_rate(10**18, 10**18, INITIAL_RATE, 0)[0] == 4 * INITIAL_RATE
    assert borrow_rate(10**18, 10**18, MOST_RATE, 10**7)[1] == MOST_RATE
    assert borrow_rate(0, 10**18, LEAST_RATE, 10**7)[1] == LEAST_RATE


def by_asset(collateral: str = "3000", loan: str = "1") -> Market:
    return Market(
        quotes={("morpho", "wstETH", "oracle"): Quote(D(collateral)), ("morpho", "USDC", "oracle"): Quote(D(loan))}
    )


def test_quotes_of_the_two_assets_give_the_price_where_the_market_has_none() -> None:
    found = ask("quantities", account(), by_asset("3300", "1.1"))[POOL]
    assert found.health_factor == D("1.72")
    both = replace(by_asset("1", "1"), quotes={**by_asset("1", "1").quotes, **market().quotes})
    assert ask("quantities", account(), both)[POOL].health_factor == D("1.72")
    fall, rise = ask("liquidation_prices", account(), by_asset())
    assert (fall.market, fall.when, fall.price) == ("wstETH", "at_or_below", D("1744.186046599999999999"))
    assert (rise.market, rise.when, rise.side) == ("USDC", "at_or_above", "debt")
    assert ask("is_liquidatable", account(), by_asset(loan=str(rise.price)), POOL)
    assert not ask("is_liquidatable", account(), by_asset(loan=str(rise.price - D(1).scaleb(-18))), POOL)
    (price,) = ask("liquidation_prices", account(), Market(quotes={("morpho", "USDC", "oracle"): Quote(D(1))}))
    assert price.market == "wstETH"
    with pytest.raises(BadInput, match="missing_price"):
        ask("risk", account(), Market(quotes={("morpho", "USDC", "oracle"): Quote(D(1))}))


def test_an_event_without_a_market_means_the_only_one() -> None:
    after, _ = apply(account(), market(), replace(act("supply", "wstETH", "1"), pool=None))
    assert after.collateral[0].amount == 11
    two = replace(account(), collateral=(*account().collateral, Collateral(asset="WBTC", pool="WBTC/USDC-0.86")))
    with pytest.raises(BadInput, match="missing_value"):
        apply(two, market(), replace(act("supply", "wstETH", "1"), pool=None))


def test_debt_and_supply_of_a_market_are_stated_in_the_same_way() -> None:
    mixed = replace(shares(), collateral=(Collateral(asset="USDC", amount=D(5), pool=NAME),))
    with pytest.raises(BadInput, match="inconsistent"):
        ask("risk", mixed, moving())


def test_the_planned_call_repays_all_or_takes_all() -> None:
    planned = short = 0
    for setting in settings("morpho/blue", 150, seed=5):
        for holding in holdings_of(setting.account, setting.parameters):
            if not setting.call("is_liquidatable", holding.pool):
                continue
            m = isolated_of(setting.account, holding, setting.market, setting.at)
            call = largest(m)
            plan = setting.call("plan_liquidation", holding.pool)
            if call is None:
                assert plan.reason == "no collateral is left"
                continue
            planned += 1
            assert plan.close_most == D(call.repaid).scaleb(-holding.terms.loan_decimals)
            owed, held = m.position(USER).borrow_shares, m.position(USER).collateral
            short += call.repaid_shares < owed
            assert call.repaid_shares == owed or call.seized == held
            if call.repaid_shares < owed:
                with pytest.raises(Revert, match="arithmetic"):
                    liquidate(m, USER, shares=owed)
    assert planned >= 40
    assert short >= 5
