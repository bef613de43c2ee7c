"""The worked examples that must come out exactly, in the words in which people ask for them."""

from decimal import Decimal as D
from typing import Any

import pytest

from marginbook.domain.account import Account, Collateral, Debt, Position
from marginbook.domain.events import Fill, LendingAction, Stamp, Transfer
from marginbook.domain.market import Market, Quote
from marginbook.domain.risk import LiquidationPrice, Quantities
from marginbook.venues.registry import rule_set

CENT = D("0.01")
UNIT = D("0.00000001")


def prices(kind: str, values: dict[str, Any]) -> Market:
    return Market(quotes={("generic", name, kind): Quote(D(str(price))) for name, price in values.items()})


class Margin:
    """A position bought with own and borrowed money, under generic/derivatives."""

    def __init__(self, own: Any, position: Any, side: str = "long", **terms: Any) -> None:
        self.module = rule_set("generic/derivatives").module
        self.parameters = self.module.parameters("derivatives", 0, {"X": {"maintenance_rate": "0", **terms}})
        self.account = Account(
            id="a",
            rules="generic/derivatives",
            wallet={"USD": D(str(own))},
            positions=(Position(market="X", side=side, quantity=D(1), entry=D(str(position))),),  # type: ignore[arg-type]
        )

    def at(self, value: Any) -> Quantities:
        return self.module.quantities(self.account, prices("mark", {"X": value}), self.parameters, 0)["cross:USD"]

    def called(self, value: Any) -> bool:
        market = prices("mark", {"X": value})
        return self.module.is_liquidatable(self.account, "cross:USD", market, self.parameters, 0)

    @property
    def liquidation_price(self) -> D:
        found: list[LiquidationPrice] = self.module.liquidation_prices(self.account, Market(), self.parameters, 0)
        assert len(found) == 1
        return found[0].price


class Loan:
    """Collateral C at 1 and debt D at 1, under generic/lending."""

    def __init__(self, collateral: Any, debt: Any, units: Any = 1, **terms: Any) -> None:
        self.module = rule_set("generic/lending").module
        self.parameters = self.module.parameters("lending", 0, {"C": terms, "D": {"ltv": "0"}})
        self.units = D(str(units))
        self.price = D(str(collateral)) / self.units
        self.account = Account(
            id="a",
            rules="generic/lending",
            collateral=(Collateral(asset="C", amount=self.units),),
            debt=(Debt(asset="D", amount=D(str(debt))),),
        )

    def market(self, price: Any = None) -> Market:
        return prices("oracle", {"C": self.price if price is None else price, "D": 1})

    def at(self, price: Any = None) -> Quantities:
        return self.module.quantities(self.account, self.market(price), self.parameters, 0)["main"]

    def called(self, price: Any = None) -> bool:
        return self.module.is_liquidatable(self.account, "main", self.market(price), self.parameters, 0)

    def after(self, kind: Any, asset: str, amount: Any) -> "Loan":
        event = LendingAction(stamp=Stamp(), account="a", kind=kind, asset=asset, amount=D(str(amount)))
        other = Loan(1, 1, liquidation_threshold="1")
        other.price, other.parameters = self.price, self.parameters
        other.account, _ = self.module.apply(self.account, self.market(), event, self.parameters, 0)
        return other

    def liquidation_price(self, asset: str) -> D:
        found = self.module.liquidation_prices(self.account, self.market(), self.parameters, 0)
        return next(price.price for price in found if price.market == asset)


def test_1_ten_thousand_of_margin_and_forty_thousand_borrowed_is_a_position_of_fifty_thousand_at_5x() -> None:
    margin = Margin(10_000, 50_000)
    assert margin.at(50_000).notional == 50_000
    assert margin.at(50_000).effective_leverage == 5
    loan = Loan(50_000, 40_000, ltv="0.8")
    assert loan.at().margin_balance == 10_000
    assert loan.at().effective_leverage == 5


