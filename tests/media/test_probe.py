"""What the prober says of files, and that no file breaks it."""

import json
import os
import random
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from balanza.errors import EmptyFile, NotMedia, StartupError
from balanza.media import probe as probe_module
from balanza.media.probe import Prober
from balanza.model import Probe, StreamKind
from tests.media.conversion import Converter
from tests.support.clips import clip, decode_sound, film_with_everything, rotated_film, run_ffmpeg
from tests.support.waiting import eventually


def test_film_is_described(prober: Prober) -> None:
    probe = prober.probe(film_with_everything())
    picture, spanish, english, *others = probe.streams
    assert probe.container == "matroska,webm"
    assert probe.duration_seconds == pytest.approx(1.02, abs=0.01)
    assert probe.chapters == 2
    assert (picture.codec, picture.width, picture.height, picture.fps) == ("h264", 64, 48, 25.0)
    assert picture.pixel_format == "yuv420p"
    assert (spanish.codec, spanish.language, spanish.channels, spanish.sample_rate_hz) == ("aac", "spa", 1, 44100)
    assert (english.codec, english.language, english.sample_rate_hz) == ("opus", "eng", 48000)
    assert [stream.kind for stream in others] == [StreamKind.SUBTITLE] * 3 + [StreamKind.OTHER]
    assert all(stream.is_text for stream in probe.subtitles)


def test_cover_is_no_film(prober: Prober) -> None:
    probe = prober.probe(clip("song.mp3"))
    assert len(probe.covers) == 1
    assert not probe.video


def test_size_of_a_turned_film_is_as_stored(prober: Prober) -> None:
    (picture,) = prober.probe(rotated_film()).video
    assert (picture.width, picture.height) == (64, 48)


@pytest.mark.parametrize("name", ["song.aac", "unheaded.mp3", "recorded.webm"])
def test_length_is_found_by_reading_where_no_header_tells_it(prober: Prober, name: str) -> None:
    assert prober.probe(clip(name)).duration_seconds == pytest.approx(1.0, abs=0.05)


def test_length_of_a_variable_bit_rate_is_not_guessed(prober: Prober, tmp_path: Path) -> None:
    """Five seconds of silence, then five of noise: guessed from its first frames the file would last far longer."""
    parts = ("-f", "lavfi", "-i", "anullsrc=d=5:r=44100", "-f", "lavfi", "-i", "anoisesrc=d=5:r=44100")
    joined = (*parts, "-filter_complex", "[0][1]concat=n=2:v=0:a=1", "-c:a", "libmp3lame", "-q:a", "2")
    for name, options in (("song.mp3", ("-write_xing", "0", "-f", "mp3")), ("song.aac", ("-c:a", "aac", "-f", "adts"))):
        run_ffmpeg(*joined, *options, str(tmp_path / name))
        assert prober.probe(tmp_path / name).duration_seconds == pytest.approx(10.0, abs=0.1), name


