"""The hidden folder in which one `balanza convert` works: on the disk of its results, and gone when it ends."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from balanza.errors import StartupError

PREFIX = ".balanza-"
LOCK = "lock"


@contextmanager
def workspace(folders: Sequence[Path]) -> Iterator[Path]:
    """A new folder in the first of `folders` that can be written to, or else where temporary files belong.

    What runs that were killed left in the same place is removed first. Raises StartupError.
    """
    folder = _made([*folders, Path(tempfile.gettempdir())])
    lock = _locked(folder)
    try:
        _remove_stale(folder.parent)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _made(parents: Sequence[Path]) -> Path:
    reason = ""
    for parent in parents:
        try:
            return Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent)).absolute()
        except OSError as error:
            reason = reason or f"{parent} cannot be written to: {error.strerror}. Choose another folder with -o."
    raise StartupError(reason)


def _locked(folder: Path) -> int:
    """The lock appears under its name only when it is held: nobody can take the folder for a stale one before."""
    unseen = folder / f"{LOCK}-new"
    descriptor = os.open(unseen, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    unseen.rename(folder / LOCK)
    return descriptor


def _remove_stale(parent: Path) -> None:
    for lock in parent.glob(f"{PREFIX}*/{LOCK}"):
        with suppress(OSError):
            descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
            try:
                # The kernel drops the lock of a process that ends, however it ends.
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent, ignore_errors=True)
            finally:
                os.close(descriptor)
