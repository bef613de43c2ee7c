"""Accounts under scenario margin from a TOML or JSON file: underlyings, contracts, the scan, what accounts hold.

tail_mean = "0.975"                       optional reducer (or value_at_risk); default: the largest loss
max_age_seconds = 60                      optional schedule: numbers older than this are made anew
[scan]                                    one entry per scenario
price = ["1", "-1", "2"]                  times the underlying's price_range, a share of its price
volatility = ["1", "-1", "0"]             times its volatility_range, added to the volatility
cover = ["1", "1", "0.35"]                share of the profit or loss that counts
[[underlying]]   venue, market, kind, price, price_range, volatility_range
[[contract]]     name, underlying, kind (future, call, put), strike, years, volatility, discount, multiplier, ratio
[[account]]      id, cash, add_on, floor, quantities = { name = quantity }
"""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from marginbook.book.scenario_accounts import ScenarioAccounts
from marginbook.book.scenario_model import Scan, ScenarioModel
from marginbook.connectors.sources import parse_json, parse_toml, read_text, source_of_path
from marginbook.connectors.values import join, named, read_decimal, read_not_negative, read_positive, read_word, shown
from marginbook.domain.errors import BadInput
from marginbook.engine.scenario_margin import Holdings, ScenarioMargin, Schedule
from marginbook.exact import ONE, ZERO
from marginbook.risk_models.option_arrays import CALL, FUTURE, PUT, Contracts
from marginbook.risk_models.reducers import Reducer, quantile, tail_mean
from marginbook.units import MICROSECONDS

KINDS = {"future": FUTURE, "call": CALL, "put": PUT}
TOP = {"scan", "underlying", "contract", "account", "tail_mean", "value_at_risk", "max_age_seconds"}
SCAN = {"price", "volatility", "cover"}
UNDERLYING = {"venue", "market", "kind", "price", "price_range", "volatility_range"}
CONTRACT = {"name", "underlying", "kind", "strike", "years", "volatility", "discount", "multiplier", "ratio"}
ACCOUNT = {"id", "cash", "add_on", "floor", "quantities"}


def load_scenario_book(path: Path, at: int = 0) -> ScenarioMargin:
    """The accounts of a file, evaluated at its prices at `at` [µs UTC]; BadInput names what is wrong and where."""
    source = source_of_path(path)
    text = read_text(source)
    parsed = parse_json(text, source.place) if source.suffix == ".json" else parse_toml(text, source.name)
    return scenario_book(parsed, source.place, at)


def scenario_book(parsed: Any, place: str, at: int = 0) -> ScenarioMargin:
    """The same from parsed tables."""
    top = _table(parsed, place, TOP)
    scan_place = join(place, "scan")
    scan = _table(top.get("scan"), scan_place, SCAN)
    columns = {name: _numbers(scan.get(name), join(scan_place, name)) for name in ("price", "volatility", "cover")}
    if len({len(column) for column in columns.values()}) != 1 or not columns["price"]:
        raise BadInput("bad_value", scan_place, "columns of different lengths", "one entry per scenario in each")
    under = [_underlying(row, where) for row, where in _rows(top, "underlying", place)]
    numbers = {row["market"]: n for n, row in enumerate(under)}
    _all_different([row["market"] for row in under], join(place, "underlying"))
    rows = [_contract(row, where, numbers) for row, where in _rows(top, "contract", place)]
    rows.sort(key=lambda row: row["underlying"])
    _all_different([row["name"] for row in rows], join(place, "contract"))
    model = _model(under, rows, columns, _reducer(top, place, len(columns["price"])))
    prices = {key: row["price"] for key, row in zip(model.prices, under, strict=True)}
    held = [_account(row, where) for row, where in _rows(top, "account", place)]
    _all_different([account.id for account in held], join(place, "account"))
    age = top.get("max_age_seconds")
    schedule = None
    if age is not None:
        seconds = read_positive(age, join(place, "max_age_seconds"))
        schedule = Schedule(age=int(seconds * MICROSECONDS))
    return ScenarioMargin(ScenarioAccounts(model, prices, at=at), held, schedule, at)


