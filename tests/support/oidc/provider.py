"""A real OpenID Connect provider as a process, and the browser of somebody who logs in through it."""

import re
import shutil
import signal
import subprocess
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2

from tests.support.live import free_port
from tests.support.needs import need
from tests.support.waiting import eventually

HERE = Path(__file__).parent
TOOLS = HERE.parents[2] / ".tools/oidc"
"""Where scripts/test-tools.sh installs what the lock file beside this file says."""
_OWN_NODE = TOOLS.with_name("node") / "bin/node"
NODE = str(_OWN_NODE) if _OWN_NODE.exists() else shutil.which("node")
"""Where that of the system is too old, the script installs one."""
CLIENT = {"oidc_client_id": "balanza", "oidc_client_secret": "a secret of both"}
CALLBACK = "/auth/oidc/callback"


def need_provider() -> None:
    lock = TOOLS / "package-lock.json"
    installed = (TOOLS / "node_modules").is_dir() and lock.read_bytes() == (HERE / "package-lock.json").read_bytes()
    need(installed and NODE is not None, "An OpenID provider is missing; run scripts/test-tools.sh.")


class OidcProvider:
    """Runs from `start` to `kill`, or to the end of its block, at one address. What it knows it forgets at its end."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self._log = folder / "provider.log"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self, server: str) -> None:
        """It is ready, for the Balanza at that address."""
        arguments = [str(TOOLS / "node_modules"), str(self.port), server + CALLBACK]
        with self._log.open("a") as log:
            self.process = subprocess.Popen(
                [str(NODE), str(HERE / "provider.mjs"), *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        eventually(self._is_ready, 30)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self._log.read_text()
        with suppress(httpx2.TransportError):
            return httpx2.get(f"{self.issuer}/.well-known/openid-configuration", trust_env=False).status_code == 200
        return False


class Browser:
    """Of one person, with cookies. It follows redirects and fills in the provider's forms."""

    def __init__(self, server: str) -> None:
        self._server = server
        self.http = httpx2.Client(base_url=server, timeout=30, trust_env=False, verify=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def log_in(self, name: str, invitation: str | None = None, page: str | None = None) -> str:
        """All the way; where it ends, such as `player.html` or `login.html#problem=refused`."""
        return self.come_back(self.go(name, invitation, page))

    def go(self, name: str | None, invitation: str | None = None, page: str | None = None) -> str:
        """The address at which the provider sends this person back to us, not yet opened. `None` presses Cancel; `page`
        is where somebody wants to be afterwards."""
        said = {"invitation": invitation, "next": page}
        query = {key: value for key, value in said.items() if value is not None}
        answer = self.http.get("/auth/oidc/login", params=query)
        for _ in range(20):
            if answer.next_request is None:
                assert answer.status_code == 200, answer.text
                answer = self._fill_in(answer, name)
            elif str(answer.next_request.url).startswith(self._server):
                return str(answer.next_request.url)
            else:
                answer = self.http.send(answer.next_request)
        raise AssertionError(f"The provider sends around in circles: {answer.url}")

    def come_back(self, address: str) -> str:
        answer = self.http.get(address)
        assert answer.status_code == 303, answer.text
        assert answer.next_request is not None
        return str(answer.next_request.url).removeprefix(self._server + "/")

    def _fill_in(self, page: httpx2.Response, name: str | None) -> httpx2.Response:
        if name is None:
            cancel = re.search(r'href="([^"]+/abort)"', page.text)
            assert cancel, page.text
            return self.http.get(cancel[1])
        form = _Form(page.text)
        typed = {"login": name, "password": "any"}
        return self.http.post(form.action, data={**form.hidden, **{key: typed[key] for key in form.empty}})


class _Form(HTMLParser):
    """The first form of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.hidden: dict[str, str] = {}
        self.empty: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name") or ""
        if tag == "form":
            self.action = given.get("action") or ""
        elif tag == "input" and given.get("value") is None:
            self.empty.append(name)
        elif tag == "input":
            self.hidden[name] = given["value"] or ""
