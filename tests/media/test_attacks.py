"""Files made to read other files or to open connections: refused by the prober, and harmless to ffmpeg without it."""

import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from balanza.errors import NotMedia
from balanza.media.ffmpeg import build_argv
from balanza.media.inputs import FORMAT_WHITELIST, PROTOCOL_WHITELIST
from balanza.media.probe import Prober
from balanza.media.program import find_program
from balanza.model import OptionValue, Probe, Stream, StreamKind
from tests.support.clips import clip

PRETENDED = Probe(
    container="mov,mp4,m4a,3gp,3g2,mj2",
    duration_seconds=1.0,
    bit_rate_bps=None,
    streams=(
        Stream(index=0, kind=StreamKind.VIDEO, codec="h264", width=64, height=48),
        Stream(index=1, kind=StreamKind.AUDIO, codec="aac", sample_rate_hz=44100, channels=2),
    ),
)
"""What a prober that was deceived might have said."""

HLS = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:10.0,\n{uri}\n#EXT-X-ENDLIST\n"
HLS_KEY = (
    '#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXT-X-KEY:METHOD=AES-128,URI="{uri}"\n#EXTINF:10.0,\n{uri}\n#EXT-X-ENDLIST\n'
)
HLS_MASTER = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=100000\n{uri}\n"
DASH = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S"
 profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="video/mp4">
<Representation id="1" bandwidth="100000" codecs="avc1.42c00a"><BaseURL>{uri}</BaseURL></Representation>
</AdaptationSet></Period></MPD>
"""
CONCAT = "ffconcat version 1.0\nfile '{uri}'\n"
SDP = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 0\na=control:{uri}\n"
SVG = """<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
 width="64" height="48"><image xlink:href="{uri}" width="64" height="48"/></svg>
"""
IMF = """<?xml version="1.0"?><CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016">
<Id>urn:uuid:1</Id><EditRate>25 1</EditRate><SegmentList/></CompositionPlaylist>
"""


@dataclass(frozen=True, slots=True)
class Attack:
    name: str
    text: str
    uri: str

    def __str__(self) -> str:
        return f"{self.name} {self.uri[:24]}"


URIS = ("{secret}", "file:{secret}", "file://{secret}", "concat:{secret}", "subfile,,start,0,end,0,,:{secret}")
DATA = "data:text/plain;base64,I0VYVE0zVQo="
ATTACKS = [
    *(Attack(name, HLS, uri) for name in ("film.mp4", "film.m3u8", "film") for uri in (*URIS, DATA, "{http}")),
    *(Attack("film.mp4", text, uri) for text in (HLS_KEY, HLS_MASTER) for uri in ("file:{secret}", "{http}")),
    *(Attack(name, DASH, uri) for name in ("film.mpd", "film.mp4") for uri in ("file://{secret}", "{http}")),
    *(Attack(name, CONCAT, uri) for name in ("list.ffconcat", "film") for uri in ("{secret}", "{http}")),
    *(Attack(name, SDP, "{http}") for name in ("stream.sdp", "film.mp4")),
    *(Attack(name, SVG, uri) for name in ("picture.svg", "film") for uri in ("{secret}", "{http}")),
    Attack("CPL.xml", IMF, ""),
]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Listens on the loopback address; nobody may ever connect."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        yield listener


@pytest.fixture
def source(request: pytest.FixtureRequest, tmp_path: Path, listener: socket.socket) -> Path:
    """The attack's file, beside a film that it must not be able to reach."""
    attack: Attack = request.param
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(clip("film.mp4").read_bytes())
    port = listener.getsockname()[1]
    uri = attack.uri.format(secret=secret, http=f"http://127.0.0.1:{port}/film.ts")
    path = tmp_path / attack.name
    path.write_text(attack.text.format(uri=uri, port=port))
    return path


@pytest.mark.parametrize("source", ATTACKS, indirect=True, ids=str)
def test_prober_refuses_files_that_name_others(prober: Prober, source: Path, listener: socket.socket) -> None:
    with pytest.raises(NotMedia):
        prober.probe(source)
    _assert_nobody_came(listener)


