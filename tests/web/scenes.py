"""The states of the page worth looking at, as the answers of a server in that state."""

import io
import math
import struct
import wave
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from balanza.model import Obstacle, Waiting, WhyNot
from balanza.server.job_shapes import WaitingOut
from balanza.wording import PROBLEMS, clause, coded, failure
from tests.web.stage import ALONE, Json, Scene

_LOG = """\
[matroska,webm @ 0x55d2] EBML header parsing failed
[in#0 @ 0x55d2] Error opening input: Invalid data found when processing input
Error opening input file input.
Error opening input files: Invalid data found when processing input"""

_CODECS = {"flac": "flac", "wav": "pcm_s16le"}


def _media(number: int, name: str, kind: str, seconds: float | None, size: int, job: str | None = None) -> Json:
    mime = "audio/wav" if kind == "audio" else "video/mp4"
    return {
        "id": f"m{number}",
        "name": name,
        "size_bytes": size,
        "sha256": "0" * 64,
        "mime_type": mime,
        "kind": kind,
        "codecs": ["h264", "aac"] if kind == "video" else [_CODECS.get(name.rpartition(".")[2], "aac")],
        "duration_seconds": seconds,
        "job_id": job,
        "created_at": f"2026-11-23T10:00:{number:02}.000000Z",
    }


def later(minutes: float) -> str:
    """So many minutes from now."""
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()


def job(number: int, name: str, to: str, status: str, **more: object) -> Json:
    job: dict[str, object] = {
        "job_id": f"j{number}",
        "status": status,
        "input_id": "m1",
        "input_file": name,
        "output_format": to,
        "options": {"quality": "balanced"},
        "assigned_worker": "worker_a",
        "worker_id": None,
        "progress": 0.0,
        "speed": None,
        "eta_seconds": None,
        "attempts": 0,
        "max_attempts": 3,
        "created_at": f"2026-11-23T10:05:{number:02}.000000Z",
        "started_at": None,
        "completed_at": None,
        "duration_seconds": None,
        "input_size_bytes": 31_752_044,
        "output_size_bytes": None,
        "size_reduction_percent": None,
        "output_id": None,
        "output_file": None,
        "error": None,
        "log_tail": None,
        "waits_for": waits("slot", "worker_a") if status == "pending" else None,
        "priority": 50,
        "batch_id": None,
        "predicted_seconds": 42.0,
        "expected_start_at": None,
        "expected_end_at": None,
        "paused": False,
        "paused_seconds": 0.0,
    }
    job |= more
    said = failure(cast("str | None", job["error"]))
    return {**job, "error_code": said.code, "error_values": said.values}


def waits(code: str, worker_id: str | None = None, obstacles: Sequence[tuple[str, str]] = (), more: int = 0) -> Json:
    """`obstacles`: what follows the name of each worker."""
    needs = [WhyNot(Obstacle.TAG, clause) for _, clause in obstacles]
    found = tuple(zip((worker for worker, _ in obstacles), needs, strict=True))
    listed = "; ".join(
        [*(f"{worker} {clause}" for worker, clause in obstacles), *([f"and {more} more"] if more else [])]
    )
    sentence = f"No worker can take it: {listed}." if obstacles else "It waits for the first worker with a free slot."
    told = WaitingOut.of(Waiting(code, worker_id, sentence, found, more))
    assert told is not None
    return told.model_dump()


def _tone(seconds: int = 2) -> bytes:
    """A quiet 400 Hz tone as a WAV file."""
    period = b"".join(struct.pack("<h", round(3000 * math.sin(2 * math.pi * i / 20))) for i in range(20))
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(period * 400 * seconds)
    return out.getvalue()


LONG_NAME = "entrevista_2026-11-02_sala-3_micrófono-izquierdo_sin-cortes_versión-definitiva.wav"

