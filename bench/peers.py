"""Jobs that do nothing, here and through other queues: what is measured is the queue itself."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

from bench import rounds
from bench.aims import at_least
from bench.hands import FORMAT, Hands, hands, process
from bench.queues import done
from bench.rounds import percentile
from bench.server import free_port

WORKERS = 2
SINGLY = 100
AT_ONCE = 200
"""In one POST /convert/batch."""
TOGETHER = 32
CONNECTIONS = 8
ENVIRONMENTS = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "balanza-bench"
PERSISTENCE = {"nothing kept": "no", "AOF always": "yes"}
CELERY = ("celery", "-A", "bench.queues.celery_side", "worker", "--pool=prefork", f"--concurrency={WORKERS}")
CELERY_QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=ERROR")
RQ = ("rq.cli", "worker", "--quiet", "--url", "{redis}")
DRAMATIQ = ("dramatiq", "bench.queues.dramatiq_side", f"--processes={WORKERS}")


@dataclass(frozen=True)
class Peer:
    """Another queue, with two worker processes."""

    name: str
    side: str
    package: str
    module: tuple[str, ...]
    """What `python -m` starts."""
    processes: int
    jobs: int


PEERS = (
    Peer("Celery, prefetch 1", "celery_side", "celery[redis]", (*CELERY, *CELERY_QUIET), 1, 2000),
    Peer(
        "Celery, prefetch 4",
        "celery_side",
        "celery[redis]",
        (*CELERY, *CELERY_QUIET, "--prefetch-multiplier=4"),
        1,
        2000,
    ),
    Peer("RQ, a fork a job", "rq_side", "rq", RQ, WORKERS, 200),
    Peer("RQ, SimpleWorker", "rq_side", "rq", (*RQ, "--worker-class", "rq.SimpleWorker"), WORKERS, 1000),
    Peer("dramatiq, 1 thread", "dramatiq_side", "dramatiq[redis]", (*DRAMATIQ, "--threads=1"), 1, 1000),
    Peer("dramatiq, 8 threads", "dramatiq_side", "dramatiq[redis]", (*DRAMATIQ, "--threads=8"), 1, 1000),
)


@dataclass
class Figures:
    """Of one side, round by round."""

    rates: list[float] = field(default_factory=list)
    """Jobs a second, from the first submission to the last job."""
    delays: list[float] = field(default_factory=list)
    """Seconds from a submission to the worker's hands, one job at a time."""


@dataclass(frozen=True)
class Side:
    """Adds a round to its figures."""

    name: str
    measure: Callable[[Figures, int], None]
    figures: Figures = field(default_factory=Figures)

    def told(self) -> str:
        rates, delays = self.figures.rates, [seconds * 1e3 for seconds in self.figures.delays]
        handed = f"; in hands {median(delays):.1f} ms, p99 {percentile(delays, 99):.1f} ms" if delays else ""
        return f"{self.name:36} {median(rates):7.0f} jobs/s (at most {max(rates):.0f}){handed}"


def run(folder: Path, rounds: int) -> None:
    """no-op jobs with two worker processes, against Celery, RQ and dramatiq on Redis"""
    with ExitStack() as stack:
        redis = {name: stack.enter_context(_redis(folder / on, on)) for name, on in PERSISTENCE.items()}
        peers = [
            Side(f"{peer.name} ({name})", partial(_peer, folder, peer, _environment(peer), address))
            for name, address in redis.items()
            for peer in PEERS
        ]
        own = [
            Side("Balanza, POST /convert", partial(_balanza, folder / "own", False)),
            Side("Balanza, POST /convert/batch", partial(_balanza, folder / "own-batch", True)),
        ]
        for number in range(rounds):
            for side in _alternating([*peers, *own], number):
                side.measure(side.figures, number)
    print("Balanza keeps every job, synchronous=FULL; a Redis without AOF loses them when the machine stops.")
    for side in [*own, *peers]:
        print(side.told())
    for name in PERSISTENCE:
        _compare(own, [side for side in peers if side.name.endswith(f"({name})")], name)


def _compare(own: list[Side], peers: list[Side], name: str) -> None:
    best = max(peers, key=lambda side: median(side.figures.rates))
    for side in own:
        ratio = rounds.ratios(side.figures.rates, best.figures.rates)
        aim = at_least(median(side.figures.rates) / median(best.figures.rates), 1.3, "x")
        print(f"{side.name} to the best on Redis ({name}), {best.name.partition(' (')[0]}: {ratio}; {aim}")


def _alternating(sides: list[Side], number: int) -> list[Side]:
    return sides if number % 2 else sides[::-1]


def _balanza(folder: Path, is_batch: bool, figures: Figures, number: int) -> None:
    with hands(folder / str(number), workers=WORKERS, most=TOGETHER) as own:
        own.singly(1)
        jobs = 2000 if is_batch else 500
        if is_batch:
            figures.rates.append(jobs / _in_batches(own, jobs))
        else:
            one = {"input_file": own.source, "output_format": FORMAT}
            figures.rates.append(jobs / own.through([("/convert", one)] * jobs, jobs, CONNECTIONS))
            figures.delays += own.singly(SINGLY)


def _in_batches(own: Hands, jobs: int) -> float:
    batch = {"input_files": [own.source] * AT_ONCE, "output_format": FORMAT}
    return own.through([("/convert/batch", batch)] * (jobs // AT_ONCE), jobs, 1)


def _peer(folder: Path, peer: Peer, python: Path, redis: str, figures: Figures, _: int) -> None:
    file = folder / "done"
    file.write_bytes(b"")
    os.environ |= {done.WRITTEN: str(file), "BENCH_REDIS": redis, "PYTHONWARNINGS": "ignore"}
    words = [word.format(redis=redis) for word in peer.module]
    with ExitStack() as stack:
        for _ in range(peer.processes):
            stack.enter_context(process(["-m", *words], str(python), quiet=True))
        client = [str(python), "-m", "bench.queues.client", peer.side, str(peer.jobs), str(SINGLY)]
        told = json.loads(subprocess.run(client, check=True, stdout=subprocess.PIPE).stdout)
    figures.rates.append(peer.jobs / told["seconds"])
    figures.delays += told["delays"]


@contextmanager
def _redis(folder: Path, appends: str) -> Iterator[str]:
    """Its URL. Only here: nothing but the loopback address, and a folder of its own."""
    program = shutil.which("redis-server")
    if program is None:
        sys.exit("peers needs redis-server: apt-get install --no-install-recommends redis-server")
    folder.mkdir()
    port = free_port()
    words = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", ""]
    server = subprocess.Popen(
        [program, *words, "--appendonly", appends, "--appendfsync", "always"], stdout=subprocess.DEVNULL
    )
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(20)


def _environment(peer: Peer) -> Path:
    """The Python of the environment in which the peer is installed; made once and kept, outside the checkout."""
    folder = ENVIRONMENTS / peer.package.partition("[")[0]
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
        venv.create(folder, with_pip=True, clear=True)
        with tempfile.TemporaryFile() as log:
            install = [str(python), "-m", "pip", "install", peer.package]
            if subprocess.run(install, stdout=log, stderr=log, check=False).returncode:
                log.seek(0)
                sys.exit(f"{peer.package} cannot be installed: {log.read().decode(errors='replace')}")
        (folder / "ready").touch()
    return python
