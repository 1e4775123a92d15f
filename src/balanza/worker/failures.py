"""Why an attempt failed, as one sentence for a person, from what ffmpeg and the operating system say. Pure."""

import errno
import os
import re
import signal

from balanza.errors import BalanzaError

DISK_FULL = "The worker's disk is full. Free some space in its scratch folder or in the storage, then try again."

_WHO_SPEAKS = re.compile(r"^(?:\[[^\]]*\]\s*)+")
_CONSEQUENCES = re.compile(
    r"conversion failed|exiting normally|press \[q\]|(?:frame|size|video)=?:? *\d"
    r"|error opening (?:in|out)put files?\b|error closing file|nothing was written into output file"
    r"|task finished with error code|terminating thread with return code|could not open encoder before eof"
    r"|error sending frames to consumers",
    re.IGNORECASE,
)
"""What ffmpeg says after the line that tells the reason (seen in FFmpeg 5.1 and 9.0)."""


def why_ffmpeg_failed(returncode: int, log_tail: str) -> str:
    """From ffmpeg's return code (negative: a signal) and the last lines it wrote."""
    if os.strerror(errno.ENOSPC) in log_tail:
        return DISK_FULL
    how = f"ffmpeg ended with code {returncode}"
    if returncode < 0:
        how = f"ffmpeg was ended by {_signal_name(-returncode)}"
    for line in reversed(log_tail.splitlines()):
        text = _WHO_SPEAKS.sub("", line).strip()
        if text and not _CONSEQUENCES.match(text):
            return f"{how}: {text.rstrip('.')}."
    return f"{how} without a message."


def why_not_done(error: OSError | BalanzaError) -> str:
    """From an error of the operating system or of the storage."""
    if isinstance(error, BalanzaError):
        return error.sentence
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DISK_FULL
    return f"The worker could not do its part: {error.strerror or type(error).__name__}."


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
