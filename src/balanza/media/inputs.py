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

NO_SEARCH_FOR_CODECS: Arguments = (("max_probe_packets", "1"),)
"""In a WAV file the sound may be DTS in disguise, and FFmpeg looks for it through 2,500 packets. Where the probe has
found plain PCM, not looking again takes a third off the time of a short clip: one second to MP3 in 37 ms, not 56."""

MAKE_TIMES: Arguments = (("fflags", "+genpts"),)
"""Says when each picture is shown, which a copy has to know and these containers do not tell of every picture."""

WITHOUT_TIMES = frozenset({"avi", "mpeg"})

WITHOUT_CLOCK = frozenset({"wav", "aiff", "flac", "mp3", "aac", "asf"})
"""Containers that are one uninterrupted sound. Others note when each piece is heard: it may begin late, or pause.
ASF notes it too, but WMA comes out of the decoder a frame of 0.1 s after its time, also where nothing is late."""


def is_plain_wav(probe: Probe) -> bool:
    return probe.container == "wav" and all(stream.codec.startswith("pcm_") for stream in probe.audio)


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
