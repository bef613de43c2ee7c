"""What other software makes of accounts whose numbers a venue printed: formulas as their sources state them.

`python -m marginbook.testing.peers` writes the table of `docs/peers.md`; a test computes it again. Formulas only, from
the versions named there; nothing of theirs is run. With q, P, EP, L, m: size, mark, entry, leverage, maintenance rate;
s = ±1 by side:

    jesse       isolated price EP · (1 − s/L + s·0.004), one rate for every market
    OctoBot     isolated price EP · (1 − s/L + s·m), the requirement on the value at entry
    freqtrade   Binance: isolated price from a wallet of q·EP/L, whatever the margin really is; in cross margin the
                profit of other positions without the sign of their side
    nautilus    maintenance = q·P/L · m (default model)
    LEAN        maintenance = q·P/L, the initial margin
    flox        maintenance = q·P·m, the maintenance amount dropped; so does ccxt's own estimate for Binance
"""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from marginbook.domain.account import Account, Position
from marginbook.domain.market import Market, Quote
from marginbook.exact import CONTEXT, ZERO, format_decimal, in_exact_context, round_half_up
from marginbook.testing.vectors import Setting, liquidation_price, quantity
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

JESSE_RATE = Decimal("0.004")


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """A position whose number a venue printed; `wallet` is its isolated margin, or the cross wallet."""

    name: str
    rules: str
    market: str
    side: str
    size: Decimal
    entry: Decimal
    leverage: Decimal  # 0: not printed
    rate: Decimal
    number: str
    printed: Decimal
    mark: Decimal | None = None
    wallet: Decimal = ZERO
    amount: Decimal = ZERO  # maintenance amount
    isolated: bool = True
    fee: Decimal | None = None
    at: str = "2026-10-01"

    @property
    def sign(self) -> int:
        """+1 for a long, −1 for a short."""
        return 1 if self.side == "long" else -1

    @property
    def notional(self) -> Decimal:
        """size · mark."""
        return self.size * (self.mark or self.entry)


def _printed(what: tuple[str, ...], position: tuple[str, str, str, str], **given: Any) -> Printed:
    """From (name, rules, market, side, number, printed) and (size, entry, leverage, rate)."""
    name, rules, market, side, number, printed = what
    size, entry, leverage, rate = map(Decimal, position)
    more: dict[str, Any] = {
        key: Decimal(value) if isinstance(value, str) and key != "at" else value for key, value in given.items()
    }
    return Printed(
        name=name,
        rules=rules,
        market=market,
        side=side,
        size=size,
        entry=entry,
        leverage=leverage,
        rate=rate,
        number=number,
        printed=Decimal(printed),
        **more,
    )


PRICE, MAINTENANCE = "liquidation_price", "maintenance_margin"
CASES = (
    _printed(
        ("Binance, AGIX short 1x", "binance/usdm", "AGIXUSDT", "short", PRICE, "0.88566088"),
        ("13", "0.4518", "1", "0.02"),
        wallet="5.87046330",
    ),
    _printed(
        ("Binance, BLUR long 4x", "binance/usdm", "BLURUSDT", "long", PRICE, "0.54942259"),
        ("14", "0.721575", "4", "0.015"),
        wallet="2.52551250",
    ),
    _printed(
        ("Binance, BTC long 20x", "binance/usdm", "BTCUSDT", "long", PRICE, "54233.54768876"),
        ("0.010", "56791.66666", "20", "0.004"),
        wallet="27.75053162",
    ),
    _printed(
        ("Bitget, BTC long 75x", "bitget/usdt", "BTCUSDT", "long", PRICE, "16702.16"),
        ("0.8", "16850", "75", "0.004"),
        wallet="179.733333",
        fee="0.0006",
        at="2023-01-01",
    ),
    _printed(
        ("OKX, ETH short 16x", "okx/single-currency", "ETH-USDT-SWAP", "short", PRICE, "1409.9576455948234"),
        ("0.1", "1333", "16", "0.004"),
        wallet="8.33125",
        fee="0.0005",
    ),
    _printed(
        ("Bybit, ETH long 4.2x (2022)", "bybit/classic", "ETHUSDT", "long", PRICE, "919.10"),
        ("0.10", "1198.45", "4.2", "0.005"),
        wallet="28.58931118",
        fee="0.0006",
        at="2022-06-01",
    ),
    _printed(
        ("Binance, BTC long 80x", "binance/usdm", "BTCUSDT", "long", MAINTENANCE, "2.43295920"),
        ("0.009", "67445.9", "80", "0.004"),
        wallet="25.72647983",
        mark="67582.2",
        isolated=False,
    ),
    _printed(
        ("Binance, ETH long of 4.9 million (2021)", "binance/usdm", "ETHUSDT", "long", MAINTENANCE, "356512.51"),
        ("3683.979", "1456.84", "0", "0.10"),
        wallet="1535443.01",
        amount="135365",
        mark="1335.18",
        isolated=False,
    ),
    _printed(
        ("Bybit, ADA long 75x", "bybit/uta", "ADAUSDT", "long", MAINTENANCE, "61.74535757"),
        ("18720", "0.41160027", "75", "0.0075"),
        mark="0.41",
        fee="0.00055",
        isolated=False,
        at="2025-12-21",
    ),
    _printed(
        ("OKX, ETH short 16x", "okx/single-currency", "ETH-USDT-SWAP", "short", MAINTENANCE, "0.509636"),
        ("0.1", "1333", "16", "0.004"),
        wallet="8.33125",
        mark="1274.09",
        fee="0.0005",
    ),
)


