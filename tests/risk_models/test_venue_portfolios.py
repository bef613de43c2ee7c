"""What is published of the portfolio margins of Bybit and Binance."""

from decimal import Decimal

import pytest

from marginbook.domain.errors import BadInput
from marginbook.risk_models import binance_portfolio_scan, bybit_portfolio
from marginbook.units import parse_time

D = Decimal


def test_bybits_price_range_changed_at_eight_on_10_january_2025() -> None:
    change = parse_time("2025-01-10T08:00:00Z")
    for underlying in ("BTC", "ETH"):
        assert bybit_portfolio.price_range_at(change - 1, underlying) == D("0.15")
        assert bybit_portfolio.price_range_at(change, underlying) == D("0.10")
    for at, underlying in ((change, "SOL"), (parse_time("2024-01-01T00:00:00Z"), "BTC")):
        with pytest.raises(BadInput):
            bybit_portfolio.price_range_at(at, underlying)


def test_bybits_parts_add_up() -> None:
    moves, shocks = [D("-0.1"), D(0), D("0.1")], [D("-0.2"), D("0.2")]
    loss = bybit_portfolio.maximum_loss(lambda move, shock: -60_000 * move - 100 * shock, moves, shocks)
    assert loss == 6020
    assert bybit_portfolio.maximum_loss(lambda move, shock: D(5), moves, shocks) == 0
    added = bybit_portfolio.Contingencies(
        short_options=bybit_portfolio.short_option_contingency(D(2), D("0.01"), D(60_000)),
        vega_spread=bybit_portfolio.vega_spread_contingency(D(30), D("-0.5"), D(60_000)),
        delta_spread=D(7),
        futures=bybit_portfolio.futures_contingency([D(1), D(-1)], D("0.001"), D(60_000)),
        stablecoins=D(3),
    )
    assert (added.short_options, added.vega_spread, added.futures) == (1200, 270, 120)
    assert bybit_portfolio.maintenance_margin(loss, added) == 6020 + 1200 + 270 + 7 + 120 + 3
    assert bybit_portfolio.short_option_contingency(D(-2), D("0.01"), D(60_000)) == 0


def test_binances_printed_ratio() -> None:
    """developers.binance.com, example answer of an account of type PM_3."""
    maintenance = binance_portfolio_scan.account_maintenance({"BTC": D("23.72469206")}, D(0), D(0))
    assert maintenance == D("23.72469206")
    ratio = binance_portfolio_scan.uni_mmr(D("122607.35137903"), maintenance)
    assert ratio is not None
    assert round(ratio, 8) == D("5167.92171923")
    assert binance_portfolio_scan.uni_mmr(D(1), D(0)) is None
