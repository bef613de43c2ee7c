"""Numbers of the tests of Synthetix perps v3: margins, fill prices, keeper rewards, liquidation windows.

A case states the oracle price at which each position was opened; its entry is the fill price that the contracts make of
it and the skew. Parameters that a case leaves out are those of its fixture: no windows, no minimum margin, keeper
rewards without bounds of their own.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account, Collateral, Position
from marginbook.domain.market import Market, Quote
from marginbook.exact import CONTEXT, WAD, ZERO, div_trunc, from_raw, parse_decimal, to_raw_exact, to_raw_floor
from marginbook.testing.vectors import Setting, Task, Unsupported
from marginbook.venues.synthetix.account import POOL, book_of
from marginbook.venues.synthetix.margins import (
    Window,
    fill_price,
    keeper_reward,
    liquidatable_amount,
    max_liquidation_in_window,
    required_margins,
)
from marginbook.venues.synthetix.parameters import Guards, MarketTerms, Parameters, parameters
from marginbook.venues.synthetix.risk import Figures, figures
from marginbook.venues.synthetix.wad import VENUE

RULES = "synthetix/3"
RATIOS = (
    "initial_margin_ratio",
    "minimum_initial_margin_ratio",
    "maintenance_margin_scalar",
    "minimum_position_margin",
    "locked_oi_ratio",
    "max_funding_velocity",
    "maker_fee",
    "taker_fee",
    "max_liquidation_pd",
)
GUARDS = {
    "min_keeper_reward_usd": "min_keeper_reward",
    "min_profit_ratio": "min_keeper_profit_ratio",
    "max_keeper_reward_usd": "max_keeper_reward",
    "max_scaling_ratio": "max_keeper_scaling_ratio",
}
FIXTURE_WINDOW = 100 * WAD
FIXTURE_SECONDS = 10
"""Window of the fixture behind the published sequence of liquidations: 1 % of a skew scale of 1,000, for 10 s."""


def task(case: Mapping[str, Any], asked: Sequence[str]) -> Task:
    """What the case asks, or why it cannot be answered."""
    function, inputs = str(case.get("function", "")), case.get("inputs", {})
    readers: dict[str, Callable[[Mapping[str, Any]], Callable[[str], Any]]] = {
        "calculateFillPrice": _fill_price,
        "keeperReward": _keeper_reward,
        "maxLiquidationAmountInWindow": _window,
        "getAvailableMargin/getOpenPosition": _account,
        "liquidate (windowed sequence)": _sequence,
    }
    if function not in readers:
        raise Unsupported(f"no function {function}", RULES, function)
    return Task(RULES, function, readers[function](inputs))


def _wad(value: Any) -> int:
    """A number in human units as a wad."""
    return to_raw_floor(parse_decimal(str(value)), 18)


def _answer(name: str, value: int) -> Decimal | int:
    """In the unit that the name asks for: `_e18` is raw, everything else human."""
    return value if name.endswith("_e18") else from_raw(value, 18)


def _fill_price(inputs: Mapping[str, Any]) -> Callable[[str], Any]:
    found = fill_price(*(_wad(inputs[name]) for name in ("skew", "skew_scale", "size", "price")))
    return lambda name: _answer(name, found)


def _keeper_reward(inputs: Mapping[str, Any]) -> Callable[[str], Any]:
    stated: dict[str, Any] = {ours: int(inputs[theirs]) for theirs, ours in GUARDS.items() if theirs in inputs}
    guards = Guards(**stated)
    cost = int(inputs.get("flag_cost", 0)) + int(inputs.get("liquidate_cost", 0))
    collateral = int(inputs.get("seized_collateral_value_e18", inputs.get("available_margin", 0)))
    reward = keeper_reward(guards, int(inputs.get("flag_reward", 0)), cost, collateral)
    return lambda name: reward


def _window(inputs: Mapping[str, Any]) -> Callable[[str], Any]:
    terms = MarketTerms(
        maker_fee=_wad(inputs["maker_fee"]),
        taker_fee=_wad(inputs["taker_fee"]),
        skew_scale=_wad(inputs["skew_scale"]),
        accumulation_multiplier=_wad(inputs.get("accumulation_multiplier", 1)),
        window_seconds=int(inputs["max_seconds_in_liquidation_window"]),
    )
    most = max_liquidation_in_window(terms)
    return lambda name: _answer(name, most)


def _setting(inputs: Mapping[str, Any]) -> Setting:
    overlay: dict[str, dict[str, Any]] = {}
    positions, quotes = [], {}
    legs, prices = inputs.get("positions", []), inputs.get("prices", [])
    for leg, price in zip(legs, prices, strict=True):
        market = str(leg["market"])
        row = {name: str(leg[name]) for name in (*RATIOS, "skew_scale") if name in leg}
        row["flag_reward_ratio"] = str(leg.get("flag_reward_ratio", 0))
        overlay[market] = row
        size = _wad(leg["size"])
        entry = leg.get("entry_fill_price")
        filled = _wad(entry) if entry is not None else _filled(leg, size)
        quotes[VENUE, market, "oracle"] = Quote(parse_decimal(str(price)))
        positions.append(
            Position(
                market=market,
                side="long" if size > 0 else "short",
                quantity=from_raw(abs(size), 18),
                entry=from_raw(filled, 18),
            )
        )
    if any(Decimal(str(inputs.get(name, 0) or 0)) for name in ("fees", "funding")):
        raise Unsupported("fees and funding are stated as sums, not by position", RULES)
    wallet, collateral = ZERO, []
    for name, amount in inputs.items():
        if name.startswith("collateral_"):
            asset = name.removeprefix("collateral_")
            if asset == "snxUSD":
                wallet = parse_decimal(str(amount))
            else:
                collateral.append(Collateral(asset=asset, amount=parse_decimal(str(amount))))
    account = Account(
        id="case",
        rules=RULES,
        wallet={"snxUSD": wallet},
        positions=tuple(positions),
        collateral=tuple(collateral),
        details={"debt": str(inputs["debt"])} if inputs.get("debt") else {},
    )
    guards = {ours: str(inputs[theirs]) for theirs, ours in GUARDS.items() if theirs in inputs}
    overlay["system"] = guards
    terms = parameters("3", 0, overlay)
    return Setting(account, Market(quotes=quotes), terms, 0)


def _filled(leg: Mapping[str, Any], size: int) -> int:
    """The price at which the position was filled: from the oracle's price and the skew before."""
    skew, scale = _wad(leg.get("skew_before", 0)), _wad(leg["skew_scale"])
    return fill_price(skew, scale, size, _wad(leg["entry_oracle_price"]))


