"""Book files: the worked book of the documentation, problems beside the rest, limits, start-up cost."""

import dataclasses
import json
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from marginbook.book.zoning import borders_of_family
from marginbook.connectors import accounts as account_tables
from marginbook.connectors.accounts import account_from_json, account_to_json
from marginbook.connectors.books import load_book, load_book_bytes, market_of
from marginbook.domain.account import Account, Collateral, Debt, Fixed, Order, Position
from marginbook.domain.market import Quote
from marginbook.domain.zones import Border, Zone
from marginbook.units import parse_time

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_worked_book_is_read_as_written() -> None:
    book = load_book([EXAMPLES / "two-accounts.toml"])
    assert (book.rejected, book.problems, book.warnings) == ((), (), ())
    trader, treasury = book.accounts
    assert trader == Account(
        id="trader-1",
        rules="binance/usdm",
        wallet={"USDT": Decimal(10000)},
        positions=(
            Position(
                market="BTCUSDT", side="long", quantity=Decimal("0.5"), entry=Decimal(62000), leverage=Decimal(20)
            ),
            Position(market="ETHUSDT", side="short", quantity=Decimal(4), entry=Decimal(2500), leverage=Decimal(10)),
        ),
    )
    assert treasury.collateral == (
        Collateral(asset="WETH", amount=Decimal(10)),
        Collateral(asset="USDC", amount=Decimal(5000), enabled=False),
    )
    assert treasury.debt == (Debt(asset="USDC", amount=Decimal(15000)),)
    assert book.overlays == {"mine": {"WETH": {"ltv": "0.805", "liquidation_threshold": "0.83"}}}
    assert book.as_of == parse_time("2026-10-01T12:00:00Z")
    market = market_of(book)
    assert market.price("binance", "BTCUSDT", "mark") == 60000
    assert market.price("aave", "WETH", "oracle") == 3000
    assert market.as_of == book.as_of


def test_json_and_toml_say_the_same() -> None:
    toml = b'[[account]]\nid = "a"\nrules = "generic/derivatives"\nwallet = { USD = 0.1 }\n'
    toml += b"[prices]\ngeneric = { X = 1.10 }\n"
    document = '{"account": [{"id": "a", "rules": "generic/derivatives", "wallet": {"USD": 0.1}}],'
    document += ' "prices": {"generic": {"X": 1.10}}}'
    one = load_book_bytes([("book.toml", toml)])
    two = load_book_bytes([("book.json", b"\xef\xbb\xbf" + document.encode())])
    assert one.accounts == two.accounts
    assert one.accounts[0].wallet == {"USD": Decimal("0.1")}
    assert one.quotes["generic", "X", "mark"].price == Decimal("1.10")
    assert {k: q.price for k, q in one.quotes.items()} == {k: q.price for k, q in two.quotes.items()}


def test_one_bad_account_does_not_stop_the_book() -> None:
    text = """
    [[account]]
    id = "good"
    rules = "generic/lending"
    [[account]]
    id = "bad"
    rules = "binance/usdm"
    position = [ { market = "BTCUSDT", side = "long", quantity = "1", entry = "1" },
                 { market = "ETHUSDT", side = "long", quantity = "-2", entry = "1" } ]
    [[account]]
    id = "also-good"
    rules = "generic/lending"
    """
    book = load_book_bytes([("book.toml", text.encode())])
    assert [a.id for a in book.accounts] == ["good", "also-good"]
    (rejected,) = book.rejected
    assert (rejected.id, rejected.rules) == ("bad", "binance/usdm")
    assert rejected.problem.code == "not_positive"
    assert rejected.problem.place == "book.toml: account[1].position[1].quantity"
    assert rejected.problem.value == "-2"


def test_a_repeated_id_names_both_places() -> None:
    account = b'[[account]]\nid = "a"\nrules = "x/1"\n'
    book = load_book_bytes([("one.toml", account), ("two.toml", account)])
    assert len(book.accounts) == 1
    problem = book.rejected[0].problem
    assert (problem.code, problem.place) == ("duplicate_id", "two.toml: account[0].id")
    assert "one.toml: account[0]" in problem.expected


