"""compose.yaml as data: what each service is given."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from tests.deploy.dockerfile import ROOT

Service = Mapping[str, Any]
_SECONDS = re.compile(r"(?:(\d+)m)?(?:(\d+)s)?")


def text() -> str:
    return (ROOT / "compose.yaml").read_text()


def file() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(text())
    return loaded


def services() -> dict[str, Service]:
    found: dict[str, Service] = file()["services"]
    return found


def argv(service: Service) -> list[str]:
    """What runs in the container. Every service names it, so that nothing depends on what an image says."""
    return [*service.get("entrypoint", []), *service["command"]]


def seconds(duration: str) -> int:
    """Of a duration such as 1m30s."""
    match = _SECONDS.fullmatch(duration)
    assert match, duration
    minutes, rest = match.groups(default="0")
    return 60 * int(minutes) + int(rest)


def mounts(service: Service) -> dict[str, str]:
    """What lies where: the source (a file of this folder or a volume's name) by the path in the container."""
    return {volume.split(":")[1]: volume.split(":")[0] for volume in service["volumes"]}
