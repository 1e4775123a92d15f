"""`python -m bench.noop SERVER WORKER_ID MOST`: a worker that speaks the real protocol and converts nothing.

Each job is leased, its result (six bytes) is written into the server's storage, and it is completed. MOST above 1: it
takes tiny jobs together and completes them in one request, as Balanza's own workers do.
"""

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from balanza.storage import LocalStorage
from bench.queues.done import WRITTEN, noop
from bench.wire import Wire

CODEC = "flac"
PROBE = {
    "container": CODEC,
    "duration_seconds": 1.0,
    "bit_rate_bps": None,
    "streams": [{"index": 0, "kind": "audio", "codec": CODEC, "sample_rate_hz": 8000, "channels": 1}],
}
RESULT = b"result"
LOAD = {"cpu_load": 0, "memory_mb": 0}
WAIT_SECONDS = 25


class NoopWorker:
    """One slot."""

    def __init__(self, server: str, worker_id: str, most: int) -> None:
        self._server, self._most = server, most
        self._own = {"worker_id": worker_id, "instance": uuid4().hex}
        self._held: tuple[str, ...] = ()

    def run(self) -> None:
        """Until the process is ended."""
        with Wire.to(self._server) as wire:
            told = wire.post("/fleet/register", registration(**self._own))
            storage = LocalStorage(Path(told["storage_folder"]), durable=False)
            threading.Thread(target=self._beat, args=(told["heartbeat_seconds"],), daemon=True).start()
            wanted = {**self._own, "wait_seconds": WAIT_SECONDS, "most": self._most}
            while True:
                grant = wire.post("/fleet/lease", wanted)
                if grant is not None:
                    self._carry_out(wire, storage, [grant, *grant.get("companions", ())])

    def _carry_out(self, wire: Wire, storage: LocalStorage, grants: list[dict[str, Any]]) -> None:
        self._held = tuple(grant["token"] for grant in grants)
        for grant in grants:
            if WRITTEN in os.environ:
                noop()
            storage.path(grant["output_key"]).write_bytes(RESULT)
        complete(wire, list(self._held))
        self._held = ()

    def _beat(self, every_seconds: float) -> None:
        with Wire.to(self._server) as wire:
            while True:
                time.sleep(every_seconds)
                leases = [{"token": token, "progress": 0} for token in self._held]
                wire.post("/fleet/heartbeat", {**self._own, "load": LOAD, "leases": leases})


def registration(worker_id: str, instance: str) -> dict[str, Any]:
    own = {"worker_id": worker_id, "instance": instance}
    return {**own, "slots": 1, "cpus": 1, "encoders": [CODEC], "load": LOAD}


def complete(wire: Wire, tokens: list[str]) -> None:
    done = {"size_bytes": len(RESULT), "sha256": "0" * 64, "probe": PROBE}
    if len(tokens) == 1:
        wire.post(f"/fleet/leases/{tokens[0]}/complete", done)
        return
    refused = wire.post("/fleet/complete", {"completions": dict.fromkeys(tokens, done)})["refused"]
    if refused:
        raise RuntimeError(f"not published: {refused}")


if __name__ == "__main__":
    NoopWorker(sys.argv[1], sys.argv[2], int(sys.argv[3])).run()
