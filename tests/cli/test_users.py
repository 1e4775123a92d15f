"""`balanza user`: accounts for whoever runs the server."""

import json
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.support.commands import balanza_here, said

PASSWORD = b"a word after another\n"


def user(folder: Path, *arguments: str, feed: bytes = b"") -> "CompletedProcess[bytes]":
    return balanza_here("user", *arguments, "--data", folder / "data", folder=folder, feed=feed)


def listed(folder: Path) -> dict[str, tuple[str, bool]]:
    done = user(folder, "list", "--json")
    assert done.returncode == 0, said(done)
    return {one["name"]: (one["role"], one["disabled"]) for one in json.loads(done.stdout)}


def test_accounts_are_made_listed_disabled_and_given_new_passwords(tmp_path: Path) -> None:
    made = user(tmp_path, "add", "Ana@example.org", "--admin", "--password-stdin", feed=PASSWORD)
    user(tmp_path, "add", "berta", "--password-stdin", feed=PASSWORD)
    disabled = user(tmp_path, "disable", "BERTA")
    changed = user(tmp_path, "password", "berta", "--password-stdin", feed=b"another word after another\n")

    assert made.stdout.decode().splitlines() == [
        "Made the account ana@example.org (admin).",
        "The server asks who one is when it is started with BALANZA_AUTH=on.",
    ]
    assert disabled.stdout.decode() == "berta is user, disabled.\n"
    assert changed.stdout.decode() == "berta has a new password and is logged out everywhere.\n"
    assert listed(tmp_path) == {"ana@example.org": ("admin", False), "berta": ("user", True)}
    assert user(tmp_path, "enable", "berta").stdout.decode() == "berta is user, enabled.\n"
    assert "berta" in user(tmp_path, "list").stdout.decode()
    deleted = user(tmp_path, "delete", "berta", "--yes")
    assert deleted.stdout.decode() == "berta is deleted, with all files, conversions and links.\n"
    assert listed(tmp_path) == {"ana@example.org": ("admin", False)}


@pytest.mark.parametrize(
    ("arguments", "feed", "code", "expected"),
    [
        (["add", "ana", "--password-stdin"], PASSWORD, 1, "The name ana is taken."),
        (["add", "b b", "--password-stdin"], PASSWORD, 2, "'b b' cannot be the name of an account."),
        (["add", "berta", "--password-stdin"], b"short\n", 2, "A password has 10 to 200 characters; this one has 5."),
        (["add", "berta", "--password-stdin"], b"", 2, "A password has 10 to 200 characters; this one has 0."),
        (["add", "berta"], b"", 2, "There is nobody to type the password."),
        (["disable", "ana"], b"", 1, "ana is the only administrator."),
        (["delete", "ana", "--yes"], b"", 1, "ana is the only administrator."),
        (["delete", "ana"], b"ana\n", 2, "There is nobody to ask whether you are sure."),
        (["password", "nobody", "--password-stdin"], PASSWORD, 1, "There is no account 'nobody'."),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_changed(
    tmp_path: Path, arguments: list[str], feed: bytes, code: int, expected: str
) -> None:
    user(tmp_path, "add", "ana", "--admin", "--password-stdin", feed=PASSWORD)

    done = user(tmp_path, *arguments, feed=feed)

    assert done.returncode == code
    assert said(done).startswith(f"balanza: {expected}")
    assert listed(tmp_path) == {"ana": ("admin", False)}


def test_where_no_server_ever_ran_there_are_no_accounts(tmp_path: Path) -> None:
    done = user(tmp_path, "list")

    assert done.returncode == 2
    assert said(done).startswith(f"balanza: There is no database {tmp_path / 'data' / 'balanza.db'}.")
    assert not (tmp_path / "data").exists()
