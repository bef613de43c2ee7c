"""Another threshold: who falls, how much sooner; and a venue out of reach: what of a portfolio is there."""

from decimal import Decimal

import pytest

from marginbook.domain.account import Account, Collateral, Debt, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market, Quote
from marginbook.engine.evaluate import parameters_source
from marginbook.simulate.parameter_changes import changed_parameters, effect, parse_change
from marginbook.simulate.stress import stress
from marginbook.simulate.venue_outage import venue_down

AT = 1_790_856_000_000_000
MARKET = Market(
    quotes={
        ("aave", "WETH", "oracle"): Quote(Decimal(3000)),
        ("aave", "USDC", "oracle"): Quote(Decimal(1)),
        ("binance", "ETHUSDT", "mark"): Quote(Decimal(3000)),
    },
    rates={"USDT": Decimal(1)},
)
OVERLAYS = {"mine": {"WETH": {"liquidation_threshold": "0.83", "ltv": "0.70"}}}


def loan(name: str, debt: int, **more: object) -> Account:
    return Account(
        id=name,
        rules="aave/3.6",
        parameters="mine",
        collateral=(Collateral(asset="WETH", amount=Decimal(10)),),
        debt=(Debt(asset="USDC", amount=Decimal(debt)),),
        **more,  # type: ignore[arg-type]
    )


def test_a_threshold_from_83_to_80_percent_takes_the_loan_between_them() -> None:
    accounts = [loan("calm", 15_000), loan("between", 24_500), loan("fallen", 25_000)]
    before = parameters_source(OVERLAYS, AT)
    change = parse_change("aave.WETH.liquidation_threshold=0.80")
    after = changed_parameters(before, OVERLAYS, [change], AT)
    answer = stress(accounts, MARKET, before, [], AT, parameters_after=after)
    assert [(row["account"], row["to"]) for row in answer["accounts"]] == [("between", "liquidation")]
    assert (answer["before"]["counts"]["liquidation"], answer["after"]["counts"]["liquidation"]) == (1, 2)
    told = effect(accounts, MARKET, before, after, [change], AT, ["between", "calm"])
    falls = {row["account"]: (row["down_before"], row["down_after"]) for row in told["distances"]}
    assert falls["between"] == ("0.01606425", "0")  # 1 − 24,500 / 24,900
    assert falls["calm"] == ("0.39759036", "0.375")  # 1 − 15,000 / 24,900 and 1 − 15,000 / 24,000
    hit = {side: {step["move"]: step["accounts"] for step in told["ladder"][side]} for side in ("before", "after")}
    assert (hit["before"]["0"], hit["after"]["0"]) == (1, 2)
    assert (hit["before"]["-0.35"], hit["after"]["-0.4"]) == (2, 3)


def test_an_account_s_own_overlay_stays_below_the_change_and_others_are_left_alone() -> None:
    before = parameters_source(OVERLAYS, AT)
    after = changed_parameters(before, OVERLAYS, [parse_change("aave.WETH.liquidation_threshold=0.80")], AT)
    row = after(loan("a", 1)).assets["WETH"]
    assert (row.liquidation_threshold, row.ltv) == (8000, 7000)
    trader = Account(id="t", rules="binance/usdm", wallet={"USDT": Decimal(1)})
    assert after(trader) is before(trader)


@pytest.mark.parametrize("text", ["aave.WETH=0.8", "WETH.ltv=0.8", "aave.WETH.ltv", "nowhere.X.y=1", "aave..ltv=1"])
def test_a_change_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="bad_change"):
        parse_change(text)


def test_brackets_are_json() -> None:
    change = parse_change("binance.ETHUSDT.brackets=[[0, 1000000, 0.01, 50, 0]]")
    assert change.value[0][2] == Decimal("0.01")


def test_a_venue_that_nobody_is_on_is_refused() -> None:
    parameters = parameters_source(OVERLAYS, AT)
    with pytest.raises(BadInput, match="unknown_venue"):
        effect([loan("a", 1)], MARKET, parameters, parameters, [parse_change("okx.X.y=1")], AT, [])
    with pytest.raises(BadInput, match="unknown_venue"):
        venue_down("okx", [loan("a", 1)], MARKET, parameters, AT)


def hedged(debt: int) -> list[Account]:
    """Ten ETH as collateral, ten short on an exchange with 30,000 USDT behind them."""
    short = Position(market="ETHUSDT", side="short", quantity=Decimal(10), entry=Decimal(3000), leverage=Decimal(10))
    return [
        loan("vault", debt, owner="desk"),
        Account(id="hedge", rules="binance/usdm", wallet={"USDT": Decimal(30_000)}, positions=(short,), owner="desk"),
        loan("stranger", 24_000),
    ]


def test_a_hedge_out_of_reach_leaves_the_whole_delta() -> None:
    told = venue_down("binance", hedged(10_000), MARKET, parameters_source(OVERLAYS, AT), AT)
    (desk,) = told["owners"]
    assert (desk["owner"], desk["accounts_in_reach"], desk["accounts_out_of_reach"]) == ("desk", ["vault"], ["hedge"])
    assert (desk["equity_in_reach"], desk["equity_out_of_reach"]) == ("20000", "30000")
    assert desk["delta"] == {}  # 30,000 long against 30,000 short
    assert desk["delta_in_reach"] == {"ETH": "30000"}
    assert (desk["need"], desk["stranded"]) == ("0", False)


def test_an_owner_who_could_pay_only_from_there_is_stranded() -> None:
    """The loan of 24,000 at 70 % of 30,000 lacks 3,000 of initial margin; 27,000 USDT are free on the exchange."""
    told = venue_down("binance", hedged(24_000), MARKET, parameters_source(OVERLAYS, AT), AT)
    (desk,) = told["owners"]
    assert (desk["need"], desk["available_up"], desk["available_down"]) == ("3000", "27000", "0")
    assert told["stranded"] == ["desk"]
    other = venue_down("aave", hedged(24_000), MARKET, parameters_source(OVERLAYS, AT), AT)
    assert other["stranded"] == []
    assert {row["owner"] for row in other["owners"]} == {"desk", "stranger"}
