"""What must not be believed of an identity provider: one that says whatever a test wants, with real keys."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from balanza.dispatch.oidc import Attempt
from balanza.errors import BalanzaError, ProviderFailed, Retryable
from balanza.server.provider import LEEWAY_SECONDS, Provider

SECRET = "a secret of both, which the provider shares with its client"
ATTEMPT = Attempt("state", "nonce", "verifier" * 8, "http://127.0.0.1/auth/oidc/callback", None, "hash", 0)


def key(name: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": name, "use": "sig", "alg": "ES256"})


KEY, OTHER = key("first"), key("first")


class Pages(ThreadingHTTPServer):
    """Answers each path with what stands in `pages`: JSON, or a status."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.issuer = f"http://127.0.0.1:{self.server_port}"
        self.pages: dict[str, Any] = {}
        self.asked: list[str] = []

    def reset(self) -> None:
        parts = {name: f"{self.issuer}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
        description = {"issuer": self.issuer, "userinfo_endpoint": f"{self.issuer}/userinfo", **parts}
        self.pages = {
            "/.well-known/openid-configuration": description,
            "/jwks_uri": {"keys": [{"kty": "of the future"}, KEY.as_dict(private=False)]},
            "/token_endpoint": {"access_token": "access", "token_type": "Bearer", "id_token": self.token()},
        }
        self.asked.clear()

    def token(self, *, signed_with: ECKey = KEY, **changed: Any) -> str:
        """An ID token; a claim that is None is left out."""
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": "ada", "aud": "balanza", "exp": now + 60, "iat": now, "nonce": "nonce"}
        claims = {name: value for name, value in (claims | changed).items() if value is not None}
        return jwt.encode({"alg": "ES256", "kid": signed_with.kid}, claims, signed_with)

    def gives(self, token: object) -> None:
        self.pages["/token_endpoint"]["id_token"] = token


class _Handler(BaseHTTPRequestHandler):
    server: Pages

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.asked.append(self.path)
        page = self.server.pages.get(self.path, 404)
        body = page if isinstance(page, bytes) else json.dumps(page).encode()
        self.send_response(page if isinstance(page, int) else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - as the base class wants it

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[Pages]:
    with Pages() as server:
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def pages(server: Pages) -> Pages:
    server.reset()
    return server


@pytest.fixture
def provider(pages: Pages) -> Provider:
    """As after a log-in that has begun."""
    provider = Provider(pages.issuer, "balanza", SECRET)
    provider.address_for(ATTEMPT)
    return provider


def test_a_token_for_us_says_who_came_back(pages: Pages, provider: Provider) -> None:
    pages.gives(pages.token(aud=["balanza", "other"], azp="balanza", email="ada@example.org", email_verified=True))
    found = provider.identity_of("code", ATTEMPT, pages.issuer)
    assert found.subject == f"{pages.issuer} ada"
    assert provider.names_of(found) == ["ada@example.org"]
    provider.identity_of("code", ATTEMPT)
    assert pages.asked.count("/jwks_uri") == 1, "the keys are kept"
    assert pages.asked.count("/.well-known/openid-configuration") == 1


NOW = int(time.time())


@pytest.mark.parametrize(
    "changed",
    [
        {"nonce": "of another attempt"},
        {"nonce": None},
        {"exp": NOW - LEEWAY_SECONDS - 60},
        {"exp": None},
        {"iat": NOW + 3600, "exp": NOW + 7200},
        {"nbf": NOW + 3600},
        {"aud": "another-client"},
        {"aud": ["balanza", "another-client"]},
        {"aud": None},
        {"azp": "another-client"},
        {"iss": "https://another.example.org"},
        {"iss": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
        {"at_hash": "of another access token"},
        {"signed_with": OTHER},
        {"signed_with": key("unknown")},
    ],
    ids="-".join,
)
def test_a_token_that_is_not_for_us_now_proves_nothing(
    pages: Pages, provider: Provider, changed: dict[str, Any]
) -> None:
    pages.gives(pages.token(**changed))
    with pytest.raises(ProviderFailed):
        provider.identity_of("code", ATTEMPT)


def test_a_token_that_others_could_have_made_proves_nothing(pages: Pages, provider: Provider) -> None:
    whole = pages.token()
    head, claims, _ = whole.split(".")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    shared = OctKey.import_key(SECRET)
    now = int(time.time())
    for token in (
        f"{unsigned}.{claims}.",
        f"{head}.{claims}.",
        jwt.encode(
            {"alg": "HS256", "kid": "first"},
            {"iss": pages.issuer, "sub": "ada", "aud": "balanza", "exp": now + 60, "iat": now, "nonce": "nonce"},
            shared,
        ),
        "no token",
        "",
        None,
        7,
    ):
        pages.gives(token)
        with pytest.raises(ProviderFailed):
            provider.identity_of("code", ATTEMPT)


def test_clocks_may_differ_a_little(pages: Pages, provider: Provider) -> None:
    now = int(time.time())
    pages.gives(pages.token(exp=now - LEEWAY_SECONDS // 2, iat=now - 60))
    assert provider.identity_of("code", ATTEMPT).claims["sub"] == "ada"


@pytest.mark.parametrize("name", ["second", "first"], ids=["under a new name", "under the same name"])
def test_new_keys_are_fetched_when_they_are_needed(pages: Pages, provider: Provider, name: str) -> None:
    provider.identity_of("code", ATTEMPT)
    new = key(name)
    pages.pages["/jwks_uri"] = {"keys": [new.as_dict(private=False)]}
    pages.gives(pages.token(signed_with=new))
    assert provider.identity_of("code", ATTEMPT).claims["sub"] == "ada"
    assert pages.asked.count("/jwks_uri") == 2


def test_names_come_from_userinfo_of_the_same_person_and_verified_addresses_alone(
    pages: Pages, provider: Provider
) -> None:
    found = provider.identity_of("code", ATTEMPT)
    pages.pages["/userinfo"] = {"sub": "ada", "preferred_username": "Ada", "email": "root@example.org"}
    assert provider.names_of(found) == ["Ada"]
    pages.pages["/userinfo"] = {"sub": "somebody else", "preferred_username": "Ada"}
    with pytest.raises(ProviderFailed):
        provider.names_of(found)


@pytest.mark.parametrize(
    ("path", "answer", "error"),
    [
        ("/token_endpoint", {"error": "invalid_grant"}, ProviderFailed),
        ("/token_endpoint", {}, ProviderFailed),
        ("/token_endpoint", b"<html>", ProviderFailed),
        ("/token_endpoint", 429, ProviderFailed),
        ("/token_endpoint", 503, Retryable),
        ("/jwks_uri", {"keys": []}, ProviderFailed),
        ("/jwks_uri", {"keys": {"kty": "EC"}}, ProviderFailed),
        ("/jwks_uri", [1], ProviderFailed),
        ("/jwks_uri", 404, ProviderFailed),
    ],
)
def test_what_cannot_be_understood_is_told(
    pages: Pages, provider: Provider, path: str, answer: object, error: type[BalanzaError]
) -> None:
    pages.pages[path] = answer
    with pytest.raises(error):
        provider.identity_of("code", ATTEMPT)


@pytest.mark.parametrize(
    "description",
    [
        {"issuer": "https://another.example.org"},
        {"issuer": None},
        {"authorization_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
def test_a_provider_that_describes_another_leads_nowhere(pages: Pages, description: dict[str, Any]) -> None:
    pages.pages["/.well-known/openid-configuration"] |= description
    with pytest.raises(ProviderFailed):
        Provider(pages.issuer, "balanza", SECRET).address_for(ATTEMPT)


def test_a_code_of_another_provider_is_not_redeemed(pages: Pages) -> None:
    pages.pages["/.well-known/openid-configuration"]["authorization_response_iss_parameter_supported"] = True
    provider = Provider(pages.issuer, "balanza", SECRET)
    provider.address_for(ATTEMPT)
    for issuer in ("https://another.example.org", None):
        with pytest.raises(ProviderFailed):
            provider.identity_of("code", ATTEMPT, issuer)
    assert "/token_endpoint" not in pages.asked
