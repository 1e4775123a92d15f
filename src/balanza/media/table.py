"""The format table: for every output format its container, codecs, options, and what it can carry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from balanza.media import encoders
from balanza.media.encoders import Arguments, AudioEncoder, VideoEncoder

_PCM_LE = frozenset(
    {"pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_alaw", "pcm_mulaw"}
)
_PCM_BE = frozenset({"pcm_s8", "pcm_s16be", "pcm_s24be", "pcm_s32be", "pcm_f32be", "pcm_f64be"})
_PICTURES = frozenset({"mjpeg", "png"})

AUDIO = "audio"
VIDEO = "video"


class Aside(StrEnum):
    """How a container holds cover art that FFmpeg will not write as a stream: it has to be taken out of the source
    first (`covers.cover_file`)."""

    COMMENT = "comment"
    """As a Vorbis comment, METADATA_BLOCK_PICTURE."""
    ATTACHMENT = "attachment"
    """As an attached file."""


@dataclass(frozen=True, slots=True)
class Subtitles:
    """Which subtitles a container holds: those codecs as they are, other text written as `text_encoder`."""

    copied: frozenset[str] = frozenset()
    text_encoder: str = ""
    text_codec: str = ""


@dataclass(frozen=True, slots=True)
class Gif:
    """How large an animation becomes unless it is said otherwise; GIF counts time in hundredths of a second."""

    fps: float
    width: int
    dither: str


@dataclass(frozen=True, slots=True)
class Format:
    """One output format. Containers are FFmpeg's: `muxer` writes it, `demuxer` is what a probe calls it."""

    name: str
    kind: str
    title: str
    muxer: str
    demuxer: str
    extension: str
    mime_type: str
    audio: AudioEncoder | None
    copied_audio: frozenset[str]
    """The audio codecs that may be copied into the container."""
    video: VideoEncoder | None = None
    copied_video: frozenset[str] = frozenset()
    copy_tags: Mapping[str, str] = field(default_factory=dict)
    """Codec → the four letters under which the container's players know it."""
    muxer_arguments: Arguments = ()
    subtitles: Subtitles = Subtitles()
    covers: frozenset[str] = frozenset()
    """The picture codecs it takes as cover art in a stream; empty when it takes none so."""
    cover_aside: Aside | None = None
    fonts: bool = False
    """Holds the fonts that subtitles are drawn with."""
    chapters: bool = True
    gif: Mapping[str, Gif] = field(default_factory=dict)

    @property
    def is_audio(self) -> bool:
        return self.kind == AUDIO


_FASTSTART = (("movflags", "+faststart"),)
_MATROSKA = "matroska,webm"
_MOV = "mov,mp4,m4a,3gp,3g2,mj2"

_AUDIO_FORMATS = (
    Format(
        name="mp3",
        kind=AUDIO,
        title="MP3",
        muxer="mp3",
        demuxer="mp3",
        extension="mp3",
        mime_type="audio/mpeg",
        audio=encoders.MP3,
        copied_audio=frozenset({"mp3"}),
        # ID3v2.3 is the version that every player reads.
        muxer_arguments=(("id3v2_version", "3"),),
        covers=_PICTURES,
    ),
    Format(
        name="flac",
        kind=AUDIO,
        title="FLAC",
        muxer="flac",
        demuxer="flac",
        extension="flac",
        mime_type="audio/flac",
        audio=encoders.FLAC,
        copied_audio=frozenset({"flac"}),
        covers=_PICTURES,
        chapters=False,
    ),
    Format(
        name="wav",
        kind=AUDIO,
        title="WAV",
        muxer="wav",
        demuxer="wav",
        extension="wav",
        mime_type="audio/wav",
        audio=encoders.PCM_LITTLE_ENDIAN,
        copied_audio=_PCM_LE,
        # Beyond 4 GiB the sizes of RIFF overflow; RF64 is written then, and only then.
        muxer_arguments=(("rf64", "auto"),),
        chapters=False,
    ),
    Format(
        name="aac",
        kind=AUDIO,
        title="AAC (ADTS)",
        muxer="adts",
        demuxer="aac",
        extension="aac",
        mime_type="audio/aac",
        audio=encoders.AAC_IN_ADTS,
        copied_audio=frozenset({"aac"}),
        muxer_arguments=(("write_id3v2", "1"),),
        chapters=False,
    ),
    Format(
        name="ogg",
        kind=AUDIO,
        title="Ogg Vorbis",
        muxer="ogg",
        demuxer="ogg",
        extension="ogg",
        mime_type="audio/ogg",
        audio=encoders.VORBIS,
        copied_audio=frozenset({"vorbis", "opus", "flac", "speex"}),
        cover_aside=Aside.COMMENT,
        # FFmpeg writes the chapters of Opus, not those of Vorbis and FLAC.
        chapters=False,
    ),
    Format(
        name="opus",
        kind=AUDIO,
        title="Opus",
        muxer="opus",
        demuxer="ogg",
        extension="opus",
        mime_type="audio/ogg",
        audio=encoders.OPUS,
        copied_audio=frozenset({"opus"}),
        cover_aside=Aside.COMMENT,
    ),
    Format(
        name="m4a",
        kind=AUDIO,
        title="M4A (AAC)",
        muxer="ipod",
        demuxer=_MOV,
        extension="m4a",
        mime_type="audio/mp4",
        audio=encoders.AAC,
        copied_audio=frozenset({"aac", "alac"}),
        muxer_arguments=_FASTSTART,
        covers=_PICTURES,
    ),
    Format(
        name="aiff",
        kind=AUDIO,
        title="AIFF",
        muxer="aiff",
        demuxer="aiff",
        extension="aiff",
        mime_type="audio/aiff",
        audio=encoders.PCM_BIG_ENDIAN,
        copied_audio=_PCM_BE,
        muxer_arguments=(("write_id3v2", "1"), ("id3v2_version", "3")),
        covers=_PICTURES,
        chapters=False,
    ),
)

