"""Small media files made by FFmpeg's own generators, each made once and kept, and what decoding them shows.

`clip("song.mp3")` is a path. The files lie in a folder of the temporary directory that is named after their recipes
and the ffmpeg that made them, so test processes and later runs share them; each appears whole, by a rename.
"""

import fcntl
import hashlib
import math
import os
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import cast

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.video.frame import VideoFrame

from balanza.media.program import find_program

TONE_HZ = 440
COLOUR = (51, 102, 204)
SECONDS = 1.0

_TONE = ("-f", "lavfi", "-i", f"sine=frequency={TONE_HZ}:duration=1:sample_rate=44100")
_LONG_TONE = ("-f", "lavfi", "-i", f"sine=frequency={TONE_HZ}:sample_rate=48000:duration=400")
_PICTURE = ("-f", "lavfi", "-i", "color=c=0x3366CC:size=64x48:rate=25:duration=1")
_COVER = ("-f", "lavfi", "-i", "color=c=0xCC3333:size=32x32:duration=0.04")
_TAGS = ("-metadata", "title=Canción de prueba", "-metadata", "artist=Ana")
_COVERED = ("-map", "0:a", "-map", "1:v", "-c:v", "mjpeg", "-disposition:v", "attached_pic")
_FILM = (*_PICTURE, *_TONE, "-ac", "2", *_TAGS)
_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
_SONG = (*_TONE, "-ac", "2", *_TAGS)
_COVERED_SONG = (*_TONE, *_COVER, *_COVERED, "-ac", "2", *_TAGS)
_HALVES = ("-f", "lavfi", "-i", "aevalsrc=0.3*sin(2*PI*t*if(lt(t\\,2)\\,440\\,880)):duration=4:sample_rate=44100")
_COLOURS = (
    *("-f", "lavfi", "-i", "color=c=red:size=64x48:rate=25:duration=2"),
    *("-f", "lavfi", "-i", "color=c=lime:size=64x48:rate=25:duration=2"),
)
_TURNING = (*_COLOURS, *_HALVES, "-filter_complex", "[0][1]concat=n=2:v=1:a=0[v]", "-map", "[v]", "-map", "2:a")
_LONG_PICTURE = ("-f", "lavfi", "-i", "color=c=0x3366CC:size=64x48:rate=25:duration=4")
_LATE = (*_LONG_PICTURE, "-itsoffset", "2", "-f", "lavfi", "-i", "sine=frequency=440:duration=2:sample_rate=44100")
_GAP = (
    *(*_LONG_PICTURE, "-f", "lavfi", "-i", "sine=frequency=440:duration=4:sample_rate=44100"),
    *("-af", "aselect='lt(t\\,1)+gt(t\\,3)'"),
)

