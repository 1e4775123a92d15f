"""What several commands share."""

from typing import Annotated

import typer

ASK = {"help_option_names": ["-h", "--help"]}
DEFAULT_SERVER = "http://127.0.0.1:8000"

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
