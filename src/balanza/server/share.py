"""Shared links: who shares makes, lists and revokes them; who has one opens /s/<token>, without any account.

Addresses under /s/ answer alike to a link that never was and to one that has ended; the guard sees to it that what they
answer is neither kept by caches nor listed by search engines.
"""

from datetime import datetime
from typing import Annotated, Literal

from anyio import to_thread
from fastapi import APIRouter, Cookie, Path, Query, Request, Response
from pydantic import ConfigDict, Field

from balanza.dispatch.sharing import LONGEST_SECONDS, SHORTEST_SECONDS, Terms
from balanza.model import Media, Share
from balanza.server.accounts import is_secure
from balanza.server.auth import Converter, Reader
from balanza.server.bodies import JsonRoute
from balanza.server.openapi import JSON_BODY, content, problems
from balanza.server.pages import shared_page
from balanza.server.parts import LoopPartsDep, PartsDep
from balanza.server.serving import media_response
from balanza.server.shapes import MediaOut, Shape
from balanza.server.turns import in_turn

router = APIRouter(tags=["sharing"], route_class=JsonRoute)

KEY_COOKIE = "balanza_share"

_ID = r"^[A-Za-z0-9_-]{1,64}$"
MediaId = Annotated[str, Path(pattern=_ID, description="A media id.")]
ShareId = Annotated[str, Path(pattern=_ID, description="The id of a link, which is not its token.")]
Token = Annotated[str, Path(description="The last part of the link.")]
Key = Annotated[str | None, Cookie(alias=KEY_COOKIE, include_in_schema=False)]
Password = Annotated[str, Field(min_length=1, max_length=200)]


