"""One owner on two venues: totals need rates, the nearest account decides."""

from decimal import Decimal as D

from marginbook.connectors.books import load_book_bytes, market_of
from marginbook.domain.zones import Zone
from marginbook.engine.answers import reports_json
from marginbook.engine.evaluate import evaluate, parameters_source
from marginbook.engine.portfolio import portfolios
from marginbook.exact import CONTEXT

BOOK = b"""
[[account]]
id = "perps"
rules = "binance/usdm"
owner = "fund"
wallet = { USDT = "10000" }
position = [ { market = "BTCUSDT", side = "long", quantity = "0.5", entry = "62000", leverage = "20" } ]
[[account]]
id = "loan"
rules = "aave/3.6"
owner = "fund"
collateral = [ { asset = "WETH", amount = "10" } ]
debt = [ { asset = "USDC", amount = "24000" } ]
[[account]]
id = "other"
rules = "binance/usdm"
wallet = { USDT = "1" }
[prices]
as_of = "2026-10-01T12:00:00Z"
binance = { BTCUSDT = "60000" }
aave = { WETH = "3000", USDC = "1" }
"""


def reports(book: bytes):  # type: ignore[no-untyped-def]
    loaded = load_book_bytes([("b.toml", book)])
    at = loaded.as_of or 0
    market = market_of(loaded)
    found = [evaluate(a, market, parameters_source(loaded.overlays, at), at) for a in loaded.accounts]
    return found, loaded.rates


def test_without_rates_there_is_no_total_but_a_worst_account() -> None:
    (owner,) = portfolios(*reports(BOOK))
    assert owner.accounts == ("perps", "loan")
    assert owner.venues == ("binance", "aave")
    assert owner.worst == "loan"
    assert owner.zone is Zone.CALL
    assert owner.currency is None
    assert "rates lack USDT" in owner.warnings[0]


def test_totals_and_the_nearest_common_move() -> None:
    found, rates = reports(BOOK.replace(b"[prices]", b'[prices]\nrates = { USDT = "0.9998" }'))
    (owner,) = portfolios(found, rates)
    perps, loan, _ = found
    assert owner.currency == "USD"
    expected = CONTEXT.add(CONTEXT.multiply(perps.money["account_equity"], D("0.9998")), loan.money["account_equity"])
    assert owner.money["account_equity"] == expected
    assert owner.distances.down == loan.worst.distances.down < perps.worst.distances.down
    row = reports_json(found, [owner])["owners"][0]
    assert row["worst_account"] == "loan"
    assert row["distance"]["down"] == "0.03614457"
