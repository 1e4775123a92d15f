"""What several commands share."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from balanza.settings import Settings

ASK = {"help_option_names": ["-h", "--help"]}
DEFAULT_SERVER = "http://127.0.0.1:8000"

Pausing = Annotated[
    bool | None,
    typer.Option("--pausing/--no-pausing", help="Whether a long conversion pauses for a short job [BALANZA_PAUSING]."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def settings_from(**given: object) -> "Settings":
    """The settings of the environment, with what was given as an option instead. Raises StartupError."""
    from pydantic import ValidationError

    from balanza.errors import StartupError
    from balanza.settings import Settings

    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        wrong = error.errors()[0]
        name = str(wrong["loc"][0]).upper().removeprefix("BALANZA_")
        raise StartupError(f"BALANZA_{name} cannot be {wrong['input']!r}: {wrong['msg']}.") from error
