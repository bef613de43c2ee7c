"""Books as CSV and Parquet: the same accounts as in TOML, exact floats, bad rows beside the rest."""

import csv
import gzip
import io
from decimal import Decimal
from pathlib import Path

import pytest

from marginbook.connectors.books import load_book, load_book_bytes
from marginbook.domain.account import Account, Order

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_csv_of_the_worked_book_equals_the_toml() -> None:
    toml = load_book([EXAMPLES / "two-accounts.toml"])
    table = load_book([EXAMPLES / "two-accounts.csv", EXAMPLES / "mine.toml"])
    assert table.problems == table.rejected == ()
    assert table.accounts == toml.accounts
    assert table.overlays == toml.overlays
    assert {k: q.price for k, q in table.quotes.items()} == {k: q.price for k, q in toml.quotes.items()}


def test_rows_of_an_account_need_not_be_adjacent_and_orders_are_legs() -> None:
    text = """account,rules,leg,market,side,quantity,entry,enabled
a,generic/derivatives,wallet,USD,,100,,
b,generic/lending,collateral,ETH,,1,,false
a,,order,X,buy,2,3,
"""
    book = load_book_bytes([("b.csv.gz", gzip.compress(text.encode()))])
    assert book.problems == book.rejected == ()
    a, b = book.accounts
    order = Order(market="X", side="buy", quantity=Decimal(2), price=Decimal(3))
    assert a == Account(id="a", rules="generic/derivatives", wallet={"USD": Decimal(100)}, orders=(order,))
    assert b.collateral[0].enabled is False


def test_bad_rows_reject_their_account_only() -> None:
    text = """account,rules,leg,market,side,quantity,entry
a,x/1,position,BTC,long,1,2
b,x/1,position,BTC,long,0,2
,x/1,position,BTC,long,1,2
c,x/1,position,BTC,up,1,2
d,x/1,debt,BTC,long,1,
e,x/1,wallet
a,y/1,wallet,USD,,1,
f,x/1,wallet,USD,,1,
"""
    book = load_book_bytes([("b.csv", text.encode())])
    assert [a.id for a in book.accounts] == ["f"]
    assert [(r.id, r.problem.code, r.problem.place) for r in book.rejected] == [
        ("b.csv: line 4", "bad_text", "b.csv: line 4.account"),
        ("a", "inconsistent", "b.csv: line 8.rules"),
        ("b", "not_positive", "b.csv: line 3.quantity"),
        ("c", "unknown_choice", "b.csv: line 5.side"),
        ("d", "unknown_key", "b.csv: line 6.side"),
        ("e", "wrong_length", "b.csv: line 7"),
    ]


def test_parquet_floats_are_read_by_their_shortest_text(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = arrow.table(
        {
            "account": ["a", "a"],
            "rules": ["x/1", None],
            "leg": arrow.array(["wallet", "position"]).dictionary_encode(),
            "market": ["USD", "BTC"],
            "side": [None, "long"],
            "quantity": [0.1, 1e-7],
            "entry": arrow.array([None, 0.1], arrow.float32()),
            "leverage": arrow.array([None, 20], arrow.int64()),
        }
    )
    path = tmp_path / "book.parquet"
    parquet.write_table(table, path)
    (account,) = load_book([path]).accounts
    assert account.wallet == {"USD": Decimal("0.1")}
    assert account.positions[0].quantity == Decimal("0.0000001")
    assert account.positions[0].entry == Decimal("0.1")
    assert account.positions[0].leverage == 20


def test_parquet_without_pyarrow_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (problem,) = load_book_bytes([("b.parquet", b"PAR1")]).problems
    assert problem.code == "missing_package"
    assert "marginbook[frames]" in problem.expected


def test_a_large_table_is_read_whole() -> None:
    rows = 30_000
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["account", "rules", "leg", "market", "side", "quantity", "entry", "leverage"])
    for n in range(rows):
        writer.writerow([f"a{n // 5}", "binance/usdm", "position", f"M{n % 5}", "long", f"{n + 1}.25", "62000.1", "20"])
    content = buffer.getvalue().encode()
    book = load_book_bytes([("b.csv", content)])
    assert len(book.accounts) == rows // 5


PARTICULARS = """account,rules,owner,account_details,leg,market,side,quantity,entry,pool,details
v,maker/dss,ann,,collateral,ETH,,10,,ETH-A:31039,
v,,,,debt,DAI,,10000,,ETH-A:31039,
c,compound/3,ann,"{""comet"": ""cUSDCv3""}",debt,USDC,,5,,,"{""note"": 7}"
p,dydx/4,,,position,BTC-USD,long,1,50000,,"{""custom_imf_ppm"": ""100000""}"
"""


def test_pools_owners_and_details_are_columns() -> None:
    book = load_book_bytes([("b.csv", PARTICULARS.encode())])
    assert book.problems == book.rejected == ()
    vault, comet, position = book.accounts
    assert [account.owner for account in book.accounts] == ["ann", "ann", None]
    assert (vault.collateral[0].pool, vault.debt[0].pool) == ("ETH-A:31039", "ETH-A:31039")
    assert (comet.details, comet.debt[0].details) == ({"comet": "cUSDCv3"}, {"note": "7"})
    assert position.positions[0].details == {"custom_imf_ppm": "100000"}


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        ('"{""note"": 7}"', "{note", "malformed_json", "b.csv: line 4.details: line 1, column 2"),
        ('"{""note"": 7}"', "[]", "wrong_type", "b.csv: line 4.details"),
        ('"{""comet"": ""cUSDCv3""}"', "7", "wrong_type", "b.csv: line 4.account_details"),
        ("long,1,50000,,", "long,1,50000,P,", "unknown_key", "b.csv: line 5.pool"),
    ],
)
def test_bad_particulars_reject_their_account(old: str, new: str, code: str, place: str) -> None:
    book = load_book_bytes([("b.csv", PARTICULARS.replace(old, new).encode())])
    assert len(book.accounts) == 2
    (rejected,) = book.rejected
    assert (rejected.problem.code, rejected.problem.place) == (code, place)
