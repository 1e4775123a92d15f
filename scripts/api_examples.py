"""An example of each call of the API, as a person types it: with curl in a shell, and in PowerShell.

Both shells put a variable in double quotes in its place, so the examples name what differs from server to server as
`$server`, `$token`, `$media_id` and so on. What a call needs beyond its path comes from its schema's own example, or
from the table here.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_WIDTH = 110


@dataclass(frozen=True)
class Example:
    """One request. In texts `$name` is a variable of the shell; `shell` and `powershell` differ where shells do."""

    method: str
    path: str
    secret: str | None = None
    """The variable that holds what is shown as a bearer's token."""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, "str | PerShell"] = field(default_factory=dict)
    json_body: str | None = None
    form: Mapping[str, str] | None = None
    multipart: str | None = None
    """The file that curl sends as a form; PowerShell, which can do that since version 7 only, sends the bare file."""
    sent: tuple[str, str] | None = None
    """A file that is the body, and its media type."""
    saved_as: str | None = None
    shows_headers: bool = False
    """The answer is in its headers."""
    cookies: str | None = None
    """Whether the answer's cookies are `kept` for a call that comes later, or `shown` by this one."""
    streams: bool = False
    """The answer does not end."""

    @property
    def address(self) -> str:
        query = "&".join(f"{name}={value}" for name, value in self.query.items())
        # In PowerShell a question mark can be part of a variable's name.
        path = re.sub(r"\$(\w+)$", r"${\1}", self.path) if query else self.path
        return f"$server{path}" + (f"?{query}" if query else "")


@dataclass(frozen=True)
class PerShell:
    """A text that curl's shell and PowerShell write each in their own way."""

    shell: str
    powershell: str


def in_curl(example: Example) -> str:
    """The command, in several lines where one would be too long."""
    words = ["curl"]
    if example.shows_headers:
        words.append("-I" if example.method == "HEAD" else "-i")
    if example.streams:
        words.append("-N")
    if example.method not in _implied_methods(example):
        words.append(f"-X {example.method}")
    if example.secret:
        words.append(f'-H "Authorization: Bearer ${example.secret}"')
    for name, value in example.headers.items():
        text = f"{name}: {value.shell if isinstance(value, PerShell) else value}"
        words.append(f'-H "{text}"' if "$" in text else f"-H '{text}'")
    words += _curl_body(example)
    if example.cookies:
        words.append("-c cookies" if example.cookies == "kept" else "-b cookies")
    if example.saved_as:
        words.append(f"-o {example.saved_as}")
    words.append(f'"{example.address}"' if {"?", "$"} & set(example.address) else example.address)
    return _folded(words, " \\\n  ")


def in_powershell(example: Example) -> str:
    if example.streams:
        return _STREAM.format(address=example.address, secret=example.secret)
    words = ["Invoke-WebRequest -UseBasicParsing" if example.shows_headers else "Invoke-RestMethod"]
    if example.method != "GET":
        words.append(f"-Method {example.method.title()}")
    if headers := _powershell_headers(example):
        words.append(f"-Headers {headers}")
    words += _powershell_body(example)
    if example.cookies:
        words.append("-SessionVariable cookies" if example.cookies == "kept" else "-WebSession $cookies")
    if example.saved_as:
        words.append(f"-OutFile {example.saved_as}")
    words.append(f'"{_bare_address(example)}"')
    text = _folded(words, " `\n  ")
    return f"({text}).Headers" if example.shows_headers else text


_STREAM = """\
Add-Type -AssemblyName System.Net.Http
$client = [System.Net.Http.HttpClient]::new()
$client.DefaultRequestHeaders.Add('Authorization', "Bearer ${secret}")
$reader = [System.IO.StreamReader]::new($client.GetStreamAsync("{address}").Result)
while ($null -ne ($line = $reader.ReadLine())) {{ $line }}"""


def _implied_methods(example: Example) -> set[str]:
    if example.multipart or example.json_body or example.form:
        return {"POST"}
    if example.sent:
        return set()
    return {"GET", "HEAD"} if example.shows_headers else {"GET"}


def _curl_body(example: Example) -> list[str]:
    if example.multipart:
        return [f"-F file=@{example.multipart}"]
    if example.sent:
        name, media_type = example.sent
        return [f"-H 'Content-Type: {media_type}'", f"--data-binary @{name}"]
    if example.form is not None:
        pairs = (f"{name}={value}" for name, value in example.form.items())
        return [f'-d "{pair}"' if "$" in pair else f"-d '{pair}'" for pair in pairs]
    if example.json_body is not None:
        body = _VARIABLE.sub(r"""'"$\1\2"'""", example.json_body)
        return ["-H 'Content-Type: application/json'", f"-d '{body}'"]
    return []