RECIPES: Mapping[str, tuple[str, ...]] = {
    # A song and a film in every format that we write.
    "song.mp3": (*_COVERED_SONG, "-c:a", "libmp3lame", "-f", "mp3"),
    "song.flac": (*_COVERED_SONG, "-c:a", "flac", "-sample_fmt", "s16", "-f", "flac"),
    "song.wav": (*_SONG, "-c:a", "pcm_s16le", "-f", "wav"),
    "song.aac": (*_SONG, "-c:a", "aac", "-f", "adts", "-write_id3v2", "1"),
    "song.ogg": (*_SONG, "-c:a", "libvorbis", "-f", "ogg"),
    "song.opus": (*_SONG, "-c:a", "libopus", "-f", "opus"),
    "song.m4a": (*_COVERED_SONG, "-c:a", "aac", "-f", "ipod"),
    "song.aiff": (*_COVERED_SONG, "-c:a", "pcm_s16be", "-write_id3v2", "1", "-f", "aiff"),
    "film.mp4": (*_FILM, *_H264, "-c:a", "aac", "-f", "mp4"),
    "film.mkv": (*_FILM, *_H264, "-c:a", "aac", "-f", "matroska"),
    "film.webm": (*_FILM, "-c:v", "libvpx-vp9", "-deadline", "realtime", "-c:a", "libopus", "-f", "webm"),
    "film.mov": (*_FILM, *_H264, "-c:a", "aac", "-f", "mov"),
    "film.avi": (*_FILM, "-c:v", "mpeg4", "-c:a", "libmp3lame", "-f", "avi"),
    "film.gif": (*_PICTURE, "-r", "10", "-f", "gif"),
    # Other containers that people have.
    "film.ts": (*_FILM, *_H264, "-c:a", "aac", "-f", "mpegts"),
    "film.mpg": (*_FILM, "-c:v", "mpeg2video", "-c:a", "mp2", "-f", "mpeg"),
    "film.flv": (*_FILM, "-c:v", "flv1", "-c:a", "libmp3lame", "-f", "flv"),
    "film.wmv": (*_FILM, "-c:v", "wmv2", "-c:a", "wmav2", "-f", "asf"),
    "film.ogv": (*_FILM, "-vf", "noise=alls=4:allf=t", "-c:v", "libtheora", "-c:a", "libvorbis", "-f", "ogg"),
    "song.wma": (*_SONG, "-c:a", "wmav2", "-f", "asf"),
    "song.mka": (*_SONG, "-c:a", "libvorbis", "-f", "matroska"),
    # Sound that needs care.
    "deep.flac": (*_SONG, "-c:a", "flac", "-sample_fmt", "s32", "-bits_per_raw_sample", "24", "-f", "flac"),
    "deep.wav": (*_SONG, "-c:a", "pcm_s24le", "-f", "wav"),
    "float.wav": (*_SONG, "-c:a", "pcm_f32le", "-f", "wav"),
    "studio.wav": (*_SONG, "-ar", "96000", "-c:a", "pcm_s24le", "-f", "wav"),
    "narrow.wav": (*_SONG, "-ar", "22050", "-c:a", "pcm_s16le", "-f", "wav"),
    "unheaded.mp3": (*_SONG, "-c:a", "libmp3lame", "-q:a", "2", "-write_xing", "0", "-f", "mp3"),
    "surround.wav": (*_TONE, "-af", "pan=5.1(side)|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0", "-f", "wav"),
    "tenfold.wav": (*_TONE, "-af", f"pan=5.1.4|{'|'.join(f'c{n}=c0' for n in range(10))}", "-f", "wav"),
    "halves.wav": (*_HALVES, "-ac", "2", "-f", "wav"),
    "halves.mp3": (*_HALVES, "-ac", "2", "-c:a", "libmp3lame", "-q:a", "2", "-f", "mp3"),
    "halves.flac": (*_HALVES, "-ac", "2", "-c:a", "flac", "-sample_fmt", "s16", "-f", "flac"),
    "halves.ogg": (*_HALVES, "-ac", "2", "-c:a", "libvorbis", "-f", "ogg"),
    "halves.aac": (*_HALVES, "-ac", "2", "-c:a", "aac", "-f", "adts"),
    "quiet.wav": (*_HALVES, "-af", "volume=-30dB", "-ac", "2", "-f", "wav"),
    # 400 s, which take some seconds to convert to Opus.
    "long.flac": (*_LONG_TONE, "-ac", "2", "-c:a", "flac", "-f", "flac"),
    # Pictures that need care.
    "turning.mp4": (*_TURNING, *_H264, "-g", "250", "-c:a", "aac", "-f", "mp4"),
    "turning.ts": (*_TURNING, *_H264, "-g", "250", "-c:a", "aac", "-f", "mpegts"),
    "silent.mp4": (*_PICTURE, *_H264, "-f", "mp4"),
    "odd.mkv": (*_PICTURE, "-vf", "scale=65:49,format=yuv444p10", "-c:v", "ffv1", "-f", "matroska"),
    "wide.mkv": (*_PICTURE, "-vf", "scale=64:64,setsar=2", *_H264, "-f", "matroska"),
    "hevc.mkv": (*_FILM, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-f", "matroska"),
    "bframes.avi": (*_FILM, "-c:v", "mpeg4", "-bf", "2", "-c:a", "libmp3lame", "-f", "avi"),
    "recorded.webm": (
        *(*_FILM, "-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus"),
        *("-live", "1", "-f", "webm"),
    ),
    "short-sound.mkv": (
        *("-f", "lavfi", "-i", "color=c=0x3366CC:size=64x48:rate=25:duration=3", *_TONE),
        *(*_H264, "-c:a", "aac", "-f", "matroska"),
    ),
    # Sound that begins two seconds late, or pauses for two; a picture that begins late.
    "late.mkv": (*_LATE, *_H264, "-c:a", "aac", "-f", "matroska"),
    "late.mp4": (*_LATE, *_H264, "-c:a", "aac", "-f", "mp4"),
    "late.webm": (*_LATE, "-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus", "-f", "webm"),
    "late.avi": (*_LATE, "-c:v", "mpeg4", "-c:a", "libmp3lame", "-f", "avi"),
    "late.wmv": (*_LATE, "-c:v", "wmv2", "-c:a", "wmav2", "-f", "asf"),
    "late.mka": (*_LATE, "-map", "1:a", "-c:a", "aac", "-f", "matroska"),
    "gap.mkv": (*_GAP, *_H264, "-c:a", "aac", "-f", "matroska"),
    "gap.mp4": (*_GAP, *_H264, "-c:a", "aac", "-f", "mp4"),
    "late-picture.mkv": (
        *("-itsoffset", "2", *_PICTURE, "-f", "lavfi", "-i", "sine=frequency=440:duration=3"),
        *(*_H264, "-c:a", "aac", "-f", "matroska"),
    ),
}

Recipe = tuple[str, ...]


def clip(name: str) -> Path:
    """The path of that clip, made now if it has not been made yet."""
    path = _folder() / name
    if not path.exists():
        _make(RECIPES[name], path)
    return path


def film_with_everything() -> Path:
    """A Matroska film with two languages of sound, three kinds of subtitles, two chapters and a font."""
    path = _folder() / "everything.mkv"
    if not path.exists():
        texts = _texts()
        languages = (("a", ("spa", "eng")), ("s", ("spa", "eng", "fra")))
        tags = [
            part
            for kind, codes in languages
            for number, code in enumerate(codes)
            for part in (f"-metadata:s:{kind}:{number}", f"language={code}")
        ]
        _make(
            (
                *(*_PICTURE, *_TONE, *_TONE),
                *(part for name in ("a.srt", "b.ass", "c.vtt") for part in ("-i", str(texts[name]))),
                *("-i", str(texts["chapters.txt"])),
                *("-map", "0", "-map", "1", "-map", "2", "-map", "3", "-map", "4", "-map", "5", "-map_metadata", "6"),
                *(*_H264, "-c:a:0", "aac", "-c:a:1", "libopus"),
                *("-c:s:0", "subrip", "-c:s:1", "ass", "-c:s:2", "webvtt", *tags, *_TAGS),
                *("-attach", str(texts["font.ttf"]), "-metadata:s:t:0", "mimetype=font/ttf"),
                *("-f", "matroska"),
            ),
            path,
        )
    return path


def rotated_film() -> Path:
    """A film as a telephone held upright makes it: stored 64x48, to be shown turned by a quarter, as 48x64."""
    path = _folder() / "rotated.mp4"
    if not path.exists():
        _make(("-display_rotation", "90", "-i", str(clip("film.mp4")), "-c", "copy", "-f", "mp4"), path)
    return path


def film_cut_without_encoding(container: str) -> Path:
    """The last two of four seconds. The first two are in the file too; an edit list says not to show them."""
    path = _folder() / f"cut.{container}"
    if not path.exists():
        _make(("-ss", "2", "-i", str(clip("turning.mp4")), "-c", "copy", "-f", container), path)
    return path


def recording_in_two_parts(kind: str) -> Path:
    """Two Ogg files of four seconds one after the other in one file, as recorders of radio leave them."""
    path = _folder() / f"two-parts.{kind}"
    if not path.exists():
        codec = {"ogg": "libvorbis", "opus": "libopus"}[kind]
        parts = [path.with_name(f"part-{serial}.{kind}") for serial in (1, 2)]
        for serial, part in enumerate(parts, 1):
            _make((*_HALVES, "-c:a", codec, "-serial_offset", str(serial), "-f", kind), part)
        _put(path, b"".join(part.read_bytes() for part in parts))
    return path


def picture_subtitles() -> Path:
    """A Matroska film with Blu-ray subtitles, which are pictures and no text."""
    path = _folder() / "bitmaps.mkv"
    if not path.exists():
        subtitles = _folder() / "bitmaps.sup"
        _put(subtitles, _blu_ray_subtitles())
        _make((*_PICTURE, "-i", str(subtitles), *_H264, "-c:s", "copy", "-f", "matroska"), path)
    return path


def _blu_ray_subtitles() -> bytes:
    """One black pixel shown from 0.1 s to 0.9 s, in the segments of the Presentation Graphic Stream."""
    size = (64).to_bytes(2, "big") + (48).to_bytes(2, "big")
    window = bytes([1, 0]) + bytes(4) + bytes([0, 1, 0, 1])
    palette = bytes([0, 0, 1, 16, 128, 128, 255])
    pixel = bytes([0, 1, 0, 1]) + bytes([1, 0, 0])
    picture = bytes([0, 0, 0, 0xC0]) + len(pixel).to_bytes(3, "big") + pixel
    shown = size + bytes([0x10, 0, 0, 0x80, 0, 0, 1]) + bytes(8)
    hidden = size + bytes([0x10, 0, 1, 0, 0, 0, 0])
    segments = (
        *((0.1, 0x16, shown), (0.1, 0x17, window), (0.1, 0x14, palette), (0.1, 0x15, picture), (0.1, 0x80, b"")),
        *((0.9, 0x16, hidden), (0.9, 0x17, window), (0.9, 0x80, b"")),
    )
    return b"".join(
        b"PG" + int(at * 90_000).to_bytes(4, "big") + bytes(4) + bytes([kind]) + len(data).to_bytes(2, "big") + data
        for at, kind, data in segments
    )


_SRT = "1\n00:00:00,100 --> 00:00:00,900\nHola, mundo\n"
_VTT = "WEBVTT\n\n00:00.100 --> 00:00.900\nSalut\n"
_ASS = """[Script Info]
ScriptType: v4.00+
[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,16
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.10,0:00:00.90,Default,,0,0,0,,Hello
"""
_CHAPTERS = """;FFMETADATA1
[CHAPTER]
TIMEBASE=1/1000
START=0
END=500
title=Uno
[CHAPTER]
TIMEBASE=1/1000
START=500
END=1000
title=Dos
"""


def chapters_file() -> Path:
    """Two chapters, in FFmpeg's own form, as an input to map."""
    return _texts()["chapters.txt"]


@cache
def _texts() -> Mapping[str, Path]:
    contents = {
        "a.srt": _SRT,
        "b.ass": _ASS,
        "c.vtt": _VTT,
        "chapters.txt": _CHAPTERS,
        "font.ttf": "\x00\x01\x00\x00not a real font",
    }
    for name, text in contents.items():
        _put(_folder() / name, text.encode())
    return {name: _folder() / name for name in contents}


@cache
def _folder() -> Path:
    """Where the clips lie: another folder for other recipes, another ffmpeg, another person."""
    source = Path(__file__).read_bytes() + find_program(None).version.encode()
    name = f"balanza-clips-{os.getuid()}-{hashlib.sha256(source).hexdigest()[:16]}"
    folder = Path(tempfile.gettempdir()) / name
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _make(recipe: Recipe, path: Path) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():  # another process may have made it meanwhile
            run_ffmpeg(*recipe, str(partial))
            partial.rename(path)


def _put(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    partial.write_bytes(data)
    partial.rename(path)


def run_ffmpeg(*arguments: str) -> None:
    """Runs ffmpeg, for making clips only; AssertionError with what it said when it fails."""
    argv = [find_program(None).path, "-hide_banner", "-loglevel", "error", "-nostdin", "-y", *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, f"{' '.join(argv)}\n{done.stderr}"


# --- What decoding shows.


@dataclass(frozen=True, slots=True)
class Sound:
    """Decoded sound, mixed to one channel."""

    rate: int
    channels: int
    layout: str
    sample_format: str
    samples: tuple[int, ...]
    """16 bits each."""

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate

    def tone_hz(self, start: float = 0.1, end: float = 0.8) -> float:
        """The frequency between two moments, by counting how often the sound crosses zero upwards.

        By default what codecs add at either end is left out.
        """
        part = self.samples[int(start * self.rate) : int(end * self.rate)]
        rises = [n for n in range(1, len(part)) if part[n - 1] < 0 <= part[n]]
        return (len(rises) - 1) * self.rate / (rises[-1] - rises[0]) if len(rises) > 1 else 0.0

    def level_db(self) -> float:
        """The effective value, in decibels below full scale."""
        mean = sum(sample * sample for sample in self.samples) / max(1, len(self.samples))
        return 10 * math.log10(mean / 32768**2) if mean else -math.inf


@dataclass(frozen=True, slots=True)
class Pictures:
    """Decoded video, as it is stored."""

    width: int
    height: int
    pixel_format: str
    seconds: float
    """From the first picture's time to the end of the last one's."""
    colours: tuple[tuple[int, int, int], ...]
    """The mean red, green and blue of each picture."""


def decode_sound(path: Path, track: int = 0) -> Sound:
    """All of one sound track."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[track]
        resampler = AudioResampler(format="s16", layout="mono")
        samples: list[int] = []
        for frame in (*container.decode(stream), None):
            for mono in resampler.resample(frame):
                samples += _samples(mono)
        context = stream.codec_context
        return Sound(context.sample_rate, context.channels, context.layout.name, context.format.name, tuple(samples))


def decode_pictures(path: Path, track: int = 0) -> Pictures:
    """All of one video track."""
    with av.open(str(path)) as container:
        stream = container.streams.video[track]
        base = cast(Fraction, stream.time_base)
        times: list[tuple[int, int]] = []
        colours = []
        for frame in container.decode(stream):
            times.append((frame.pts or 0, frame.duration or 0))
            colours.append(_mean_colour(frame))
        seconds = float((times[-1][0] + times[-1][1] - times[0][0]) * base) if times else 0.0
        context = stream.codec_context
        return Pictures(context.width, context.height, context.pix_fmt or "", seconds, tuple(colours))


def is_colour(found: tuple[int, int, int], wanted: tuple[int, int, int], tolerance: int = 24) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(found, wanted, strict=True))


def _samples(frame: AudioFrame) -> memoryview:
    return memoryview(bytes(frame.planes[0])[: frame.samples * 2]).cast("h")


def _mean_colour(frame: VideoFrame) -> tuple[int, int, int]:
    rgb = frame.reformat(format="rgb24")
    plane = rgb.planes[0]
    data = bytes(plane)
    rows = [data[y * plane.line_size : y * plane.line_size + rgb.width * 3] for y in range(rgb.height)]
    pixels = b"".join(rows)
    count = rgb.width * rgb.height
    return (sum(pixels[0::3]) // count, sum(pixels[1::3]) // count, sum(pixels[2::3]) // count)
