"""What the worker may use, and the share its own tree takes of it, children that ended included."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from balanza.protocol import MIB
from balanza.worker import load as load_module
from balanza.worker.load import LoadSampler, Traffic, free_bytes, free_memory_mb, usable_cpus, usable_memory_mb

BURN = "import time\nend = time.process_time() + 0.4\nwhile time.process_time() < end: pass\nprint(flush=True)\ninput()"
"""Spends 0.4 s, says so, and waits to be told to end."""

A_TICK = 0.02


def spent_seconds() -> float:
    return load_module._tree_usage()[0]


@contextmanager
def told_to_end(*argv: str) -> Iterator[None]:
    """Runs `argv`; the block starts when it has printed a line, after the block it has ended."""
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield
        process.communicate(b"\n")


@pytest.fixture
def sampled(monkeypatch: pytest.MonkeyPatch) -> LoadSampler:
    """A sampler over one core that samples however short the window."""
    monkeypatch.setattr(load_module, "SHORTEST_WINDOW_SECONDS", 0)
    return LoadSampler(1, Path())


def test_a_child_counts_while_it_runs_and_no_second_time_when_it_has_ended() -> None:
    before = spent_seconds()
    with told_to_end(sys.executable, "-S", "-c", BURN):
        while_running = spent_seconds()
    after = spent_seconds()
    assert 0.4 - A_TICK <= while_running - before < 1.0
    assert while_running - A_TICK <= after < while_running + 0.2


def test_grandchildren_count_in_the_same_way() -> None:
    before = spent_seconds()
    with told_to_end("bash", "-c", f"{sys.executable} -S -c '{BURN}'; true"):
        while_running = spent_seconds()
    after = spent_seconds()
    assert 0.4 - A_TICK <= while_running - before < 1.0
    assert while_running - A_TICK <= after < while_running + 0.2


def test_children_that_ended_between_two_samples_are_in_the_share(sampled: LoadSampler) -> None:
    started_at = time.monotonic()
    sampled.sample()
    for _ in range(2):
        with told_to_end(sys.executable, "-S", "-c", BURN):
            pass
    load = sampled.sample()
    share = 0.8 / (time.monotonic() - started_at)
    assert share * 0.9 <= load.cpu_load <= 1.0


def test_the_load_is_divided_by_the_cores_and_never_above_one(monkeypatch: pytest.MonkeyPatch) -> None:
    spent = iter([(0.0, 0), (8.0, 0), (8.0, 0), (9.0, 0)])
    clock = iter([0.0, 1.0, 2.0, 3.0])
    monkeypatch.setattr(load_module, "_tree_usage", lambda: next(spent))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    sampler = LoadSampler(4, Path())
    assert [sampler.sample().cpu_load for _ in range(3)] == [1.0, 0.0, 0.25]


def test_a_child_that_is_missed_once_is_made_good_in_the_next_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    spent = iter([(10.0, 0), (9.5, 0), (10.5, 0)])
    clock = iter([0.0, 1.0, 2.0])
    monkeypatch.setattr(load_module, "_tree_usage", lambda: next(spent))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    sampler = LoadSampler(1, Path())
    assert [sampler.sample().cpu_load for _ in range(2)] == [0.0, 0.5]


def test_what_went_over_the_network_is_told_by_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 2.0, 3.0])
    monkeypatch.setattr(load_module, "_tree_usage", lambda: (0.0, 0))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    traffic = Traffic(5000, 5000)
    sampler = LoadSampler(1, Path(), traffic)
    traffic.received_bytes += 3000
    traffic.sent_bytes += 10
    rates = [
        (load.received_bytes_per_second, load.sent_bytes_per_second) for load in (sampler.sample(), sampler.sample())
    ]
    assert rates == [(1500, 5), (0, 0)]


def test_samples_that_follow_each_other_at_once_are_one_sample() -> None:
    sampler = LoadSampler(1, Path())
    assert sampler.sample() is sampler.sample()


def test_memory_is_that_of_the_whole_tree(sampled: LoadSampler) -> None:
    alone = sampled.sample().memory_mb
    hungry = "held = bytearray(b'x') * 80_000_000\nprint(flush=True)\ninput()"
    with told_to_end(sys.executable, "-S", "-c", hungry):
        assert 70 < sampled.sample().memory_mb - alone < 200


def test_the_cores_are_those_of_the_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0, 5, 7})
    monkeypatch.setattr(load_module, "_quotas", lambda *_: [])
    assert usable_cpus() == 3.0


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "max 100000"}, []),
        ("0::/app/one\n", {"app/cpu.max": "150000 100000", "app/one/cpu.max": "max 100000"}, [1.5]),
        ("4:cpu,cpuacct:/app\n", {"cpu/app/cpu.cfs_quota_us": "50000", "cpu/app/cpu.cfs_period_us": "100000"}, [0.5]),
        ("4:cpu:/\n3:memory:/x\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, []),
    ],
    ids=["no limit", "limit of a group above, version 2", "version 1", "version 1 without a limit"],
)
def test_limits_of_control_groups_are_found(
    tmp_path: Path, membership: str, files: dict[str, str], expected: list[float]
) -> None:
    write_groups(tmp_path, membership, files)
    assert list(load_module._quotas(tmp_path / "cgroup", tmp_path / "membership")) == expected


NO_LIMIT_V1 = 9223372036854771712


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/\n", {"memory.max": "max"}, []),
        ("0::/app/one\n", {"app/memory.max": "1000", "app/one/memory.max": "2000"}, [2000, 1000]),
        ("4:memory:/app\n", {"memory/app/memory.limit_in_bytes": "3000"}, [3000]),
        ("4:memory:/\n", {"memory/memory.limit_in_bytes": str(NO_LIMIT_V1)}, [NO_LIMIT_V1]),
        ("4:cpu:/app\n1:memory:/far\n", {"memory/memory.limit_in_bytes": "4000"}, [4000]),
    ],
    ids=["no limit", "version 2, two of them", "version 1", "version 1 without a limit", "the container's own root"],
)
def test_limits_of_memory_are_found(
    tmp_path: Path, membership: str, files: dict[str, str], expected: list[int]
) -> None:
    write_groups(tmp_path, membership, files)
    assert list(load_module._memory_limits(tmp_path / "cgroup", tmp_path / "membership")) == expected


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/\n", {"memory.max": "max", "memory.current": "5", "memory.stat": "inactive_file 1"}, []),
        (
            "0::/app\n",
            {"app/memory.max": "1000", "app/memory.current": "900", "app/memory.stat": "anon 1\ninactive_file 300"},
            [400],
        ),
        (
            "4:memory:/app\n",
            {
                "memory/app/memory.limit_in_bytes": "3000",
                "memory/app/memory.usage_in_bytes": "2500",
                "memory/app/memory.stat": "total_inactive_file 100",
            },
            [600],
        ),
        ("0::/app\n", {"app/memory.max": "1000"}, []),
    ],
    ids=["no limit", "version 2", "version 1", "usage unknown"],
)
def test_what_control_groups_have_left_is_found(
    tmp_path: Path, membership: str, files: dict[str, str], expected: list[int]
) -> None:
    write_groups(tmp_path, membership, files)
    assert list(load_module._memory_left(tmp_path / "cgroup", tmp_path / "membership")) == expected


@pytest.mark.parametrize(("left_bytes", "expected"), [([100 * MIB], 100.0), ([3000 * MIB], 2048.0), ([], 2048.0)])
def test_free_memory_is_what_machine_and_control_groups_have_left(
    monkeypatch: pytest.MonkeyPatch, left_bytes: list[int], expected: float
) -> None:
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=2048 * MIB))
    monkeypatch.setattr(load_module, "_memory_left", lambda *_: left_bytes)
    assert free_memory_mb() == expected


def write_groups(folder: Path, membership: str, files: dict[str, str]) -> None:
    """Control groups as the kernel shows them, in `cgroup` and `membership` below `folder`."""
    (folder / "membership").write_text(membership)
    for name, text in files.items():
        file = folder / "cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")


@pytest.mark.parametrize(("limit_bytes", "expected"), [(512 * MIB, 512.0), (NO_LIMIT_V1, 4096.0)])
def test_the_memory_is_that_of_the_machine_or_less_where_it_is_limited(
    monkeypatch: pytest.MonkeyPatch, limit_bytes: int, expected: float
) -> None:
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(total=4096 * MIB))
    monkeypatch.setattr(load_module, "_memory_limits", lambda *_: [limit_bytes])
    assert usable_memory_mb() == expected


def test_free_space_is_what_a_user_without_privileges_may_write(
    monkeypatch: pytest.MonkeyPatch, sampled: LoadSampler
) -> None:
    told = SimpleNamespace(f_blocks=1000, f_bfree=500, f_bavail=300, f_frsize=4096)
    monkeypatch.setattr("os.statvfs", lambda _folder: told)
    assert sampled.sample().scratch_free_bytes == 300 * 4096


def test_free_space_that_the_file_system_does_not_tell_is_unknown_and_not_zero(tmp_path: Path) -> None:
    assert free_bytes(tmp_path) is not None
    assert free_bytes(tmp_path / "gone") is None
    assert free_bytes(Path("/proc")) is None


def test_free_space_beyond_all_bounds_is_said_as_what_the_protocol_carries(
    monkeypatch: pytest.MonkeyPatch, sampled: LoadSampler
) -> None:
    monkeypatch.setattr("os.statvfs", lambda _folder: SimpleNamespace(f_blocks=1, f_bavail=2**63, f_frsize=4096))
    assert sampled.sample().scratch_free_bytes == 2**62
