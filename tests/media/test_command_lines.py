"""Whole command lines, compared word for word."""

import pytest

from balanza.media.ffmpeg import build_argv, cover_argv
from balanza.media.formats import FORMATS, parse_options
from balanza.media.inputs import FORMAT_WHITELIST
from balanza.model import Probe, Stream, StreamKind

HEAD = (
    "ffmpeg -hide_banner -nostdin -y -loglevel error -nostats -stats_period 0.5 -progress pipe:1"
    " -filter_threads 2 -filter_complex_threads 2"
    f" -protocol_whitelist file -format_whitelist {FORMAT_WHITELIST}"
)

STEP = (
    "asetpts='st(0,ld(0)+max(0,PTS-ld(1)-300/TB));st(1,PTS+NB_SAMPLES/SR/TB);PTS-ld(0)',aresample=async=1:first_pts=0"
)

SOUND = Stream(index=0, kind=StreamKind.AUDIO, codec="pcm_s16le", sample_rate_hz=44100, sample_format="s16", channels=2)
WAV = Probe(container="wav", duration_seconds=10.0, bit_rate_bps=None, streams=(SOUND,))
SONG = Probe(
    container="mp3",
    duration_seconds=200.0,
    bit_rate_bps=None,
    streams=(
        Stream(index=0, kind=StreamKind.AUDIO, codec="mp3", sample_rate_hz=44100, sample_format="fltp", channels=2),
        Stream(index=1, kind=StreamKind.VIDEO, codec="mjpeg", width=600, height=600, is_cover=True),
    ),
)
PICTURE = Stream(index=0, kind=StreamKind.VIDEO, codec="h264", width=1920, height=1080, fps=25.0)
TRACK = Stream(index=1, kind=StreamKind.AUDIO, codec="aac", sample_rate_hz=48000, sample_format="fltp", channels=2)
FILM = Probe(container="mov,mp4,m4a,3gp,3g2,mj2", duration_seconds=60.0, bit_rate_bps=None, streams=(PICTURE, TRACK))
BROADCAST = Probe(container="mpegts", duration_seconds=3600.0, bit_rate_bps=None, streams=(PICTURE, TRACK))
DISC = Probe(
    container="matroska,webm",
    duration_seconds=60.0,
    bit_rate_bps=None,
    chapters=3,
    streams=(
        Stream(index=0, kind=StreamKind.VIDEO, codec="hevc", width=1921, height=1080, fps=24.0),
        Stream(index=1, kind=StreamKind.AUDIO, codec="dts", sample_rate_hz=48000, sample_format="s32p", channels=6),
        Stream(index=2, kind=StreamKind.AUDIO, codec="opus", sample_rate_hz=48000, sample_format="fltp", channels=2),
        Stream(index=3, kind=StreamKind.SUBTITLE, codec="subrip", is_text=True),
        Stream(index=4, kind=StreamKind.SUBTITLE, codec="hdmv_pgs_subtitle"),
        Stream(index=5, kind=StreamKind.OTHER, codec="font"),
        Stream(index=6, kind=StreamKind.OTHER, codec="unknown"),
    ),
)


def argv(probe: Probe, format_name: str, cover: str | None = None, **raw: object) -> str:
    return " ".join(
        build_argv(
            program="ffmpeg",
            source="in/source",
            output="out/result",
            format_name=format_name,
            options=parse_options(format_name, raw),
            probe=probe,
            threads=2,
            cover=cover,
        )
    )


def test_wav_becomes_mp3() -> None:
    assert argv(WAV, "mp3") == (
        f"{HEAD} -f wav -max_probe_packets 1 -threads 2 -i file:in/source -map 0:0 -map_metadata 0 -map_chapters 0"
        " -c:a:0 libmp3lame -q:a:0 2 -threads 2 -id3v2_version 3 -f mp3 file:out/result"
    )


def test_song_with_its_cover_becomes_m4a() -> None:
    assert argv(SONG, "m4a", quality="best") == (
        f"{HEAD} -f mp3 -threads 2 -i file:in/source -map 0:0 -map 0:1 -map_metadata 0 -map_chapters 0"
        " -c:a:0 aac -b:a:0 256000 -c:v:0 copy -disposition:v:0 attached_pic"
        " -threads 2 -movflags +faststart -f ipod file:out/result"
    )


