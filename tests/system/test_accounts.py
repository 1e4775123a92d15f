"""`BALANZA_AUTH=on balanza up` as people, programs and workers meet it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clips import clip
from tests.support.commands import balanza, balanza_here, said
from tests.support.live import Live

PASSWORD = "a word after another"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    settings = {"BALANZA_AUTH": "on", "BALANZA_PUBLIC_STATS": "true"}
    with Live(tmp_path_factory.mktemp("accounts") / "data", environment=settings) as running:
        yield running


@pytest.fixture(scope="module")
def token(live: Live) -> str:
    """Of the first administrator, who came by the link in the log."""
    address, _, secret = live.logged("Make the first administrator").rpartition("#invitation=")
    assert address.endswith(f"{live.address}/login.html")
    typed = {"username": "ana", "password": PASSWORD, "invitation": secret}
    answer = live.api.post("/auth/signup", data=typed)
    assert answer.status_code == 201, answer.text
    made: str = answer.json()["access_token"]
    return made


def test_the_command_line_converts_with_a_token_and_says_what_is_missing_without(
    live: Live, token: str, tmp_path: Path
) -> None:
    here = ("convert", clip("song.wav"), "--to", "mp3", "--output", tmp_path, "--server", live.address)

    refused = balanza_here(*here, folder=tmp_path)
    done = balanza_here(*here, folder=tmp_path, environment={"BALANZA_TOKEN": token})

    assert refused.returncode == 1
    assert "BALANZA_TOKEN" in said(refused)
    assert done.returncode == 0, said(done)
    assert (tmp_path / "song.mp3").exists()


def test_a_worker_without_the_secret_of_the_fleet_ends_with_a_sentence(live: Live, tmp_path: Path) -> None:
    done = balanza("worker", "--id", "stranger", "--server", live.address, folder=tmp_path)

    assert done.returncode == 1
    assert "BALANZA_FLEET_TOKEN" in said(done)
    workers = live.api.get("/workers/stats").json()["workers"]
    assert [one["worker_id"] for one in workers] == ["worker_a", "worker_b"]
