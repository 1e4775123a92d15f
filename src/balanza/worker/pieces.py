"""The pieces of a preview, stored as soon as FFmpeg has finished each, and after them the playlist that names them."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from balanza.media.derivations import piece_name
from balanza.model import piece_key
from balanza.protocol import LeaseGrant
from balanza.storage import Storage
from balanza.worker.conversion import RESULT
from balanza.worker.fleet_client import FleetClient
from balanza.worker.link import Link
from balanza.worker.threads import in_thread

LOOK_SECONDS = 0.25
_SHOWN = "shown"
"""The playlist as it is sent: FFmpeg replaces its own at any time."""


class Pieces:
    """Of one attempt, from its `folder` into storage: that at hand, or else the server's."""

    def __init__(
        self, grant: LeaseGrant, folder: Path, client: FleetClient, link: Link, storage: Storage | None
    ) -> None:
        self._grant = grant
        self._folder = folder
        self._client = client
        self._link = link
        self._storage = storage
        self._stored = 0

    async def store_during(self, conversion: Coroutine[Any, Any, str]) -> str:
        """What `conversion` returns, when all its pieces are stored; the whole playlist is left to the caller.

        When it raises or is cancelled, the conversion has ended too.
        """
        working = asyncio.create_task(conversion)
        try:
            while not (await asyncio.wait([working], timeout=LOOK_SECONDS))[0]:
                playlist = await in_thread(_text_of, self._folder / RESULT)
                if await self._store_pieces(playlist):
                    await self._show(playlist)
            log_tail = working.result()
            await self._store_pieces(await in_thread(_text_of, self._folder / RESULT))
            return log_tail
        finally:
            if not working.done():
                working.cancel()
                await asyncio.wait([working])

    async def _store_pieces(self, playlist: str) -> bool:
        """Whether there was a new one."""
        before, there = self._stored, pieces_in(playlist)
        while self._stored < there:
            await self._store(self._stored)
            self._stored += 1
        return self._stored > before

    async def _store(self, number: int) -> None:
        token, piece = self._grant.token, self._folder / piece_name(number)
        if self._storage is not None:
            await in_thread(self._storage.adopt, piece, piece_key(self._grant.output_key, number))
            return
        await self._link.transfer("preview", lambda: self._client.send_piece(token, number, piece))
        await in_thread(piece.unlink)

    async def _show(self, playlist: str) -> None:
        token, shown = self._grant.token, self._folder / _SHOWN
        await in_thread(shown.write_text, playlist)
        if self._storage is not None:
            await in_thread(self._storage.adopt, shown, self._grant.output_key)
        else:
            await self._link.transfer("preview", lambda: self._client.send_result(token, shown))


def pieces_in(playlist: str) -> int:
    """How many files it names, with the one that all others need."""
    named = sum(not line.startswith("#") for line in playlist.splitlines())
    return named + 1 if named else 0


def _text_of(path: Path) -> str:
    """Nothing, until it is there."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
