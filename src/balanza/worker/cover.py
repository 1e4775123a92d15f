"""The cover art of a source, taken out by an ffmpeg of its own before the conversion, where that needs it as a file."""

from pathlib import Path

from balanza.media.covers import cover_file, picture_argv
from balanza.protocol import LeaseGrant
from balanza.worker.process import FfmpegProcess
from balanza.worker.reaper import Reaper
from balanza.worker.threads import in_thread

COVER_SECONDS = 20.0
"""Usually 15 ms, but ffmpeg reads the source to its end: what takes longer than this is not worth the wait."""


async def fetch_cover(grant: LeaseGrant, source: str, folder: Path, program: str, reaper: Reaper) -> str | None:
    """The name of a file in `folder` for `build_argv(cover=…)`; None when there is nothing to be done.

    Never fails: a song whose cover cannot be read, or not in time, is converted without it. Cancelled, it kills ffmpeg.
    """
    probe, format_name = grant.source.probe, grant.output_format
    argv = picture_argv(program=program, source=source, format_name=format_name, probe=probe)
    if argv is None:
        return None
    try:
        process = FfmpegProcess(argv, folder, reaper)
        ended = await process.run(lambda _output: None, lambda: True, every_seconds=COVER_SECONDS)
        if ended.returncode != 0:
            return None
        return await in_thread(cover_file, folder, format_name, probe)
    except OSError:
        return None