def test_folder_is_read_in_the_order_of_names_and_prices_file_replaces(tmp_path: Path) -> None:
    (tmp_path / "2.toml").write_text('[[account]]\nid = "b"\nrules = "x/1"\n')
    (tmp_path / "1.json").write_text('{"account": [{"id": "a", "rules": "x/1"}], "prices": {"aave": {"WETH": 1}}}')
    (tmp_path / "notes.txt").write_text("not a book")
    (tmp_path / "new").mkdir()
    prices = tmp_path / "new" / "prices.toml"
    prices.write_text("as_of = 2026-01-01T00:00:00Z\naave = { WETH = { oracle = 2, max_age = 60 } }\n")
    book = load_book([tmp_path], [prices])
    assert [a.id for a in book.accounts] == ["a", "b"]
    at = parse_time("2026-01-01")
    assert book.quotes == {("aave", "WETH", "oracle"): Quote(Decimal(2), at, None, prices.as_posix(), 60_000_000)}
    assert book.as_of == at
    assert book.problems == ()


def test_contradicting_prices_keep_the_first_and_say_so() -> None:
    one = b"[prices]\naave = { WETH = 1, USDC = 1 }\n"
    two = b'[prices]\naave = { WETH = 2, USDC = "1.0" }\n'
    book = load_book_bytes([("one.toml", one), ("two.toml", two)])
    assert book.quotes["aave", "WETH", "oracle"].price == 1
    (problem,) = book.problems
    assert (problem.code, problem.place) == ("duplicate_price", "two.toml: prices.aave.WETH")


def test_a_file_name_cannot_write_on_the_terminal() -> None:
    (problem,) = load_book_bytes([("\x1b[31m\n.toml", b"x")]).problems
    assert problem.place == r"\x1b[31m\n.toml: line 1, column 2"


def test_overlays_of_several_files_are_one_unless_they_contradict() -> None:
    account = b'[[account]]\nid = "a"\nrules = "x/1"\nparameters = "mine"\n'
    one = b"[parameters.mine.X]\nltv = 1\n"
    book = load_book_bytes(
        [("a.toml", account), ("1.toml", one), ("2.toml", one), ("3.toml", b"parameters.mine.Y.ltv = 2")]
    )
    assert (book.problems, book.rejected) == ((), ())
    assert book.overlays == {"mine": {"X": {"ltv": 1}, "Y": {"ltv": 2}}}
    book = load_book_bytes([("a.toml", account), ("1.toml", one), ("2.toml", b"parameters.mine.X.ltv = 2")])
    assert [p.place for p in book.problems] == ["2.toml: parameters.mine.X"]
    assert [r.problem.code for r in book.rejected] == ["bad_parameters"]


def test_generic_price_is_mark_and_oracle() -> None:
    book = load_book_bytes([("b.toml", b"[prices]\ngeneric = { ETH = 3000 }\n")])
    assert set(book.quotes) == {("generic", "ETH", "mark"), ("generic", "ETH", "oracle")}


def test_indices_state_and_zones() -> None:
    text = b"""
    [indices.aave.WETH]
    supply_raw = "1020000000000000000000000000"
    borrow_raw = 1050000000000000000
    borrow_rate_raw = 7
    time = 2026-01-01T00:00:01Z
    [state.aave.WETH]
    cash_raw = 12
    utilisation = 0.5
    [zones.derivatives]
    warning = "0.7"
    call = 0.85
    rearm = "0.05"
    """
    book = load_book_bytes([("b.toml", text)])
    assert book.problems == ()
    assert book.indices["aave", "WETH", "supply"].value_raw == 1020000000000000000000000000
    assert book.indices["aave", "WETH", "borrow"].rate_raw == 7
    assert book.indices["aave", "WETH", "borrow"].time == 1767225601
    assert book.state == {("aave", "WETH", "cash_raw"): 12, ("aave", "WETH", "utilisation"): Decimal("0.5")}
    million = 10**6
    assert book.zones["derivatives"] == (
        Border(Zone.WARNING, 700_000, million, 650_000, million),
        Border(Zone.CALL, 850_000, million, 800_000, million),
    )


