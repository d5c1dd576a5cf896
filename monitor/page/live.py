"""Pushes what changed to open pages: server-sent events, a bounded number of streams, ended at shutdown."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.types import Receive, Scope, Send

#: So many pages are kept up to date by streams; further ones ask by themselves.
MOST_STREAMS: Final = 50
#: And so many of one peer, so that one machine cannot take them all.
MOST_OF_ONE_PEER: Final = 20
#: How often a stream looks for a new evaluation.
_PAUSE_S: Final = 0.5
#: After so long without an event a comment goes out: it finds out whether anybody is left.
_BEAT_S: Final = 15.0
#: A visitor that takes nothing for so long is let go.
_STUCK_S: Final = 10.0
#: A stream ends after so long and is opened again, so that none outlives what it was allowed by.
_LIFE_S: Final = 3600.0
#: Browsers open a broken stream again after so many milliseconds.
_RETRY_MS: Final = 3000


class Streams:
    """The open streams.

    Args:
        most: how many there may be.
        of_one_peer: how many of them one address may hold.
    """

    def __init__(self, most: int = MOST_STREAMS, of_one_peer: int = MOST_OF_ONE_PEER) -> None:
        self._most = most
        self._of_one_peer = of_one_peer
        self._by_peer: Counter[str] = Counter()
        self._waiting: set[asyncio.Event] = set()
        self._closed = False

    @property
    def count(self) -> int:
        """How many are open."""
        return self._by_peer.total()

    def take(self, peer: str) -> bool:
        """Take a place; say whether there was one."""
        if self._closed or self.count >= self._most or self._by_peer[peer] >= self._of_one_peer:
            return False
        self._by_peer[peer] += 1
        return True

    def give_back(self, peer: str) -> None:
        """Give a place back."""
        self._by_peer[peer] -= 1
        if self._by_peer[peer] <= 0:
            del self._by_peer[peer]

    async def pause(self, seconds: float) -> bool:
        """Wait; say whether the streams go on."""
        if self._closed:
            return False
        ended = asyncio.Event()
        self._waiting.add(ended)
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), seconds)
        finally:
            self._waiting.discard(ended)
        return not self._closed

    def close(self) -> None:
        """End every stream, and open none any more. Called in the server's loop."""
        self._closed = True
        for ended in self._waiting:
            ended.set()


class EventStream(Response):
    """Sends an event for each evaluation, holding the regions that differ from what the page shows already.

    Args:
        streams: where a place for `peer` was taken; it is given back at the end.
        peer: whose place.
        look: returns (event id, maker of the document); the maker is awaited for a new id only.
        last: the id of what the page shows.
        headers: of the response.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        streams: Streams,
        peer: str,
        look: Callable[[], tuple[str, Callable[[], Awaitable[dict[str, Any]]]]],
        *,
        last: str,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(headers={**headers, "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._streams = streams
        self._peer = peer
        self._look = look
        self._last = last

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the visitor leaves, is stuck, or the server ends."""
        del scope
        sending = asyncio.ensure_future(self._send_all(send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._streams.give_back(self._peer)
            for task in (sending, leaving):
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError, TimeoutError, OSError):
                await sending
            with contextlib.suppress(asyncio.CancelledError):
                await leaving

    async def _send_all(self, send: Send) -> None:
        async def out(body: str, *, more: bool = True) -> None:
            message = {"type": "http.response.body", "body": body.encode(), "more_body": more}
            await asyncio.wait_for(send(message), _STUCK_S)

        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await out(f"retry: {_RETRY_MS}\n\n")
        clock = asyncio.get_running_loop().time
        began = spoke = clock()
        shown: dict[str, str] = {}
        while clock() - began < _LIFE_S:
            name, make = self._look()
            if name != self._last:
                document = await make()
                regions: dict[str, str] = document["regions"]
                changed = {key: html for key, html in regions.items() if shown.get(key) != html}
                shown = regions
                data = json.dumps({**document, "regions": changed}, ensure_ascii=False)
                await out(f"event: evaluation\nid: {name}\ndata: {data}\n\n")
                self._last, spoke = name, clock()
            elif clock() - spoke >= _BEAT_S:
                await out(": nothing new\n\n")
                spoke = clock()
            if not await self._streams.pause(_PAUSE_S):
                break
        await out("", more=False)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
