"""Running `balanza` where the permissions of files hold, also for root, who is otherwise above them."""

import os
import shutil
import subprocess

from tests.support.commands import SECONDS, command
from tests.support.needs import need


def as_its_owner(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Runs the command to its end."""
    return subprocess.run(
        [*_without_privileges(), *command(*arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def _without_privileges() -> list[str]:
    if os.geteuid() != 0:
        return []
    need(shutil.which("setpriv") is not None, "setpriv (Debian: util-linux) is missing, and root may write everywhere.")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"]