LIBRARY = (
    _media(9, "Alegrías de Cádiz (en directo).flac", "audio", 221.4, 18_402_113, "j1"),
    _media(8, "paseo-por-la-playa.mp4", "video", 754.2, 188_440_021),
    _media(
        7,
        LONG_NAME,
        "audio",
        3723,
        656_000_000,
    ),
    _media(6, "Alegrías de Cádiz (en directo).wav", "audio", 221.4, 31_752_044),
    _media(5, "holiday.mkv", "video", 5403.0, 2_147_483_648),
    _media(4, "voice memo 12.m4a", "audio", 9.6, 98_304),
)

_COMPLETED = job(
    1,
    "Alegrías de Cádiz (en directo).wav",
    "flac",
    "completed",
    worker_id="worker_b",
    assigned_worker="worker_a",
    progress=100.0,
    attempts=1,
    duration_seconds=3.42,
    output_size_bytes=18_402_113,
    size_reduction_percent=42.04,
    output_id="m9",
    output_file="Alegrías de Cádiz (en directo).flac",
)
_PROCESSING = job(
    3,
    "holiday.mkv",
    "mp4",
    "processing",
    worker_id="worker_a",
    progress=43.0,
    speed=3.8,
    eta_seconds=811.0,
    attempts=1,
)
_SECOND = job(
    4, "paseo-por-la-playa.mp4", "mp3", "processing", worker_id="worker_b", assigned_worker="worker_b",
    progress=71.0, speed=38.2, eta_seconds=6.0, attempts=2,
)  # fmt: skip
_PENDING = job(
    5,
    "voice memo 12.m4a",
    "ogg",
    "pending",
    predicted_seconds=0.4,
    expected_start_at=later(4.2),
    expected_end_at=later(5),
)
_PAUSED = {**_SECOND, "paused": True, "paused_seconds": 1.2}
_STUCK = job(7, LONG_NAME, "mkv", "pending", assigned_worker=None, waits_for=waits("tag"), priority=25, batch_id="b1")
_FAILED = job(
    2,
    LONG_NAME,
    "opus",
    "failed",
    worker_id="worker_b",
    attempts=3,
    error="ffmpeg ended with code 183: Invalid data found when processing input.",
    log_tail=_LOG,
)
_CANCELLED = job(6, "holiday.mkv", "webm", "cancelled", worker_id="worker_a", progress=12.0, attempts=1)

_SHARE: Json = {
    "id": "s1",
    "media_id": "m9",
    "name": "Alegrías de Cádiz (en directo).flac",
    "created_at": "2026-11-23T10:00:00.000000Z",
    "expires_at": "2026-11-30T10:00:00.000000Z",
    "has_password": False,
    "downloads": 0,
    "most_downloads": None,
    "state": "open",
}
_SHARES = (
    _SHARE,
    {**_SHARE, "id": "s2", "has_password": True, "downloads": 2, "most_downloads": 3},
    {**_SHARE, "id": "s3", "downloads": 1, "state": "expired"},
    {**_SHARE, "id": "s4", "state": "revoked"},
)
_LOCKED: Json = {"needs_password": True, "expires_at": "2026-11-30T10:00:00.000000Z"}
_SHARED: Json = {
    **_LOCKED,
    "needs_password": False,
    "name": "Alegrías de Cádiz (en directo).flac",
    "size_bytes": 18_402_113,
    "mime_type": "audio/flac",
    "kind": "audio",
    "duration_seconds": 221.4,
    "can_download": True,
}


def _candidate(worker: str, jobs: int, cpu: float | None, why_not: str | None, score: int) -> Json:
    return {
        "worker_id": worker,
        "jobs_in_progress": jobs,
        "cpu_load": cpu,
        "memory_mb": 512.0,
        "metrics_source": None if cpu is None else "heartbeat" if jobs else "prometheus",
        "metrics_age_seconds": None if cpu is None else 0.8,
        "load_score": score,
        "chosen": why_not is None,
        "finish_seconds": None if cpu is None else 4.0 + 30 * jobs,
        "why_not": why_not,
        "why_not_code": clause(why_not).code,
        "why_not_values": clause(why_not).values,
    }


