"""One conversion from probe to check, with the real ffmpeg, as a worker makes it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from balanza.media.covers import cover_file, picture_argv
from balanza.media.ffmpeg import build_argv
from balanza.media.formats import check_source, format_named, parse_options
from balanza.media.probe import Prober
from balanza.media.program import find_program
from balanza.media.verify import check_result
from balanza.model import Probe


@dataclass(frozen=True, slots=True)
class Converted:
    path: Path
    probe: Probe
    argv: list[str]

    @property
    def arguments(self) -> str:
        """The command line in one string, to look for parts of it."""
        return " ".join(self.argv)


class Converter:
    def __init__(self, prober: Prober, folder: Path) -> None:
        self._prober = prober
        self._folder = folder

    def __call__(self, source: Path, format_name: str, **raw: object) -> Converted:
        """The checked result; AssertionError with FFmpeg's words when it fails."""
        probe = self._prober.probe(source)
        options = parse_options(format_name, raw)
        check_source(format_name, options, probe)
        program = find_program(None).path
        cover = self._fetch_cover(program, source, format_name, probe)
        output = self._folder / f"result.{format_named(format_name).extension}"
        argv = build_argv(
            program=program,
            source=str(source),
            output=str(output),
            format_name=format_name,
            options=options,
            probe=probe,
            threads=1,
            cover=str(self._folder / cover) if cover else None,
        )
        done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
        assert done.returncode == 0, f"{' '.join(argv)}\n{done.stderr}"
        result = self._prober.probe(output)
        check_result(format_name=format_name, options=options, source=probe, result=result)
        return Converted(output, result, argv)

    def _fetch_cover(self, program: str, source: Path, format_name: str, probe: Probe) -> str | None:
        argv = picture_argv(program=program, source=str(source), format_name=format_name, probe=probe)
        if argv is None or subprocess.run(argv, cwd=self._folder, capture_output=True, check=False).returncode != 0:
            return None
        return cover_file(self._folder, format_name, probe)
