"""The stream of events: live, resumable, and without growing."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from balanza.server import live
from balanza.store import events
from tests.server.stand import Hand, Stand
from tests.support.waiting import eventually


@dataclass
class Listener:
    """Reads one stream of events, message by message."""

    lines: Iterator[str]
    seen: list[dict[str, Any]] = field(default_factory=list)

    def next(self) -> dict[str, Any]:
        """The next message: its fields, its data parsed, and whether it is a comment."""
        message: dict[str, Any] = {}
        for line in self.lines:
            if not line and message:
                return message
            name, _, value = line.partition(": ")
            message[name or "comment"] = json.loads(value) if name == "data" else value
        raise AssertionError("the stream ended")

    def until(self, event: str) -> dict[str, Any]:
        """The next message with that name; hints about progress come at any time."""
        while (message := self.next()).get("event") != event:
            self.seen.append(message)
        return message


@contextmanager
def listening(stand: Stand, last_event_id: str | None = None) -> Iterator[Listener]:
    headers = {} if last_event_id is None else {b"Last-Event-ID": last_event_id.encode("latin-1")}
    with (
        httpx2.Client(base_url=stand.address, timeout=20, verify=False) as client,
        client.stream("GET", "/events", headers=headers) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        listener = Listener(answer.iter_lines())
        assert listener.next() == {"retry": "2000"}
        yield listener


def test_a_change_is_told_as_it_happens(stand: Stand) -> None:
    with listening(stand) as listener:
        media = stand.upload("news.wav")
        told = listener.until("media.created")
        assert told["data"]["type"] == "media.created"
        assert told["data"]["media_id"] == media["id"]
        assert told["data"]["at"].endswith("Z")
        job = stand.convert(media["id"])
        told = listener.until("job.submitted")
        assert told["data"]["job_id"] == job["job_id"]
        assert told["data"]["status"] == "pending"
        assert int(told["id"]) > 0


def test_who_comes_back_gets_what_was_missed_and_nothing_twice(stand: Stand) -> None:
    with listening(stand) as listener:
        stand.upload("one.wav")
        last = listener.until("media.created")["id"]
    missed = [stand.upload(f"missed {n}.wav")["id"] for n in range(3)]
    with listening(stand, last) as listener:
        assert [listener.until("media.created")["data"]["media_id"] for _ in missed] == missed
        later = stand.upload("later.wav")["id"]
        assert listener.until("media.created")["data"]["media_id"] == later


def test_who_was_away_longer_than_is_remembered_reads_on_from_the_database(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "REMEMBERED", 2)
    monkeypatch.setattr(live, "READ_AT_ONCE", 3)
    with listening(stand) as steady:
        stand.upload("start.wav")
        last = steady.until("media.created")["id"]
        missed = [stand.upload(f"many {n}.wav")["id"] for n in range(9)]
        with listening(stand, last) as listener:
            assert [listener.until("media.created")["data"]["media_id"] for _ in missed] == missed
        assert [steady.until("media.created")["data"]["media_id"] for _ in missed] == missed


@pytest.mark.parametrize("last_event_id", ["999999999", "-1", "x", "\u00b2", "9" * 30])
def test_an_id_that_cannot_be_resumed_is_answered_with_reset(stand: Stand, last_event_id: str) -> None:
    with listening(stand, last_event_id) as listener:
        told = listener.next()
        assert told["event"] == "reset"
        _, newest = stand.parts.desk.database.read(events.bounds)
        assert int(told["id"]) == newest


def test_an_id_that_is_no_longer_kept_is_answered_with_reset(own_stand: Stand) -> None:
    for n in range(4):
        own_stand.upload(f"{n}.wav")
    own_stand.parts.desk.database.write(lambda tx: events.prune(tx, 1))
    with listening(own_stand, "1") as listener:
        assert listener.next()["event"] == "reset"
        media = own_stand.upload("after.wav")
        assert listener.until("media.created")["data"]["media_id"] == media["id"]


def test_progress_is_a_hint_without_a_number(stand: Stand) -> None:
    hand = Hand.register(stand.client, "worker_a")
    with listening(stand) as listener:
        hand.beat()
        told = listener.until("job.progress")
        assert "id" not in told
    hand.leave()


def test_a_silent_stream_is_kept_alive_with_comments(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "KEEP_ALIVE_SECONDS", 0.05)
    with listening(stand) as listener:
        assert listener.next() == {"comment": "keep-alive"}


def test_many_listeners_hear_the_same(stand: Stand) -> None:
    def hear(_: int) -> str:
        with listening(stand) as listener:
            ready.append(1)
            media_id: str = listener.until("media.created")["data"]["media_id"]
            return media_id

    ready: list[int] = []
    with ThreadPoolExecutor(40) as pool:
        hearing = [pool.submit(hear, n) for n in range(40)]
        eventually(lambda: len(ready) == 40 and _listeners(stand) >= 40)
        media = stand.upload("for all.wav")
        assert {one.result(timeout=20) for one in hearing} == {media["id"]}
    eventually(lambda: _listeners(stand) == 0)


def test_a_client_that_reads_nothing_does_not_hold_up_the_others(stand: Stand) -> None:
    with socket.create_connection(("127.0.0.1", stand.port)) as deaf, listening(stand) as listener:
        deaf.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        eventually(lambda: _listeners(stand) == 2)
        for n in range(5):
            media = stand.upload(f"told {n}.wav")
            assert listener.until("media.created")["data"]["media_id"] == media["id"]
    eventually(lambda: _listeners(stand) == 0)


def _listeners(stand: Stand) -> int:
    feed: live.Feed = stand.server._app.state.loop_parts.feed
    return feed._listeners
