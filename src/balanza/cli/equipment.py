"""What Balanza needs from the machine, found or missing."""

from collections.abc import Mapping

from balanza.errors import StartupError
from balanza.media.program import Program, find_program, missing_for


def refuse_what_lacks_encoders(ffmpeg: str | None) -> Program:
    """The ffmpeg program, which can make every format. Raises StartupError."""
    program = find_program(ffmpeg)
    missing = {name: lacking for name, lacking in missing_for(program).items() if lacking}
    if missing:
        raise StartupError(
            f"{program.path} lacks {', '.join(sorted(_all(missing)))}, needed for {', '.join(missing)}. Unset "
            "BALANZA_FFMPEG to use the ffmpeg that comes with Balanza, or name another; `balanza check` says more."
        )
    return program


def _all(missing: Mapping[str, frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*missing.values())
