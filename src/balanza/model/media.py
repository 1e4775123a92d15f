"""Files: what they contain, and who may fetch them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from balanza.model.accounts import LOCAL_USER


class StreamKind(StrEnum):
    AUDIO = "audio"
    VIDEO = "video"
    SUBTITLE = "subtitle"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of a media file, as probed. What the container does not say is None."""

    index: int
    kind: StreamKind
    codec: str
    bit_rate_bps: int | None = None
    duration_seconds: float | None = None
    language: str | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    pixel_format: str | None = None
    sample_rate_hz: int | None = None
    sample_format: str | None = None
    """How the decoder gives its samples, in FFmpeg's words: `s16`, `s32`, `fltp`, …"""
    channels: int | None = None
    is_cover: bool = False
    """A still picture attached to the file (cover art), not a film."""
    is_text: bool = False
    """Subtitles made of text, which can be written as text in another container."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a media file contains. `container` is FFmpeg's demuxer name, e.g. `mov,mp4,m4a,3gp,3g2,mj2`."""

    container: str
    duration_seconds: float | None
    bit_rate_bps: int | None
    streams: tuple[Stream, ...]
    chapters: int = 0

    @property
    def audio(self) -> tuple[Stream, ...]:
        return tuple(s for s in self.streams if s.kind is StreamKind.AUDIO)

    @property
    def video(self) -> tuple[Stream, ...]:
        """Moving pictures: cover art is not among them."""
        return tuple(s for s in self.streams if s.kind is StreamKind.VIDEO and not s.is_cover)

    @property
    def covers(self) -> tuple[Stream, ...]:
        return tuple(s for s in self.streams if s.is_cover)

    @property
    def subtitles(self) -> tuple[Stream, ...]:
        return tuple(s for s in self.streams if s.kind is StreamKind.SUBTITLE)


@dataclass(frozen=True, slots=True)
class Media:
    """A file in the library: a source that was uploaded, or a result."""

    id: str
    name: str
    """The display name; never used as a path."""
    size_bytes: int
    sha256: str
    mime_type: str
    storage_key: str
    probe: Probe
    created_at: datetime
    job_id: str | None = None
    """The job whose result this is; None for an upload."""
    deleted_at: datetime | None = None
    trashed_at: datetime | None = None
    """Since when it is in the trash, unless it has been deleted since."""
    owner_id: str = LOCAL_USER
    """Whose file it is."""
    derived_from: str | None = None
    """The file of which this is the thumbnail, the waveform …; None for a file of the library."""


@dataclass(frozen=True, slots=True)
class Share:
    """A link under which one file can be opened by whoever has it."""

    id: str
    token_hash: str
    """SHA-256 of the token in the link, which is kept nowhere."""
    media_id: str
    created_at: datetime
    expires_at: datetime
    password_hash: str | None = None
    most_downloads: int | None = None
    downloads: int = 0
    revoked_at: datetime | None = None

    @property
    def is_used_up(self) -> bool:
        """All downloads that it allows were taken; it can still be played."""
        return self.most_downloads is not None and self.downloads >= self.most_downloads
