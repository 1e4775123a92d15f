"""Many files as one zip: too many for the address of GET /media/zip to carry their ids."""

from typing import Annotated

from fastapi import APIRouter, Form, Response
from pydantic import StringConstraints

from balanza.server.auth import Reader
from balanza.server.bodies import JsonRoute
from balanza.server.openapi import content, problems
from balanza.server.parts import LoopPartsDep
from balanza.server.serving import zip_response

router = APIRouter(tags=["library"], route_class=JsonRoute)

_Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


@router.post(
    "/media/zip",
    summary="Read many files as one zip",
    response_class=Response,
    responses={200: content("application/zip", "A zip with the files, stored as they are."), **problems(404, 410, 413)},
)
def send_zip(
    parts: Reader,
    loop_parts: LoopPartsDep,
    ids: Annotated[
        list[_Id], Form(alias="id", min_length=1, max_length=500, description="A media id; repeat it for each file.")
    ],
) -> Response:
    """As `GET /media/zip`, for a form: a browser saves what it answers. It changes nothing."""
    return zip_response(parts.library.get_all(ids), parts.desk.storage, threads=loop_parts.file_threads)
