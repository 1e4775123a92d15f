"""What must hold before the server starts."""

import os
import socket
from pathlib import Path

import pytest

from balanza.errors import StartupError
from balanza.server.main import serve
from balanza.server.startup import address_of, bound_socket, check_address, claimed_folder
from balanza.settings import Settings


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])
def test_listening_for_others_is_refused_with_a_way_out(host: str, tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=f"Listening on {host} .* no accounts yet.* ssh -L"):
        serve(Settings(host=host, data=tmp_path / "data"))
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_listening_for_this_computer_alone_is_allowed(host: str) -> None:
    check_address(host)


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
