"""The numbers of jobs, decisions and events, which count what everybody does together, as each person sees them."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from balanza.server.numbers import Numbers
from balanza.settings import Settings
from tests.server.people import FLEET_TOKEN, Town, town
from tests.server.stand import wav

WITH = Settings(auth="on", fleet_token=SecretStr(FLEET_TOKEN))


@given(st.integers(0, 2**52 - 1))
def test_each_number_is_shown_as_another_that_means_it(number: int) -> None:
    numbers = Numbers(WITH)
    shown = numbers.shown(number)

    assert 0 <= shown < 2**52
    assert numbers.meant(shown) == number
    assert Numbers(WITH).shown(number) == shown


@given(st.integers(2**52, 2**63 - 1))
def test_numbers_that_never_were_given_are_left_alone(number: int) -> None:
    assert Numbers(WITH).meant(number) == Numbers(WITH).shown(number) == number


def test_who_knows_some_numbers_cannot_tell_how_many_are_between_them() -> None:
    shown = [Numbers(WITH).shown(number) for number in range(1, 1001)]
    gaps = [abs(one - next_one) for one, next_one in pairwise(shown)]

    assert len(set(gaps)) == 999
    assert sum(one < next_one for one, next_one in pairwise(shown)) == pytest.approx(500, abs=100)
    other = Numbers(WITH.model_copy(update={"fleet_token": SecretStr("another secret")}))
    assert not set(shown) & {other.shown(number) for number in range(1, 1001)}


def test_without_accounts_numbers_are_as_they_are() -> None:
    numbers = Numbers(Settings(auth="off"))
    assert (numbers.shown(7), numbers.meant(7)) == (7, 7)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("data")) as made:
        yield made


def test_pages_of_jobs_and_decisions_go_on_where_they_ended(people: Town) -> None:
    source = people.berta.post("/upload", params={"name": "song.wav"}, content=wav()).json()["id"]
    wanted = {"input_file": source, "output_format": "mp3"}
    ids = [people.berta.post("/convert", json=wanted).json()["job_id"] for _ in range(3)]

    first = people.berta.get("/jobs", params={"limit": 2}).json()
    second = people.berta.get("/jobs", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    decided = people.admin.get("/decisions", params={"limit": 2}).json()
    before = people.admin.get("/decisions", params={"limit": 1, "cursor": decided["next_cursor"]}).json()

    assert [job["job_id"] for job in first["jobs"] + second["jobs"]] == ids[::-1]
    assert [one["job_id"] for one in decided["decisions"] + before["decisions"]] == ids[::-1]
    assert int(first["next_cursor"]) > 1_000_000
    [own] = people.berta.get(f"/jobs/{ids[0]}/decision").json()["history"]
    assert own["id"] == before["decisions"][0]["id"] > 1_000_000


def test_who_comes_back_hears_what_was_missed_under_ids_that_tell_no_more(people: Town) -> None:
    def next_id(last: str | None) -> tuple[str, str]:
        headers = {} if last is None else {"Last-Event-ID": last}
        with people.berta.stream("GET", "/events", headers=headers) as answer:
            lines = answer.iter_lines()
            if last is None:
                assert next(lines) == "retry: 2000"
                people.berta.post("/upload", params={"name": "one.wav"}, content=wav()).raise_for_status()
            found = next(line for line in lines if line.startswith("id: "))
            return found.removeprefix("id: "), next(lines)

    first, _ = next_id(None)
    people.carla.post("/upload", params={"name": "hers.wav"}, content=wav()).raise_for_status()
    people.berta.post("/upload", params={"name": "two.wav"}, content=wav()).raise_for_status()
    second, told = next_id(first)

    assert told == "event: media.created"
    assert min(int(first), int(second)) > 1_000_000
    assert abs(int(first) - int(second)) > 1_000_000
