"""What must hold before the server starts."""

import os
import socket
from pathlib import Path

import pytest

from balanza.errors import StartupError
from balanza.server.addresses import public_origin
from balanza.server.main import invite_first, opened, serve
from balanza.server.startup import address_of, bound_socket, check_address, claimed_folder
from balanza.settings import Settings
from tests.system.restrained import as_its_owner


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])
def test_listening_for_others_without_accounts_is_refused_with_a_way_out(host: str, tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=f"Listening on {host} .* BALANZA_AUTH=on.* BALANZA_ALLOWED_HOSTS"):
        serve(Settings(host=host, auth="off", data=tmp_path / "data"))
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_listening_for_this_computer_alone_is_allowed(host: str) -> None:
    check_address(Settings(host=host))
    assert not Settings(host=host).has_accounts


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5"])
def test_listening_for_others_is_allowed_when_names_for_them_are_given(host: str) -> None:
    check_address(Settings(host=host, auth="off", allowed_hosts="api"))
    check_address(Settings(host=host, auth="off", allowed_hosts="api,balanza.lan"))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5"])
def test_listening_for_others_has_people_log_in(host: str) -> None:
    check_address(Settings(host=host))
    assert Settings(host=host).has_accounts


@pytest.mark.parametrize("address", ["media.example.org", "ftp://media.example.org", "https://", "https://a.org/?b=c"])
def test_a_public_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(StartupError, match=r"^BALANZA_PUBLIC_URL .* https://media\.example\.org"):
        check_address(Settings(public_url=address))


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_wildcard_among_the_allowed_names_is_refused_before_anything_is_made(host: str, tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"^BALANZA_ALLOWED_HOSTS .*'\*'"):
        serve(Settings(host=host, allowed_hosts="api,*", data=tmp_path / "data"))
    assert not (tmp_path / "data").exists()


def test_a_taken_port_is_named() -> None:
    with bound_socket("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartupError, match=rf"^Port {port} is taken .* Choose another with --port\.$"):
            bound_socket("127.0.0.1", port)


def test_an_address_of_another_computer_cannot_be_listened_on() -> None:
    with pytest.raises(StartupError, match=r"^Cannot listen on 203\.0\.113\.1, port 0: "):
        bound_socket("203.0.113.1", 0)


def test_the_address_is_written_as_a_browser_takes_it() -> None:
    with bound_socket("127.0.0.1", 0) as listening:
        assert address_of(listening) == f"http://127.0.0.1:{listening.getsockname()[1]}"
    if socket.has_ipv6:
        with bound_socket("::1", 0) as listening:
            assert address_of(listening).startswith("http://[::1]:")


def test_a_missing_data_folder_is_made(tmp_path: Path) -> None:
    with claimed_folder(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()


def test_a_folder_in_use_is_refused_with_the_process_that_uses_it(tmp_path: Path) -> None:
    in_use = rf"in use by another Balanza \(process {os.getpid()}\)"
    with claimed_folder(tmp_path), pytest.raises(StartupError, match=in_use), claimed_folder(tmp_path):
        pass
    with claimed_folder(tmp_path):
        pass


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    for data in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StartupError, match="is not a folder"), claimed_folder(data):
            pass
    assert (tmp_path / "file").read_text() == "kept"


def test_a_folder_that_cannot_be_written_is_refused() -> None:
    refusal = r"^Cannot write to the data folder /proc/balanza: "
    with pytest.raises(StartupError, match=refusal), claimed_folder(Path("/proc/balanza")):
        pass


@pytest.mark.parametrize("place", ["storage", "storage/objects", "storage/incoming"])
def test_a_file_in_place_of_a_folder_of_the_storage_is_refused(place: str, tmp_path: Path) -> None:
    file = tmp_path / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("kept")
    with (
        pytest.raises(StartupError, match=r"storage.* choose another folder with --data\.$"),
        opened(Settings(data=tmp_path)),
    ):
        pass
    assert file.read_text() == "kept"


@pytest.mark.parametrize(
    ("place", "mode", "sentence"),
    [
        ("storage/objects", 0o500, "Cannot write to the storage: Permission denied. Make {data}/storage and all in it"),
        (
            "storage/incoming",
            0o500,
            "Cannot write to the storage folder {data}/storage/objects: Permission denied. Make",
        ),
        ("balanza.db", 0o400, "The database file cannot be written: attempt to write a readonly database."),
    ],
)
def test_what_can_be_read_but_not_written_is_refused(place: str, mode: int, sentence: str, tmp_path: Path) -> None:
    with opened(Settings(data=tmp_path)):
        pass
    (tmp_path / place).chmod(mode)
    try:
        done = as_its_owner("serve", "--port", "0", "--data", str(tmp_path))
    finally:
        (tmp_path / place).chmod(0o700)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert done.stderr.startswith(f"balanza: {sentence.format(data=tmp_path)}")


def test_the_probe_leaves_nothing_in_the_storage(tmp_path: Path) -> None:
    with opened(Settings(data=tmp_path)):
        pass
    assert not [*(tmp_path / "storage/objects").iterdir(), *(tmp_path / "storage/incoming").iterdir()]


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://media.example.org/balanza/", "https://media.example.org"),
        ("https://Media.example.org:443", "https://media.example.org"),
        ("http://media.example.org:80/", "http://media.example.org"),
        ("https://media.example.org:8443", "https://media.example.org:8443"),
        ("http://[2001:DB8::1]:443", "http://[2001:db8::1]:443"),
    ],
)
def test_the_origin_of_our_pages_is_what_browsers_make_of_the_public_address(address: str, origin: str) -> None:
    assert public_origin(address) == origin


@pytest.mark.parametrize("address", ["https://ana@media.example.org", "https://[media", "https://media.example.org:x"])
def test_a_public_address_that_no_browser_names_so_is_refused(address: str) -> None:
    with pytest.raises(StartupError, match="BALANZA_PUBLIC_URL"):
        check_address(Settings(public_url=address))


def test_the_link_of_the_first_administrator_is_one_that_opens(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(Settings(data=tmp_path, auth="on")) as parts, caplog.at_level("INFO", logger="balanza.server"):
        invite_first(parts, "https://media.example.org/balanza/")

    assert " https://media.example.org/balanza/login.html#invitation=bai_" in caplog.text
