"""What administrators do about accounts: look, invite, change roles and quotas, disable."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import ConfigDict, Field

from balanza.dispatch import uploads
from balanza.model import Invitation, Role, User
from balanza.server.auth import Admin
from balanza.server.bodies import JsonRoute
from balanza.server.openapi import JSON_BODY, problems
from balanza.server.parts import Parts
from balanza.server.shapes import Shape
from balanza.store.accounts import Usage

router = APIRouter(tags=["users"], route_class=JsonRoute)

LONGEST_INVITATION_HOURS = 30 * 24

_Id = Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")


class UserOut(Shape):
    """An account, as administrators see it: how much is there, not what."""

    id: str
    name: str | None
    role: Role
    created_at: datetime
    disabled_at: datetime | None
    quota_bytes: int | None
    """Null: as the server has it for everybody."""
    quota_jobs: int | None
    stored_bytes: int
    files: int
    live_jobs: int

    @classmethod
    def of(cls, user: User, used: Usage) -> "UserOut":
        same = {name: getattr(user, name) for name in cls.model_fields if hasattr(user, name)}
        return cls(**same, stored_bytes=used.stored_bytes, files=used.files, live_jobs=used.live_jobs)


class UserList(Shape):
    users: list[UserOut]


class UserChange(Shape):
    """What is not given stays as it is."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"quota_bytes": 10_737_418_240}]})

    role: Role | None = None
    disabled: bool | None = None
    quota_bytes: Annotated[int, Field(ge=0, le=2**62, strict=True)] | None = None
    """Null: as the server has it for everybody."""
    quota_jobs: Annotated[int, Field(ge=0, le=2**31 - 1, strict=True)] | None = None


class InvitationRequest(Shape):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"role": "user", "expires_hours": 168}]})

    role: Role = Role.USER
    expires_hours: Annotated[int, Field(ge=1, le=LONGEST_INVITATION_HOURS, strict=True)] = 7 * 24


class InvitationOut(Shape):
    id: str
    role: Role
    created_at: datetime
    expires_at: datetime
    used_by: str | None
    """The id of the account that came of it."""

    @classmethod
    def of(cls, invitation: Invitation) -> "InvitationOut":
        return cls(**{name: getattr(invitation, name) for name in cls.model_fields})


class InvitationMade(Shape):
    """`url`, relative to this server, is told only now: nobody can be told it again."""

    id: str
    url: str
    role: Role
    expires_at: datetime


class InvitationList(Shape):
    invitations: list[InvitationOut]


@router.get("/users", summary="List the accounts", responses=problems())
def list_users(parts: Admin) -> UserList:
    return UserList(users=[UserOut.of(user, used) for user, used in parts.accounts.list_users()])


@router.patch("/users/{user_id}", summary="Change an account", responses=problems(404, 409, *JSON_BODY))
def change_user(user_id: Annotated[str, _Id], wanted: UserChange, parts: Admin) -> UserOut:
    """Whoever is disabled is out at once, and their API tokens are revoked and their jobs cancelled; their files
    stay, and links to them open nothing meanwhile. Invitations of whoever is no administrator any more are taken
    back."""
    quotas = wanted.model_dump(include={"quota_bytes", "quota_jobs"}, exclude_unset=True)
    return UserOut.of(*parts.accounts.change(user_id, role=wanted.role, disabled=wanted.disabled, quotas=quotas))


@router.delete("/users/{user_id}", status_code=204, summary="Delete an account", responses=problems(404, 409))
def delete_user(user_id: Annotated[str, _Id], parts: Admin) -> None:
    """With its files, conversions and links, at once and for ever; within minutes no bytes are left of them either. The
    last administrator stays."""
    remove_account(parts, user_id)


@router.get("/invitations", summary="List the invitations", responses=problems())
def list_invitations(parts: Admin) -> InvitationList:
    """Those that are not over, used ones too."""
    return InvitationList(invitations=[InvitationOut.of(one) for one in parts.accounts.invitations()])


@router.post("/invitations", status_code=201, summary="Invite somebody", responses=problems(*JSON_BODY))
def invite(wanted: InvitationRequest, response: Response, parts: Admin) -> InvitationMade:
    """Answers with a link, once, with which one person makes an account."""
    expires = timedelta(hours=wanted.expires_hours)
    invitation, secret = parts.accounts.invite(wanted.role, expires, parts.asked_by.user_id)
    response.headers["Cache-Control"] = "no-store"
    return InvitationMade(
        id=invitation.id,
        url=f"login.html#invitation={secret}",
        role=invitation.role,
        expires_at=invitation.expires_at,
    )


@router.delete(
    "/invitations/{invitation_id}", status_code=204, summary="Take an invitation back", responses=problems(404)
)
def take_back(invitation_id: Annotated[str, _Id], parts: Admin) -> None:
    parts.accounts.take_back_invitation(invitation_id)


def remove_account(parts: Parts, user_id: str) -> None:
    """The account and all that is theirs; upkeep removes the bytes of files. Raises NotFound, Conflict."""
    for upload_id in parts.accounts.remove(user_id):
        uploads.discard(parts.desk, upload_id)
