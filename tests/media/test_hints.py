"""What the probe tells FFmpeg of an input changes nothing of what FFmpeg reads from it."""

import subprocess
from pathlib import Path

from balanza.media.inputs import FORMAT_WHITELIST, known_of
from balanza.media.probe import Prober
from balanza.media.program import find_program
from balanza.model import Probe, Stream, StreamKind
from tests.support import clips
from tests.support.clips import clip


def test_every_clip_is_read_the_same_with_and_without_them(prober: Prober, tmp_path: Path) -> None:
    """Every packet, its time, and what is said of every stream; of all clips in one process."""
    names = sorted(clips.RECIPES.keys() - {"long.flac"})
    paths = [
        *map(clip, names),
        *(clips.film_with_everything(), clips.rotated_film(), clips.picture_subtitles()),
        *(clips.film_cut_without_encoding("mp4"), clips.recording_in_two_parts("ogg")),
    ]
    hints = [
        [part for option, value in known_of(prober.probe(path)) for part in (f"-{option}", value)] for path in paths
    ]
    assert all("-f" in hint for hint in hints)

    plain = _read(paths, [[] for _ in paths], tmp_path / "plain")
    assert _read(paths, hints, tmp_path / "hinted") == plain
    assert all(len(packets) > 100 for packets in plain)


def _read(paths: list[Path], hints: list[list[str]], folder: Path) -> list[str]:
    folder.mkdir()
    argv = [find_program(None).path, "-nostdin", "-loglevel", "error"]
    for path, hint in zip(paths, hints, strict=True):
        argv += [*hint, "-i", str(path)]
    for number in range(len(paths)):
        argv += ["-map", str(number), "-c", "copy", "-f", "framehash", str(folder / f"{number}")]
    subprocess.run(argv, check=True, capture_output=True)
    return [(folder / f"{number}").read_text() for number in range(len(paths))]


def test_only_demuxers_that_may_be_opened_are_named() -> None:
    assert known_of(Probe("hls", None, None, ())) == ()
    for container in ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "ogg", "mpegts"):
        ((option, demuxer),) = known_of(Probe(container, None, None, ()))
        assert option == "f"
        assert demuxer in FORMAT_WHITELIST.split(",")


def test_sound_in_a_wav_file_that_may_be_dts_is_looked_for() -> None:
    def told(codec: str) -> tuple[tuple[str, str], ...]:
        sound = Stream(index=0, kind=StreamKind.AUDIO, codec=codec, sample_rate_hz=44100, channels=2)
        return known_of(Probe("wav", 1.0, None, (sound,)))

    assert told("dts") == (("f", "wav"),)
    assert told("pcm_s16le") == (("f", "wav"), ("max_probe_packets", "1"))