class ShareRequest(Shape):
    """How long a file is shared, and for whom."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"expires_seconds": 604_800, "password": "sevilla", "most_downloads": 3}]},
    )

    expires_seconds: Annotated[int, Field(ge=SHORTEST_SECONDS, le=LONGEST_SECONDS, strict=True)]
    """From one minute to thirty days."""
    password: Password | None = None
    """Without one, who has the link needs nothing else."""
    most_downloads: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] | None = None
    """How many downloads are allowed; playing is no download."""


class ShareCreated(Shape):
    """A new link. `url`, relative to this server, is told only now: nobody can be told it again."""

    id: str
    url: str
    expires_at: datetime
    has_password: bool
    most_downloads: int | None


class ShareOut(Shape):
    """A link, without the secret in it."""

    id: str
    media_id: str
    name: str
    """Of the file."""
    created_at: datetime
    expires_at: datetime
    has_password: bool
    downloads: int
    most_downloads: int | None
    state: Literal["open", "expired", "revoked"]

    @classmethod
    def of(cls, share: Share, media: Media, now: datetime) -> "ShareOut":
        ended: Literal["open", "expired"] = "open" if share.expires_at > now else "expired"
        return cls(
            id=share.id,
            media_id=share.media_id,
            name=media.name,
            created_at=share.created_at,
            expires_at=share.expires_at,
            has_password=share.password_hash is not None,
            downloads=share.downloads,
            most_downloads=share.most_downloads,
            state=ended if share.revoked_at is None else "revoked",
        )


class SharePage(Shape):
    shares: list[ShareOut]
    next_cursor: str | None


class LockedFile(Shape):
    """What a link tells before its password was typed."""

    needs_password: Literal[True] = True
    expires_at: datetime


class SharedFile(Shape):
    """What a link leads to."""

    needs_password: Literal[False] = False
    expires_at: datetime
    name: str
    size_bytes: int
    mime_type: str
    kind: Literal["audio", "video"]
    duration_seconds: float | None
    can_download: bool
    """False once all the downloads that the link allows were taken."""

    @classmethod
    def of(cls, share: Share, media: Media) -> "SharedFile":
        shown = MediaOut.of(media)
        return cls(
            expires_at=share.expires_at,
            name=shown.name,
            size_bytes=shown.size_bytes,
            mime_type=shown.mime_type,
            kind=shown.kind,
            duration_seconds=shown.duration_seconds,
            can_download=not share.is_used_up,
        )


class PasswordTyped(Shape):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"password": "sevilla"}]})

    password: Password


@router.post(
    "/media/{media_id}/shares", status_code=201, summary="Share a file", responses=problems(404, 410, *JSON_BODY)
)
async def share_media(
    media_id: MediaId, wanted: ShareRequest, parts: Converter, loop_parts: LoopPartsDep, response: Response
) -> ShareCreated:
    """Answers with the link, once. Each request makes a link of its own."""
    terms = Terms(wanted.expires_seconds, wanted.password, wanted.most_downloads)
    share, token = await in_turn(loop_parts, lambda: parts.sharing.share(media_id, terms))
    response.headers["Cache-Control"] = "no-store"
    return ShareCreated(
        id=share.id,
        url=f"/s/{token}",
        expires_at=share.expires_at,
        has_password=share.password_hash is not None,
        most_downloads=share.most_downloads,
    )


@router.get("/shares", summary="List the links to a file, newest first", responses=problems(404, 410))
def list_shares(
    parts: Reader,
    media: Annotated[str, Query(pattern=_ID, description="A media id.")],
    limit: Annotated[int, Query(ge=1, le=500, description="How many at most.")] = 100,
    cursor: Annotated[str | None, Query(pattern=_ID, description="`next_cursor` of the page before.")] = None,
) -> SharePage:
    """Links that have ended stay listed for a week."""
    file, found = parts.sharing.list_shares(media, before=cursor, limit=limit + 1)
    now = parts.desk.clock()
    shown = [ShareOut.of(share, file, now) for share in found[:limit]]
    return SharePage(shares=shown, next_cursor=shown[-1].id if len(found) > limit else None)


@router.delete("/shares/{share_id}", status_code=204, summary="Revoke a link", responses=problems(404))
def revoke_share(share_id: ShareId, parts: Converter) -> None:
    """From now on it opens nothing; what is being downloaded goes on to its end. Done twice, it is done once."""
    parts.sharing.revoke(share_id)


@router.api_route("/s/{token}", methods=["GET", "HEAD"], include_in_schema=False)
async def read_page(token: Token, request: Request, parts: PartsDep) -> Response:
    """The same page for every token, with 404 for one that opens nothing; what it shows comes from `info`."""
    is_there = await to_thread.run_sync(parts.sharing.leads_somewhere, token)
    return await shared_page(request, status=200 if is_there else 404)


@router.get("/s/{token}/info", summary="Look at a shared file", responses=problems(404))
def inspect_shared(token: Token, parts: PartsDep, key: Key = None) -> SharedFile | LockedFile:
    """A locked one tells only until when it can be opened."""
    share, media = parts.sharing.look(token)
    if parts.sharing.is_locked(share, key):
        return LockedFile(expires_at=share.expires_at)
    return SharedFile.of(share, media)


@router.post(
    "/s/{token}/unlock", status_code=204, summary="Unlock a shared file", responses=problems(404, 429, *JSON_BODY)
)
async def unlock_shared(
    request: Request,
    token: Token,
    typed: PasswordTyped,
    parts: PartsDep,
    loop_parts: LoopPartsDep,
    response: Response,
) -> None:
    """Sets a cookie for this link alone, which is good for an hour after it was last used."""
    key = await in_turn(loop_parts, lambda: parts.sharing.unlock(token, typed.password))
    if key is not None:
        # Without a path it belongs to the folder of this address (RFC 6265 section 5.1.4), which is the link itself,
        # whatever path of a proxy lies before it.
        response.set_cookie(KEY_COOKIE, key, path=None, httponly=True, samesite="strict", secure=is_secure(request))


@router.head(
    "/s/{token}/media",
    operation_id="head_shared",
    summary="Ask about a shared file's bytes",
    response_class=Response,
    responses={200: {"description": "Its type, size and ETag."}, **problems(404, 410, 416)},
)
@router.get(
    "/s/{token}/media",
    operation_id="read_shared",
    summary="Read a shared file's bytes",
    response_class=Response,
    responses={
        200: content("*/*", "The whole file."),
        206: content("*/*", "The part that Range asks for."),
        304: {"description": "Unchanged since If-None-Match."},
        **problems(404, 410, 416),
    },
)
def read_shared(
    request: Request,
    token: Token,
    parts: PartsDep,
    loop_parts: LoopPartsDep,
    key: Key = None,
    download: Annotated[bool, Query(description="Ask the browser to save it; this counts as a download.")] = False,
) -> Response:
    """Takes Range, If-Range and If-None-Match, as `/media/{media_id}` does.

    A download counts when its first byte is sent: however many parts it is fetched in, once.
    """
    share, media = parts.sharing.open(token, key)
    response = media_response(request, media, parts.desk.storage, download=download, threads=loop_parts.file_threads)
    if download and _begins_the_file(response):
        if request.method == "HEAD":
            parts.sharing.refuse_used_up(share)
        else:
            parts.sharing.take_download(share)
    return response


def _begins_the_file(response: Response) -> bool:
    """Whether the first byte is in it; what resumes a download lacks it."""
    return response.status_code == 200 or response.headers.get("content-range", "").startswith("bytes 0-")
