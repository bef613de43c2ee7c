"""The WebSocket: one snapshot, then numbered deltas (JSON merge patches of the summary, and new zone changes).

    {"type": "snapshot", "number": 7, "summary": {…}, "events": […]}
    {"type": "delta", "number": 8, "patch": {…}, "events": […]}

The numbers of one connection have no gaps. A client that sees one, or asks with {"type": "resync"}, starts over from a
snapshot; so does a client that falls behind, which then misses nothing but intermediate states.
"""

import asyncio
import contextlib
import json
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from marginbook.service.provider import Json, Provider
from marginbook.service.wire import encode, merge_patch, stamped

INTERVAL = 0.25  # [s] between published views
BEHIND = 16  # deltas waiting before a client starts over
EVENTS_FIRST = 200  # zone changes in a snapshot


class Hub:
    """Reads the provider's view a few times a second, once for all clients."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._clients: set[asyncio.Queue[Json]] = set()
        self._task: asyncio.Task[None] | None = None
        self._summary: Json = {}
        self._last_event = 0
        self.number = 0

    @property
    def clients(self) -> int:
        """How many pages are connected."""
        return len(self._clients)

    async def start(self) -> None:
        """Begin to publish."""
        await self._refresh()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop publishing."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        seen = self._provider.number()
        while True:
            await asyncio.sleep(INTERVAL)
            number = self._provider.number()
            if number == seen or not self._clients:
                continue
            seen = number
            before = self._summary
            events = await self._refresh()
            if before.get("book") != self._summary.get("book"):
                self.number += 1
                self._send(await self._snapshot())
            elif (patch := merge_patch(before, self._summary)) or events:
                self.number += 1
                self._send({"type": "delta", "number": self.number, "patch": patch, "events": events})

    def _send(self, message: Json) -> None:
        for queue in self._clients:
            queue.put_nowait(message)

    async def _refresh(self) -> list[Json]:
        """Read the view; the zone changes since the last time."""
        before = self._summary.get("book")
        self._summary = json.loads(encode(stamped(await run_in_threadpool(self._provider.summary))))
        if self._summary.get("book") != before:
            self._last_event = 0
        body = (await run_in_threadpool(self._provider.timeline, self._last_event, 1000)).body
        self._last_event = int(body["number"])
        return list(body["events"])

    async def _snapshot(self) -> Json:
        if not self._clients:
            await self._refresh()
        body = (await run_in_threadpool(self._provider.timeline, 0, EVENTS_FIRST)).body
        return {"type": "snapshot", "number": self.number, "summary": self._summary, "events": body["events"]}

    async def serve(self, socket: WebSocket) -> None:
        """One client, until it leaves."""
        await socket.accept()
        queue: asyncio.Queue[Json] = asyncio.Queue()
        reader = asyncio.create_task(self._read(socket, queue))
        try:
            await self._write(socket, queue)
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            self._clients.discard(queue)
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                await reader

    async def _read(self, socket: WebSocket, queue: "asyncio.Queue[Json]") -> None:
        while True:
            try:
                message: Any = json.loads(await socket.receive_text())
            except (ValueError, KeyError):
                message = None
            except (WebSocketDisconnect, RuntimeError):
                queue.put_nowait({"type": "gone"})
                return
            if isinstance(message, dict) and message.get("type") == "resync":
                queue.put_nowait({"type": "resync"})
            else:
                queue.put_nowait(
                    {
                        "type": "error",
                        "code": "unknown_message",
                        "place": "stream",
                        "value": "message",
                        "expected": '{"type": "resync"}',
                    }
                )

    async def _write(self, socket: WebSocket, queue: "asyncio.Queue[Json]") -> None:
        message: Json = {"type": "resync"}
        while message["type"] != "gone" and socket.client_state == WebSocketState.CONNECTED:
            if message["type"] == "resync" or queue.qsize() > BEHIND:
                self._clients.discard(queue)
                snapshot = await self._snapshot()
                while not queue.empty():
                    if queue.get_nowait()["type"] == "gone":
                        return
                self._clients.add(queue)
                message = snapshot
            await socket.send_text(encode(message).decode())
            message = await queue.get()
