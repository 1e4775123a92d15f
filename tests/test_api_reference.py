"""The reference of the API is what the server says of itself, and its examples run."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from fastapi import FastAPI

from balanza.dispatch.accounts import Newcomer
from balanza.model import Role
from balanza.server.app import create_app
from scripts.api_examples import VARIABLES, in_curl
from scripts.api_reference import DOCUMENT, calls_of, reference
from tests.server.people import FLEET_TOKEN
from tests.server.stand import Stand, running, wav
from tests.support.needs import need

Found = Callable[[str], Mapping[str, str]]


def fields(**names: str) -> Found:
    """Variables from the fields of a JSON object."""
    return lambda answer: {variable: json.loads(answer)[name] for variable, name in names.items()}


def matched(pattern: str) -> Found:
    """Variables from the named groups of a pattern in the answer."""

    def find(answer: str) -> Mapping[str, str]:
        found = re.search(pattern, answer)
        assert found, answer
        return found.groupdict()

    return find


def nothing(_: str) -> Mapping[str, str]:
    return {}


STORY: tuple[tuple[str, Found], ...] = (
    ("POST /auth/login", fields(token="access_token")),
    ("GET /auth/me", nothing),
    ("POST /auth/tokens", fields(token_id="id")),
    ("GET /auth/tokens", nothing),
    ("DELETE /auth/tokens/{token_id}", nothing),
    ("POST /invitations", matched(r"#invitation=(?P<invitation>[\w-]+)")),
    ("POST /auth/invitation", nothing),
    ("POST /auth/signup", nothing),
    ("POST /invitations", fields(invitation_id="id")),
    ("GET /invitations", nothing),
    ("DELETE /invitations/{invitation_id}", nothing),
    ("GET /users", matched(r'"id":"(?P<user_id>[\w-]+)","name":"luz"')),
    ("PATCH /users/{user_id}", nothing),
    ("POST /upload", fields(media_id="id")),
    ("GET /media", nothing),
    ("HEAD /media/{media_id}", nothing),
    ("GET /media/{media_id}", nothing),
    ("GET /media/{media_id}/info", nothing),
    ("GET /media/{media_id}/waveform", nothing),
    ("GET /media/{media_id}/preview", nothing),
    ("GET /media/zip", nothing),
    ("POST /media/zip", nothing),
    ("POST /fleet/register", nothing),
    ("POST /convert/estimate", nothing),
    ("POST /convert", fields(job_id="job_id")),
    ("PATCH /media/{media_id}", nothing),
    ("GET /jobs", nothing),
    ("GET /jobs/{job_id}", nothing),
    ("GET /jobs/{job_id}/decision", nothing),
    ("GET /decisions", nothing),
    ("GET /formats", nothing),
    ("GET /queue/stats", nothing),
    ("GET /workers/stats", nothing),
    ("GET /workers/history", nothing),
    ("GET /workers/timeline", nothing),
    ("POST /fleet/lease", fields(lease="token")),
    ("POST /fleet/heartbeat", nothing),
    ("GET /fleet/leases/{token}/source", nothing),
    ("PUT /fleet/leases/{token}/result", nothing),
    ("POST /fleet/leases/{token}/release", nothing),
    ("POST /fleet/lease", fields(lease="token")),
    ("POST /fleet/leases/{token}/fail", nothing),
    ("POST /jobs/{job_id}/cancel", nothing),
    ("POST /jobs/{job_id}/retry", nothing),
    ("POST /jobs/{job_id}/cancel", nothing),
    ("POST /convert/batch", matched(r'"job_id":"(?P<job_id>[\w-]+)"')),
    ("POST /jobs/{job_id}/cancel", nothing),
    ("POST /workers/{worker_id}/drain", nothing),
    ("POST /workers/{worker_id}/resume", nothing),
    ("POST /fleet/leave", nothing),
    ("DELETE /workers/{worker_id}", nothing),
    ("POST /media/{media_id}/shares", matched(r"/s/(?P<share_token>[\w-]+)")),
    ("GET /shares", matched(r'"id":"(?P<share_id>[\w-]+)"')),
    ("POST /s/{token}/unlock", nothing),
    ("GET /s/{token}/info", nothing),
    ("HEAD /s/{token}/media", nothing),
    ("GET /s/{token}/media", nothing),
    ("DELETE /shares/{share_id}", nothing),
    ("DELETE /media/{media_id}", nothing),
    ("POST /media/{media_id}/restore", nothing),
    ("OPTIONS /files", nothing),
    ("POST /files", matched(r"ocation: files/(?P<upload_id>[\w-]+)")),
    ("HEAD /files/{upload_id}", nothing),
    ("PATCH /files/{upload_id}", nothing),
    ("DELETE /files/{upload_id}", nothing),
    ("GET /health", nothing),
    ("GET /ready", nothing),
    ("GET /metrics", nothing),
    ("GET /prometheus/targets", nothing),
    ("GET /events", nothing),
    ("DELETE /users/{user_id}", nothing),
    ("POST /auth/password", nothing),
    ("POST /auth/logout", nothing),
)
"""Calls in an order in which each can succeed, and what the answer to each tells those that follow."""

NOT_RUN = {
    "POST /auth/delete": "by the only administrator, who cannot",
    "GET /media/{media_id}/thumbnail": "of a film, by a worker",
    "GET /media/{media_id}/captions/{stream}": "of a film, by a worker",
    "GET /media/{media_id}/preview/{run}/playlist.m3u8": "of a preview, by a worker",
    "GET /media/{media_id}/preview/{run}/{number}.mp4": "of a preview, by a worker",
    "PUT /fleet/leases/{token}/pieces/{number}": "of a preview that is leased",
    "POST /fleet/leases/{token}/complete": "with the checksum of a result that is there",
    "POST /fleet/complete": "with the checksums of results that are there",
    "GET /auth/oidc/login": "by a browser, with a provider",
    "GET /auth/oidc/callback": "by a browser, with a provider",
}

ENDLESS = "GET /events"
TIME_IS_UP = 28
"""curl's exit code; what streams does not end otherwise."""


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with running(tmp_path_factory.mktemp("data"), auth="on", fleet_token=FLEET_TOKEN) as started:
        started.parts.accounts.add(Newcomer("ana", "three words here"), Role.ADMIN)
        yield started