def _jesse(case: Printed) -> Decimal:
    return _by_entry(case, JESSE_RATE)


def _octobot(case: Printed) -> Decimal:
    return _by_entry(case, case.rate)


def _by_entry(case: Printed, rate: Decimal) -> Decimal:
    return case.entry - case.sign * CONTEXT.divide(case.entry, case.leverage) + case.sign * case.entry * rate


def _freqtrade(case: Printed) -> Decimal:
    wallet = CONTEXT.divide(case.size * case.entry, case.leverage)
    return price_of_wallet(case, wallet)


def price_of_wallet(case: Printed, wallet: Decimal) -> Decimal:
    """(wallet + amount − s·q·EP) / (q·(m − s)), the published formula of one position."""
    top = wallet + case.amount - case.sign * case.size * case.entry
    return CONTEXT.divide(top, case.size * (case.rate - case.sign))


def _nautilus(case: Printed) -> Decimal:
    return CONTEXT.divide(case.notional, case.leverage) * case.rate


def _lean(case: Printed) -> Decimal:
    return CONTEXT.divide(case.notional, case.leverage)


def _without_amount(case: Printed) -> Decimal:
    return case.notional * case.rate


PEERS: Mapping[str, Mapping[str, Callable[[Printed], Decimal]]] = {
    PRICE: {"jesse": _jesse, "OctoBot": _octobot, "freqtrade": _freqtrade},
    MAINTENANCE: {"nautilus_trader": _nautilus, "LEAN": _lean, "flox": _without_amount, "ccxt": _without_amount},
}
"""Quantity -> peer -> its formula."""
FOR_BINANCE = ("freqtrade", "ccxt")
"""Peers whose formula here is the one for Binance."""


@dataclass(frozen=True, slots=True)
class Row:
    """One peer's number of one case beside the venue's and ours."""

    case: Printed
    peer: str
    theirs: Decimal
    ours: Decimal

    @property
    def error(self) -> Decimal:
        """theirs / printed − 1."""
        return CONTEXT.divide(self.theirs, self.case.printed) - 1


@in_exact_context
def rows() -> list[Row]:
    """Every case by every peer that has the quantity."""
    return [
        Row(case, peer, formula(case), ours(case))
        for case in CASES
        for peer, formula in PEERS[case.number].items()
        if (peer not in FOR_BINANCE or case.rules.startswith("binance/"))
        and (case.leverage or formula is _without_amount)
    ]


def ours(case: Printed) -> Decimal:
    """The number that the venue prints, by the rule set."""
    rules = rule_set(case.rules)
    position = Position(
        market=case.market,
        side="long" if case.side == "long" else "short",
        quantity=case.size,
        entry=case.entry,
        leverage=case.leverage or None,
        isolated_wallet=case.wallet if case.isolated else None,
    )
    account = Account(
        id="case",
        rules=case.rules,
        mode="isolated" if case.isolated else "cross",
        wallet={"USDT": ZERO if case.isolated else case.wallet},
        positions=(position,),
    )
    entry: dict[str, Any] = {"brackets": [[ZERO, None, case.rate, None, case.amount]]}
    if case.fee is not None:
        entry["taker_fee"] = case.fee
    at = parse_time(case.at)
    parameters = rules.module.parameters(rules.version, at, {case.market: entry})
    market = Market(quotes={(rules.venue, case.market, "mark"): Quote(case.mark or case.entry)})
    setting = Setting(account, market, parameters, at)
    if case.number == PRICE:
        found = liquidation_price(setting.call("liquidation_prices"), case.market)
        assert found is not None
        return found
    pools = setting.call("quantities")
    pool = next((one for name, one in pools.items() if name.startswith("isolated:")), next(iter(pools.values())))
    value: Decimal = quantity(pool, case.number)
    return value


def markdown() -> str:
    """The rows as a table; a negative error of a long's price, or a positive one of a short's, is the unsafe side."""
    lines = ["| printed by the venue | number | peer | its number | error |", "|---|---|---|---|---|"]
    return "\n".join(lines + [_line(row) for row in rows()])


def _line(row: Row) -> str:
    case = row.case
    unsafe = row.error * case.sign < 0 if case.number == PRICE else row.error < 0
    percent = round_half_up(row.error * 100, 2)
    mark = " (unsafe)" if unsafe and percent else ""
    name = case.number.replace("_", " ")
    theirs = format_decimal(round_half_up(row.theirs, 8 if row.theirs < 1 else 4))
    return f"| {case.name} | {name} {case.printed} | {row.peer} | {theirs} | {percent or ZERO:+.2f} %{mark} |"


def with_table(page: str) -> str:
    """`page` with the table between its marks made anew."""
    mark = re.compile(r"(<!-- peers:start -->\n).*?(<!-- peers:end -->)", re.DOTALL)
    return mark.sub(lambda match: f"{match[1]}{markdown()}\n{match[2]}", page)


if __name__ == "__main__":
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/peers.md")
    path.write_text(with_table(path.read_text()))
