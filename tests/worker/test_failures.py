"""The sentence for the history, from what FFmpeg 9.0 really wrote."""

import errno

import pytest

from balanza.errors import StorageFull
from balanza.worker.failures import DISK_FULL, why_ffmpeg_failed, why_not_done

NO_MEDIA = """\
[in#0 @ 0x55ab4c5e7d40] Error opening input: Invalid data found when processing input
Error opening input file file:source/input.
Error opening input files: Invalid data found when processing input"""

BAD_PROFILE = """\
[libx264 @ 0x55b0cad9ae00] Error setting profile baseline.
[vost#0:0/libx264 @ 0x55b0cad9a2c0] [enc:libx264 @ 0x55b0cad9ad00] Error while opening encoder - maybe incorrect \
parameters such as bit_rate, rate, width or height.
[vf#0:0 @ 0x55b0cad9bd40] Error sending frames to consumers: Invalid argument
[vf#0:0 @ 0x55b0cad9bd40] Task finished with error code: -22 (Invalid argument)
[vf#0:0 @ 0x55b0cad9bd40] Terminating thread with return code -22 (Invalid argument)
[vost#0:0/libx264 @ 0x55b0cad9a2c0] [enc:libx264 @ 0x55b0cad9ad00] Could not open encoder before EOF
[out#0/mp4 @ 0x55b0cad99540] Nothing was written into output file, because at least one of its streams received no \
packets.
frame=    0 fps=0.0 q=0.0 Lsize=       0KiB time=N/A bitrate=N/A speed=N/A elapsed=0:00:00.01
Conversion failed!"""

NO_ROOM = """\
[out#0/wav @ 0x56500401e4c0] Error muxing a packet
[out#0/wav @ 0x56500401e4c0] Task finished with error code: -28 (No space left on device)
Conversion failed!"""


@pytest.mark.parametrize(
    ("returncode", "log_tail", "sentence"),
    [
        (183, NO_MEDIA, "ffmpeg ended with code 183: Error opening input: Invalid data found when processing input."),
        (
            234,
            BAD_PROFILE,
            "ffmpeg ended with code 234: Error while opening encoder - maybe incorrect parameters such as bit_rate, "
            "rate, width or height.",
        ),
        (228, NO_ROOM, DISK_FULL),
        (-9, "", "ffmpeg was ended by SIGKILL without a message."),
        (-61, "Conversion failed!", "ffmpeg was ended by signal 61 without a message."),
        (1, "\n\n", "ffmpeg ended with code 1 without a message."),
    ],
)
def test_the_line_that_tells_the_reason_is_found(returncode: int, log_tail: str, sentence: str) -> None:
    assert why_ffmpeg_failed(returncode, log_tail) == sentence


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/srv/x"), DISK_FULL),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), DISK_FULL),
        (
            PermissionError(errno.EACCES, "Permission denied", "/srv/x"),
            "The worker could not do its part: Permission denied.",
        ),
        (StorageFull("The storage is full."), "The storage is full."),
    ],
)
def test_errors_of_the_system_become_sentences_without_paths(error: OSError, sentence: str) -> None:
    assert why_not_done(error) == sentence
