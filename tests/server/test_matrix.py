"""What of an answer of Prometheus is a sample, and what is not."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balanza.model import MetricsSource, Sample
from balanza.server.matrix import LONGEST, Samples, Unreadable, selector, series_in
from tests.server.fake_prometheus import Series, matrix, series

CPU, MEMORY, JOBS = "worker_cpu_load", "worker_memory_usage_mb", "worker_jobs_in_progress"
AT = 1_767_000_000.25
ODD_PAIRS: list[Any] = [[AT], [AT, 0.5], ["now", "0.5"], [True, "0.5"], [-1, "0.5"], [1e300, "0.5"], [AT, None], 5, {}]


def samples_in(answer: bytes) -> dict[str, Sample]:
    found = Samples()
    for one in series_in(answer):
        found.add(one)
    return found.newest()


def sample(seconds: float, cpu_load: float, memory_mb: float | None = None, jobs: int | None = None) -> Sample:
    return Sample(MetricsSource.PROMETHEUS, datetime.fromtimestamp(seconds, UTC), cpu_load, memory_mb, jobs)


def only(*found: Series) -> Sample | None:
    return samples_in(matrix(*found)).get("worker_a")


def test_one_query_asks_for_all_workers_and_metrics() -> None:
    assert selector(20) == f'{{__name__=~"{CPU}|{MEMORY}|{JOBS}"}}[20000ms]'
    assert selector(0.6) == f'{{__name__=~"{CPU}|{MEMORY}|{JOBS}"}}[600ms]'


def test_the_newest_scrape_of_each_worker_is_its_sample() -> None:
    answer = matrix(
        series(CPU, "worker_a", (AT - 5, "0.1"), (AT, "0.25")),
        series(CPU, "worker_b", (AT - 4, "1"), (AT - 9, "0")),
        series(MEMORY, "worker_a", (AT - 5, "90"), (AT, "100.5")),
        series(JOBS, "worker_a", (AT - 5, "0"), (AT, "2")),
    )
    assert samples_in(answer) == {"worker_a": sample(AT, 0.25, 100.5, 2), "worker_b": sample(AT - 4, 1.0)}


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "-0.1", "1.01", "1e999", "half", "", "0x1"])
def test_what_is_no_load_is_no_sample_and_the_one_before_counts(value: str) -> None:
    assert only(series(CPU, "worker_a", (AT, value))) is None
    assert only(series(CPU, "worker_a", (AT - 5, "0.5"), (AT, value))) == sample(AT - 5, 0.5)


@pytest.mark.parametrize("value", ["NaN", "-1", "Inf", "2e12"])
def test_memory_that_cannot_be_is_unknown(value: str) -> None:
    assert only(series(CPU, "worker_a", (AT, "0.5")), series(MEMORY, "worker_a", (AT, value))) == sample(AT, 0.5)


def test_memory_of_another_scrape_is_not_said_of_this_one() -> None:
    assert only(series(CPU, "worker_a", (AT, "0.5")), series(MEMORY, "worker_a", (AT - 5, "90"))) == sample(AT, 0.5)


def test_memory_alone_is_no_sample() -> None:
    assert only(series(MEMORY, "worker_a", (AT, "90"))) is None


def test_of_two_that_claim_one_name_the_newer_counts() -> None:
    assert only(series(CPU, "worker_a", (AT, "0.5")), series(CPU, "worker_a", (AT + 1, "0.7"))) == sample(AT + 1, 0.7)


def test_two_that_contradict_each_other_at_one_moment_are_no_sample() -> None:
    assert only(*(series(CPU, "worker_a", (AT, value)) for value in ("0.5", "0.7", "0.5"))) is None
    assert only(*(series(CPU, "worker_a", (AT, "0.5")) for _ in range(2))) == sample(AT, 0.5)


@pytest.mark.parametrize(
    "odd",
    [
        None,
        7,
        {},
        {"metric": None, "values": [[AT, "0.5"]]},
        {"metric": {"__name__": CPU}, "values": [[AT, "0.5"]]},
        {"metric": {"__name__": CPU, "worker_id": 5}, "values": [[AT, "0.5"]]},
        {"metric": {"__name__": CPU, "worker_id": "../etc"}, "values": [[AT, "0.5"]]},
        {"metric": {"__name__": "up", "worker_id": "worker_b"}, "values": [[AT, "0.5"]]},
        {"metric": {"__name__": CPU, "worker_id": "worker_b"}, "values": "0.5"},
        {"metric": {"__name__": CPU, "worker_id": "worker_b"}, "value": [AT, "0.5"]},
        {"metric": {"__name__": CPU, "worker_id": "worker_b"}, "histograms": [[AT, {}]]},
        *({"metric": {"__name__": CPU, "worker_id": "worker_b"}, "values": [pair]} for pair in ODD_PAIRS),
    ],
)
def test_an_odd_series_is_left_out_and_the_others_count(odd: Series) -> None:
    assert samples_in(matrix(odd, series(CPU, "worker_a", (AT, "0.5")))) == {"worker_a": sample(AT, 0.5)}


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html><title>Log in</title></html>",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"status": "success"',
        b"null",
        b"[]",
        b"{}",
        b'{"status": "error", "errorType": "bad_data", "error": "no"}',
        b'{"status": "success"}',
        b'{"status": "success", "data": []}',
        b'{"status": "success", "data": {"resultType": "vector", "result": []}}',
        b'{"status": "success", "data": {"resultType": "matrix", "result": {}}}',
        b'{"status": "success", "data": {"resultType": "matrix"}}',
        b'{"status": "success", "data": {"resultType": "matrix", "result": [',
        b'{"status": "success", "data": {"resultType": "matrix", "result": [{}',
        b'{"status": "success", "data": {"resultType": "matrix", "result": [{}}}',
        b'{"status": "success", "data": {"resultType": "matrix", "result": []}} and more',
        b'{"result": [], "status": "success", "data": {"resultType": "matrix", "result": [{}]}}',
        b'{"status": "success", "data": {"resultType": "matrix", "result": [' + b"[" * LONGEST + b"]}}",
        b'{"status": "success", "data": {"resultType": "matrix", "result": ["' + b"x" * LONGEST + b'"]}}',
        b'{"status": "success", "data": {"resultType": "matrix", "result": []}, "x": "' + b"x" * LONGEST + b'"}',
    ],
)
def test_nonsense_is_said_to_be_unreadable(answer: bytes) -> None:
    with pytest.raises(Unreadable, match="answered with"):
        samples_in(answer)


@pytest.mark.parametrize("indent", [None, 1, "\t"])
@pytest.mark.parametrize("separators", [(",", ":"), (" , ", " : ")])
def test_white_space_does_not_matter(indent: int | str | None, separators: tuple[str, str]) -> None:
    body = json.loads(matrix(series(CPU, "worker_a", (AT, "0.5")), {}, series(CPU, "worker_b", (AT, "0.5"))))
    answer = json.dumps(body, indent=indent, separators=separators).encode()
    assert set(samples_in(answer)) == {"worker_a", "worker_b"}


@given(st.recursive(st.none() | st.text(max_size=8), st.lists, max_leaves=5), st.text(max_size=20))
def test_the_series_are_those_that_json_reads(odd: object, label: str) -> None:
    whole = series(CPU, "worker_a", (AT, "0.5"))
    whole["metric"][f'"result":[{label}'] = f'{label}]}},"data":"result":['
    answer = {"status": "success", "warnings": [label], "data": {"resultType": "matrix", "result": [odd, whole, odd]}}
    for ascii_only in (True, False):
        assert list(series_in(json.dumps(answer, ensure_ascii=ascii_only).encode())) == [odd, whole, odd]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([CPU, "worker_a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["metric", "values", "__name__", "worker_id", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.lists(ANYTHING, max_size=4))
def test_no_series_whatever_its_shape_breaks_the_reading(result: list[object]) -> None:
    answer = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    for found in samples_in(json.dumps(answer).encode()).values():
        assert found.cpu_load is not None
        assert 0 <= found.cpu_load <= 1
