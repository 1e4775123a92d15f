"""What a job makes of its source."""

from enum import StrEnum


class JobKind(StrEnum):
    """A conversion is what a person asked for. The others are made for the page, of a file when it is first looked at:
    no list shows them, and what they make lies in no library."""

    CONVERT = "convert"
    THUMBNAIL = "thumbnail"
    WAVEFORM = "waveform"
    CAPTIONS = "captions"
    PREVIEW = "preview"
    """A film for browsers that cannot play it as it is, in pieces that can be played before the last one is made."""

    @property
    def is_listed(self) -> bool:
        return self is JobKind.CONVERT
