"""Asking a server and printing what it answers: once, or again and again."""

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from time import sleep
from typing import Any

from rich.console import RenderableType
from rich.live import Live
from rich.text import Text

from balanza.cli.api import Api
from balanza.cli.tables import console
from balanza.errors import ServerUnreachable

LOOK_EVERY_SECONDS = 1.0


def show(
    server: str,
    ask: Callable[[Api], Any],
    render: Callable[[Any], RenderableType],
    *,
    watch: bool = False,
    as_json: bool,
) -> None:
    """Prints the answer as a table or as JSON; with `watch` once a second, until interrupted."""
    with Api(server) as api:
        answer = ask(api)
        if not watch:
            _print(answer, render, as_json=as_json)
            return
        with suppress(KeyboardInterrupt):
            if as_json:
                _stream(lambda: ask(api), answer)
            else:
                _watch(lambda: ask(api), answer, render)


def tell(server: str, path: str, told: str, *, as_json: bool) -> None:
    """Posts, and says `told` when the server agreed."""
    with Api(server) as api:
        answer = api.post(path)
    _print(answer, lambda _: Text(told), as_json=as_json)


def _print(answer: Any, render: Callable[[Any], RenderableType], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(answer, ensure_ascii=False, indent=2) + "\n")
    else:
        console().print(render(answer))


def _stream(ask: Callable[[], Any], answer: Any) -> None:
    """One document a line."""
    while True:
        sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
        sys.stdout.flush()
        sleep(LOOK_EVERY_SECONDS)
        answer = ask()


def _watch(ask: Callable[[], Any], answer: Any, render: Callable[[Any], RenderableType]) -> None:
    """A table that changes in its place. A server that went away is waited for."""
    with Live(render(answer), console=console(), auto_refresh=False) as live:
        while True:
            sleep(LOOK_EVERY_SECONDS)
            try:
                shown = render(ask())
            except ServerUnreachable as error:
                shown = Text(error.sentence)
            live.update(shown, refresh=True)