@pytest.fixture(scope="module")
def app(stand: Stand) -> FastAPI:
    return create_app(stand.parts)


def test_the_reference_is_written_from_the_servers_own_description(app: FastAPI) -> None:
    assert DOCUMENT.read_text() == reference(app), "run: python -m scripts.api_reference"


def test_every_example_with_curl_runs_as_it_stands(stand: Stand, app: FastAPI, tmp_path: Path) -> None:
    need(shutil.which("curl") is not None, "The examples are run with curl: apt-get install curl.")
    examples = {call.name: in_curl(call.example) for call in calls_of(app)}
    not_told = examples.keys() - {name for name, _ in STORY} - NOT_RUN.keys()
    assert not not_told, "put them into STORY, or into NOT_RUN with the reason"
    (tmp_path / "song.wav").write_bytes(wav(1))
    (tmp_path / "result.mp3").write_bytes(b"what FFmpeg made")
    (tmp_path / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
    variables = {"server": stand.address, "fleet_token": FLEET_TOKEN, "worker_id": "worker_x"}
    assert variables.keys() <= VARIABLES.keys()
    for name, find in STORY:
        limited = examples[name].replace("curl", "curl -m 0.3", 1) if name == ENDLESS else examples[name]
        answer = _run(limited, variables, tmp_path)
        assert answer.returncode == (TIME_IS_UP if name == ENDLESS else 0), (name, answer.stdout, answer.stderr)
        variables |= find(answer.stdout)
    assert (tmp_path / "shared").read_bytes() == (tmp_path / "song.wav").read_bytes()


def _run(command: str, variables: Mapping[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | variables | {"CURL_HOME": str(folder), "no_proxy": "*"}
    return subprocess.run(
        ["sh", "-euc", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=20, check=False
    )
