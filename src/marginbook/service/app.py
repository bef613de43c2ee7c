"""The FastAPI application: REST under /api/v1, a WebSocket, metrics, health and the page, on one port."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from importlib.resources import files
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.routing import Route

from marginbook import __version__
from marginbook.domain.errors import BadInput
from marginbook.engine.answers import problem_json
from marginbook.exact import parse_decimal
from marginbook.service import models
from marginbook.service.guard import Guard
from marginbook.service.metrics import Metrics
from marginbook.service.provider import Answer, CascadeQuery, PageQuery, Provider
from marginbook.service.stream import Hub
from marginbook.service.wire import JsonResponse, error_response, stamped

BODY_LIMIT = 32 * 1024 * 1024  # [bytes]
LOOK = 0.5  # [s] between two looks whether the caller of a long run is still there
STATIC = files("marginbook.service") / "static"
STATUS = {"unknown_account": 404, "not_ready": 503, "engine_stopped": 503, "queue_full": 503} | {
    "cascade_running": 409,
    "cascade_cancelled": 409,
    "cascade_failed": 503,
    "too_long": 503,
}

ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": models.ErrorAnswer, "description": "Bad input: what, where, and what was expected"},
    422: {"model": models.ErrorAnswer, "description": "A parameter or the body has the wrong shape"},
    503: {"model": models.ErrorAnswer, "description": "The book is not ready, or the engine has stopped"},
}
MISSING: dict[int | str, dict[str, Any]] = {404: {"model": models.ErrorAnswer, "description": "No such account"}}
BUSY: dict[int | str, dict[str, Any]] = {
    409: {"model": models.ErrorAnswer, "description": "Another runs, or cancelled"}
}


def answers(model: type, *more: dict[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI responses of an endpoint: its own shape at 200, and the errors."""
    result: dict[int | str, dict[str, Any]] = {200: {"model": model, "description": "The answer"}, **ERRORS}
    for part in more:
        result.update(part)
    return result


def create_app(provider: Provider, token: str | None = None, body_limit: int = BODY_LIMIT) -> FastAPI:
    """The whole service over one provider; its life is the application's life."""
    hub = Hub(provider)
    metrics = Metrics(provider, hub)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        provider.start()
        await hub.start()
        try:
            yield
        finally:
            await hub.stop()
            provider.stop()

    app = FastAPI(
        title="marginbook",
        version=__version__,
        description="Exact margin, margin calls and liquidation, live. Money is decimal text; every answer names "
        "`as_of`, `sequence` and `rules`; every error has `code`, `place`, `value`, `expected`.",
        docs_url=None,
        redoc_url=None,
        lifespan=life,
    )
    app.add_middleware(metrics.middleware)
    app.add_middleware(Guard, token=token, body_limit=body_limit)
    _add_errors(app)
    _add_reading(app, provider)
    _add_cascades(app, provider)
    _add_writing(app, provider)

    @app.get("/health", responses={200: {"model": models.Health}, 503: {"model": models.Health}}, tags=["operation"])
    def health() -> Response:
        """Alive, and whether the engine's thread is."""
        alive = provider.alive()
        return JsonResponse({"status": "ok" if alive else "engine_stopped"}, status_code=200 if alive else 503)

    @app.get("/metrics", response_class=Response, tags=["operation"])
    def metrics_text() -> Response:
        """Prometheus text."""
        return Response(metrics.text(), media_type=metrics.media_type)

    @app.websocket("/api/v1/stream")
    async def stream(socket: WebSocket) -> None:
        await hub.serve(socket)

    @app.get("/", include_in_schema=False)
    def page() -> Response:
        return Response((STATIC / "index.html").read_bytes(), media_type="text/html; charset=utf-8")

    app.mount("/static", StaticFiles(directory=str(STATIC)), name="static")
    return app