def test_2_ten_eth_against_a_debt_of_15000() -> None:
    loan = Loan(30_000, 15_000, units=10, liquidation_threshold="0.8")
    assert loan.at().collateral_value == 30_000
    assert loan.at().margin_balance == 15_000
    fallen = loan.at(D(3000) * D("0.8"))
    assert (fallen.collateral_value, fallen.margin_balance) == (24_000, 9_000)


def test_3_a_collateral_factor_of_75_percent_lends_7500_on_10000() -> None:
    assert Loan(10_000, 0, collateral_factor="0.75").at().borrowable == 7_500
    full = Loan(10_000, 7_500, collateral_factor="0.75")
    assert full.at().borrowable == 0
    assert full.at().free_margin == 0
    assert Loan(10_000, D("7500.01"), collateral_factor="0.75").at().free_margin == -CENT


def test_4_unrealised_profit_loss_and_fees_in_the_margin_balance() -> None:
    margin = Margin(10_000, 20_000)
    assert margin.at(21_200).margin_balance == 11_200
    fee = Transfer(stamp=Stamp(), account="a", kind="fee", asset="USD", amount=D(-100))
    margin.account, _ = margin.module.apply(margin.account, Market(), fee, margin.parameters, 0)
    assert margin.at(18_500).margin_balance == 8_400
    assert margin.at(18_500).wallet_balance == 9_900


def test_5_maintenance_on_the_entry_notional_and_on_the_current_notional() -> None:
    entry = Margin(1_000, 10_000, maintenance_rate="0.05", basis="entry")
    assert entry.at(9_500).margin_balance == entry.at(9_500).maintenance_margin == 500
    assert not entry.called(9_500)
    assert entry.called(9_500 - UNIT)
    assert entry.liquidation_price == 9_500 - UNIT
    current = Margin(1_000, 10_000, maintenance_rate="0.05", basis="mark")
    assert not current.called("9473.69")
    assert current.called("9473.68")
    assert current.liquidation_price == D("9473.68421052")
    assert not current.called(current.liquidation_price + UNIT)
    assert current.at("9473.68").margin_balance < D("473.685")


def test_6_a_fall_to_8500_is_not_yet_a_call() -> None:
    margin = Margin(4_000, 10_000, maintenance_rate="0.10")
    assert margin.at(10_000).maintenance_margin == 1_000
    assert (margin.at(9_000).margin_balance, margin.at(9_000).maintenance_margin) == (3_000, 900)
    assert (margin.at(8_500).margin_balance, margin.at(8_500).maintenance_margin) == (2_500, 850)
    assert not margin.called(8_500)
    assert not margin.called("6666.67")
    assert margin.called("6666.66")
    assert margin.liquidation_price == D("6666.66666666")


def test_7_liquidation_price_of_a_long_from_its_two_rates() -> None:
    margin = Margin(10, 100, maintenance_rate="0.05", leverage="10")
    assert margin.at(100).initial_margin == 10
    assert margin.liquidation_price == D("94.73684210")
    assert margin.called("94.73684210")
    assert not margin.called("94.73684211")


@pytest.mark.parametrize(("collateral", "called"), [("1500", False), ("1499.99999999", True), ("1499", True)])
def test_8_at_150_percent_1500_is_just_enough_for_1000_and_1499_is_not(collateral: str, called: bool) -> None:
    assert Loan(collateral, 1_000, minimum_collateral_ratio="1.5").called() is called


def test_9_ltv_50_percent_and_the_call_below_6666_67() -> None:
    loan = Loan(10_000, 5_000, liquidation_threshold="0.75")
    assert loan.at().ltv == D("0.5")
    assert not loan.called("6666.67")
    assert loan.called("6666.66")
    assert loan.liquidation_price("C") == D("6666.66666666")
    assert loan.liquidation_price("D") == D("1.50000001")


def test_10_a_fall_of_one_tenth_loses_the_whole_initial_margin_at_10x() -> None:
    margin = Margin(10_000, 100_000, leverage="10")
    assert margin.at(100_000).initial_margin == 10_000
    assert margin.at(90_000).unrealized_pnl == -10_000
    assert margin.at(90_000).margin_balance == 0
    assert margin.at(100_000).bankruptcy_price == 90_000


