"""What the two images are built from, and what is in them."""

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from balanza import __version__
from tests.deploy import compose
from tests.deploy.dockerfile import ROOT, all_stages, chain, steps

PARTS = ("api", "worker")
SERVERS_OWN = {
    *("alembic", "fastapi", "httptools", "mako", "psycopg", "psycopg_binary", "psycopg_pool"),
    *("python_multipart", "sqlalchemy", "starlette", "uvicorn", "uvloop"),
}
EXACT_TAG = re.compile(r"[\w./-]+:v?\d+\.\d+\.\d+(-[\w-]+)?")
PIN = re.compile(r"^([a-z0-9][a-z0-9.-]*)==(\S+)", re.MULTILINE)

Installed = Callable[[str], Path]


def printed_in(environment: Path, code: str) -> str:
    """What the code prints, run by the environment's own Python, which sees nothing else."""
    command = [str(environment / "bin/python"), "-I", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def modules(environment: Path) -> set[str]:
    listing = "import json, pkgutil; print(json.dumps([one.name for one in pkgutil.iter_modules()]))"
    return set(json.loads(printed_in(environment, listing)))


def versions(environment: Path) -> Mapping[str, str]:
    """Of every package that is installed, by its name as lock files write it."""
    listing = (
        "import importlib.metadata, json; "
        "print(json.dumps({one.name: one.version for one in importlib.metadata.distributions()}))"
    )
    found: dict[str, str] = json.loads(printed_in(environment, listing))
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found.items()}


def pins(name: str) -> set[tuple[str, str]]:
    return set(PIN.findall((ROOT / name).read_text()))


def test_the_workers_image_has_neither_database_nor_web_framework(installed: Installed) -> None:
    assert modules(installed("api")) >= SERVERS_OWN
    assert not modules(installed("worker")) & SERVERS_OWN


@pytest.mark.parametrize(("part", "lock"), [("api", "requirements.lock"), ("worker", "requirements-worker.lock")])
def test_an_image_has_what_its_lock_file_says_and_balanza(installed: Installed, part: str, lock: str) -> None:
    there = dict(versions(installed(part)))
    assert there.pop("balanza") == __version__
    assert set(there.items()) <= pins(lock)


@pytest.mark.parametrize("part", PARTS)
def test_an_image_has_the_program_its_page_and_an_ffmpeg(installed: Installed, part: str) -> None:
    environment = installed(part)
    where = Path(printed_in(environment, "import balanza; print(balanza.__path__[0])").strip())
    assert where.is_relative_to(environment)
    assert (where / "web/player.html").is_file()
    program = printed_in(environment, "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())").strip()
    assert Path(program).is_relative_to(environment)
    said = subprocess.run([str(environment / "bin/balanza"), "--version"], capture_output=True, text=True, check=True)
    assert said.stdout == f"balanza {__version__}\n"


def test_a_worker_starts_without_the_servers_packages(installed: Installed) -> None:
    code = "import sys, balanza.worker.main, balanza.cli.app; print(*sys.modules)"
    assert not set(printed_in(installed("worker"), code).split()) & SERVERS_OWN
    command = [str(installed("worker") / "bin/python"), "-m", "balanza", "worker", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Start one worker." in done.stdout


def test_the_lock_files_agree_and_name_no_index() -> None:
    assert pins("requirements-worker.lock") < pins("requirements.lock") < pins("requirements-dev.lock")
    for name in ("requirements.lock", "requirements-worker.lock", "requirements-dev.lock"):
        lines = (ROOT / name).read_text().splitlines()
        assert not [line for line in lines if "://" in line or line.startswith("-")], name
        pinned = [line for line in lines if PIN.match(line)]
        assert all(line.endswith(" \\") for line in pinned), "each is followed by its hashes"


def test_every_base_is_one_exact_version() -> None:
    known = all_stages()
    bases = {stage.parent for stage in known.values()} - set(known)
    images = bases | {one["image"] for one in compose.services().values() if "image" in one}
    assert len(bases) == 1
    assert [image for image in images if not EXACT_TAG.fullmatch(image)] == []


@pytest.mark.parametrize("part", PARTS)
def test_an_image_runs_as_an_ordinary_user_and_holds_no_sources(part: str) -> None:
    users = [argument for instruction, argument in steps(part) if instruction == "USER"]
    assert users == ["10001:10001"]
    copied = [argument for instruction, argument in steps(part) if instruction == "COPY"]
    assert copied == [f"--from={part}-environment /opt/balanza /opt/balanza"]
    assert [stage.name for stage in chain(part)] == ["base", part]


def test_what_is_copied_into_the_build_and_nothing_else_is_sent_to_it() -> None:
    [source] = [stage for stage in all_stages().values() if stage.name == "source"]
    copied = {path for argument in source.arguments("COPY") for path in argument.split()[:-1]}
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == copied
    assert [line for line in lines[1:] if not line.startswith("!")] == ["**/__pycache__"]


@pytest.mark.parametrize("arguments", [[], ["api"], ["server", "folder"], ["api", "a", "b"]])
def test_the_script_of_the_images_refuses_what_it_does_not_know(arguments: list[str], tmp_path: Path) -> None:
    command = ["sh", str(ROOT / "scripts/image.sh"), *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("balanza: image.sh ")
    assert list(tmp_path.iterdir()) == []