def _model(
    under: list[dict[str, Any]], rows: list[dict[str, Any]], scan: Mapping[str, list[Decimal]], reducer: Reducer | None
) -> ScenarioModel:
    of = [row["underlying"] for row in rows]

    def column(name: str) -> list[float]:
        return [float(row[name]) for row in rows]

    prices = np.array([float(under[u]["price"]) for u in of])
    contracts = Contracts.of(
        [row["kind"] for row in rows],
        prices * np.array(column("ratio")),
        column("strike"),
        column("years"),
        column("volatility"),
        column("discount"),
        column("multiplier"),
    )
    moves, swings, cover = (np.array([float(v) for v in scan[name]]) for name in ("price", "volatility", "cover"))
    ranges = np.array([float(under[u]["price_range"]) for u in of])
    wild = np.array([float(under[u]["volatility_range"]) for u in of])
    shape = Scan(ranges[:, None] * moves, np.zeros((1, 1)), wild[:, None] * swings, cover)
    keys = [(row["venue"], row["market"], row["kind"]) for row in under]
    return ScenarioModel.of([row["name"] for row in rows], keys, of, contracts, shape, reducer, column("ratio"))


def _reducer(top: Mapping[str, Any], place: str, scenarios: int) -> Reducer | None:
    chosen = [name for name in ("tail_mean", "value_at_risk") if name in top]
    if len(chosen) > 1:
        raise BadInput("bad_value", join(place, chosen[1]), "a second reducer", "one of tail_mean, value_at_risk")
    if not chosen:
        return None
    confidence = read_positive(top[chosen[0]], join(place, chosen[0]))
    if chosen[0] == "tail_mean":
        return tail_mean(scenarios, confidence, "acerbi_tasche")
    return quantile(scenarios, confidence, "ceiling")


def _underlying(row: Mapping[str, Any], place: str) -> dict[str, Any]:
    _table(row, place, UNDERLYING)
    found: dict[str, Any] = {name: read_word(row.get(name), join(place, name)) for name in ("venue", "market")}
    found["kind"] = read_word(row.get("kind", "index"), join(place, "kind"))
    found["price"] = read_positive(row.get("price"), join(place, "price"))
    found["price_range"] = read_positive(row.get("price_range"), join(place, "price_range"))
    found["volatility_range"] = read_not_negative(row.get("volatility_range", 0), join(place, "volatility_range"))
    return found


def _contract(row: Mapping[str, Any], place: str, underlyings: Mapping[str, int]) -> dict[str, Any]:
    _table(row, place, CONTRACT)
    name, of = (read_word(row.get(key), join(place, key)) for key in ("name", "underlying"))
    if of not in underlyings:
        raise BadInput("unknown_market", join(place, "underlying"), shown(of), "one of " + named(underlyings))
    kind = row.get("kind")
    if kind not in KINDS:
        raise BadInput("bad_value", join(place, "kind"), shown(kind), "one of " + ", ".join(KINDS))
    option = kind != "future"
    found: dict[str, Any] = {"name": name, "underlying": underlyings[of], "kind": KINDS[kind]}
    for key in ("strike", "years", "volatility"):
        found[key] = read_positive(row.get(key), join(place, key)) if option else ONE if key == "strike" else ZERO
    for key in ("discount", "multiplier", "ratio"):
        found[key] = read_positive(row.get(key, 1), join(place, key))
    return found


def _account(row: Mapping[str, Any], place: str) -> Holdings:
    _table(row, place, ACCOUNT)
    quantities = row.get("quantities", {})
    if not isinstance(quantities, dict):
        raise BadInput("wrong_type", join(place, "quantities"), shown(quantities), "a table of contract = quantity")
    held = {name: read_decimal(q, join(join(place, "quantities"), name)) for name, q in quantities.items()}
    extra = [read_not_negative(row.get(name, 0), join(place, name)) for name in ("add_on", "floor")]
    cash = read_decimal(row.get("cash"), join(place, "cash"))
    return Holdings(read_word(row.get("id"), join(place, "id")), cash, held, *extra)


def _all_different(names: list[str], place: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise BadInput("duplicate_name", place, shown(name), "different names")
        seen.add(name)


def _rows(top: Mapping[str, Any], name: str, place: str) -> list[tuple[Any, str]]:
    rows = top.get(name, [])
    if not isinstance(rows, list) or not rows:
        raise BadInput("wrong_type", join(place, name), shown(rows), f"at least one [[{name}]]")
    return [(row, join(join(place, name), n)) for n, row in enumerate(rows)]


def _table(value: Any, place: str, keys: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadInput("wrong_type", place, shown(value), "a table")
    for key in value:
        if key not in keys:
            raise BadInput("unknown_key", join(place, key), shown(value[key]), "one of " + ", ".join(sorted(keys)))
    return value


def _numbers(value: Any, place: str) -> list[Decimal]:
    if not isinstance(value, list):
        raise BadInput("wrong_type", place, shown(value), "a list of numbers")
    return [read_decimal(number, join(place, n)) for n, number in enumerate(value)]
