"""The client against a real HTTP server: files, errors, slow and broken answers, restarts."""

import asyncio
import hashlib
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from fastapi.responses import HTMLResponse, JSONResponse, Response

from balanza.errors import (
    BalanzaError,
    CallerError,
    LeaseLost,
    Retryable,
    ServerUnreachable,
    StartupError,
    StorageFull,
    WorkerReplaced,
    WorkerUnknown,
)
from balanza.protocol import (
    PROTOCOL,
    Completion,
    Completions,
    Failure,
    Heartbeat,
    LeaseReport,
    LeaseRequest,
    Load,
    Message,
    Registration,
    StoredObject,
)
from balanza.worker import client as client_module
from balanza.worker import link as link_module
from balanza.worker.agent import Agent, Identity
from balanza.worker.client import HttpFleetClient
from balanza.worker.conversion import Tools
from balanza.worker.load import Traffic
from tests.worker.fleet import Fleet, until
from tests.worker.http_fleet import HttpFleet

pytestmark = pytest.mark.anyio

LOAD = Load(cpu_load=0.5, memory_mb=10)


@pytest.fixture
def http(fleet: Fleet) -> Iterator[HttpFleet]:
    http = HttpFleet(fleet)
    http.start()
    yield http
    http.stop()


@pytest.fixture
async def client(http: HttpFleet) -> AsyncIterator[HttpFleetClient]:
    client = HttpFleetClient(http.url)
    yield client
    await client.aclose()


def registration(instance: str = "one") -> Registration:
    return Registration(
        worker_id="worker_a", instance=instance, slots=1, cpus=2, encoders=frozenset({"flac"}), load=LOAD
    )


def heartbeat(instance: str = "one") -> Heartbeat:
    return Heartbeat(worker_id="worker_a", instance=instance, load=LOAD)


def lease_request(wait_seconds: float = 0) -> LeaseRequest:
    return LeaseRequest(worker_id="worker_a", instance="one", wait_seconds=wait_seconds)


def problem(status: int, slug: str, detail: str) -> Response:
    document = {"type": f"urn:balanza:problem:{slug}", "title": "x", "status": status, "detail": detail}
    return JSONResponse(document, status, media_type="application/problem+json")


async def test_messages_arrive_as_they_were_sent(fleet: Fleet, client: HttpFleetClient, song: Path) -> None:
    registered = await client.register(registration())
    assert registered.storage_folder == str(fleet.storage.folder)
    assert fleet.registrations == [registration()]
    assert await client.lease(lease_request()) is None
    grant = fleet.add(song)
    assert await client.lease(lease_request()) == grant
    await client.heartbeat(heartbeat())
    completion = Completion(size_bytes=1, sha256="0" * 64, probe=grant.source.probe, log_tail="ñ")
    await client.complete(grant.token, completion)
    assert fleet.completed == {grant.token: completion}
    other = fleet.add(song)
    await client.lease(lease_request())
    refused = await client.complete_several({grant.token: completion, other.token: completion})
    assert {token: type(error) for token, error in refused.items()} == {grant.token: LeaseLost}
    assert other.token in fleet.completed
    await client.leave("worker_a", "one")
    assert fleet.left == ["one"]


async def test_files_go_both_ways_in_pieces(fleet: Fleet, client: HttpFleetClient, song: Path, tmp_path: Path) -> None:
    await client.register(registration())
    grant = fleet.add(song)
    await client.lease(lease_request())
    await client.fetch_source(grant.token, tmp_path / "source")
    assert (tmp_path / "source").read_bytes() == song.read_bytes()
    big = os.urandom(5 * 1024 * 1024 + 17)
    (tmp_path / "big").write_bytes(big)
    stored = await client.send_result(grant.token, tmp_path / "big")
    assert stored == StoredObject(size_bytes=len(big), sha256=hashlib.sha256(big).hexdigest())
    assert b"".join(fleet.storage.read(grant.output_key)) == big
    assert client.traffic == Traffic(song.stat().st_size, len(big))


async def test_what_the_server_refuses_is_the_error_it_raised(client: HttpFleetClient, tmp_path: Path) -> None:
    with pytest.raises(WorkerUnknown):
        await client.heartbeat(heartbeat())
    await client.register(registration("two"))
    with pytest.raises(WorkerReplaced) as replaced:
        await client.heartbeat(heartbeat("one"))
    assert not isinstance(replaced.value, WorkerUnknown)
    (tmp_path / "result").write_bytes(b"x" * 3_000_000)
    for call in (
        client.fail("no-such-token", Failure(error="it failed")),
        client.release("no-such-token"),
        client.fetch_source("no-such-token", tmp_path / "source"),
        client.send_result("no-such-token", tmp_path / "result"),
    ):
        with pytest.raises(LeaseLost, match="lease is lost"):
            await call
    assert not (tmp_path / "source").exists()


