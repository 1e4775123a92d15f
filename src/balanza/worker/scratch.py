"""The scratch folder: where attempts do their work, one folder each, and nothing remains."""

import fcntl
import os
import shutil
from pathlib import Path

from balanza.errors import StartupError


class Scratch:
    """A folder for one worker alone, emptied of what a crashed predecessor left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartupError(
                f"The scratch folder {self.folder} cannot be used: {error.strerror}. Choose another one."
            ) from error
        try:
            # The kernel drops the lock when the process ends, however it ends.
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise StartupError(
                f"The scratch folder {self.folder} is in use by another worker. End it, or choose another worker id."
            ) from error
        self._clear()

    def folder_of(self, job_id: str, attempt: int) -> Path:
        """The folder of one attempt; not made yet."""
        return self.folder / f"{job_id}-{attempt}"

    def folder_of_several(self, first_job_id: str, attempt: int) -> Path:
        """The folder that the first attempt has in common with others; not made yet."""
        return self.folder / f"{first_job_id}-{attempt}-together"

    def close(self) -> None:
        os.close(self._lock)

    def _clear(self) -> None:
        for left in self.folder.iterdir():
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
