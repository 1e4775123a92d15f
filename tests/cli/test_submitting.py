"""`balanza convert --server` asks for several files together, and one that is refused does not stop the others."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from balanza.cli import submitting
from balanza.cli.inputs import Wanted
from balanza.cli.submitting import Job, Submissions

WANTED = Wanted("mp3", {"quality": "small"})
MP3 = {"output_format": "mp3", "options": {"quality": "small"}}
Body = dict[str, Any]


@dataclass
class Server:
    """Answers as the real one; `refused` says to which files it says no."""

    refused: frozenset[str] = frozenset()
    most: int = 1000
    """How many jobs there may be."""
    closed: bool = False
    """Whether it makes jobs for nobody who asks."""
    lost: int = 0
    """How many answers get lost on their way."""
    asked: list[tuple[str, Body]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        path, body = request.url.path, json.loads(request.content)
        self.asked.append((path, body))
        files = body.get("input_files") or [body["input_file"]]
        if path == "/convert/estimate":
            return self._no(f"{files[0]} has no sound.") if self.refused.intersection(files) else _yes({})
        self.keys.append(request.headers.get("idempotency-key"))
        if self.closed:
            return self._no("Only administrators can ask for a priority above 50.", 403, "refused")
        if self.lost:
            self.lost -= 1
            raise httpx2.ReadError("cut off")
        if self.refused.intersection(files):
            return self._no(f"{sorted(self.refused)[0]} has no sound.")
        if len(files) > self.most:
            return self._no("You may have no more jobs.", 403, "quota-exceeded")
        self.most -= len(files)
        jobs = [{"job_id": f"job-{one}"} for one in files]
        return _yes({"jobs": jobs} if path == "/convert/batch" else jobs[0])

    def submitted(self) -> list[list[str]]:
        """The files of each request for jobs."""
        return [body.get("input_files") or [body["input_file"]] for path, body in self.asked if "estimate" not in path]

    def _no(self, detail: str, status: int = 422, slug: str = "missing-stream") -> httpx2.Response:
        return httpx2.Response(status, json={"type": f"urn:balanza:problem:{slug}", "detail": detail})


def _yes(answer: Body) -> httpx2.Response:
    return httpx2.Response(201, json=answer)


def submit(
    server: Server, sources: Iterable[str], wanted: Wanted = WANTED, *, absent: Iterable[str] = ()
) -> Mapping[str, str]:
    """What each source hears, all uploaded at once: the id of its job, or the sentence of its refusal."""

    async def run(use: Callable[[Submissions], Mapping[str, Job]]) -> list[str | BaseException]:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(server.answer), base_url="http://server") as http:
            submissions = Submissions(http, "http://server", wanted, [*sources, *absent])
            jobs = use(submissions)
            for source in absent:
                submissions.leave(source)
            return await asyncio.gather(*jobs.values(), return_exceptions=True)

    heard = asyncio.run(run(lambda all_: {source: all_.ask(source, source) for source in sources}))
    return dict(zip(sources, map(str, heard), strict=True))


def test_what_has_been_uploaded_goes_together_with_goal_and_priority() -> None:
    server = Server()
    wanted = Wanted("mp3", {"quality": "small"}, priority=20, goal="slowdown")
    assert submit(server, ["a", "b", "c"], wanted) == {"a": "job-a", "b": "job-b", "c": "job-c"}
    same = {"output_format": "mp3", "options": {"quality": "small"}, "priority": 20}
    assert server.asked == [("/convert/batch", {"input_files": ["a", "b", "c"], **same, "goal": "slowdown"})]
    alone = Server()
    submit(alone, ["a"], wanted)
    assert alone.asked == [("/convert", {"input_file": "a", **same})]
    assert None not in server.keys + alone.keys


def test_a_file_that_is_refused_hears_why_and_the_others_go_together() -> None:
    server = Server(refused=frozenset({"b"}))
    heard = submit(server, ["a", "b", "c"])
    assert heard == {"a": "job-a", "b": "b has no sound.", "c": "job-c"}
    assert server.submitted() == [["a", "b", "c"], ["a", "c"]]
    assert len(set(server.keys)) == 2


@pytest.mark.parametrize(
    ("server", "until", "asked"),
    [
        (Server(refused=frozenset({"b"})), "/convert/estimate", [["a", "b", "c", "d"]]),
        (Server(most=2), "/convert", [["a", "b", "c", "d"], ["a"]]),
    ],
    ids=["refused", "no room"],
)
def test_after_an_interruption_nothing_is_sent_apart_any_more(
    server: Server, until: str, asked: list[list[str]]
) -> None:
    async def interrupt() -> list[str | BaseException]:
        async def answer(request: httpx2.Request) -> httpx2.Response:
            if request.url.path == until:
                submissions.close()
            return await server.answer(request)

        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer), base_url="http://server") as http:
            submissions = Submissions(http, "http://server", WANTED, "abcd")
            jobs = [submissions.ask(source, source) for source in "abcd"]
            return await asyncio.gather(*jobs, return_exceptions=True)

    first, *others = asyncio.run(interrupt())
    assert server.submitted() == asked
    assert first == "job-a" or until == "/convert/estimate"
    assert {type(heard) for heard in others} == {asyncio.CancelledError}
    assert [path for path, _ in server.asked].count(until) == 1


def test_where_there_is_no_room_for_all_as_many_go_as_there_is_room_for() -> None:
    full = "You may have no more jobs."
    server = Server(most=2)
    assert submit(server, "abcde") == {"a": "job-a", "b": "job-b", "c": full, "d": full, "e": full}
    assert server.asked[1:] == [("/convert", {"input_file": one, **MP3}) for one in "abc"]


def test_a_refusal_that_is_about_no_file_is_that_of_all() -> None:
    server = Server(closed=True)
    assert submit(server, "abc") == dict.fromkeys("abc", "Only administrators can ask for a priority above 50.")
    assert len(server.asked) == 1


def test_the_shortest_total_time_needs_all_of_them_and_at_most_200_go_at_once() -> None:
    wanted = Wanted("mp3", {}, goal="makespan")
    server = Server()
    many = [f"f{number}" for number in range(250)]
    submit(server, many, wanted, absent=["never uploaded"])
    assert [len(files) for files in server.submitted()] == [200, 50]
    assert {body["goal"] for _, body in server.asked} == {"makespan"}

    async def wait_for_the_last() -> None:
        held = Server()
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(held.answer), base_url="http://server") as http:
            submissions = Submissions(http, "http://server", wanted, ["a", "b", "c"])
            jobs = [submissions.ask(source, source) for source in ("a", "b")]
            await asyncio.sleep(0)
            assert held.asked == []
            submissions.leave("c")
            assert await asyncio.gather(*jobs) == ["job-a", "job-b"]
            late = submissions.ask("d", "d")
            submissions.close()
            assert late.cancelled()

    asyncio.run(wait_for_the_last())


def test_a_lost_answer_is_asked_for_again_under_the_same_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submitting, "ASK_AGAIN_SECONDS", 0.0)
    server = Server(lost=1)
    assert submit(server, ["a", "b"]) == {"a": "job-a", "b": "job-b"}
    assert server.submitted() == [["a", "b"]] * 2
    assert len(set(server.keys)) == 1
    gone = Server(lost=2)
    assert submit(gone, ["a", "b"])["b"] == "The connection to http://server failed: cut off."
    assert len(gone.asked) == 2
