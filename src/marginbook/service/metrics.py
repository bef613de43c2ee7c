"""Prometheus text at /metrics: the book's state and the service's own latency."""

from time import perf_counter

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marginbook.service.provider import Provider
from marginbook.service.stream import Hub

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """One registry per application, so that several may live in one process."""

    media_type = CONTENT_TYPE_LATEST

    def __init__(self, provider: Provider, hub: Hub) -> None:
        self._provider = provider
        self._hub = hub
        self.registry = CollectorRegistry()
        self._accounts = Gauge("marginbook_accounts", "Accounts by zone", ["zone"], registry=self.registry)
        self._notional = Gauge("marginbook_notional", "Notional by zone", ["zone"], registry=self.registry)
        self._sequence = Gauge("marginbook_sequence", "Last sequence applied", registry=self.registry)
        self._price_age = Gauge("marginbook_price_age_seconds", "Age of the oldest price", registry=self.registry)
        self._clients = Gauge("marginbook_stream_clients", "Connected WebSocket clients", registry=self.registry)
        self._latency = Histogram(
            "marginbook_request_seconds", "Time to answer", ["route"], buckets=BUCKETS, registry=self.registry
        )

    def text(self) -> bytes:
        """The exposition, from the published view."""
        answer = self._provider.summary()
        for zone, count in answer.body["counts"].items():
            self._accounts.labels(zone).set(count)
        for zone, money in answer.body["notional"].items():
            self._notional.labels(zone).set(float(money))
        self._sequence.set(answer.stamp.sequence)
        age = answer.body["prices"]["age_seconds"]
        if age is not None:
            self._price_age.set(float(age))
        self._clients.set(self._hub.clients)
        return generate_latest(self.registry)

    def middleware(self, app: ASGIApp) -> ASGIApp:
        """Times each request by its route (never by its path: accounts are many)."""

        async def timed(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            started = perf_counter()

            async def watch(message: Message) -> None:
                if message["type"] == "http.response.start":
                    route = getattr(scope.get("route"), "path", "other")
                    self._latency.labels(route).observe(perf_counter() - started)
                await send(message)

            await app(scope, receive, watch)

        return timed