def test_song_becomes_opus_with_the_cover_as_a_comment() -> None:
    assert argv(SONG, "opus", "cover.meta") == (
        f"{HEAD} -f mp3 -threads 2 -i file:in/source -f ffmetadata -i file:cover.meta"
        " -map 0:0 -map_metadata 0 -map_chapters 0 -map_metadata:s:a:0 1:g"
        " -c:a:0 libopus -b:a:0 128000 -ar:a:0 48000 -threads 2 -f opus file:out/result"
    )


def test_loudness_is_normalised_and_the_rate_set_back() -> None:
    assert argv(SONG, "flac", normalize=True) == (
        f"{HEAD} -f mp3 -threads 2 -i file:in/source -map 0:0 -map 0:1 -map_metadata 0 -map_chapters -1"
        " -c:a:0 flac -compression_level:a:0 5 -sample_fmt:a:0 s16 -ar:a:0 44100"
        " -filter:a:0 loudnorm=I=-16:TP=-1.5:LRA=11 -c:v:0 copy -disposition:v:0 attached_pic"
        " -threads 2 -f flac file:out/result"
    )


def test_film_becomes_mp4() -> None:
    assert argv(FILM, "mp4") == (
        f"{HEAD} -f mov -threads 2 -i file:in/source -map 0:0 -map 0:1 -map_metadata 0 -map_chapters 0"
        " -c:v:0 libx264 -crf:v:0 23 -preset:v:0 medium -pix_fmt:v:0 yuv420p -c:a:0 aac -b:a:0 160000"
        " -threads 2 -movflags +faststart -f mp4 file:out/result"
    )


def test_film_becomes_a_small_webm() -> None:
    assert argv(FILM, "webm", resolution="1280x720", fps=29.97, crf=40, preset="slow", channels=1) == (
        f"{HEAD} -f mov -threads 2 -i file:in/source -map 0:0 -map 0:1 -map_metadata 0 -map_chapters 0"
        " -c:v:0 libvpx-vp9 -crf:v:0 40 -b:v:0 0 -cpu-used:v:0 2 -deadline:v:0 good -row-mt:v:0 1"
        " -pix_fmt:v:0 yuv420p -filter:v:0 fps=30000/1001,"
        "scale=w='2*round(min(1280,720*dar)/2)':h='2*round(min(720,1280/dar)/2)',setsar=1"
        " -c:a:0 libopus -b:a:0 64000 -ac:a:0 1 -threads 2 -f webm file:out/result"
    )


def test_film_becomes_a_gif_with_a_palette_for_each_picture() -> None:
    assert argv(FILM, "gif", start=2, end="0:05") == (
        f"{HEAD} -f mov -threads 2 -itsoffset -1 -ss 1 -i file:in/source -map 0:0 -map_metadata 0 -map_chapters -1"
        " -c:v:0 gif -filter:v:0 fps=12.5,scale=w='round(min(480,iw*sar))':h='round(min(480,iw*sar)/dar)'"
        ":flags=lanczos,setsar=1,split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=new=1"
        ":dither=bayer:bayer_scale=3 -ss 0 -t 3 -threads 2 -f gif file:out/result"
    )


def test_film_is_remuxed_without_any_encoder() -> None:
    assert argv(FILM, "mkv", copy=True) == (
        f"{HEAD} -f mov -threads 2 -i file:in/source -map 0:0 -map 0:1 -map_metadata 0 -map_chapters 0"
        " -c:v:0 copy -c:a:0 copy -threads 2 -f matroska file:out/result"
    )


def test_copy_encodes_only_what_the_container_cannot_hold() -> None:
    """DTS becomes AAC, the picture subtitles and the font are left, HEVC gets the tag that Apple's players want."""
    assert argv(DISC, "mp4", copy=True) == (
        f"{HEAD} -f matroska -threads 2 -i file:in/source -map 0:0 -map 0:1 -map 0:2 -map 0:3"
        " -map_metadata 0 -map_chapters 0 -c:v:0 copy -tag:v:0 hvc1 -c:a:0 aac -b:a:0 480000 -c:a:1 copy"
        " -c:s:0 mov_text -threads 2 -movflags +faststart -f mp4 file:out/result"
    )