def _account(inputs: Mapping[str, Any]) -> Callable[[str], Any]:
    setting = _setting(inputs)
    terms: Parameters = setting.parameters
    book = book_of(setting.account, terms)
    found = figures(book, setting.market, terms, 0)
    legs = list(inputs.get("positions", []))

    def compute(name: str) -> Any:
        if name == "pnl_per_position":
            return [_plain(found.positions[str(leg["market"])].pnl) for leg in legs]
        if name == "eligible_for_liquidation":
            if not found.available and not any(leg.get("minimum_position_margin") for leg in legs):
                raise Unsupported("at a margin of exactly 0 the published test does not ask", RULES)
            return setting.call("is_liquidatable", POOL)
        if name == "derived_not_asserted":
            return _derived(setting, found, legs)
        answers = {
            "available_margin": found.available,
            "initial_margin": found.initial,
            "maintenance_margin": found.maintenance,
            "total_collateral_value": found.discounted,
            "total_pnl": found.pnl,
            "unrealized_pnl": found.pnl,
        }
        ours = name.removesuffix("_e18")
        if ours not in answers:
            raise Unsupported(f"no quantity {name}", RULES)
        return _answer(name, answers[ours])

    return compute


def _plain(value: int) -> int | Decimal:
    """A wad as people write it: an integer where it is one."""
    whole = div_trunc(value, WAD)
    return whole if whole * WAD == value else from_raw(value, 18).normalize(CONTEXT)


def _derived(setting: Setting, found: Figures, legs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    rows = []
    for leg in legs:
        market = str(leg["market"])
        size, terms = _wad(leg["size"]), setting.parameters.terms_of(market)
        required = required_margins(terms, size, _wad(setting.market.price(VENUE, market, "oracle")))
        rows.append(
            {
                "market": market,
                "fill_price_e18": str(_filled(leg, size)),
                "initial_margin_e18": str(required.initial),
                "maintenance_margin_e18": str(required.maintenance),
            }
        )
    return {
        "positions": rows,
        "initial_margin_e18": str(found.initial),
        "maintenance_margin_e18": str(found.maintenance),
    }


def _sequence(inputs: Mapping[str, Any]) -> Callable[[str], Any]:
    """Calls such as ["t0+6", "liquidate 2"]: sizes after each, by the window that the market has."""
    most = _wad(inputs["max_liquidation_in_window"]) if "max_liquidation_in_window" in inputs else FIXTURE_WINDOW
    seconds = int(inputs.get("max_seconds_in_liquidation_window", FIXTURE_SECONDS))
    per_second = div_trunc(most, seconds)
    terms = MarketTerms(taker_fee=WAD, skew_scale=per_second, accumulation_multiplier=WAD, window_seconds=seconds)
    sizes = {str(account): _wad(size) for account, size in inputs["positions"].items()}
    done: list[tuple[int, int]] = []
    after = []
    for when, call in inputs["calls"]:
        now = _seconds(str(when))
        account = str(call).split()[1]
        seen = sum(amount for time, amount in done if time > now - seconds)
        window = Window(seen, bool(done) and done[-1][0] == now, 0)
        amount = liquidatable_amount(terms, abs(sizes[account]), window)
        if amount:
            done.append((now, amount))
        sizes[account] -= amount if sizes[account] > 0 else -amount
        after.append([account, _plain(sizes[account])])

    def compute(name: str) -> Any:
        if name != "sizes_after_each_call":
            raise Unsupported(f"no quantity {name}", RULES)
        return after

    return compute


def _seconds(when: str) -> int:
    """t0 is 0, t0+6 is 6; a + at the end is the same second."""
    text = when.removeprefix("t0").strip("+")
    return to_raw_exact(parse_decimal(text), 0) if text else 0
