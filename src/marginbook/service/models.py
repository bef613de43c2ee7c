"""Shapes of requests and answers, for validation at the rim and for the OpenAPI document."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from marginbook.service.provider import SORT_KEYS

DECIMAL_TEXT = r"^-?[0-9]{1,20}(\.[0-9]{1,18})?$"
ZONE_NAMES = ("safe", "warning", "call", "liquidation", "bankrupt", "undecided")

DecimalText = Annotated[str, Field(pattern=DECIMAL_TEXT, description="a decimal number as text")]
ZoneFilter = Literal["", "safe", "warning", "call", "liquidation", "bankrupt", "undecided"]
LadderGroups = Literal["venue", "asset"]
SortKey = Literal["danger", "exposure", "margin_balance", "maintenance_margin", "headroom", "account"]
assert SortKey.__args__ == SORT_KEYS  # type: ignore[attr-defined]


class Strict(BaseModel):
    """No unknown keys: a misspelt one is an error, not a silent default."""

    model_config = ConfigDict(extra="forbid")


class Shock(Strict):
    """One asset's move: −0.2 is a fall by 20 %."""

    asset: str = Field(min_length=1, max_length=40)
    move: DecimalText


class ShockRequest(Strict):
    """Any number of moves applied together; `only` moves nothing that is derived from them."""

    shocks: list[Shock] = Field(min_length=1, max_length=50)
    only: bool = False


ImpactText = Annotated[
    str, Field(min_length=1, max_length=200, description="sqrt:…, linear:depth=5e6, ETH=1%:5e6,2%:9e6")
]


class CascadeRequest(Strict):
    """A shock, and how markets react to what it liquidates; the texts of `marginbook cascade`."""

    shocks: list[Shock] = Field(min_length=1, max_length=50)
    only: bool = False
    impact: list[ImpactText] = Field(default=[], max_length=50)
    funds: dict[str, DecimalText] = Field(default={}, max_length=50)
    execution: str = Field(default="0.5", pattern=r"^(0(\.[0-9]{1,18})?|1(\.0{1,18})?)$")
    rounds: int = Field(default=200, ge=1, le=1000, strict=True)
    waterfall: bool = False


class WhatIfRequest(Strict):
    """An event that is evaluated but not applied. `change` is an event as in the events file, without time."""

    account: str = Field(min_length=1, max_length=200)
    change: dict[str, Any] = Field(min_length=1)


OrderText = Annotated[str, Field(min_length=1, max_length=200, description="buy 0.5 BTCUSDT @ 60000 10x")]


class OrdersRequest(Strict):
    """A basket of orders on one account, filled one after the other on paper."""

    account: str = Field(min_length=1, max_length=200)
    orders: list[OrderText] = Field(min_length=1, max_length=50)


class BookOrdersRequest(Strict):
    """The same orders on every account of the book; numbers of up to `limit` of them."""

    orders: list[OrderText] = Field(min_length=1, max_length=50)
    limit: int = Field(default=50, ge=0, le=500, strict=True)


class ControlRequest(Strict):
    """Pause or go on, and how many seconds of the replay pass in one second."""

    paused: bool | None = None
    speed: DecimalText | None = None


class ErrorAnswer(BaseModel):
    """What was wrong, where, what stood there and what was expected."""

    code: str
    place: str
    value: str
    expected: str


class Stamped(BaseModel):
    """Every answer names the time and sequence it stands on and the rules that made it."""

    model_config = ConfigDict(extra="allow")
    as_of: str
    sequence: int
    rules: list[str]


class AccountRow(BaseModel):
    """One row of the table; money is decimal text in `currency`, ratios are decimal text."""

    model_config = ConfigDict(extra="allow")
    account: str
    venue: str
    rules: str
    zone: str
    danger: str
    exposure: str


class AccountsPage(Stamped):
    """One page of the accounts table, sorted and filtered on the server."""

    total: int
    offset: int
    rows: list[AccountRow]


class AccountAnswer(Stamped):
    """The row of `check --json`, and the borders that a gauge needs."""

    account: dict[str, Any]
    gauge: dict[str, Any]


class ExplainAnswer(Stamped):
    """Every number with its formula, its inputs and its source."""

    tree: dict[str, Any]


class CascadeAnswer(Stamped):
    """The answer of `cascade --json`; totals of `before`, `shocked` and `after` are the kernel's in larger books."""

    shocks: list[str]
    currency: str | None
    rounds: list[dict[str, Any]]
    stopped: Literal["settled", "rounds"]
    prices: list[dict[str, str]]
    before: dict[str, Any]
    shocked: dict[str, Any]
    after: dict[str, Any]
    bad_debt: str
    refused: list[dict[str, str]]
    errors: list[ErrorAnswer]
    warnings: list[str]


class CascadeProgress(Stamped):
    """How far the cascade that runs has come: `done` steps `of` those of its `round`."""

    running: bool
    stage: Literal["", "copying", "starting", "rounds"]
    round: int
    done: int
    of: int
    seconds: int
    seconds_most: int


class SubmitAnswer(Stamped):
    """How many events were logged and applied, and what is wrong with the others."""

    accepted: int
    duplicates: int
    problems: list[ErrorAnswer]


class LoadAnswer(Stamped):
    """How many accounts of the file are shown, and what is wrong with the rest of it."""

    accounts: int
    problems: list[ErrorAnswer]


class Health(BaseModel):
    """Alive, and whether the engine's thread is."""

    status: Literal["ok", "engine_stopped"]