_CHOICE: Json = {
    "id": 1,
    "at": "2026-11-23T10:05:07.000000Z",
    "job_id": "j3",
    "reason": "submitted",
    "policy": "least_loaded",
    "worker_id": "worker_b",
    "source": None,
    "rule": None,
    "candidates": [
        _candidate("worker_a", 2, 0.62, "had 2 jobs, worker_b 0", 58),
        _candidate("worker_b", 0, 0.08, None, 6),
        _candidate("worker_on_the_other_machine_in_the_cellar", 0, None, "its CPU load is unknown", 0),
    ],
}
_THEFT: Json = {
    **_CHOICE,
    "id": 2,
    "at": "2026-11-23T10:05:19.000000Z",
    "reason": "stolen",
    "policy": "stealing",
    "worker_id": "worker_a",
    "source": "worker_b",
    "rule": "shortest",
    "candidates": [_candidate("worker_a", 0, 0.11, None, 8), _candidate("worker_b", 3, 0.97, "is on strike", 88)],
}
_WHY: Json = {"job_id": "j3", "status": "processing", "worker_id": "worker_a", "waits_for": None}
_TRASH = [one | {"trashed_at": "2026-11-22T18:04:00.000000Z"} for one in (dict(LIBRARY[2]), dict(LIBRARY[4]))]

_ANA: Json = {
    "id": "u1",
    "name": "ana@example.org",
    "role": "admin",
    "has_password": True,
    "quota_bytes": 5_000_000_000,
    "quota_jobs": 20,
    "stored_bytes": 1_240_000_000,
    "live_jobs": 3,
}
_IN: Json = {**ALONE, "accounts": True, "user": _ANA, "public_stats": False}
_OUT: Json = {**_IN, "user": None, "scope": None, "oidc": {"name": "Keycloak"}}
_USER: Json = {
    **_IN,
    "user": {**_ANA, "name": "luz", "role": "user", "stored_bytes": 5_000_000_000},
    "scope": "convert",
}
_ACCOUNT: Json = {
    **{name: _ANA[name] for name in ("id", "name", "role", "stored_bytes", "live_jobs")},
    "created_at": "2026-10-02T09:00:00.000000Z",
    "disabled_at": None,
    "quota_bytes": None,
    "quota_jobs": None,
    "files": 41,
}
_LUZ: Json = {
    **_ACCOUNT,
    "id": "u2",
    "name": "luz",
    "role": "user",
    "quota_bytes": 5_000_000_000,
    "quota_jobs": 1,
    "live_jobs": 1,
}
_PEOPLE = (
    _ACCOUNT,
    _LUZ,
    {
        **_ACCOUNT,
        "id": "u3",
        "name": "coro.de.la.parroquia.de.san.lorenzo.martir@parroquia.example.org",
        "role": "user",
        "files": 1,
        "stored_bytes": 0,
        "live_jobs": 0,
        "disabled_at": "2026-11-20T10:00:00.000000Z",
    },
)
_INVITED: Json = {"role": "user", "expires_at": "2026-11-30T10:00:00.000000Z", "first": False}
_OPEN: Json = {**_INVITED, "id": "i1", "created_at": "2026-11-23T10:00:00.000000Z", "used_by": None}
_INVITATIONS: Json = {"invitations": (_OPEN, {**_OPEN, "id": "i2", "role": "admin", "used_by": "u2"})}
_TOKEN: Json = {
    "id": "t1",
    "name": "backup of the band",
    "scope": "convert",
    "created_at": "2026-10-02T09:00:00.000000Z",
    "expires_at": "2027-10-02T09:00:00.000000Z",
    "used_at": "2026-11-23T09:58:00.000000Z",
}
_TOKENS: Json = {
    "tokens": (
        _TOKEN,
        {**_TOKEN, "id": "t2", "name": "look", "scope": "read", "expires_at": None, "used_at": None},
        {**_TOKEN, "id": "t3", "name": "old", "scope": "admin", "expires_at": "2026-10-09T09:00:00.000000Z"},
    )
}
_OUTCOME: Json = {
    "output_file": "paseo-por-la-playa.mp4",
    "size_bytes": 94_000_000,
    "seconds": 205.0,
    "runs_copy": False,
}


