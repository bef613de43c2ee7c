"""Answers of Aave, Maker and Compound as accounts: the contracts' integers, their indices, what is refused."""

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from marginbook.connectors.books import BookFile, load_book_bytes, market_of
from marginbook.connectors.maker_json import ilk_name
from marginbook.domain.market import Index
from marginbook.engine.evaluate import Report, evaluate, parameters_source
from marginbook.units import parse_time

FOLDER = Path(__file__).parent / "answers"
RAY = 10**27


def sample(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text())


def load(document: Any, *more: tuple[str, bytes]) -> BookFile:
    return load_book_bytes([("x.json", json.dumps(document).encode()), *more])


def report_of(book: BookFile, at: str = "2026-10-01") -> Report:
    assert (book.problems, book.rejected) == ((), ())
    parameters_of = parameters_source(book.overlays, parse_time(at))
    return evaluate(book.accounts[0], market_of(book), parameters_of, parse_time(at))


def refused(document: Any) -> tuple[str, str]:
    book = load(document)
    (problem,) = [*book.problems, *(rejected.problem for rejected in book.rejected)]
    return problem.code, problem.place


def aave_with(**changes: Any) -> Any:
    return {**sample("aave"), **changes}


def test_reserves_beside_the_rows_or_in_them_are_one_account() -> None:
    document = sample("aave")
    reserves = {reserve["underlyingAsset"]: reserve for reserve in document["reserves"]}
    nested = copy.deepcopy(document)
    del nested["reserves"], nested["baseCurrencyInfo"]
    rows = [row for row in nested["userReserves"] if row["underlyingAsset"] in reserves]
    for row in rows:
        reserve = {**reserves[row.pop("underlyingAsset")], "decimals": 18}
        price = reserve.pop("priceInMarketReferenceCurrency")
        reserve["price"] = {"priceInEth": price, "oracle": {"baseCurrencyUnit": "100000000"}}
        row["reserve"] = reserve
    nested.update(userReserves=rows, user={"eModeCategoryId": {"id": "0"}})
    del nested["userEmodeCategoryId"]
    one, other = load({"data": nested}), load(document)
    assert one.accounts == other.accounts
    assert one.indices == other.indices
    assert {key: quote.price for key, quote in one.quotes.items()} == {k: q.price for k, q in other.quotes.items()}


def test_indices_of_aave_grow_from_their_last_update() -> None:
    document = sample("aave")
    document["reserves"][2]["variableBorrowRate"] = str(RAY)
    book = load(document)
    assert book.indices["aave", "DAI", "borrow"] == Index(1000000040295166653656956138, RAY, 1790812800)
    assert report_of(book, "2026-10-02").money["debt_value"] > Decimal("576.66")


def test_an_aave_reserve_without_risk_parameters_has_the_shipped_ones() -> None:
    document = sample("aave")
    for reserve in document["reserves"]:
        del reserve["reserveLiquidationBonus"]
    (account,) = load(document).accounts
    assert account.parameters is None


def test_aave_documents_without_rules_say_which_are_taken() -> None:
    document = sample("aave")
    del document["rules"]
    book = load(document)
    assert book.accounts[0].rules == "aave/3.6"
    assert book.warnings == ("x.json: rules: not stated, taken as aave/3.6",)


def test_a_category_s_terms_are_not_in_the_reserves() -> None:
    book = load(aave_with(userEmodeCategoryId=1))
    assert book.accounts[0].emode == 1
    assert "category 1" in book.warnings[0]