def _powershell_headers(example: Example) -> str:
    pairs = [f'Authorization = "Bearer ${example.secret}"'] if example.secret else []
    pairs += [f"'{name}' = {_powershell_text(value)}" for name, value in example.headers.items()]
    return f"@{{ {'; '.join(pairs)} }}" if pairs else ""


def _powershell_text(value: "str | PerShell") -> str:
    return value.powershell if isinstance(value, PerShell) else f"'{value}'"


def _powershell_body(example: Example) -> list[str]:
    if example.multipart:
        return [f"-ContentType application/octet-stream -InFile {example.multipart}"]
    if example.sent:
        name, media_type = example.sent
        return [f"-ContentType {media_type} -InFile {name}"]
    if example.form is not None:
        pairs = (
            f'{name} = "{value}"' if "$" in value else f"{name} = '{value}'" for name, value in example.form.items()
        )
        return [f"-Body @{{ {'; '.join(pairs)} }}"]
    if example.json_body is not None:
        body = f"'{example.json_body}'"
        if _VARIABLE.search(body):
            body = f"({_VARIABLE.sub(_joined, body)})"
        return ["-ContentType application/json", f"-Body {body}"]
    return []


def _joined(variable: re.Match[str]) -> str:
    return f"' + ${variable[1] or variable[2]} + '"


def _bare_address(example: Example) -> str:
    """A bare file has its name in the address."""
    return f"{example.address}?name={example.multipart}" if example.multipart else example.address


def _folded(words: list[str], break_: str) -> str:
    lines, line = [], words[0]
    for word in words[1:]:
        if len(line) + len(word) + 3 > _WIDTH:
            lines.append(line)
            line = word
        else:
            line += f" {word}"
    return break_.join([*lines, line])


# --- What the calls need beyond their paths

VARIABLES = {
    "server": ("http://127.0.0.1:8000", "where Balanza runs; below a path of a proxy, with that path"),
    "token": (
        "bal_…",
        "an API token from Settings, or the `access_token` of a log-in; without accounts, anything",
    ),
    "fleet_token": ("baf_…", "the secret of the workers, in the file `fleet-token` of the data folder"),
    "media_id": ("a61c1994-367c-42c1-9316-4807672356e6", "the `id` of an upload, or the `output_id` of a job"),
    "job_id": ("05d46dee-10bb-4c4b-b7d4-ceb9f493b143", "the answer to `POST /convert`"),
    "run": ("57ab…", "what the address of a preview's playlist has after `preview/`"),
    "number": ("0", "the number of a piece of a preview, from its playlist"),
    "share_id": ("e0a2…", "the `id` of a link, from `GET /shares`"),
    "share_token": ("Zr5c…", "the last part of a link"),
    "upload_id": ("1f6e…", "the last part of the `Location` that `POST /files` answers"),
    "worker_id": ("worker_a", "the name of a worker"),
    "lease": ("8c1d…", "the `token` that `POST /fleet/lease` answers"),
    "user_id": ("7b0d…", "the `id` of an account, from `GET /users`"),
    "token_id": ("93ab…", "the `id` of an API token, from `GET /auth/tokens`"),
    "invitation": ("bai_…", "what an invitation's link has after `#invitation=`"),
    "invitation_id": ("40fe…", "the `id` of an invitation, from `GET /invitations`"),
}
"""By name: an example of its value, and where it comes from."""

PATH_VARIABLES = {"/s/{token}": "/s/$share_token", "/fleet/leases/{token}": "/fleet/leases/$lease", "{stream}": "2"}
"""Where the parameter of a path is not called as the variable that holds it."""

_TUS = {"Tus-Resumable": "1.0.0"}
_LOAD = {"cpu_load": 0.12, "memory_mb": 180.0, "scratch_free_bytes": 50_000_000_000}
_PROCESS = {"worker_id": "worker_x", "instance": "4f1c2a"}
_PROBE = {
    "container": "mp3",
    "duration_seconds": 1.0,
    "bit_rate_bps": 64_000,
    "streams": [{"index": 0, "kind": "audio", "codec": "mp3", "sample_rate_hz": 8000, "channels": 1}],
}