@pytest.mark.parametrize(
    ("answer", "expected", "sentence"),
    [
        (problem(503, "unavailable", "The database is away."), Retryable, "The database is away."),
        (problem(507, "storage-full", "Full."), StorageFull, "Full."),
        (problem(500, "error", "A bug."), BalanzaError, "A bug."),
        (problem(418, "never-heard-of", "New."), BalanzaError, "New."),
        (HTMLResponse("<h1>Bad gateway</h1>", 502), ServerUnreachable, "is a Balanza server there"),
        (HTMLResponse("<h1>Welcome</h1>", 200), ServerUnreachable, "cannot be understood"),
        (JSONResponse({"detail": "Not Found"}, 404), ServerUnreachable, "is a Balanza server there"),
        (HTMLResponse("<h1>Forbidden</h1>", 403), ServerUnreachable, "is a Balanza server there"),
    ],
)
async def test_other_answers_are_told_apart(
    http: HttpFleet, client: HttpFleetClient, answer: Response, expected: type[BalanzaError], sentence: str
) -> None:
    http.answer_instead = answer
    with pytest.raises(expected, match=sentence) as raised:
        await client.heartbeat(heartbeat())
    assert type(raised.value) is expected


@pytest.mark.parametrize(
    ("status", "expected"), [(413, CallerError), (404, ServerUnreachable), (429, ServerUnreachable)]
)
async def test_a_stranger_may_refuse_a_request_about_a_job_for_good(
    http: HttpFleet, client: HttpFleetClient, tmp_path: Path, status: int, expected: type[BalanzaError]
) -> None:
    http.answer_instead = HTMLResponse("<h1>nginx</h1>", status)
    (tmp_path / "result").write_bytes(b"x" * 3_000_000)
    for call in (
        client.send_result("a-secret", tmp_path / "result"),
        client.fetch_source("a-secret", tmp_path / "source"),
        client.fail("a-secret", Failure(error="it failed")),
    ):
        with pytest.raises(expected, match=f"answered {status}") as raised:
            await call
        assert type(raised.value) is expected
        assert "a-secret" not in raised.value.sentence


async def test_a_server_that_is_gone_or_slow_is_unreachable(
    http: HttpFleet, client: HttpFleetClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "HEARTBEAT_SECONDS", 0.2)
    http.delay_seconds = 1
    with pytest.raises(ServerUnreachable, match="did not answer in time"):
        await client.heartbeat(heartbeat())
    http.stop()
    with pytest.raises(ServerUnreachable, match="cannot be reached"):
        await client.heartbeat(heartbeat())


async def test_a_server_that_hangs_up_is_unreachable_and_the_sentence_ends_once(tmp_path: Path) -> None:
    hanging_up = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = hanging_up.sockets[0].getsockname()[1]
    client = HttpFleetClient(f"http://127.0.0.1:{port}")
    try:
        with pytest.raises(ServerUnreachable, match=r"cannot be reached: .*[^.]\.$"):
            await client.heartbeat(heartbeat())
    finally:
        await client.aclose()
        hanging_up.close()


async def test_calls_share_one_connection(http: HttpFleet, client: HttpFleetClient) -> None:
    await client.register(registration())
    for _ in range(5):
        await client.heartbeat(heartbeat())
        await client.lease(lease_request())
    assert len(http.connections) == 1


async def test_a_source_cut_off_on_its_way_is_fetched_again(
    http: HttpFleet, client: HttpFleetClient, tools: Tools, long_song: Path
) -> None:
    http.fleet.shared = False
    http.cut_source_after = 1_000_000
    grant = http.fleet.add(long_song)
    agent = Agent(client, Identity("worker_a", 1, 1.0), tools)
    running = asyncio.create_task(agent.run())
    await until(lambda: http.fleet.completed.get(grant.token))
    agent.stop()
    await running
    assert http.cut_source_after is None
    assert not http.fleet.failed


async def test_a_source_cut_off_each_time_is_a_failure(
    http: HttpFleet, client: HttpFleetClient, tools: Tools, song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "TRANSFER_PAUSE_SECONDS", 0.01)
    http.fleet.shared = False
    http.cut_source_after, http.cuts = 0, 1_000_000
    grant = http.fleet.add(song)
    agent = Agent(client, Identity("worker_a", 1, 1.0), tools)
    running = asyncio.create_task(agent.run())
    failure = await until(lambda: http.fleet.failed.get(grant.token))
    agent.stop()
    await running
    assert failure.error.startswith("The source could not be transferred in 5 tries: ")
    assert grant.token not in failure.error
    assert 1_000_000 - http.cuts == 5


