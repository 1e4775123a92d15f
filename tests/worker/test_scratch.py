"""The scratch folder: one worker's alone, and empty at its start."""

from pathlib import Path

import pytest

from balanza.errors import StartupError
from balanza.worker.scratch import Scratch


def test_leftovers_of_a_crashed_worker_are_removed_and_nothing_outside(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("precious")
    folder = tmp_path / "scratch"
    (folder / "job-1" / "source").mkdir(parents=True)
    (folder / "job-1" / "source" / "input").symlink_to(kept / "file")
    (folder / "job-1" / "result").write_text("half")
    (folder / "job-2").symlink_to(kept)
    Scratch(folder).close()
    assert not (folder / "job-1").exists()
    assert (kept / "file").read_text() == "precious"


def test_a_folder_has_one_worker_at_a_time(tmp_path: Path) -> None:
    first = Scratch(tmp_path)
    first.folder_of("job", 1).mkdir()
    with pytest.raises(StartupError, match="in use by another worker"):
        Scratch(tmp_path)
    assert first.folder_of("job", 1).exists()
    first.close()
    Scratch(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError, match="cannot be used: Not a directory"):
        Scratch(tmp_path / "file" / "scratch")