def _json(**fields: object) -> str:
    return json.dumps(fields)


MORE: Mapping[str, Mapping[str, object]] = {
    "POST /auth/login": {"form": {"username": "ana", "password": "three words here"}},
    "POST /auth/signup": {
        "form": {"username": "luz", "password": "three other words", "invitation": "$invitation"},
    },
    "POST /auth/invitation": {"json_body": _json(token="$invitation")},
    "GET /auth/oidc/login": {"shows_headers": True},
    "GET /auth/oidc/callback": {"query": {"state": "…", "code": "…"}, "shows_headers": True},
    "POST /auth/password": {"json_body": _json(current="three words here", new="three other words")},
    "POST /auth/delete": {"json_body": _json(password="three other words")},
    "POST /upload": {"multipart": "song.wav"},
    "GET /media": {"query": {"limit": "20"}},
    "GET /media/zip": {"query": {"id": "$media_id"}, "saved_as": "files.zip"},
    "POST /media/zip": {"form": {"id": "$media_id"}, "saved_as": "files.zip"},
    "GET /media/{media_id}": {"saved_as": "song.wav.copy"},
    "GET /media/{media_id}/thumbnail": {"saved_as": "thumbnail.jpg"},
    "GET /media/{media_id}/waveform": {"saved_as": "waveform.bin"},
    "GET /media/{media_id}/captions/{stream}": {"saved_as": "captions.vtt"},
    "GET /media/{media_id}/preview/{run}/{number}.mp4": {"saved_as": "piece.mp4"},
    "POST /convert/batch": {
        "json_body": _json(input_files=["$media_id"], output_format="mp3", goal="makespan"),
    },
    "OPTIONS /files": {"shows_headers": True},
    "POST /files": {
        "headers": {
            **_TUS,
            "Upload-Length": PerShell("$(wc -c < song.wav)", "(Get-Item song.wav).Length"),
            "Upload-Metadata": "filename c29uZy53YXY=",
        },
        "shows_headers": True,
    },
    "HEAD /files/{upload_id}": {"headers": _TUS},
    "PATCH /files/{upload_id}": {
        "headers": {**_TUS, "Upload-Offset": "0"},
        "sent": ("song.wav", "application/offset+octet-stream"),
        "shows_headers": True,
    },
    "DELETE /files/{upload_id}": {"headers": _TUS},
    "GET /jobs": {"query": {"status": "pending", "limit": "20"}},
    "GET /shares": {"query": {"media": "$media_id"}},
    "GET /s/{token}/info": {"cookies": "shown"},
    "POST /s/{token}/unlock": {"cookies": "kept"},
    "GET /s/{token}/media": {"query": {"download": "true"}, "cookies": "shown", "saved_as": "shared"},
    "HEAD /s/{token}/media": {"cookies": "shown"},
    "GET /decisions": {"query": {"limit": "20"}},
    "GET /workers/history": {"query": {"minutes": "60", "measure": "cpu_load"}},
    "GET /workers/timeline": {"query": {"minutes": "15"}},
    "POST /workers/{worker_id}/drain": {"query": {"grace_seconds": "60"}},
    "GET /events": {"streams": True},
    "POST /fleet/register": {
        "json_body": _json(**_PROCESS, slots=1, cpus=2, encoders=["flac", "libmp3lame"], load=_LOAD)
    },
    "POST /fleet/heartbeat": {"json_body": _json(**_PROCESS, load=_LOAD, leases=[])},
    "POST /fleet/leave": {"json_body": _json(**_PROCESS)},
    "POST /fleet/lease": {"json_body": _json(**_PROCESS, wait_seconds=20)},
    "GET /fleet/leases/{token}/source": {"saved_as": "source"},
    "POST /fleet/leases/{token}/complete": {"json_body": _json(size_bytes=8192, sha256="0" * 64, probe=_PROBE)},
    "POST /fleet/complete": {
        "json_body": _json(
            completions={"a-token-of-a-lease": {"size_bytes": 8192, "sha256": "0" * 64, "probe": _PROBE}}
        )
    },
    "POST /fleet/leases/{token}/fail": {"json_body": _json(error="FFmpeg could not read the file.", log_tail="")},
    "PUT /fleet/leases/{token}/pieces/{number}": {"sent": ("piece.mp4", "application/octet-stream")},
    "PUT /fleet/leases/{token}/result": {"sent": ("result.mp3", "application/octet-stream")},
}
"""By method and path: fields of its Example."""