@pytest.mark.parametrize(
    ("ltv", "collateral", "ratio", "initial", "leverage"),
    [("0.8", "125", "1.25", "25", "5"), ("0.75", "133.34", "1.3334", "33.335", "4")],
)
def test_11_max_ltv_collateral_ratio_initial_margin_and_leverage_of_a_loan_of_100(
    ltv: str, collateral: str, ratio: str, initial: str, leverage: str
) -> None:
    loan = Loan(collateral, 100, ltv=ltv)
    assert loan.at().collateral_ratio == D(ratio)
    assert loan.at().initial_margin == D(initial) == D(collateral) * (1 - D(ltv))
    assert loan.at().free_margin >= 0
    assert Loan(D(collateral) - CENT, 100, ltv=ltv).at().free_margin < 0
    assert abs(loan.at().effective_leverage - D(leverage)) < D("0.001")


@pytest.mark.parametrize(("rate", "own", "controls", "times"), [("0.20", 20, 100, 5), ("0.05", 5, 100, 20)])
def test_11_an_initial_margin_rate_and_its_leverage(rate: str, own: int, controls: int, times: int) -> None:
    margin = Margin(own, controls, initial_rate=rate)
    assert margin.at(controls).free_margin == 0
    assert margin.at(controls).effective_leverage == times
    assert Margin(own - CENT, controls, initial_rate=rate).at(controls).free_margin == -CENT


def test_12_collateral_for_a_vault_and_for_a_loan() -> None:
    assert Loan(1_500, 1_000, minimum_collateral_ratio="1.5").at().free_margin == 0
    assert Loan("1499.99", 1_000, minimum_collateral_ratio="1.5").at().free_margin < 0
    assert Loan(1_000, 800, ltv="0.8").at().free_margin == 0
    assert Loan("999.99", 800, ltv="0.8").at().free_margin < 0


def test_13_health_factor_1_1_and_what_brings_it_to_1_5() -> None:
    loan = Loan(13_750, 10_000, units=13_750, liquidation_threshold="0.8")
    assert loan.at().health_factor == D("1.1")
    health = D("1.5")

    def health_after(*steps: tuple[str, str, Any]) -> D:
        after = loan
        for kind, asset, amount in steps:
            after = after.after(kind, asset, amount)
        found = after.at().health_factor
        assert found is not None
        return found

    assert health_after(("supply", "C", 5_000)) == health
    assert health_after(("supply", "C", "4999.99")) < health
    assert health_after(("repay", "D", "2666.67")) >= health
    assert health_after(("repay", "D", "2666.66")) < health
    sold = D("5714.29")
    assert health_after(("repay", "D", sold), ("withdraw", "C", sold)) >= health
    assert health_after(("repay", "D", sold - CENT), ("withdraw", "C", sold - CENT)) < health


def test_14_a_vault_opened_at_150_percent_is_liquidatable_below_110() -> None:
    vault = Loan(1_500, 1_000, units=1_500, minimum_collateral_ratio="1.1")
    assert vault.at().collateral_ratio == D("1.5")
    assert not vault.called(D("1100") / 1_500 + UNIT)
    edge = Loan(1_100, 1_000, minimum_collateral_ratio="1.1")
    assert edge.at().collateral_ratio == D("1.1")
    assert not edge.called()
    assert edge.called(D("1099.99999999"))
    assert edge.liquidation_price("C") == D("1099.99999999")
    assert Loan(2_000, 1_000, minimum_collateral_ratio="1.1").at().collateral_ratio == 2


def test_a_fill_opens_what_the_examples_hold() -> None:
    margin = Margin(10_000, 50_000, leverage="5")
    empty = Account(id="a", rules="generic/derivatives", wallet={"USD": D(10_000)})
    fill = Fill(stamp=Stamp(), account="a", market="X", side="buy", quantity=D(1), price=D(50_000))
    opened, _ = margin.module.apply(empty, Market(), fill, margin.parameters, 0)
    assert opened == margin.account
