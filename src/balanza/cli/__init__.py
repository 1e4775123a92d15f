"""The command line: `main` is the program `balanza`.

Exit codes: 0 all went well, 1 something failed, 2 it was asked for wrongly or could not start, 3 another process works
under this worker's id, 130 it was interrupted.
"""

import gc
import sys

from balanza.errors import BalanzaError, InvalidRequest, StartupError, WorkerReplaced

FAILED = 1
NOT_STARTED = 2
REPLACED = 3
INTERRUPTED = 130

OBJECTS_BETWEEN_COLLECTIONS = 50_000
"""Python looks for cycles after every 700 new objects; importing makes 100,000 that stay. Looking less often takes a
tenth off every start."""


def main() -> None:
    """Runs the command of `sys.argv`. What a person can put right is said in one sentence, never as a traceback."""
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    from balanza.cli.app import app  # noqa: PLC0415 - `import balanza.cli` alone stays cheap

    try:
        app(prog_name="balanza")
    except BalanzaError as error:
        sys.stderr.write(f"balanza: {error.sentence}\n")
        sys.exit(_code_of(error))


def _code_of(error: BalanzaError) -> int:
    match error:
        case StartupError() | InvalidRequest():
            return NOT_STARTED
        case WorkerReplaced():
            return REPLACED
        case _:
            return FAILED