async def test_a_result_that_a_proxy_finds_too_large_is_a_failure(
    http: HttpFleet, client: HttpFleetClient, tools: Tools, song: Path
) -> None:
    http.fleet.shared = False
    http.answer_to_results = HTMLResponse("<h1>413 Request Entity Too Large</h1>", 413)
    grant = http.fleet.add(song)
    agent = Agent(client, Identity("worker_a", 1, 1.0), tools)
    running = asyncio.create_task(agent.run())
    failure = await until(lambda: http.fleet.failed.get(grant.token))
    agent.stop()
    await running
    assert "answered 413" in failure.error
    assert "PUT result" in failure.error
    assert not http.fleet.stored()


@pytest.mark.parametrize(
    ("told", "understood"), [(None, None), ("2.5", 2.5), ("0", None), ("inf", None), ("nan", None), ("soon", None)]
)
async def test_the_pace_of_heartbeats_is_told_in_a_header(
    http: HttpFleet, client: HttpFleetClient, told: str | None, understood: float | None
) -> None:
    await client.register(registration())
    http.pace = told
    assert (await client.heartbeat(heartbeat())).heartbeat_seconds == understood


@pytest.mark.parametrize("keeps_its_store", [True, False])
async def test_a_restarted_server_finds_its_worker_again(
    http: HttpFleet,
    client: HttpFleetClient,
    tools: Tools,
    song: Path,
    keeps_its_store: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "balanza.worker")
    fleet = http.fleet
    agent = Agent(client, Identity("worker_a", 1, 1.0), tools)
    running = asyncio.create_task(agent.run())
    await until(lambda: fleet.heartbeats)
    await asyncio.to_thread(http.stop)
    await until(lambda: any("no responde" in message for message in caplog.messages))
    if not keeps_its_store:
        fleet.forget_everything()
    grant = fleet.add(song)
    await asyncio.to_thread(http.start)
    await until(lambda: grant.token in fleet.completed)
    agent.stop()
    await running
    assert len(fleet.registrations) == (1 if keeps_its_store else 2)
    assert sum("no responde" in message for message in caplog.messages) == 1


async def test_a_worker_that_speaks_to_its_server_by_other_means_does_without_it() -> None:
    """Importing it takes a tenth of a second, which `balanza convert` would spend for nothing."""
    asked = "import sys, balanza.cli.local; sys.exit('httpx2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0


# --- Servers of another version


@pytest.mark.parametrize("spoken", [None, "", "x", "²", str(PROTOCOL - 1)])
async def test_an_older_server_is_left_with_a_sentence_that_says_which_to_upgrade(
    http: HttpFleet, client: HttpFleetClient, spoken: str | None
) -> None:
    http.protocol = spoken
    with pytest.raises(
        StartupError, match=r"is older than this worker .* Upgrade the server first, then its workers\.$"
    ):
        await client.register(registration("one"))
    assert http.fleet.left == ["one"]


async def test_a_server_that_does_not_know_a_field_of_the_registration_is_older_too(
    http: HttpFleet, client: HttpFleetClient
) -> None:
    problem = {"type": "urn:balanza:problem:invalid-request", "title": "A value is not valid", "status": 422}
    http.answer_instead = JSONResponse(problem | {"detail": "tags: Extra inputs are not permitted."}, 422)
    with pytest.raises(
        StartupError, match=r"Upgrade the server first, .* It says: tags: Extra inputs are not permitted"
    ):
        await client.register(registration())


async def test_a_newer_server_is_understood(http: HttpFleet, client: HttpFleetClient) -> None:
    http.protocol = str(PROTOCOL + 1)
    assert (await client.register(registration())).lease_seconds == 10


SENT: dict[type[Message], str] = {
    Registration: "worker_id instance slots cpus memory_total_mb encoders tags metrics_address load",
    Load: "cpu_load memory_mb scratch_free_bytes received_bytes_per_second sent_bytes_per_second",
    Heartbeat: "worker_id instance load leases leaving",
    LeaseReport: "token progress speed eta_seconds paused paused_seconds",
    LeaseRequest: "worker_id instance wait_seconds pauses remaining_seconds most",
    Completion: "size_bytes sha256 probe log_tail paused_seconds run_seconds transfer_seconds",
    Completions: "completions",
    Failure: "error log_tail paused_seconds",
}


def test_whoever_adds_a_field_that_workers_send_counts_the_protocol_up() -> None:
    assert (PROTOCOL, {message: " ".join(message.model_fields) for message in SENT}) == (1, SENT)
