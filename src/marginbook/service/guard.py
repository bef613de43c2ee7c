"""Who may talk to the service: loopback by default, a token beyond it; same origin only; bodies of bounded size."""

import secrets
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marginbook.service.wire import error_response

COOKIE = "marginbook_token"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
OPEN_PATHS = frozenset({"/health"})

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def is_loopback(host: str) -> bool:
    """Whether a bind address or a Host header names this machine only.

    >>> is_loopback("127.0.0.1:8787"), is_loopback("[::1]:80"), is_loopback("0.0.0.0"), is_loopback("::1")
    (True, True, False, True)
    """
    if host in LOOPBACK:
        return True
    try:
        return urlsplit(f"//{host}").hostname in LOOPBACK
    except ValueError:
        return False


class _TooLarge(Exception):
    pass


class Guard:
    """ASGI middleware: host, origin, token, body size, security headers."""

    def __init__(self, app: ASGIApp, token: str | None, body_limit: int) -> None:
        self.app = app
        self.token = token
        self.body_limit = body_limit  # [bytes]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 4401 if refusal.status_code == 401 else 4403})
            else:
                _secure(refusal.raw_headers, scope)
                await refusal(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self.app(scope, receive, send)
            return

        read = 0
        started = False

        async def bounded_receive() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self.body_limit:
                raise _TooLarge
            return message

        async def secure_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message.setdefault("headers", [])
                _secure(message["headers"], scope)
            await send(message)

        try:
            await self.app(scope, bounded_receive, secure_send)
        except _TooLarge:
            if not started:
                await _too_large(self.body_limit)(scope, receive, secure_send)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        host = headers.get("host", "")
        if self.token is None and not is_loopback(host):
            return error_response(
                403, "foreign_host", "header Host", host, "localhost, or a service started with a token"
            )
        origin = headers.get("origin")
        unsafe = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD", "OPTIONS")
        if unsafe and origin is not None and urlsplit(origin).netloc != host:
            return error_response(403, "foreign_origin", "header Origin", origin, "a page of this service")
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self.body_limit:
            return _too_large(self.body_limit)
        if self.token is None or scope["path"] in OPEN_PATHS:
            return None
        query = parse_qsl(scope.get("query_string", b"").decode("latin-1"))
        if any(self._is_token(given) for given in _given(headers)):
            return None
        if any(name == "token" and self._is_token(value) for name, value in query):
            if scope["type"] == "websocket" or scope["path"] != "/":
                return None
            rest = urlencode([(name, value) for name, value in query if name != "token"])
            answer = RedirectResponse("/" + (f"?{rest}" if rest else ""), status_code=303)
            answer.set_cookie(COOKIE, self.token, httponly=True, samesite="strict", path="/")
            return answer
        return error_response(401, "token_required", "header Authorization", "no valid token", "Bearer <token>")

    def _is_token(self, given: str) -> bool:
        return self.token is not None and secrets.compare_digest(given.encode(), self.token.encode())


def _given(headers: Headers) -> Iterable[str]:
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        yield value.strip()
    cookie: SimpleCookie = SimpleCookie()
    try:
        cookie.load(headers.get("cookie", ""))
    except CookieError:
        return
    if COOKIE in cookie:
        yield cookie[COOKIE].value


def _too_large(limit: int) -> Response:
    return error_response(413, "too_large", "body", "more", f"at most {limit} bytes")


def _secure(raw: list[tuple[bytes, bytes]], scope: Scope) -> None:
    headers = MutableHeaders(raw=raw)
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    if scope["path"].startswith("/api/"):
        headers.setdefault("Cache-Control", "no-store")
