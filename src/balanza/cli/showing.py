"""Asking a server and printing what it answers: once, or again and again."""

import json
import sys
from collections.abc import Callable, Iterator
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


def tell(server: str, act: Callable[[Api], Any], told: Callable[[Any], str], *, as_json: bool) -> None:
    """Does it, and says what `told` makes of the answer when the server agreed."""
    with Api(server) as api:
        answer = act(api)
    _print(answer, lambda answer: Text(told(answer)), as_json=as_json)


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
    """A table that changes in its place; where there is no terminal, one below the other."""
    screen, first = console(), render(answer)
    if not screen.is_terminal:
        screen.print(first)
        for shown in _answers(ask, render):
            screen.print("", shown, sep="\n")
        return
    with Live(first, console=screen, auto_refresh=False) as live:
        for shown in _answers(ask, render):
            live.update(shown, refresh=True)


def _answers(ask: Callable[[], Any], render: Callable[[Any], RenderableType]) -> Iterator[RenderableType]:
    """Never ends. A server that went away is waited for."""
    while True:
        sleep(LOOK_EVERY_SECONDS)
        try:
            yield render(ask())
        except ServerUnreachable as error:
            yield Text(error.sentence)
