"""The server's storage folder, where a worker can reach it too: then no file has to travel."""

import os
from pathlib import Path

from balanza.errors import StorageError
from balanza.protocol import Registered
from balanza.storage import LocalStorage, Storage


def shared_storage(registered: Registered) -> Storage | None:
    """The server's folder, when the marker in it proves that it is the same one here, and it can be written."""
    if registered.storage_folder is None or registered.storage_marker is None:
        return None
    folder = Path(registered.storage_folder)
    try:
        if (folder / ".marker").read_text() != registered.storage_marker or not os.access(folder, os.W_OK):
            return None
        return LocalStorage(folder)
    except (OSError, StorageError):
        return None