@pytest.mark.parametrize("source", ATTACKS, indirect=True, ids=str)
def test_ffmpeg_refuses_files_that_name_others(source: Path, listener: socket.socket) -> None:
    output = source.with_name("result")

    done = subprocess.run(_argv(source, output, "mkv", {"copy": True}), capture_output=True, timeout=30, check=False)

    assert done.returncode != 0
    assert not output.exists() or output.stat().st_size == 0
    _assert_nobody_came(listener)


UNLOCKS = {".m3u8": ("-allowed_extensions", "ALL"), ".ffconcat": ("-safe", "0")}


@pytest.mark.parametrize(
    "source",
    [Attack("film.m3u8", HLS, "{secret}"), Attack("list.ffconcat", CONCAT, "{secret}")],
    indirect=True,
    ids=str,
)
def test_the_attacks_are_real(source: Path) -> None:
    """Without the input rules such files do copy the secret: the tests above would notice if the rules were lost."""
    output = source.with_name("result")
    argv = _argv(source, output, "mkv", {"copy": True})
    for rule in ("-protocol_whitelist", "-format_whitelist", "-f"):  # the first: the demuxer that the probe told of
        at = argv.index(rule)
        del argv[at : at + 2]
    at = argv.index("-i")
    argv[at:at] = UNLOCKS[source.suffix]

    subprocess.run(argv, capture_output=True, timeout=30, check=False)

    assert output.exists()
    assert output.stat().st_size > 1000


def test_numbered_pictures_beside_the_source_are_not_read(prober: Prober, tmp_path: Path) -> None:
    for number in (1, 2):
        _run(
            "-i",
            str(clip("film.mp4")),
            "-frames:v",
            "1",
            "-f",
            "image2",
            "-update",
            "1",
            str(tmp_path / f"{number}.png"),
        )
    pattern = tmp_path / "%d.png"
    pattern.write_bytes(b"no picture")
    output = tmp_path / "result"

    with pytest.raises(NotMedia):
        prober.probe(pattern)
    done = subprocess.run(_argv(pattern, output, "mkv", {}), capture_output=True, timeout=30, check=False)

    assert done.returncode != 0
    assert not output.exists() or output.stat().st_size == 0


@pytest.mark.parametrize("name", ["http:x.mp4", "https://x.mp4", "concat:a|b", "pipe:0", "-i", "data:,x", "a%03d.mp4"])
def test_file_named_like_an_address_is_just_a_file(prober: Prober, tmp_path: Path, name: str) -> None:
    """Without `file:` the first of them would be looked up in the DNS. (Slashes make folders.)"""
    source = tmp_path / name
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_bytes(clip("film.mp4").read_bytes())

    probe = prober.probe(source)
    argv = _argv(Path(name), Path("result"), "mp3", {}, probe)
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, timeout=30, check=False)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "result").stat().st_size > 1000


def test_only_demuxers_of_single_files_are_listed() -> None:
    dangerous = {"hls", "dash", "concat", "sdp", "image2", "svg_pipe", "imf", "lavfi", "rtsp", "applehttp", "avisynth"}
    assert not dangerous & set(FORMAT_WHITELIST.split(","))
    assert PROTOCOL_WHITELIST == "file"


def _argv(
    source: Path, output: Path, target: str, options: dict[str, OptionValue], probe: Probe = PRETENDED
) -> list[str]:
    return build_argv(
        program=find_program(None).path,
        source=str(source),
        output=str(output),
        format_name=target,
        options=options,
        probe=probe,
        threads=1,
    )


def _run(*arguments: str) -> None:
    program = find_program(None).path
    subprocess.run([program, "-nostdin", "-y", *arguments], capture_output=True, timeout=30, check=True)


def _assert_nobody_came(listener: socket.socket) -> None:
    with pytest.raises(BlockingIOError):
        listener.accept()
