"""Thumbnails, waveforms, captions and previews, made of real files by a real worker."""

import shutil
from pathlib import Path

import pytest

from balanza.media.program import Program
from balanza.model import JobKind, StreamKind, piece_key
from balanza.protocol import LeaseGrant
from tests.support.clips import decode_pictures, film_with_everything, run_ffmpeg
from tests.worker.conftest import Working
from tests.worker.fleet import Fleet, until, write_program

pytestmark = pytest.mark.anyio


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return Path(shutil.copy(film_with_everything(), tmp_path / "film.mkv"))


@pytest.fixture
def fading_film(tmp_path: Path) -> Path:
    """Black at first, in pictures that are wider than high, with one key frame a second."""
    path = tmp_path / "fading.mkv"
    fading = ["-f", "lavfi", "-i", "color=white:s=704x576:r=10:d=20", "-vf", "setsar=16/11,fade=in:st=3:d=1"]
    run_ffmpeg(*fading, "-c:v", "mpeg4", "-g", "10", str(path))
    return path


@pytest.fixture
def small_film(tmp_path: Path) -> Path:
    path = tmp_path / "small.avi"
    picture = ["-f", "lavfi", "-i", "color=blue:s=64x48:r=10:d=20", "-f", "lavfi", "-i", "sine=330:d=20"]
    run_ffmpeg(*picture, "-c:v", "mpeg4", str(path))
    return path


@pytest.fixture
def loudening_song(tmp_path: Path) -> Path:
    path = tmp_path / "loudening.wav"
    run_ffmpeg("-f", "lavfi", "-i", "aevalsrc=sin(2000*t)*t/2|0:s=8000:d=2", str(path))
    return path


async def made(fleet: Fleet, working: Working, grant: LeaseGrant) -> bytes:
    async with working():
        await until(lambda: grant.token in fleet.completed or fleet.failed.get(grant.token))
    assert not fleet.failed
    return fleet.storage.path(grant.output_key).read_bytes()


async def test_a_thumbnail_is_small_and_not_black(
    fleet: Fleet, working: Working, fading_film: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "picture.jpg"
    picture.write_bytes(await made(fleet, working, fleet.derive(fading_film, JobKind.THUMBNAIL)))
    seen = decode_pictures(picture)
    assert (seen.width, seen.height) == (320, 180)
    assert min(seen.colours[0]) > 128


async def test_a_short_film_of_one_key_frame_has_a_thumbnail_too(fleet: Fleet, working: Working, film: Path) -> None:
    assert (await made(fleet, working, fleet.derive(film, JobKind.THUMBNAIL))).startswith(b"\xff\xd8")


async def test_a_waveform_has_the_peaks_of_the_loudest_channel(
    fleet: Fleet, working: Working, loudening_song: Path
) -> None:
    peaks = await made(fleet, working, fleet.derive(loudening_song, JobKind.WAVEFORM))
    assert 990 <= len(peaks) <= 1000
    assert max(peaks[:20]) < 8
    assert min(max(peaks[-20:]), max(peaks[490:510]) * 2) >= 250


async def test_captions_are_the_subtitles_asked_for(fleet: Fleet, working: Working, film: Path) -> None:
    source = fleet.prober.probe(film)
    texts = [stream.index for stream in source.streams if stream.kind is StreamKind.SUBTITLE]
    captions = await made(fleet, working, fleet.derive(film, JobKind.CAPTIONS, stream=texts[0]))
    assert captions.startswith(b"WEBVTT\n")
    assert b"-->" in captions


async def test_a_damaged_film_fails_with_a_sentence(fleet: Fleet, working: Working, fading_film: Path) -> None:
    grant = fleet.derive(fading_film, JobKind.THUMBNAIL)
    stored = fleet.storage.path(grant.source.storage_key)
    whole = stored.read_bytes()
    stored.write_bytes(whole[:600] + b"\0" * (len(whole) - 600))
    async with working():
        failure = await until(lambda: fleet.failed.get(grant.token))
    assert failure.error
    assert not fleet.stored()


@pytest.fixture
def hasty_ffmpeg(ffmpeg: Program, tmp_path: Path) -> Program:
    """The real one, reading twelve times as fast as its input would be played."""
    return write_program(tmp_path / "hasty", f'exec {ffmpeg.path} -readrate 12 -readrate_initial_burst 5 "$@"')


def pieces_of(fleet: Fleet, grant: LeaseGrant) -> list[bytes]:
    """The pieces that are stored."""
    paths = [fleet.storage.path(piece_key(grant.output_key, number)) for number in range(20)]
    return [path.read_bytes() for path in paths if path.exists()]


@pytest.mark.parametrize("shared", [True, False])
async def test_a_preview_can_be_played_before_it_is_complete(
    fleet: Fleet, working: Working, small_film: Path, hasty_ffmpeg: Program, tmp_path: Path, shared: bool
) -> None:
    fleet.shared = shared
    grant = fleet.derive(small_film, JobKind.PREVIEW)
    async with working(program=hasty_ffmpeg):
        await until(lambda: fleet.storage.size(grant.output_key))
        begun, playlist = pieces_of(fleet, grant), fleet.storage.path(grant.output_key).read_text()
        assert grant.token in fleet.live
        await until(lambda: grant.token in fleet.completed or fleet.failed.get(grant.token))
    assert "#EXT-X-ENDLIST" not in playlist
    assert len(begun) >= sum(line.endswith(".mp4") for line in playlist.splitlines()) + 1 >= 2
    whole = fleet.storage.path(grant.output_key).read_text()
    assert whole.startswith(playlist)
    assert whole.endswith("#EXT-X-ENDLIST\n")
    film = tmp_path / "film.mp4"
    for pieces, seconds in [(begun[:2], 4), (pieces_of(fleet, grant), 20)]:
        film.write_bytes(b"".join(pieces))
        probe = fleet.prober.probe(film)
        assert [stream.codec for stream in probe.streams] == ["h264", "aac"]
        assert probe.duration_seconds == pytest.approx(seconds, abs=0.5)


async def test_a_lost_preview_is_stopped_and_a_withdrawn_one_leaves_no_piece(
    fleet: Fleet, working: Working, small_film: Path, hasty_ffmpeg: Program
) -> None:
    fleet.shared = False
    lost = fleet.derive(small_film, JobKind.PREVIEW)
    async with working(program=hasty_ffmpeg) as agent:
        await until(lambda: fleet.storage.size(lost.output_key))
        del fleet.live[lost.token]
        await until(lambda: not agent.running)
        stored = len(pieces_of(fleet, lost))
    assert 2 <= stored < 6
    assert (fleet.completed, fleet.failed, fleet.released) == ({}, {}, [])

    fleet.shared = True
    withdrawn = fleet.derive(small_film, JobKind.PREVIEW)
    async with working(program=hasty_ffmpeg):
        await until(lambda: fleet.storage.size(withdrawn.output_key))
    assert fleet.released == [withdrawn.token]
    assert not pieces_of(fleet, withdrawn)