_TIMED_TEXT = Subtitles(copied=frozenset({"mov_text"}), text_encoder="mov_text", text_codec="mov_text")

_VIDEO_FORMATS = (
    Format(
        name="mp4",
        kind=VIDEO,
        title="MP4 (H.264, AAC)",
        muxer="mp4",
        demuxer=_MOV,
        extension="mp4",
        mime_type="video/mp4",
        audio=encoders.AAC,
        copied_audio=frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"}),
        video=encoders.H264,
        copied_video=frozenset({"h264", "hevc", "av1", "vp9", "mpeg4"}),
        copy_tags={"hevc": "hvc1"},
        muxer_arguments=_FASTSTART,
        subtitles=_TIMED_TEXT,
        covers=_PICTURES,
    ),
    Format(
        name="mkv",
        kind=VIDEO,
        title="Matroska (H.264, AAC)",
        muxer="matroska",
        demuxer=_MATROSKA,
        extension="mkv",
        mime_type="video/x-matroska",
        audio=encoders.AAC,
        copied_audio=frozenset(
            {"aac", "mp3", "mp2", "ac3", "eac3", "dts", "truehd", "alac", "opus", "vorbis", "flac", "wavpack", "tta"}
        )
        | _PCM_LE - {"pcm_alaw", "pcm_mulaw"},
        video=encoders.H264,
        copied_video=frozenset(
            {
                "h264",
                "hevc",
                "av1",
                "vp8",
                "vp9",
                "mpeg1video",
                "mpeg2video",
                "mpeg4",
                "mjpeg",
                "theora",
                "prores",
                "ffv1",
            }
        ),
        subtitles=Subtitles(
            copied=frozenset({"subrip", "ass", "webvtt", "hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle"}),
            text_encoder="subrip",
            text_codec="subrip",
        ),
        cover_aside=Aside.ATTACHMENT,
        fonts=True,
    ),
    Format(
        name="webm",
        kind=VIDEO,
        title="WebM (VP9, Opus)",
        muxer="webm",
        demuxer=_MATROSKA,
        extension="webm",
        mime_type="video/webm",
        audio=encoders.OPUS,
        copied_audio=frozenset({"opus", "vorbis"}),
        video=encoders.VP9,
        copied_video=frozenset({"vp8", "vp9", "av1"}),
        subtitles=Subtitles(copied=frozenset({"webvtt"}), text_encoder="webvtt", text_codec="webvtt"),
    ),
    Format(
        name="mov",
        kind=VIDEO,
        title="QuickTime (H.264, AAC)",
        muxer="mov",
        demuxer=_MOV,
        extension="mov",
        mime_type="video/quicktime",
        audio=encoders.AAC,
        copied_audio=frozenset({"aac", "mp3", "ac3", "eac3", "alac"})
        | frozenset({"pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_f32le"}),
        video=encoders.H264,
        copied_video=frozenset({"h264", "hevc", "mpeg4", "mjpeg", "prores", "dnxhd"}),
        copy_tags={"hevc": "hvc1"},
        muxer_arguments=_FASTSTART,
        subtitles=_TIMED_TEXT,
    ),
    Format(
        name="avi",
        kind=VIDEO,
        title="AVI (MPEG-4, MP3)",
        muxer="avi",
        demuxer="avi",
        extension="avi",
        mime_type="video/x-msvideo",
        audio=encoders.MP3,
        copied_audio=frozenset({"mp3", "mp2", "ac3", "pcm_s16le", "pcm_u8"}),
        video=encoders.MPEG4,
        copied_video=frozenset({"mpeg4", "msmpeg4v3", "msmpeg4v2", "mjpeg"}),
        chapters=False,
    ),
    Format(
        name="gif",
        kind=VIDEO,
        title="GIF animation",
        muxer="gif",
        demuxer="gif",
        extension="gif",
        mime_type="image/gif",
        audio=None,
        copied_audio=frozenset(),
        video=encoders.GIF,
        copied_video=frozenset({"gif"}),
        chapters=False,
        gif={
            "small": Gif(fps=10, width=320, dither="bayer:bayer_scale=4"),
            "balanced": Gif(fps=12.5, width=480, dither="bayer:bayer_scale=3"),
            "best": Gif(fps=25, width=720, dither="sierra2_4a"),
        },
    ),
)

FORMATS: Mapping[str, Format] = {format_.name: format_ for format_ in (*_AUDIO_FORMATS, *_VIDEO_FORMATS)}