def _reply(make: Callable[[], Answer]) -> Response:
    return JsonResponse(stamped(make()))


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(BadInput)
    async def bad_input(_: Request, error: BadInput) -> Response:
        status = STATUS.get(error.problem.code, 400)
        return JsonResponse(problem_json(error.problem), status_code=status)

    @app.exception_handler(RequestValidationError)
    async def wrong_shape(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return error_response(422, "wrong_shape", place, str(first.get("input", ""))[:200], str(first["msg"]))

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        codes = {404: "not_found", 405: "method_not_allowed"}
        code = codes.get(error.status_code, f"http_{error.status_code}")
        answer = error_response(error.status_code, code, request.url.path, request.method, "see /openapi.json")
        answer.headers.update(error.headers or {})
        if error.status_code == 405:
            answer.headers["Allow"] = ", ".join(_methods(app, request.url.path))
        return answer


def _methods(app: FastAPI, path: str) -> list[str]:
    """What may be done at a path: several routes may share it."""
    routes = [route for route in app.routes if isinstance(route, Route) and route.path_regex.match(path)]
    return sorted({method for route in routes for method in route.methods or ()})


def _add_reading(app: FastAPI, provider: Provider) -> None:
    tags: list[Any] = ["reading"]

    @app.get("/api/v1/summary", responses=answers(models.Stamped), tags=tags)
    def summary() -> Response:
        """Mode, clock, counts and notional by zone, ages of prices and parameters."""
        return _reply(provider.summary)

    @app.get("/api/v1/accounts", responses=answers(models.AccountsPage), tags=tags)
    def accounts(
        sort: models.SortKey = "danger",
        order: Annotated[str, Query(pattern="^(asc|desc)$")] = "desc",
        search: Annotated[str, Query(max_length=100)] = "",
        zone: models.ZoneFilter = "",
        venue: Annotated[str, Query(max_length=40)] = "",
        offset: Annotated[int, Query(ge=0, le=100_000_000)] = 0,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> Response:
        """One page of the accounts, sorted and filtered here: worst first by default."""
        query = PageQuery(
            sort=sort,
            descending=order == "desc",
            search=search,
            zone=zone,
            venue=venue,
            offset=offset,
            limit=limit,
        )
        return _reply(lambda: provider.page(query))

    @app.get("/api/v1/accounts/{account}", responses=answers(models.AccountAnswer, MISSING), tags=tags)
    def account(account: str) -> Response:
        """Every number of one account, exactly, as `check --json` gives it."""
        return _reply(lambda: provider.account(account))

    @app.get("/api/v1/accounts/{account}/explain", responses=answers(models.ExplainAnswer, MISSING), tags=tags)
    def explain(account: str) -> Response:
        """How the numbers came about: quantity, value, unit, formula, source, inputs."""
        return _reply(lambda: provider.explain(account))

    @app.get("/api/v1/accounts/{account}/remedies", responses=answers(models.Stamped, MISSING), tags=tags)
    def remedies(account: str) -> Response:
        """The least exact amount of each action that cures the account."""
        return _reply(lambda: provider.remedies(account))

    @app.get("/api/v1/shock", responses=answers(models.Stamped), tags=tags)
    def shock_one(
        asset: Annotated[str, Query(min_length=1, max_length=40)],
        move: Annotated[str, Query(pattern=models.DECIMAL_TEXT)],
        only: bool = False,
    ) -> Response:
        """Who is liquidatable if one asset moves: `asset=ETH&move=-0.2`; `asset=ALL` moves all that is not stable."""
        return _reply(lambda: provider.shock([(asset, parse_decimal(move))], only))

    @app.post("/api/v1/shock", responses=answers(models.Stamped), tags=tags)
    def shock_many(request: models.ShockRequest) -> Response:
        """Who is liquidatable if several assets move together."""
        return _reply(lambda: provider.shock([(s.asset, parse_decimal(s.move)) for s in request.shocks], request.only))

    @app.get("/api/v1/ladder", responses=answers(models.Stamped), tags=tags)
    def ladder(
        asset: Annotated[str, Query(min_length=1, max_length=40)] = "ALL", by: models.LadderGroups = "venue"
    ) -> Response:
        """Notional that is liquidatable at each price shock, in both directions, cumulative, by venue or asset."""
        return _reply(lambda: provider.ladder(asset, by))

    @app.get("/api/v1/timeline", responses=answers(models.Stamped), tags=tags)
    def timeline(
        after: Annotated[int, Query(ge=0, le=2**53)] = 0, limit: Annotated[int, Query(ge=1, le=1000)] = 200
    ) -> Response:
        """Zone changes, oldest first: warnings, calls, liquidations, cures."""
        return _reply(lambda: provider.timeline(after, limit))

    @app.get("/api/v1/prices", responses=answers(models.Stamped), tags=tags)
    def prices() -> Response:
        """Every price with its age."""
        return _reply(provider.prices)

    @app.get("/api/v1/parameters", responses=answers(models.Stamped), tags=tags)
    def parameters() -> Response:
        """Every parameter table in use with its date and age."""
        return _reply(provider.parameters)

    @app.post("/api/v1/whatif", responses=answers(models.Stamped, MISSING), tags=tags)
    def what_if(request: models.WhatIfRequest) -> Response:
        """The account before and after an event that is not applied."""
        return _reply(lambda: provider.what_if(request.account, request.change))

    @app.post("/api/v1/whatif/orders", responses=answers(models.Stamped, MISSING), tags=tags)
    def what_if_orders(request: models.OrdersRequest) -> Response:
        """A basket on one account: margin, zone, liquidation prices, largest sizes, what each position adds."""
        return _reply(lambda: provider.what_if_orders(request.account, request.orders))

    @app.post("/api/v1/whatif/book", responses=answers(models.Stamped), tags=tags)
    def what_if_book(request: models.BookOrdersRequest) -> Response:
        """The same orders on every account: who may send them, zones before and after, the worst accounts."""
        return _reply(lambda: provider.what_if_book(request.orders, request.limit))

    @app.get("/api/v1/scenarios", responses=answers(models.Stamped), tags=tags)
    def scenarios(
        offset: Annotated[int, Query(ge=0, le=100_000_000)] = 0, limit: Annotated[int, Query(ge=1, le=500)] = 50
    ) -> Response:
        """Accounts under scenario margin, with the age of their numbers."""
        return _reply(lambda: provider.scenarios(offset, limit))

    @app.get("/api/v1/scenarios/{account}", responses=answers(models.Stamped, MISSING), tags=tags)
    def scenario(account: str, fresh: bool = False) -> Response:
        """One account under scenario margin; with `fresh` it is evaluated at the prices of now first."""
        return _reply(lambda: provider.scenario(account, fresh))


def _add_cascades(app: FastAPI, provider: Provider) -> None:
    tags: list[Any] = ["reading"]

    @app.post("/api/v1/cascade", responses=answers(models.CascadeAnswer, BUSY), tags=tags)
    async def cascade(request: models.CascadeRequest, connection: Request) -> Response:
        """What a shock's liquidations do to prices, round by round, on a copy of the book: one at a time.

        It ends when its caller goes away.
        """
        query = CascadeQuery(
            shocks=tuple((shock.asset, parse_decimal(shock.move)) for shock in request.shocks),
            only=request.only,
            impact=tuple(request.impact),
            funds={place: parse_decimal(amount) for place, amount in request.funds.items()},
            execution=parse_decimal(request.execution),
            rounds=request.rounds,
            waterfall=request.waterfall,
        )
        run = asyncio.ensure_future(run_in_threadpool(provider.cascade, query))
        try:
            while not (await asyncio.wait({run}, timeout=LOOK))[0]:
                if await connection.is_disconnected():
                    provider.cancel_cascade()
        except asyncio.CancelledError:
            run.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # told here, not in the log
            provider.cancel_cascade()
            raise BadInput("cascade_cancelled", "cascade", "the service ends", "a service that goes on") from None
        return JsonResponse(stamped(await run))

    @app.get("/api/v1/cascade", responses=answers(models.CascadeProgress), tags=tags)
    def cascade_progress() -> Response:
        """How far the cascade that runs has come."""
        return _reply(provider.cascade_progress)

    @app.delete("/api/v1/cascade", responses=answers(models.Stamped), tags=tags)
    def cancel_cascade() -> Response:
        """End the cascade that runs; whoever waits for it is told so."""
        return _reply(provider.cancel_cascade)


def _add_writing(app: FastAPI, provider: Provider) -> None:
    tags: list[Any] = ["writing"]
    raw_lines = {"requestBody": {"required": True, "content": {"application/x-ndjson": {"schema": {"type": "string"}}}}}
    raw_file = {
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    }

    @app.post("/api/v1/events", responses=answers(models.SubmitAnswer), tags=tags, openapi_extra=raw_lines)
    async def events(request: Request) -> Response:
        """JSON lines of events. What is accepted is logged before the answer; the rest is listed by line."""
        return await _in_thread(provider.submit, await _body(request, "JSON lines of events"))

    @app.post("/api/v1/book", responses=answers(models.LoadAnswer), tags=tags, openapi_extra=raw_file)
    async def book(
        request: Request, name: Annotated[str, Query(min_length=1, max_length=200)] = "book.toml"
    ) -> Response:
        """One's own file (TOML, JSON or CSV, told by its name) becomes the book shown; nothing is kept on disk."""
        return await _in_thread(provider.load, name, await _body(request, "a book file"))

    @app.delete("/api/v1/book", responses=answers(models.Stamped), tags=tags)
    def restore() -> Response:
        """Back to the book that was served first."""
        return _reply(provider.restore)

    @app.post("/api/v1/control", responses=answers(models.Stamped), tags=tags)
    def control(request: models.ControlRequest) -> Response:
        """Pause, go on, or change the speed of a replay."""
        speed: Decimal | None = None if request.speed is None else parse_decimal(request.speed)
        return _reply(lambda: provider.control(request.paused, speed))


async def _body(request: Request, expected: str) -> bytes:
    body = await request.body()
    if not body:
        raise BadInput("empty_body", "body", "nothing", expected)
    return body


async def _in_thread(function: Callable[..., Answer], *arguments: Any) -> Response:
    return JsonResponse(stamped(await run_in_threadpool(function, *arguments)))
