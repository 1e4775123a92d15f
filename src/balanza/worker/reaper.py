"""The reaper: a shell that outlives this process by a moment and kills the conversions that it leaves behind."""

import os
import signal
from contextlib import suppress
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired

SCRIPT = """\
trap '' HUP INT TERM
groups=" "
while read -r verb group; do
  case $verb in
    watch) groups="$groups$group " ;;
    forget) groups="${groups%% $group *} ${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
"""
CLOSED_SECONDS = 1.0


class Reaper:
    """Kills the process groups that it watches when this process ends, even by SIGKILL.

    The kernel then closes the shell's standard input. `setpriv --pdeathsig` before each ffmpeg would do the same, at
    1.5 ms of processor time a piece: for clips of a second that is one file in thirty. Not guaranteed: a process that
    is killed in the moment between starting a conversion and calling `watch` leaves that one running to its end.
    """

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._shell: Popen[bytes] | None = None

    def watch(self, group: int) -> None:
        self._groups.add(group)
        self._say(f"watch {group}\n")

    def forget(self, group: int) -> None:
        """Never fails: what the shell could not be told, the next one will know."""
        self._groups.discard(group)
        with suppress(OSError):
            self._say(f"forget {group}\n")

    def close(self) -> None:
        """Whatever is still watched is killed."""
        if self._shell is None:
            return
        assert self._shell.stdin is not None  # noqa: S101 - asked for below
        self._shell.stdin.close()
        with suppress(TimeoutExpired):
            self._shell.wait(CLOSED_SECONDS)
        self._shell.kill()
        self._shell.wait()
        self._shell = None

    def _say(self, line: str) -> None:
        """To the shell, or, when it has been killed, to a new one, which is told of all groups."""
        if self._shell is not None:
            with suppress(OSError):
                self._write(self._shell, line)
                return
            self._shell.kill()
            self.close()
        # A session of its own: what is sent to our process group, from a terminal or a supervisor, is not for it.
        self._shell = Popen(
            ["/bin/sh", "-c", SCRIPT], cwd="/", stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True
        )
        self._write(self._shell, "".join(f"watch {group}\n" for group in self._groups))

    def _write(self, shell: "Popen[bytes]", text: str) -> None:
        assert shell.stdin is not None  # noqa: S101 - asked for above
        os.set_blocking(shell.stdin.fileno(), False)
        os.write(shell.stdin.fileno(), text.encode())


def kill_group(group: int) -> None:
    """Kills every process of the group, stopped ones included; nothing happens when there is none."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