def test_disc_becomes_matroska_with_everything_that_it_holds() -> None:
    assert argv(DISC, "mkv") == (
        f"{HEAD} -f matroska -threads 2 -i file:in/source -map 0:0 -map 0:1 -map 0:2 -map 0:3 -map 0:4 -map 0:5"
        " -map_metadata 0 -map_chapters 0 -c:v:0 libx264 -crf:v:0 23 -preset:v:0 medium -pix_fmt:v:0 yuv420p"
        " -filter:v:0 crop=2*trunc(iw/2):2*trunc(ih/2) -c:a:0 aac -b:a:0 480000 -c:a:1 aac -b:a:1 160000"
        " -c:s:0 copy -c:s:1 copy -c:t:0 copy -threads 2 -f matroska file:out/result"
    )


def test_surround_sound_becomes_opus_in_a_layout_that_it_takes() -> None:
    assert argv(DISC, "opus") == (
        f"{HEAD} -f matroska -threads 2 -i file:in/source -map 0:1 -map_metadata 0 -map_chapters 0"
        f" -c:a:0 libopus -b:a:0 384000 -filter:a:0 {STEP},aformat=channel_layouts=5.1"
        " -threads 2 -f opus file:out/result"
    )


def test_deep_sound_stays_deep() -> None:
    assert "-c:a:0 pcm_s24le " in argv(DISC, "wav")
    assert "-c:a:0 flac -compression_level:a:0 5 -sample_fmt:a:0 s32 -bits_per_raw_sample:a:0 24 " in argv(DISC, "flac")
    assert "-c:a:0 pcm_s16le " in argv(DISC, "wav", quality="small")


def test_trim_of_a_broadcast_begins_to_read_long_before_its_start() -> None:
    """MPEG-TS cannot be sought by key frames: what comes before the start is decoded and thrown away."""
    assert argv(BROADCAST, "mp3", start="10:00", end=660.5) == (
        f"{HEAD} -f mpegts -threads 2 -itsoffset -15 -ss 585 -i file:in/source -map 0:1 -map_metadata 0 -map_chapters 0"
        f" -c:a:0 libmp3lame -q:a:0 2 -filter:a:0 {STEP}"
        " -ss 0 -t 60.5 -threads 2 -id3v2_version 3 -f mp3 file:out/result"
    )


def test_a_trimmed_picture_is_encoded_even_when_copying() -> None:
    """A copy could only begin at a key frame."""
    line = argv(FILM, "mp4", copy=True, start=5)
    assert "-c:v:0 libx264" in line
    assert "-c:a:0 copy" in line
    assert "-c:v:0 copy" in argv(FILM, "mp4", copy=True, end=5)


def test_ogg_source_gives_the_tags_of_its_stream() -> None:
    ogg = Probe(container="ogg", duration_seconds=1.0, bit_rate_bps=None, streams=(SOUND,))
    assert "-map_metadata 0:s:0 " in argv(ogg, "mp3")


def test_avi_is_copied_with_times_made_for_its_pictures() -> None:
    avi = Probe(container="avi", duration_seconds=1.0, bit_rate_bps=None, streams=(PICTURE, TRACK))
    assert "-fflags +genpts " in argv(avi, "mkv", copy=True)
    assert "-fflags" not in argv(avi, "mkv")


def test_bit_rate_of_a_film_is_that_of_its_picture() -> None:
    line = argv(FILM, "mp4", bitrate="2.5M")
    assert "-b:v:0 2500000" in line
    assert "-crf" not in line
    assert "-b:a:0 160000" in line


def test_cover_is_taken_out_only_for_formats_that_need_it_aside() -> None:
    def taken(format_name: str, probe: Probe = SONG) -> list[str] | None:
        return cover_argv(program="ffmpeg", source="in", output="cover", format_name=format_name, probe=probe)

    assert " ".join(taken("ogg") or []) == (
        f"ffmpeg -hide_banner -nostdin -y -loglevel error -nostats -protocol_whitelist file"
        f" -format_whitelist {FORMAT_WHITELIST} -f mp3 -threads 1 -i file:in -map 0:1 -c copy -threads 1"
        " -f image2pipe file:cover"
    )
    assert taken("mp3") is None
    assert taken("ogg", WAV) is None


@pytest.mark.parametrize("format_name", FORMATS)
def test_every_format_keeps_to_the_rules(format_name: str) -> None:
    words = argv(DISC, format_name).split()
    assert words.count("-threads") == 2
    assert words[words.index("-protocol_whitelist") + 1] == "file"
    assert words[words.index("-i") + 1] == "file:in/source"
    assert words[-3:] == ["-f", FORMATS[format_name].muxer, "file:out/result"]
