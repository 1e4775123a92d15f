"""The public API on the wire. Fields may be added, none may change."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from balanza.model import Media, Stream, StreamKind
from balanza.protocol import Instance, WorkerId

_MEDIA_ID = "a61c1994-367c-42c1-9316-4807672356e6"


def with_example(**fields: JsonValue) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [fields]})


class Shape(BaseModel):
    model_config = ConfigDict(frozen=True)


class Uploaded(Shape):
    """The file is durable: in storage and in the library."""

    model_config = with_example(
        ok=True, id=_MEDIA_ID, name="song.wav", size_bytes=16044, sha256="e1c43d8b80e84c87…53465130"
    )

    ok: Literal[True] = True
    id: str
    name: str
    size_bytes: int
    sha256: str

    @classmethod
    def of(cls, media: Media) -> "Uploaded":
        return cls(id=media.id, name=media.name, size_bytes=media.size_bytes, sha256=media.sha256)


class MediaOut(Shape):
    """A file in the library."""

    id: str
    name: str
    size_bytes: int
    sha256: str
    mime_type: str
    kind: Literal["audio", "video"]
    codecs: list[str]
    """Of its moving pictures and its sound."""
    duration_seconds: float | None
    job_id: str | None
    """The job whose result it is; null for an upload."""
    created_at: datetime
    trashed_at: datetime | None
    """Since when it is in the trash; null for a file of the library."""

    @classmethod
    def of(cls, media: Media) -> "MediaOut":
        return cls(**_media_fields(media))


class StreamOut(Shape):
    index: int
    kind: StreamKind
    codec: str
    bit_rate_bps: int | None
    duration_seconds: float | None
    language: str | None
    width: int | None
    height: int | None
    fps: float | None
    pixel_format: str | None
    sample_rate_hz: int | None
    channels: int | None
    is_cover: bool
    is_text: bool
    """Subtitles made of text."""

    @classmethod
    def of(cls, stream: Stream) -> "StreamOut":
        return cls(**{name: getattr(stream, name) for name in cls.model_fields})


class MediaInfo(MediaOut):
    """A file in the library with what the probe found in it."""

    container: str
    bit_rate_bps: int | None
    chapters: int
    streams: list[StreamOut]

    @classmethod
    def of(cls, media: Media) -> "MediaInfo":
        probe = media.probe
        return cls(
            **_media_fields(media),
            container=probe.container,
            bit_rate_bps=probe.bit_rate_bps,
            chapters=probe.chapters,
            streams=[StreamOut.of(stream) for stream in probe.streams],
        )


class MediaPage(Shape):
    media: list[MediaOut]
    next_cursor: str | None


class Health(Shape):
    ok: bool


class Leaving(BaseModel):
    """A worker says goodbye."""

    model_config = ConfigDict(extra="forbid")

    worker_id: str = WorkerId
    instance: str = Instance


def _media_fields(media: Media) -> dict[str, Any]:
    return {
        "id": media.id,
        "name": media.name,
        "size_bytes": media.size_bytes,
        "sha256": media.sha256,
        "mime_type": media.mime_type,
        "kind": "video" if media.probe.video else "audio",
        "codecs": list(dict.fromkeys(stream.codec for stream in (*media.probe.video, *media.probe.audio))),
        "duration_seconds": media.probe.duration_seconds,
        "job_id": media.job_id,
        "created_at": media.created_at,
        "trashed_at": media.trashed_at,
    }