def test_default_zones_written_out_are_the_defaults() -> None:
    text = """
    zones.derivatives = { warning = 0.80, call = 0.90, rearm = 0.02 }
    zones.lending = { warning = 1.5, call = 1.1, rearm = 0.05 }
    zones.loop = { warning = 0.05, call = 0.02, rearm = 0.005 }
    """
    book = load_book_bytes([("b.toml", text.encode())])
    assert book.problems == ()
    for family in ("derivatives", "lending", "loop"):
        for ours, default in zip(book.zones[family], borders_of_family(family), strict=True):
            assert ours.zone == default.zone
            assert ours.support_factor * default.demand_factor == default.support_factor * ours.demand_factor
            assert (
                ours.rearm_support_factor * default.rearm_demand_factor
                == default.rearm_support_factor * ours.rearm_demand_factor
            )


READ = ["two-accounts.toml", "mine.toml", "two-accounts.csv", "binance-answers.json", "ccxt.json"]


@pytest.mark.parametrize("name", READ)
def test_every_example_is_read_without_a_problem(name: str) -> None:
    book = load_book([EXAMPLES / name, EXAMPLES / "mine.toml"] if name.endswith(".csv") else [EXAMPLES / name])
    assert (book.problems, book.rejected, book.warnings) == ((), (), ())


def test_every_book_in_the_page_on_files_is_read_without_a_problem() -> None:
    page = (EXAMPLES.parent / "docs" / "files.md").read_text()
    blocks = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        book = load_book_bytes([("files.toml", block.encode())])
        assert (book.problems, book.rejected) == ((), ())
        assert book.accounts


@pytest.mark.parametrize(
    ("table", "cls"),
    [
        (account_tables.ACCOUNT, Account),
        (account_tables.POSITION, Position),
        (account_tables.ORDER, Order),
        (account_tables.COLLATERAL, Collateral),
        (account_tables.DEBT, Debt),
        (account_tables.FIXED, Fixed),
    ],
)
def test_every_field_of_the_domain_has_a_key(table, cls) -> None:  # type: ignore[no-untyped-def]
    attributes = {key.attribute or name for name, key in table.keys.items()}
    assert attributes == {f.name for f in dataclasses.fields(cls)}


def test_full_account_round_trips_through_json() -> None:
    account = Account(
        id="a",
        rules="binance/usdm",
        mode="isolated",
        position_mode="hedge",
        wallet={"USDT": Decimal("-0.00000001")},
        positions=(
            Position(
                market="BTC/USDT:USDT",
                side="short",
                quantity=Decimal("0.001"),
                entry=Decimal("1e-8"),
                isolated_wallet=Decimal(5),
                reported={"liquidation_price": Decimal(3)},
                funding_index_raw=-(10**20),
            ),
        ),
        orders=(Order(market="X", side="sell", quantity=Decimal(1), price=Decimal(2), id="7", reduce_only=True),),
        collateral=(Collateral(asset="WETH", scaled_raw=2**200, index_raw=10**27, enabled=False),),
        debt=(Debt(asset="USDC", amount=Decimal(0)),),
        emode=3,
        fixed=Fixed(support=Decimal(-1), demand=Decimal(2)),
        reported={"margin_balance": Decimal("1.10")},
    )
    text = json.dumps(account_to_json(account))
    assert account_from_json(json.loads(text), "f:") == account


def test_loading_imports_nothing_heavy() -> None:
    code = (
        "import sys; from pathlib import Path; from marginbook.connectors.books import load_book;"
        f"load_book([Path({str(EXAMPLES / 'two-accounts.toml')!r})]);"
        "print(sorted({'numpy', 'numba', 'pydantic', 'pyarrow', 'polars', 'difflib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
