"""What FFmpeg may open: the rules that keep a playlist or manifest dressed up as a film from reading anything else.

Every demuxer listed reads the one file that it is given. Never list hls, dash, concat, sdp, image2, svg_pipe, imf or
lavfi: those open other files, or addresses, that their input names.
"""

from balanza.media.encoders import Arguments
from balanza.model import Probe

FORMAT_WHITELIST = (
    "mov,matroska,webm,ogg,mp3,flac,wav,aiff,avi,flv,mpegts,mpeg,aac,asf,gif"
    ",png_pipe,jpeg_pipe,webp_pipe,bmp_pipe,tiff_pipe"
)
PROTOCOL_WHITELIST = "file"

STILL_PICTURES = frozenset({"png_pipe", "jpeg_pipe", "webp_pipe", "bmp_pipe", "tiff_pipe"})
"""Listed so that a picture can be told from rubbish; a picture is no song and no film."""

_NO_SEARCH_FOR_CODECS: Arguments = (("max_probe_packets", "1"),)
"""In a WAV file the sound may be DTS in disguise, and FFmpeg looks for it through 2,500 packets. Where the probe has
found plain PCM, not looking again takes a third off the time of a short clip: one second to MP3 in 34 ms, not 62.

Only this analysis costs anything worth mentioning. A smaller `probesize` and an `analyzeduration` of 0 gave nothing on
top of it, and nothing for the other containers (within 1 ms of 15 to 18 for clips of a second, of 35 for a film of
1080p), but changed the results of MPEG-TS, MPEG and ASF files, whose streams are found by reading on."""

MAKE_TIMES: Arguments = (("fflags", "+genpts"),)
"""Says when each picture is shown, which a copy has to know and these containers do not tell of every picture."""

WITHOUT_TIMES = frozenset({"avi", "mpeg"})

WITHOUT_CLOCK = frozenset({"wav", "aiff", "flac", "mp3", "aac", "asf"})
"""Containers that are one uninterrupted sound. Others note when each piece is heard: it may begin late, or pause.
ASF notes it too, but WMA comes out of the decoder a frame of 0.1 s after its time, also where nothing is late."""


def known_of(probe: Probe) -> Arguments:
    """What tells FFmpeg of an input what the probe has found already; the result is the same with and without it.

    The demuxer above all: a file that FFmpeg would take for something else than the probe did is refused.
    """
    if probe.container not in _DEMUXERS:
        return ()
    demuxer = (("f", probe.container.partition(",")[0]),)
    return (*demuxer, *_NO_SEARCH_FOR_CODECS) if _is_plain_wav(probe) else demuxer


def _is_plain_wav(probe: Probe) -> bool:
    return probe.container == "wav" and all(stream.codec.startswith("pcm_") for stream in probe.audio)


_DEMUXERS = frozenset(
    {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "ogg", "mp3", "flac", "wav", "aiff", "aac", "avi", "flv", "asf", "gif"}
    | {"mpegts", "mpeg"}
)
"""Their names in a probe; FFmpeg takes the first of several."""


_RUN_UP_SECONDS = 1.0
"""How long before the start of a trim to begin to decode. MP3 frames borrow bits from those before them: without a
run-up 0.2 s of silence were measured; Opus asks for 80 ms (RFC 7845, section 4.6)."""

_LONG_RUN_UP_SECONDS = 15.0
"""Where seeking does not look for key frames: longer than what lies between two of them in a broadcast."""

_SEEKS_TO_KEY_FRAMES = frozenset(
    {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "mp3", "flac", "wav", "aiff", "aac", "gif"}
)


def run_up_seconds(probe: Probe) -> float:
    return _RUN_UP_SECONDS if probe.container in _SEEKS_TO_KEY_FRAMES else _LONG_RUN_UP_SECONDS
