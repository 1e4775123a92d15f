"""`balanza check`."""

import json
from pathlib import Path

import pytest

from balanza.cli.options import settings_from
from balanza.errors import StartupError
from balanza.media.table import FORMATS
from balanza.server.startup import claimed_folder
from balanza.settings import Settings
from tests.support.commands import balanza, said
from tests.system.restrained import as_its_owner


def test_everything_that_is_needed_is_found_and_each_format_listed(tmp_path: Path) -> None:
    done = balanza("check", "--json", "--data", tmp_path / "data")
    assert done.returncode == 0, said(done)
    report = json.loads(done.stdout)
    assert report["ok"]
    assert {one["name"] for one in report["found"] if one["ok"]} >= {
        "Python",
        "ffmpeg",
        "PyAV",
        "SQLite",
        "data folder",
    }
    formats = {one["format"]: one for one in report["formats"]}
    assert list(formats) == list(FORMATS)
    assert "libmp3lame" in formats["mp3"]["encoders"]
    assert all(one["missing"] == [] for one in formats.values())
    assert not (tmp_path / "data").exists()


def test_a_person_reads_a_table(tmp_path: Path) -> None:
    done = balanza("check", "--data", tmp_path / "data")
    text = done.stdout.decode()
    assert all(
        word in text
        for word in ("ffmpeg", "libx264", "mp4", "filters", "aresample", "Everything that is needed is there.")
    ), text


def test_a_data_folder_that_cannot_be_used_is_told_and_a_missing_ffmpeg_fails(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    done = balanza("check", "--json", "--data", tmp_path / "data", environment={"BALANZA_FFMPEG": "/nowhere"})
    assert done.returncode == 1
    found = {one["name"]: one for one in json.loads(done.stdout)["found"]}
    assert "is not a folder" in found["data folder"]["found"]
    assert "BALANZA_FFMPEG names /nowhere" in found["ffmpeg"]["found"]


def test_a_data_folder_that_cannot_be_written_or_made_fails(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    for data in (locked, locked / "a" / "b"):
        done = as_its_owner("check", "--json", "--data", str(data))
        assert done.returncode == 1
        found = {one["name"]: one for one in json.loads(done.stdout)["found"]}
        assert found["data folder"]["needed"]
        assert found["data folder"]["found"].startswith(f"Cannot write to the data folder {data}: Permission denied.")
    assert not list(locked.iterdir())


def test_a_file_in_place_of_the_storage_fails(tmp_path: Path) -> None:
    (tmp_path / "storage").touch()
    done = balanza("check", "--json", "--data", tmp_path)
    assert done.returncode == 1
    assert f"{tmp_path / 'storage' / 'objects'} is not a folder" in done.stdout.decode()


def test_a_data_folder_in_use_is_only_a_note(tmp_path: Path) -> None:
    with claimed_folder(tmp_path):
        done = balanza("check", "--json", "--data", tmp_path)
    assert done.returncode == 0
    assert "is in use by another Balanza" in done.stdout.decode()


def test_a_wrong_setting_is_one_sentence(tmp_path: Path) -> None:
    done = balanza("check", folder=tmp_path, environment={"BALANZA_PORT": "eighty"})
    assert done.returncode == 2
    assert said(done).startswith("balanza: BALANZA_PORT cannot be 'eighty'")
    assert said(done).count("\n") == 1


@pytest.mark.parametrize("name", [name for name in Settings.model_fields if name.endswith("_seconds")])
@pytest.mark.parametrize("seconds", ["inf", "nan", "1e300", "0"])
def test_a_duration_that_no_date_can_bear_is_no_setting(
    name: str, seconds: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"BALANZA_{name.upper()}"
    monkeypatch.setenv(variable, seconds)
    with pytest.raises(StartupError, match=f"{variable} cannot be '{seconds}'"):
        settings_from()
