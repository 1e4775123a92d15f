"""Every route, asked by everybody: nobody sees, changes or infers what is somebody else's."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from fastapi.routing import APIRoute

from balanza.server.app import ROUTERS
from tests.server.people import Town, town
from tests.server.stand import Hand, wav

PUBLIC = "public"
"""For anybody at all."""
OWN = "own"
"""For whoever it belongs to; for others it is not there."""
EVERYBODY = "everybody"
"""For whoever is logged in: about what is theirs."""
ADMIN = "admin"
WORKER = "worker"
MONITOR = "monitor"

ACCESS: dict[str, str] = {
    "GET /auth/me": PUBLIC,
    "POST /auth/login": PUBLIC,
    "POST /auth/signup": PUBLIC,
    "POST /auth/invitation": PUBLIC,
    "GET /auth/oidc/login": PUBLIC,
    "GET /auth/oidc/callback": PUBLIC,
    "GET /health": PUBLIC,
    "GET /ready": PUBLIC,
    "OPTIONS /files": PUBLIC,
    "OPTIONS /files/{upload_id}": PUBLIC,
    "GET /s/{token}": PUBLIC,
    "HEAD /s/{token}": PUBLIC,
    "GET /s/{token}/info": PUBLIC,
    "POST /s/{token}/unlock": PUBLIC,
    "GET /s/{token}/media": PUBLIC,
    "HEAD /s/{token}/media": PUBLIC,
    "POST /auth/logout": EVERYBODY,
    "POST /auth/password": EVERYBODY,
    "POST /auth/delete": EVERYBODY,
    "GET /auth/tokens": EVERYBODY,
    "POST /auth/tokens": EVERYBODY,
    "DELETE /auth/tokens/{token_id}": EVERYBODY,
    "POST /upload": EVERYBODY,
    "GET /media": EVERYBODY,
    "POST /files": EVERYBODY,
    "GET /jobs": EVERYBODY,
    "GET /formats": EVERYBODY,
    "GET /events": EVERYBODY,
    "GET /media/zip": OWN,
    "POST /media/zip": OWN,
    "HEAD /media/{media_id}": OWN,
    "GET /media/{media_id}": OWN,
    "PATCH /media/{media_id}": OWN,
    "GET /media/{media_id}/info": OWN,
    "GET /media/{media_id}/thumbnail": OWN,
    "GET /media/{media_id}/waveform": OWN,
    "GET /media/{media_id}/captions/{stream}": OWN,
    "GET /media/{media_id}/preview": OWN,
    "GET /media/{media_id}/preview/{run}/playlist.m3u8": OWN,
    "GET /media/{media_id}/preview/{run}/{number}.mp4": OWN,
    "POST /media/{media_id}/restore": OWN,
    "DELETE /media/{media_id}": OWN,
    "POST /media/{media_id}/shares": OWN,
    "GET /shares": OWN,
    "DELETE /shares/{share_id}": OWN,
    "POST /convert": OWN,
    "POST /convert/batch": OWN,
    "POST /convert/estimate": OWN,
    "GET /jobs/{job_id}": OWN,
    "GET /jobs/{job_id}/decision": OWN,
    "POST /jobs/{job_id}/cancel": OWN,
    "POST /jobs/{job_id}/retry": OWN,
    "HEAD /files/{upload_id}": OWN,
    "PATCH /files/{upload_id}": OWN,
    "POST /files/{upload_id}": OWN,
    "DELETE /files/{upload_id}": OWN,
    "GET /users": ADMIN,
    "PATCH /users/{user_id}": ADMIN,
    "DELETE /users/{user_id}": ADMIN,
    "GET /invitations": ADMIN,
    "POST /invitations": ADMIN,
    "DELETE /invitations/{invitation_id}": ADMIN,
    "GET /queue/stats": ADMIN,
    "GET /decisions": ADMIN,
    "GET /workers/stats": ADMIN,
    "GET /workers/history": ADMIN,
    "GET /workers/timeline": ADMIN,
    "POST /workers/{worker_id}/drain": ADMIN,
    "POST /workers/{worker_id}/resume": ADMIN,
    "DELETE /workers/{worker_id}": ADMIN,
    "GET /metrics": MONITOR,
    "GET /prometheus/targets": MONITOR,
    "POST /fleet/register": WORKER,
    "POST /fleet/heartbeat": WORKER,
    "POST /fleet/leave": WORKER,
    "POST /fleet/lease": WORKER,
    "GET /fleet/leases/{token}/source": WORKER,
    "POST /fleet/leases/{token}/complete": WORKER,
    "POST /fleet/complete": WORKER,
    "POST /fleet/leases/{token}/fail": WORKER,
    "POST /fleet/leases/{token}/release": WORKER,
    "PUT /fleet/leases/{token}/result": WORKER,
    "PUT /fleet/leases/{token}/pieces/{number}": WORKER,
}

SECRET_NAME = "the diary of berta.wav"
TUS = {"Tus-Resumable": "1.0.0"}


def routes() -> list[str]:
    found = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    return sorted(f"{method} {route.path}" for route in found for method in route.methods or ())


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("data")) as made:
        Hand.register(made.worker, "worker_a")
        yield made


@pytest.fixture(scope="module")
def things(people: Town) -> "Things":
    """For those who can change nothing of it."""
    return Things(people)


class Things:
    """What belongs to Berta, new each time."""

    def __init__(self, people: Town) -> None:
        berta = people.berta
        uploaded = berta.post("/upload", params={"name": SECRET_NAME}, content=wav())
        assert uploaded.status_code == 201, uploaded.text
        self.media_id = uploaded.json()["id"]
        self.job_id = berta.post("/convert", json={"input_file": self.media_id, "output_format": "mp3"}).json()[
            "job_id"
        ]
        self.user_id = berta.get("/auth/me").json()["user"]["id"]
        made = berta.post(f"/media/{self.media_id}/shares", json={"expires_seconds": 60}).json()
        self.share_id, self.token = made["id"], made["url"].rpartition("/")[2]
        name = base64.b64encode(SECRET_NAME.encode()).decode()
        begun = berta.post("/files", headers={**TUS, "Upload-Length": "5", "Upload-Metadata": f"filename {name}"})
        self.upload_id = begun.headers["location"].rpartition("/")[2]
        self.token_id = self.invitation_id = "none"
        self.worker_id, self.stream, self.run, self.number = "worker_z", "0", "0", "0"

    def state(self, berta: httpx2.Client) -> list[Any]:
        """All that somebody else could have changed."""
        job = berta.get(f"/jobs/{self.job_id}").json()
        return [
            berta.get(f"/media/{self.media_id}/info").json(),
            {name: job[name] for name in ("status", "attempts", "options")},
            berta.get("/shares", params={"media": self.media_id}).json(),
            berta.head(f"/files/{self.upload_id}", headers=TUS).headers["upload-offset"],
            berta.get("/auth/tokens").json(),
        ]


def ask(client: httpx2.Client, route: str, things: Things) -> httpx2.Response:
    method, path = route.split(" ")
    address = path.format(**{**vars(things), "token": things.token if path.startswith("/s/") else "no-lease"})
    more: dict[str, Any] = {"headers": TUS if path.startswith("/files") else {}}
    if body := BODIES.get(route):
        more |= body(things)
    if route == "GET /events":
        with client.stream(method, address) as answer:
            return answer
    return client.request(method, address, **more)


BODIES: dict[str, Callable[[Things], dict[str, Any]]] = {
    "POST /auth/login": lambda _: {"data": {"username": "nobody", "password": "wrong"}},
    "POST /auth/signup": lambda _: {"data": {"username": "dora", "password": "without an invitation"}},
    "POST /auth/invitation": lambda _: {"json": {"token": "none"}},
    "POST /auth/password": lambda _: {"json": {"current": "wrong", "new": "a word after another one"}},
    "POST /auth/delete": lambda _: {"json": {"password": "wrong"}},
    "POST /auth/tokens": lambda _: {"json": {"name": "backup"}},
    "POST /upload": lambda _: {"params": {"name": "other.wav"}, "content": wav()},
    "POST /files": lambda _: {"headers": {**TUS, "Upload-Length": "5", "Upload-Metadata": "filename YQ=="}},
    "PATCH /files/{upload_id}": lambda _: {
        "headers": {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"},
        "content": b"ab",
    },
    "POST /files/{upload_id}": lambda _: {"headers": {**TUS, "X-HTTP-Method-Override": "HEAD"}},
    "GET /media/zip": lambda things: {"params": {"id": things.media_id}},
    "POST /media/zip": lambda things: {"data": {"id": things.media_id}},
    "POST /media/{media_id}/shares": lambda _: {"json": {"expires_seconds": 60}},
    "GET /shares": lambda things: {"params": {"media": things.media_id}},
    "POST /convert": lambda things: {"json": {"input_file": things.media_id, "output_format": "flac"}},
    "POST /convert/batch": lambda things: {"json": {"input_files": [things.media_id], "output_format": "flac"}},
    "POST /convert/estimate": lambda things: {"json": {"input_file": things.media_id, "output_format": "flac"}},
    "PATCH /media/{media_id}": lambda _: {"json": {"name": "mine now.wav"}},
    "POST /s/{token}/unlock": lambda _: {"json": {"password": "none"}},
    "PATCH /users/{user_id}": lambda _: {"json": {"quota_jobs": 1000}},
    "POST /invitations": lambda _: {"json": {}},
    "POST /fleet/register": lambda _: {
        "json": {
            "worker_id": "worker_b",
            "instance": "one",
            "slots": 1,
            "cpus": 1,
            "encoders": [],
            "load": {"cpu_load": 0, "memory_mb": 1},
        }
    },
    "POST /fleet/heartbeat": lambda _: {
        "json": {"worker_id": "w", "instance": "one", "load": {"cpu_load": 0, "memory_mb": 1}, "leases": []}
    },
    "POST /fleet/leave": lambda _: {"json": {"worker_id": "w", "instance": "one"}},
    "POST /fleet/lease": lambda _: {"json": {"worker_id": "w", "instance": "one", "wait_seconds": 0}},
    "POST /fleet/complete": lambda _: {"json": {"completions": {}}},
    "POST /fleet/leases/{token}/fail": lambda _: {"json": {"error": "none"}},
    "POST /fleet/leases/{token}/complete": lambda _: {
        "json": {
            "size_bytes": 1,
            "sha256": "0" * 64,
            "probe": {"container": "wav", "duration_seconds": 1, "bit_rate_bps": 1, "streams": []},
            "log_tail": "",
        }
    },
}

REFUSED = {401, 403, 404}


def test_every_route_says_whom_it_is_for() -> None:
    assert routes() == sorted(ACCESS)


@pytest.mark.parametrize("route", sorted(route for route, access in ACCESS.items() if access != PUBLIC))
def test_nobody_gets_further_than_they_may(people: Town, things: Things, route: str) -> None:
    access = ACCESS[route]
    before = things.state(people.berta)

    anonymous = ask(people.anybody, route, things)
    assert anonymous.status_code == 401, anonymous.text
    assert anonymous.headers["www-authenticate"] == "Bearer"
    for name, client in {"carla": people.carla, "admin": people.admin}.items():
        if route in HARMFUL:
            continue
        answer = ask(client, route, things)
        expected = {
            OWN: {404},
            EVERYBODY: None,
            ADMIN: {403} if name == "carla" else None,
            MONITOR: {403} if name == "carla" else None,
            WORKER: {401},
        }[access]
        if expected is None:
            assert answer.status_code not in {401, 403} or route in TOKENS_MAY_NOT, answer.text
        else:
            assert answer.status_code in expected, answer.text
        if not answer.is_closed or route != "GET /events":
            _tells_nothing(answer, things, is_admin=name == "admin")
    assert things.state(people.berta) == before


HARMFUL = {"POST /auth/logout", "DELETE /users/{user_id}"}
"""Asked as in test_accounts: it would end the session of who walks, or Berta."""
TOKENS_MAY_NOT = {"POST /auth/password", "POST /auth/delete"}
"""A wrong password is answered 401."""


def _tells_nothing(answer: httpx2.Response, things: Things, *, is_admin: bool) -> None:
    """Neither the name nor the ids, but for the one that was asked for; administrators see which jobs there are."""
    body = answer.content.decode(errors="replace")
    assert SECRET_NAME not in body
    if answer.is_success and not is_admin:
        assert not [secret for secret in (things.media_id, things.job_id, things.upload_id) if secret in body]


@pytest.mark.parametrize("route", sorted(route for route, access in ACCESS.items() if access in {OWN, EVERYBODY}))
def test_everybody_gets_at_what_is_theirs(people: Town, route: str) -> None:
    if route in HARMFUL:
        return
    answer = ask(people.berta, route, Things(people))

    allowed = {404} if "token_id" in route or "captions" in route or "thumbnail" in route or "{run}" in route else set()
    assert answer.status_code not in (REFUSED - allowed) or route in TOKENS_MAY_NOT, answer.text


def test_who_is_no_administrator_hears_nothing_of_the_jobs_of_others(people: Town) -> None:
    import threading

    heard: dict[str, str] = {}

    def listen(name: str, client: httpx2.Client, ready: threading.Barrier) -> None:
        with client.stream("GET", "/events") as answer:
            pieces = answer.iter_text()
            heard[name] = next(pieces)
            ready.wait()
            for piece in pieces:
                heard[name] += piece
                if "the end.wav" in piece or "worker.draining" in piece:
                    break

    clients = {"berta": people.berta, "carla": people.carla, "admin": people.admin}
    ready = threading.Barrier(len(clients) + 1)
    threads = [threading.Thread(target=listen, args=(name, client, ready)) for name, client in clients.items()]
    for thread in threads:
        thread.start()
    ready.wait()
    things = Things(people)
    people.berta.delete(f"/shares/{things.share_id}")
    people.admin.post("/workers/worker_a/drain")
    for thread in threads:
        thread.join()
    people.admin.post("/workers/worker_a/resume")

    assert things.job_id in heard["berta"]
    assert things.media_id in heard["berta"]
    for name in ("carla", "admin"):
        assert things.job_id not in heard[name]
        assert things.media_id not in heard[name]
    assert "fleet.changed" in heard["admin"]
    assert [f"share.{what}" in heard["berta"] for what in ("created", "revoked")] == [True, True]
    assert all("share" not in heard[name] for name in ("carla", "admin"))
    assert "job" not in heard["carla"].replace("job.progress", "")


def test_a_file_of_the_same_name_is_never_that_of_somebody_else(people: Town) -> None:
    things = Things(people)

    answer = people.carla.post("/convert", json={"input_file": SECRET_NAME, "output_format": "mp3"})
    cursor = people.carla.get("/media", params={"cursor": things.media_id})

    assert answer.status_code == 404
    assert cursor.status_code == 422


def test_two_people_may_use_the_same_idempotency_key(people: Town) -> None:
    key = {"Idempotency-Key": "monday"}
    made = []
    for client in (people.berta, people.carla):
        source = client.post("/upload", params={"name": "song.wav"}, content=wav()).json()["id"]
        made.append(client.post("/convert", json={"input_file": source, "output_format": "mp3"}, headers=key))

    assert [answer.status_code for answer in made] == [201, 201]
    assert made[0].json()["job_id"] != made[1].json()["job_id"]
