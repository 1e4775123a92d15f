"""The Dockerfile as data, and its build steps as plain shell, for where there is no Docker."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_CONTINUED = re.compile(r"\\\n\s*")
_NAMED = re.compile(r"\$\{(\w+)\}")
_MOUNT = re.compile(r"^(--mount=\S+\s+)*")

INSTALLED = "/opt/balanza"
"""Where the images have the environment."""


@dataclass(frozen=True)
class Stage:
    """What stands between one FROM and the next."""

    name: str
    parent: str
    """Another stage, or the name of an image."""
    steps: list[tuple[str, str]] = field(default_factory=list)
    """Instruction and argument, such as ("RUN", "sh scripts/…")."""

    def arguments(self, instruction: str) -> list[str]:
        return [argument for name, argument in self.steps if name == instruction]


def stages(text: str) -> dict[str, Stage]:
    """By name, in the order of the file. The names of images are those of the ARGs before the first FROM."""
    lines = "\n".join(line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    defaults: dict[str, str] = {}
    found: dict[str, Stage] = {}
    for line in _CONTINUED.sub("", lines).splitlines():
        instruction, _, argument = line.partition(" ")
        if instruction == "FROM":
            parent, _, name = _NAMED.sub(lambda match: defaults[match[1]], argument).partition(" AS ")
            found[name] = Stage(name, parent)
        elif found:
            list(found.values())[-1].steps.append((instruction, argument))
        else:
            name, _, value = argument.partition("=")
            defaults[name] = value
    return found


def all_stages() -> dict[str, Stage]:
    return stages((ROOT / "Dockerfile").read_text())


def chain(name: str) -> list[Stage]:
    """The stage and those that it is built upon, the first one first."""
    known = all_stages()
    stage = known[name]
    return [*(chain(stage.parent) if stage.parent in known else []), stage]


def steps(name: str) -> list[tuple[str, str]]:
    return [step for stage in chain(name) for step in stage.steps]


def variables(name: str) -> dict[str, str]:
    """What ENV sets in a stage and in those below it."""
    said = " ".join(argument for instruction, argument in steps(name) if instruction == "ENV")
    return {name: value for name, _, value in (part.partition("=") for part in said.split())}


def build(part: str, folder: Path) -> Path:
    """Copies and runs, in the empty `folder`, what the image of the part copies and runs; the environment it makes.

    Only the place of the environment is another. That modules are to be compiled (ENV) is left out: it takes seconds.
    """
    built = folder / "installed"
    context = folder / "context"
    context.mkdir(parents=True)
    for instruction, argument in steps(f"{part}-environment"):
        if instruction == "COPY":
            _copy(argument.split(), context)
        elif instruction == "RUN":
            _run(_MOUNT.sub("", argument).replace(INSTALLED, str(built)), context)
    return built


def _run(command: str, folder: Path) -> None:
    """First with what uv has kept of other installations, which is quicker and works without a network."""
    for variables in ({"UV_OFFLINE": "1"}, {}):
        done = subprocess.run(
            ["sh", "-c", command], cwd=folder, env=_plain() | variables, capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return
    raise AssertionError(done.stderr)


def _copy(argument: list[str], context: Path) -> None:
    *sources, target = argument
    for source in sources:
        origin = ROOT / source
        if origin.is_dir():
            shutil.copytree(origin, context / target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            place = context / target
            place.mkdir(exist_ok=True)
            shutil.copy(origin, place)


def _plain() -> dict[str, str]:
    """The variables without those of the tests' own environment; uv and its cache may be those of bootstrap.sh."""
    own = {"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME"}
    kept = {name: value for name, value in os.environ.items() if name not in own}
    search = [folder for folder in os.get_exec_path() if not folder.startswith(str(ROOT / ".venv"))]
    fetched = [str(ROOT / ".tools/uv/bin"), str(ROOT / ".tools/venv/bin")]
    if (ROOT / ".tools/cache").is_dir():
        kept.setdefault("UV_CACHE_DIR", str(ROOT / ".tools/cache"))
    return kept | {"PATH": os.pathsep.join([*search, *fetched])}
