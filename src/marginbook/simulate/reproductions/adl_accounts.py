"""The event by account, market and second, and what each rule would have taken from its winners.

Source: ConejoCapital/HyperMultiAssetedADL, as in `adl_tables`.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from marginbook.exact import ZERO, divide, in_exact_context, round_half_up
from marginbook.liquidation.allocators import allocate, queue, water_filling
from marginbook.simulate.reproductions.adl_rows import HUNDRED, percent, stated
from marginbook.simulate.reproductions.adl_tables import FOLDER, Line, lines, over, total, waves
from marginbook.simulate.reproductions.table import Row

UNIT = Decimal("1e-8")


@in_exact_context
def events(folder: Path) -> list[Row]:
    """Totals of the event by account, by market and by second."""
    accounts = lines(folder, "conejo_adl_by_user_REALTIME.csv.gz")
    markets = lines(folder, "conejo_adl_by_coin_REALTIME.csv")
    seconds = json.loads((folder / FOLDER / "conejo_cascade_timing_results.json").read_text(encoding="utf-8"))
    by_size = sorted((Decimal(line["adl_notional"]) for line in accounts), reverse=True)
    notional, fills = sum(by_size, ZERO), sum(second["liquidations"] for second in seconds["timeline"])
    first = next(second for second in seconds["timeline"] if second["adls"])
    waited = datetime.fromisoformat(seconds["first_adl"]) - datetime.fromisoformat(seconds["first_liquidation"])
    ratios = sorted(
        divide(Decimal(line["account_value_realtime"]), Decimal(line["closed_pnl"])) for line in _won(accounts)
    )
    trim = len(ratios) * 3 // 100
    trimmed = divide(sum(ratios[trim:-trim], ZERO), Decimal(len(ratios) - 2 * trim))
    return [
        stated("deleveraged notional", "2,103,111,431", notional, "Σ over 19,337 accounts"),
        stated("… by market", "2,103,111,431", total(markets, "adl_notional"), f"Σ over {len(markets)} markets"),
        stated("deleveraging fills", "34,983", total(accounts, "num_adl_events"), "Σ over accounts"),
        stated("liquidation fills", "63,637", Decimal(fills), "by second"),
        stated("fills in all", "98,620", fills + total(accounts, "num_adl_events"), ""),
        stated("deleveraging fills of the first second", "11,279", Decimal(first["adls"]), "as many liquidations"),
        stated(
            "seconds until the first of them",
            "61.70",
            Decimal(f"{waited.total_seconds()}"),
            "after the first liquidation",
        ),
        stated("fills of accounts below zero", "302", total(markets, "is_negative_equity"), "Σ over markets"),
        stated("share of the ten largest accounts", "45.8 %", HUNDRED * divide(sum(by_size[:10], ZERO), notional), ""),
        stated(
            "winners' equity / profit, trimmed mean",
            "6.66",
            trimmed,
            f"closed profit of {len(ratios):,} accounts; theirs is unrealised profit at the first fill of 17,771",
        ),
        stated("… median", "4.41", ratios[len(ratios) // 2], "not comparable, for the same reason"),
    ]


@in_exact_context
def by_rule(folder: Path) -> list[Row]:
    """What each rule would take from the accounts that were deleveraged, for all that was needed in one go.

    Capacity = min(closed profit, account value); the queue is ordered by BitMEX's score, PnL % · leverage. Ours: nobody
    published it.
    """
    accounts = _won(lines(folder, "conejo_adl_by_user_REALTIME.csv.gz"))
    accounts.sort(key=lambda line: -Decimal(line["pnl_percent"]) * Decimal(line["leverage_realtime"]))
    needed = round_half_up(over(waves(folder), lambda wave: wave.needed), 2)
    equity = [Decimal(line["account_value_realtime"]) for line in accounts]
    gain = [Decimal(line["closed_pnl"]) for line in accounts]
    most = [min(pair) for pair in zip(equity, gain, strict=True)]
    risk = [won * Decimal(line["leverage_realtime"]) for won, line in zip(gain, accounts, strict=True)]
    rules = {
        "queue by PnL % · leverage": queue(needed, most),
        "wealth pro-rata": allocate(needed, most),
        "profit pro-rata": water_filling(needed, most, gain),
        "equity pro-rata": water_filling(needed, most, equity),
        "risk-aware (leverage)": water_filling(needed, most, risk),
        "vector mirror descent": water_filling(needed, most, [each * each for each in most]),
    }
    return [_haircuts(name, paid, equity, most, needed) for name, paid in rules.items()]


def _haircuts(
    name: str, paid: Sequence[Decimal], equity: Sequence[Decimal], most: Sequence[Decimal], needed: Decimal
) -> Row:
    assert sum(paid) == needed
    largest = max(divide(amount, own) for amount, own in zip(paid, equity, strict=True))
    emptied = sum(amount > 0 and bound - amount < UNIT for amount, bound in zip(paid, most, strict=True))
    ten = percent(divide(sum(sorted(paid, reverse=True)[:10], ZERO), needed))
    paying = sum(amount > 0 for amount in paid)
    return Row(
        f"{name}: largest haircut of {len(paid):,} accounts",
        "",
        percent(largest),
        "",
        f"{paying:,} pay, {emptied:,} of them all they can; the ten largest payments are {ten}",
    )


def _won(accounts: list[Line]) -> list[Line]:
    return [
        line for line in accounts if Decimal(line["closed_pnl"]) > 0 and Decimal(line["account_value_realtime"]) > 0
    ]