def _slug(slug: str, detail: str = "It is refused.") -> Json:
    said = coded(PROBLEMS, detail)
    return {"type": f"urn:balanza:{slug}", "detail": detail, "code": said.code, "values": said.values}


_WRONG_RATE = _slug("invalid-option", "channels cannot be 9: for mp4 give a whole number from 1 to 8.")


SCENES: dict[str, Scene] = {
    "empty": Scene(),
    "uploading": Scene(media=LIBRARY[3:], takes_uploads=False),
    "library": Scene(media=LIBRARY, sound=_tone(), answers={"/convert/estimate": _OUTCOME}),
    "refusing": Scene(media=LIBRARY, problem=_WRONG_RATE),
    "converting": Scene(media=LIBRARY, jobs=(_PENDING, _SECOND, _PROCESSING), sound=_tone()),
    "completed": Scene(media=LIBRARY, jobs=(_COMPLETED,), sound=_tone()),
    "failed": Scene(media=LIBRARY, jobs=(_CANCELLED, _FAILED)),
    "readme": Scene(media=LIBRARY, jobs=(_PENDING, _SECOND, _PROCESSING, _COMPLETED), sound=_tone(221)),
    "trash": Scene(
        media=(LIBRARY[3], LIBRARY[5]), jobs=({**_COMPLETED, "output_id": "m5"},), trash=_TRASH, sound=_tone()
    ),
    "why": Scene(
        media=LIBRARY,
        jobs=(_PENDING, _PROCESSING),
        decision={**_WHY, "decision": _THEFT, "history": (_CHOICE, _THEFT)},
    ),
    "why-waiting": Scene(
        jobs=(_STUCK,),
        decision={
            **_WHY,
            "status": "pending",
            "worker_id": None,
            "waits_for": waits("tag", None, [("worker_a", "has no tag gpu"), ("worker_b", "is offline")], 2),
            "decision": None,
            "history": ({**_CHOICE, "worker_id": None, "candidates": ()},),
        },
    ),
    "sharing": Scene(media=LIBRARY, shares=_SHARES),
    "share": Scene(shared=_SHARED, sound=_tone(221)),
    "share-film": Scene(shared={**_SHARED, "name": LONG_NAME, "kind": "video", "mime_type": "video/mp4"}),
    "share-used-up": Scene(shared={**_SHARED, "can_download": False}, sound=_tone()),
    "share-locked": Scene(shared=_LOCKED),
    "share-gone": Scene(),
    "all": Scene(
        media=LIBRARY, jobs=(_STUCK, _CANCELLED, _PENDING, _PAUSED, _PROCESSING, _FAILED, _COMPLETED), sound=_tone()
    ),
    "login": Scene(me=_OUT, problem=_slug("wrong-login")),
    "signup": Scene(me=_OUT, problem=_slug("conflict"), answers={"/auth/invitation": _INVITED}),
    "signup-first": Scene(me=_OUT, answers={"/auth/invitation": {**_INVITED, "role": "admin", "first": True}}),
    "signup-inside": Scene(me=_IN),
    "settings": Scene(me=_IN, answers={"/auth/tokens": _TOKENS}),
    "settings-alone": Scene(),
    "settings-new-token": Scene(
        me=_USER, answers={"/auth/tokens": {**_TOKENS, **_TOKEN, "token": f"bal_{'x7Kq' * 10}"}}
    ),
    "users": Scene(me=_IN, answers={"/users": {"users": _PEOPLE}, "/invitations": _INVITATIONS}),
    "users-invited": Scene(
        me=_IN,
        answers={
            "/users": {"users": _PEOPLE},
            "/invitations": {**_INVITATIONS, **_OPEN, "url": f"login.html#invitation=bai_{'x7Kq' * 10}"},
        },
    ),
    "users-sorry": Scene(me=_USER),
    "home-in": Scene(media=LIBRARY, me=_IN),
}
