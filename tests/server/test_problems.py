"""Everything that goes wrong is a problem document with a sentence."""

import json
import logging
from typing import Any

import pytest

from balanza.dispatch.library import Library
from balanza.dispatch.uploads import Uploads
from balanza.errors import Retryable
from tests.server.stand import Stand

JSON = {"Content-Type": "application/json"}


def problem_of(answer: Any) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem.keys() >= {"type", "title", "status", "detail"}
    assert problem["type"].startswith("urn:balanza:problem:")
    assert problem["status"] == answer.status_code
    assert problem["detail"].endswith(".")
    return problem


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "sentence"),
    [
        ("GET", "/nowhere", b"", {}, 404, "There is nothing at /nowhere."),
        ("GET", "/web/nothing.js", b"", {}, 404, "There is nothing at /web/nothing.js."),
        ("GET", "/web/../errors.py", b"", {}, 404, "There is nothing at"),
        ("GET", "/web/%2e%2e/errors.py", b"", {}, 404, "There is nothing at"),
        ("PUT", "/jobs", b"", {}, 405, "PUT is not possible at /jobs; possible: GET."),
        ("POST", "/web/api.js", b"", {}, 405, "POST is not possible at /web/api.js; possible: GET, HEAD."),
        ("POST", "/convert", b"{", JSON, 400, "The body is not valid JSON: "),
        ("POST", "/convert", b"\xff\xfe{", JSON, 400, "The body cannot be read as JSON in UTF-8."),
        ("POST", "/convert", b"[" * 100_000, JSON, 400, "The body cannot be read as JSON in UTF-8."),
        ("POST", "/convert", b"[]", JSON, 422, "The body should be a JSON object; it is []."),
        ("POST", "/convert", b'"text"', JSON, 422, 'The body should be a JSON object; it is "text".'),
        ("POST", "/convert", b"", JSON, 422, "The body is missing."),
        ("POST", "/convert", b"{}", JSON, 422, "The field 'input_file' is missing."),
        ("POST", "/convert", b"{}", {}, 415, "Content-Type: application/json"),
        ("POST", "/convert", b"a=b", {"Content-Type": "text/plain"}, 415, "Content-Type: application/json"),
        ("POST", "/convert", b"[" + b"1," * 600_000, JSON, 413, "The body has more than 1048576 bytes."),
        ("POST", "/fleet/heartbeat", b" " * 1_100_000, JSON, 413, "The body has more than 1048576 bytes."),
    ],
)
def test_what_the_framework_refuses_has_a_sentence_too(
    stand: Stand, method: str, path: str, body: bytes, headers: dict[str, str], status: int, sentence: str
) -> None:
    answer = stand.client.request(method, path, content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert sentence in problem_of(answer)["detail"]


def test_a_wrong_method_is_answered_with_all_that_are_possible(stand: Stand) -> None:
    answer = stand.client.put("/media/x")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "DELETE, GET, HEAD, PATCH"


def test_every_wrong_field_is_named_for_programs(stand: Stand) -> None:
    answer = stand.client.post("/convert", json={"input_file": 3, "options": [], "extra": 1})
    errors = problem_of(answer)["errors"]
    assert [error["field"] for error in errors] == ["input_file", "output_format", "options", "extra"]
    assert all(error["detail"].endswith(".") for error in errors)


def test_a_long_value_is_not_repeated_in_full(stand: Stand) -> None:
    answer = stand.client.post("/convert", json={"input_file": ["x" * 10_000], "output_format": "mp3"})
    assert len(problem_of(answer)["detail"]) < 300


def test_a_bug_is_told_with_the_number_under_which_it_stands_in_the_log(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Library, __: str) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(Library, "get", fail)
    with caplog.at_level(logging.ERROR, logger="balanza.server"):
        answer = stand.client.get("/media/any")
    problem = problem_of(answer)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert problem["incident"] in problem["detail"]
    assert problem["incident"] in caplog.text
    assert "ZeroDivisionError: secret detail" in caplog.text
    assert stand.client.get("/health").status_code == 200


def test_nobody_writes_lines_of_their_own_into_the_log(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Uploads, __: str) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Uploads, "remove", fail)
    with caplog.at_level(logging.ERROR, logger="balanza.server"):
        stand.client.delete("/files/x%0aNobody%20can%20log%20in", headers={"Tus-Resumable": "1.0.0"})

    assert caplog.records[0].getMessage().endswith(" in DELETE /files/x%0ANobody%20can%20log%20in")


def test_what_may_succeed_later_says_when_to_try_again(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise Retryable("The database does not answer. Try again in a moment.")

    monkeypatch.setattr(stand.parts.desk.database, "read", fail)
    for path in ("/jobs", "/ready", "/metrics", "/workers/stats"):
        answer = stand.client.get(path)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert problem_of(answer)["detail"] == "The database does not answer. Try again in a moment."
    assert stand.client.get("/health").json() == {"ok": True}


def test_the_description_of_the_api_is_complete(stand: Stand) -> None:
    schema = stand.get("/openapi.json")
    json.dumps(schema)
    assert "Problem" in schema["components"]["schemas"]
    operations = [
        (path, method, operation) for path, methods in schema["paths"].items() for method, operation in methods.items()
    ]
    for path, method, operation in operations:
        assert operation.get("summary"), (method, path)
        assert any(status.startswith(("2", "3")) for status in operation["responses"]), (method, path)
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"], (method, path, status)
    identifiers = [operation["operationId"] for _, _, operation in operations]
    assert len(set(identifiers)) == len(identifiers)
    assert {"/upload", "/convert", "/media/{media_id}", "/events", "/fleet/lease", "/metrics"} <= schema["paths"].keys()