@pytest.mark.parametrize(
    ("changes", "code", "place"),
    [
        ({"rules": "aave/2"}, "unknown_choice", "x.json: rules"),
        ({"reserves": []}, "missing_key", "x.json: userReserves[0].underlyingAsset"),
        ({"userEmodeCategoryId": 256}, "out_of_range", "x.json: userEmodeCategoryId"),
        ({"user": {"eModeCategoryId": "x"}, "userEmodeCategoryId": None}, "not_a_number",
         "x.json: user.eModeCategoryId"),
        ({"eMode": 1}, "unknown_key", "x.json: eMode"),
        ({"baseCurrencyInfo": {"marketReferenceCurrencyUnit": str(10**18)}}, "unsupported",
         "x.json: reserves[0].priceInMarketReferenceCurrency"),
        ({"userAccountData": {"healthFactor": "1.5"}}, "not_a_number", "x.json: userAccountData.healthFactor"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_user_reserves_is_named(changes: dict[str, Any], code: str, place: str) -> None:
    assert refused(aave_with(**changes)) == (code, place)


def test_stable_debt_and_odd_bonuses_are_refused() -> None:
    document = sample("aave")
    document["userReserves"][0]["principalStableDebt"] = "1"
    assert refused(document) == ("unsupported", "x.json: userReserves[0].principalStableDebt")
    document = sample("aave")
    document["reserves"][0]["reserveLiquidationBonus"] = "500"
    assert refused(document) == ("out_of_range", "x.json: reserves[0].reserveLiquidationBonus")
    document["reserves"][0].update(reserveLiquidationBonus="0", priceInMarketReferenceCurrency="0")
    assert refused(document) == ("not_positive", "x.json: reserves[0].priceInMarketReferenceCurrency")


def test_an_account_without_debt_has_no_health_factor_to_compare() -> None:
    document = aave_with(userAccountData={"healthFactor": str(2**256 - 1), "totalDebtBase": "0"})
    assert load(document).accounts[0].reported == {"debt_value": 0}


def test_vaults_of_maker_with_the_price_that_spot_and_mat_tell() -> None:
    book = load(sample("maker"))
    (account,) = book.accounts
    assert [held.pool for held in account.collateral] == ["ETH-A:31039", "ETH-A:31040"]
    assert book.quotes["maker", "ETH", "oracle"].price == 3000
    assert book.indices["maker", "ETH-A", "borrow"] == Index(11 * 10**26, 1000000001547125957863212448, 1717200000)
    first = report_of(book, "2024-06-01").pools[0]
    assert first.quantities.collateral_value == 30000
    assert first.quantities.debt_value == 9900


def test_a_vault_alone_and_a_price_from_elsewhere() -> None:
    vault = {"ilk": "ETH-A", "ink": str(10**19), "art": str(9 * 10**21), "rate": str(11 * 10**26), "cdp": 7}
    prices = ("prices.toml", b'[prices]\nas_of = "2024-06-01"\nmaker = { ETH = 3000 }\n')
    book = load(vault, prices)
    assert book.accounts[0].collateral[0].pool == "ETH-A:7"
    assert "comes from elsewhere" in book.warnings[0]
    assert report_of(book, "2024-06-01").pools[0].quantities.debt_value == 9900


@pytest.mark.parametrize(
    ("changes", "code", "place"),
    [
        ({"ink": "10.5"}, "not_a_number", "x.json: ink"),
        ({"rate": None}, "missing_key", "x.json: rate"),
        ({"rate": "1100000000"}, "out_of_range", "x.json: rate"),
        ({"ilk": "0xzz"}, "bad_text", "x.json: ilk"),
        ({"collateral": "1"}, "unknown_key", "x.json: collateral"),
        ({"duty": str(RAY)}, "missing_key", "x.json: rho"),
        ({"spot": "7", "mat": str(145 * 10**25)}, "inconsistent", "x.json: spot"),
    ],
)
def test_what_is_wrong_with_a_vault_is_named(changes: dict[str, Any], code: str, place: str) -> None:
    vault = {"ilk": "ETH-A", "ink": str(10**19), "art": "0", "rate": str(RAY)}
    assert refused({**vault, **changes}) == (code, place)


def test_two_vaults_of_a_type_need_numbers_and_a_type_its_rate() -> None:
    document = sample("maker")
    for urn in document["urns"]:
        del urn["vault"]
    assert refused(document) == ("duplicate_key", "x.json: urns[1].ilk")
    document = sample("maker")
    document["urns"][1]["ilk"] = "WBTC-A"
    assert refused(document) == ("missing_key", "x.json: urns[1].ilk")
    assert ilk_name("GUNIV3DAIUSDC1-A", "") == "GUNIV3DAIUSDC1-A"


def compound_with(number: int, **changes: Any) -> Any:
    document = sample("compound")
    document["account"]["tokens"][number]["market"].update(changes)
    return document


def test_the_exchange_rate_of_compound_is_the_contract_s() -> None:
    book = load(sample("compound"))
    assert book.indices["compound", "ETH", "supply"].value_raw == 200000000000001449580301543 * 10**9
    assert book.accounts[0].address == "0xa11ce"
    cut = compound_with(1, exchangeRate="0.020000000000000144")
    assert load(cut).indices == book.indices
    assert refused(compound_with(1, exchangeRate="0.020000000000000145")) == (
        "inconsistent",
        "x.json: account.tokens[1].market.exchangeRate",
    )
    assert refused(compound_with(1, cash=None, exchangeRate="0.02")) == (
        "missing_key",
        "x.json: account.tokens[1].market",
    )


@pytest.mark.parametrize(
    ("number", "key", "value", "code"),
    [
        (0, "cTokenBalance", "0.000000001", "too_many_decimals"),
        (0, "enteredMarket", "yes", "wrong_type"),
        (2, "accountBorrowIndex", None, "wrong_type"),
        (2, "storedBorrowBalance", "-1", "negative"),
    ],
)
def test_what_is_wrong_with_a_token_is_named(number: int, key: str, value: Any, code: str) -> None:
    document = sample("compound")
    document["account"]["tokens"][number][key] = value
    assert refused(document) == (code, f"x.json: account.tokens[{number}].{key}")


def test_two_markets_of_an_asset_are_not_one() -> None:
    assert refused(compound_with(1, underlyingSymbol="ODD"))[0] == "duplicate_asset"
    assert refused(compound_with(0, collateralFactor=None))[0] == "missing_key"


def test_the_comptroller_s_factors_are_needed() -> None:
    document = sample("compound")
    comptroller = document.pop("comptroller")
    assert refused(document) == ("missing_key", "x.json: comptroller")
    document["comptrollers"] = [comptroller]
    assert load(document).accounts == load(sample("compound")).accounts


def test_a_user_of_a_comet() -> None:
    document = sample("comet")
    prices = ("prices.toml", b"[prices]\ncompound = { WETH = 3000, USDC = 1 }\n")
    book = load(document, prices)
    (account,) = book.accounts
    assert [(held.asset, held.scaled_raw) for held in account.collateral] == [("WETH", 10**19)]
    assert account.debt[0].scaled_raw == 15 * 10**9
    report = report_of(book, "2025-06-01")
    assert report.pools[0].quantities.debt_value == 17250
    document["userCollateral"] = [{"asset": "WETH", "balance": "7"}]
    document["userBasic"]["principal"] = "5"
    (account,) = load(document).accounts
    assert [(held.asset, held.scaled_raw) for held in account.collateral] == [("WETH", 7), ("USDC", 5)]
    assert account.debt == ()


@pytest.mark.parametrize(
    ("changes", "code", "place"),
    [
        ({"comet": None}, "wrong_type", "x.json: comet"),
        ({"userBasic": {"principal": "1.5"}}, "not_a_number", "x.json: userBasic.principal"),
        ({"userCollateral": {"WETH": "-1"}}, "not_a_number", "x.json: userCollateral.WETH"),
        ({"totalsBasic": None}, "wrong_type", "x.json: totalsBasic"),
        ({"price": 1}, "unknown_key", "x.json: price"),
    ],
)
def test_what_is_wrong_with_a_comet_s_user_is_named(changes: dict[str, Any], code: str, place: str) -> None:
    assert refused({**sample("comet"), **changes}) == (code, place)
