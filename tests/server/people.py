"""A server with accounts, and the people who have one there."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx2

from balanza.dispatch.accounts import Newcomer
from balanza.model import Role
from tests.server.stand import Stand, running

PASSWORD = "a word after another"
FLEET_TOKEN = "the secret of the fleet"


@dataclass(frozen=True)
class Town:
    """The administrator, who was the first one, and two others; each asks with a client of their own."""

    stand: Stand
    stack: ExitStack

    def __post_init__(self) -> None:
        for name, role in {"ana": Role.ADMIN, "berta": Role.USER, "carla": Role.USER}.items():
            self.stand.parts.accounts.add(Newcomer(name, PASSWORD), role)

    @cached_property
    def admin(self) -> httpx2.Client:
        return self.client(self.log_in("ana"))

    @cached_property
    def berta(self) -> httpx2.Client:
        return self.client(self.log_in("berta"))

    @cached_property
    def carla(self) -> httpx2.Client:
        return self.client(self.log_in("carla"))

    @cached_property
    def worker(self) -> httpx2.Client:
        return self.client(FLEET_TOKEN)

    @property
    def anybody(self) -> httpx2.Client:
        return self.stand.client

    def client(self, secret: str | None = None, **headers: str) -> httpx2.Client:
        """Shows this secret as programs do."""
        if secret is not None:
            headers["Authorization"] = f"Bearer {secret}"
        return self.stack.enter_context(httpx2.Client(base_url=self.stand.address, headers=headers, timeout=30))

    def log_in(self, name: str, password: str = PASSWORD) -> str:
        """The secret of a new session."""
        answer = self.anybody.post("/auth/login", data={"username": name, "password": password})
        assert answer.status_code == 200, answer.text
        secret: str = answer.json()["access_token"]
        return secret

    def browser(self, name: str, password: str = PASSWORD) -> httpx2.Client:
        """Logged in by cookie, and says where it comes from, as browsers do."""
        page = self.client(Origin=self.stand.address)
        answer = page.post("/auth/login", data={"username": name, "password": password, "cookie": "true"})
        assert answer.status_code == 200, answer.text
        return page

    def newcomer(self, name: str) -> httpx2.Client:
        """A new person, logged in as a browser."""
        self.stand.parts.accounts.add(Newcomer(name, PASSWORD), Role.USER)
        return self.browser(name)


@contextmanager
def town(data: Path, **settings: Any) -> Iterator[Town]:
    with running(data, auth="on", **{"fleet_token": FLEET_TOKEN, **settings}) as stand, ExitStack() as stack:
        yield Town(stand, stack)
