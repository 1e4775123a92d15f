"""What FFmpeg may open: the rules that keep a playlist or manifest dressed up as a film from reading anything else.

Every demuxer listed reads the one file that it is given. Never list hls, dash, concat, sdp, image2, svg_pipe, imf or
lavfi: those open other files, or addresses, that their input names.
"""

READABLE = (
    *(
        "mov",
        "matroska",
        "webm",
        "ogg",
        "mp3",
        "flac",
        "wav",
        "aiff",
        "avi",
        "flv",
        "mpegts",
        "mpeg",
        "aac",
        "asf",
        "gif",
    ),
    *("png_pipe", "jpeg_pipe", "webp_pipe", "bmp_pipe", "tiff_pipe"),
)
FORMAT_WHITELIST = ",".join(READABLE)
PROTOCOL_WHITELIST = "file"

STILL_PICTURES = frozenset({"png_pipe", "jpeg_pipe", "webp_pipe", "bmp_pipe", "tiff_pipe"})
"""Listed so that a picture can be told from rubbish; a picture is no song and no film."""
