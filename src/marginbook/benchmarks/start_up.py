"""start-up: `check` of one exchange account and one borrower, the whole process."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from marginbook.benchmarks.measure import row, seconds

BOOK = """
[[account]]
id = "trader-1"
rules = "binance/usdm"
mode = "cross"
wallet = { USDT = "10000" }
position = [
  { market = "BTCUSDT", side = "long",  quantity = "0.5", entry = "62000", leverage = "20" },
  { market = "ETHUSDT", side = "short", quantity = "4",   entry = "2500",  leverage = "10" } ]

[[account]]
id = "treasury"
rules = "aave/3.6"
collateral = [ { asset = "WETH", amount = "10" }, { asset = "USDC", amount = "5000", enabled = false } ]
debt = [ { asset = "USDC", amount = "15000" } ]

[prices]
as_of = "2026-10-01T12:00:00Z"
binance = { BTCUSDT = "60000", ETHUSDT = "2600" }
aave = { WETH = "3000", USDC = "1" }
"""


def run(accounts: int, seed: int) -> list[dict[str, Any]]:
    """Median of seven processes; baseline: a process that does nothing."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "book.toml"
        path.write_text(BOOK)
        command = [sys.executable, "-m", "marginbook", "check", str(path), "--json"]
        begun = subprocess.run(command, capture_output=True, text=True, check=False)
        if begun.returncode != 0:
            raise RuntimeError(begun.stderr or begun.stdout)
        taken = seconds(lambda: subprocess.run(command, capture_output=True, check=True))
        empty = seconds(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True))
    return [row("start-up", taken, "s", f"an empty process, {empty:.3g} s", taken / empty)]