def test_length_of_an_mp3_that_was_cut_off_is_what_is_left(prober: Prober, tmp_path: Path) -> None:
    """Its header still tells the length of the whole."""
    whole = clip("halves.mp3").read_bytes()
    (tmp_path / "part.mp3").write_bytes(whole[: len(whole) // 2])
    assert 1.0 < (prober.probe(tmp_path / "part.mp3").duration_seconds or 0) < 3.0


@pytest.mark.parametrize("name", ["song.wav", "film.mkv", "song.flac", "film.ts", "halves.ogg", "film.avi"])
def test_file_that_was_cut_off_can_still_be_a_film_or_a_song(prober: Prober, tmp_path: Path, name: str) -> None:
    whole = clip(name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) * 2 // 3])
    assert prober.probe(tmp_path / name).streams


def test_dts_in_a_wav_file_is_seen(prober: Prober, convert: Converter, tmp_path: Path) -> None:
    """As on some compact discs. Taken for PCM it would be converted to noise."""
    raw, disc = tmp_path / "raw.dts", tmp_path / "disc.wav"
    run_ffmpeg("-i", str(clip("halves.wav")), "-c:a", "dca", "-strict", "-2", "-b:a", "1411200", "-f", "dts", str(raw))
    raw.write_bytes(bytes(4000) + raw.read_bytes())
    run_ffmpeg("-f", "s16le", "-ar", "44100", "-ac", "2", "-i", str(raw), "-c", "copy", "-f", "wav", str(disc))

    assert prober.probe(disc).audio[0].codec == "dts"
    assert decode_sound(convert(disc, "mp3").path).tone_hz() == pytest.approx(440, abs=2)


def test_empty_file_is_said_to_be_empty(prober: Prober, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(EmptyFile, match="0 bytes"):
        prober.probe(tmp_path / "empty")


TEXTS = {
    "prose": b"It was a dark and stormy night.\n" * 50,
    "html": b"<!doctype html><title>x</title><video src=file:///etc/passwd></video>",
    "srt": b"1\n00:00:01,000 --> 00:00:02,000\nHola\n",
    "vtt": b"WEBVTT\n\n00:01.000 --> 00:02.000\nHola\n",
    "ass": b"[Script Info]\nScriptType: v4.00+\n[Events]\nDialogue: 0,0:00:00.10,0:00:00.90,Default,,0,0,0,,Hello\n",
    "ffmetadata": b";FFMETADATA1\ntitle=x\n",
    "pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
    "zip": b"PK\x03\x04" + bytes(200),
    "elf": b"\x7fELF" + bytes(4000),
    "zeros": bytes(100_000),
    "ones": b"\xff" * 100_000,
    "one byte": b"\x00",
    "mp3 tag alone": b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(500),
    "wav without sound": b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x02\x00",
    "noise": random.Random(1).randbytes(200_000),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=list(TEXTS))
def test_what_is_no_media_is_refused(prober: Prober, tmp_path: Path, text: bytes) -> None:
    (tmp_path / "file.mp4").write_bytes(text)
    with pytest.raises(NotMedia, match=r"^The file ") as raised:
        prober.probe(tmp_path / "file.mp4")
    assert str(tmp_path) not in raised.value.sentence


@pytest.mark.parametrize("codec", ["png", "mjpeg", "bmp", "tiff"])
def test_still_picture_is_refused_by_its_name(prober: Prober, tmp_path: Path, codec: str) -> None:
    path = tmp_path / "picture"
    drawn = ("-f", "lavfi", "-i", "color=c=red:size=32x32:duration=0.04", "-c:v", codec)
    run_ffmpeg(*drawn, "-f", "image2", "-update", "1", str(path))
    with pytest.raises(NotMedia, match="still picture"):
        prober.probe(path)


def test_subtitles_alone_are_no_media(prober: Prober, tmp_path: Path) -> None:
    path = tmp_path / "subtitles.mkv"
    run_ffmpeg("-i", str(film_with_everything()), "-map", "0:s", "-c", "copy", "-f", "matroska", str(path))
    with pytest.raises(NotMedia, match="neither sound nor moving pictures"):
        prober.probe(path)


@pytest.mark.parametrize("name", ["song.mp3", "film.mp4", "film.mkv", "film.ts", "song.ogg", "song.flac", "film.avi"])
def test_damaged_files_are_read_or_refused(prober: Prober, tmp_path: Path, name: str) -> None:
    chance = random.Random(name)
    whole = clip(name).read_bytes()
    for _ in range(8):
        damaged = bytearray(whole)
        for _ in range(chance.randrange(1, 60)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        (tmp_path / name).write_bytes(damaged)
        with suppress(NotMedia):
            assert prober.probe(tmp_path / name).streams


NO_UTF_8 = b"\xff\xfe.mp3".decode("utf-8", "surrogateescape")


@pytest.mark.parametrize("name", ["línea.mp4", "two\nlines", 'quo"te\\', "-i", NO_UTF_8], ids=ascii)
def test_any_name_can_be_probed(prober: Prober, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(clip("film.mp4").read_bytes())
    assert prober.probe(path).video


def test_several_files_are_told_apart_in_their_order(prober: Prober, tmp_path: Path) -> None:
    empty, text = tmp_path / "empty", tmp_path / "text"
    empty.touch()
    text.write_text("no media")
    song = clip("song.wav")
    found = prober.probe_several([song, empty, text, *[clip("film.mp4")] * 10, song])
    assert found[0] == found[-1] == prober.probe(song)
    assert isinstance(found[1], EmptyFile)
    assert isinstance(found[2], NotMedia)
    assert {type(one) for one in found[3:]} == {Probe}


def test_files_after_one_that_ends_the_child_are_not_read_and_the_next_ones_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    song = clip("song.wav")
    with Prober() as prober:
        before = prober.probe(song)
        read = probe_module._Child._read

        def die_after_the_first(child: "probe_module._Child", seconds: float) -> dict[str, object]:
            answer = read(child, seconds)
            os.kill(child.pid, signal.SIGKILL)
            return answer

        monkeypatch.setattr(probe_module._Child, "_read", die_after_the_first)
        found = prober.probe_several([song] * 9)
        monkeypatch.undo()
        assert found[0] == before
        assert isinstance(found[-1], NotMedia)
        assert prober.probe(song) == before


def test_threads_share_one_prober(prober: Prober) -> None:
    names = ["song.mp3", "film.mp4", "song.flac", "film.webm"] * 10
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda name: prober.probe(clip(name)).container, names))
    assert found == ["mp3", "mov,mp4,m4a,3gp,3g2,mj2", "flac", "matroska,webm"] * 10


def test_prober_goes_on_after_its_child_was_killed() -> None:
    with Prober() as prober:
        prober.probe(clip("song.wav"))
        os.kill(_child_of(prober), signal.SIGKILL)
        with pytest.raises(NotMedia, match=r"ended|crashed"):
            prober.probe(clip("song.wav"))
        assert prober.probe(clip("song.wav")).audio


def test_file_that_takes_too_long_is_given_up() -> None:
    with Prober(answer_seconds=0.3) as prober:
        prober.probe(clip("song.wav"))
        stopped = _child_of(prober)
        os.kill(stopped, signal.SIGSTOP)
        with pytest.raises(NotMedia, match=r"took more than 0\.3 s"):
            prober.probe(clip("song.wav"))
        assert not _is_alive(stopped)
        assert prober.probe(clip("song.wav")).audio


def test_child_ends_by_itself_when_it_hangs_and_its_parent_is_gone(tmp_path: Path) -> None:
    """Reading a pipe that nobody writes to hangs for ever; the child's own alarm ends it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(
        [sys.executable, "-I", str(probe_module._CHILD), "{}", "1"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as child:
        assert child.stdin
        child.stdin.write(json.dumps({"path": str(pipe)}).encode() + b"\n")
        child.stdin.close()
        assert child.wait(timeout=20) == -signal.SIGALRM


def test_child_is_replaced_after_a_number_of_files() -> None:
    with Prober(probes_per_child=2) as prober:
        children = set()
        for _ in range(6):
            children.add(_child_of(prober))
            prober.probe(clip("song.wav"))
    assert len(children) == 3


def test_files_that_hang_do_not_hold_up_another() -> None:
    with Prober(answer_seconds=5) as prober, ThreadPoolExecutor(2) as pool:
        hung = []
        for _ in range(2):
            prober.probe(clip("song.wav"))
            os.kill(_child_of(prober), signal.SIGSTOP)
            hung.append(pool.submit(prober.probe, clip("song.mp3")))
            eventually(lambda: not prober.pids)

        assert prober.probe(clip("song.wav")).audio

        assert not any(one.done() for one in hung)
        for one in hung:
            with pytest.raises(NotMedia, match="took more than 5 s"):
                one.result()


def test_no_more_children_are_started_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_module, "MOST_CHILDREN", 2)
    with Prober() as prober, ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: prober.probe(clip("song.mp3")), range(60)))
        children = prober.pids
        assert 1 <= len(children) <= 2
    assert not any(_is_alive(child) for child in children)


def test_child_ends_when_nobody_listens() -> None:
    prober = Prober()
    prober.probe(clip("song.wav"))
    child = _child_of(prober)
    prober.close()
    assert not _is_alive(child)


def test_closed_prober_starts_again_when_asked() -> None:
    prober = Prober()
    prober.close()
    prober.close()
    assert prober.probe(clip("song.wav")).audio
    prober.close()


def test_child_that_cannot_start_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "child.py"
    broken.write_text("raise SystemExit(1)")
    monkeypatch.setattr(probe_module, "_CHILD", broken)
    with Prober() as prober, pytest.raises(StartupError, match="package av"):
        prober.probe(clip("song.wav"))


def test_child_may_write_no_file_and_is_limited_in_memory() -> None:
    with Prober() as prober:
        prober.probe(clip("song.wav"))
        limits = Path(f"/proc/{_child_of(prober)}/limits")
        eventually(limits.exists)
        rows = {line[:25].strip(): line[25:].split()[0] for line in limits.read_text().splitlines()}
    assert rows["Max file size"] == "0"
    assert rows["Max core file size"] == "0"
    assert int(rows["Max address space"]) <= 4 * 1024**3


def test_parent_does_not_import_av() -> None:
    code = "import sys, balanza.media.probe, balanza.media.verify, balanza.media.covers; sys.exit('av' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _child_of(prober: Prober) -> int:
    """The one that will be asked next."""
    return prober.pids[0]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
