"""The pictures of the pages on liquidators and lending books, drawn from the functions themselves.

`python -m marginbook.testing.simulation_pictures [ROOT]` writes `docs/pictures/simulate-*.svg`; a test fails while one
is stale.
"""

import sys
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

from marginbook.simulate.price_sensitivity import curve, thresholds
from marginbook.simulate.reproductions.lending_sensitivity import AT, FALLS, generated, setting
from marginbook.simulate.spiral import frontier, impact_factor
from marginbook.testing.charts import lines

FOLDER = Path("docs") / "pictures"


def _frontier() -> str:
    shares = [Decimal(n) / 100 for n in range(101)]
    series = {
        f"incentive {percent} %": [
            (float(100 * c), float(frontier(Decimal(percent) / 100, impact_factor(c, Decimal(1))))) for c in shares
        ]
        for percent in (0, 5, 10)
    }
    title = "Loan-to-value above which a liquidation makes the loan worse"
    return lines(title, "collateral, % of the pool's other side", "loan-to-value", series)


def _falls() -> str:
    falling, parameters = setting()
    accounts = generated(500, 20_251_224)
    points = curve(thresholds(accounts, falling, lambda account: parameters, AT), FALLS)
    total = float(sum(account.debt[0].amount or 0 for account in accounts))
    series = {
        "debt": [(float(100 * point.fall), 100 * float(point.debt) / total) for point in points],
        "accounts": [(float(100 * point.fall), 100 * point.accounts / len(accounts)) for point in points],
    }
    return lines("Liquidatable after a fall: a generated book of 500 loans", "fall, %", "% of the book", series)


PICTURES: Mapping[str, Callable[[], str]] = MappingProxyType({"frontier": _frontier, "falls": _falls})
"""Name of the picture -> its SVG text; `docs/pictures/simulate-NAME.svg`."""


def path_of(name: str) -> Path:
    """Where a picture lies."""
    return FOLDER / f"simulate-{name}.svg"


if __name__ == "__main__":
    for name, draw in PICTURES.items():
        target = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / path_of(name)
        target.write_text(draw(), encoding="utf-8")
