"""The identity provider, as a client of OpenID Connect sees it: where people are sent, and who comes back.

The authorization code flow of OpenID Connect Core 1.0 (section 3.1) with PKCE (RFC 7636), by Authlib. Blocking.
What the provider says of itself and its keys are kept; keys are fetched anew when a token is signed with none of them.
Only a server with a provider imports this module: with Authlib it takes 0.2 s.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet, import_key
from joserfc.jws import JWSRegistry

from balanza.dispatch.oidc import Attempt
from balanza.errors import ProviderFailed, Retryable
from balanza.settings import is_loopback

ANSWER_SECONDS = 5.0
FRESH_SECONDS = 10.0
"""For so long after an answer the provider is not asked again what it is: a log-in that begins later finds out whether
it is there at all."""
LEEWAY_SECONDS = 30
"""How much the provider's clock and ours may differ."""
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Signatures that only the provider can make: not `none`, and none that are made with a secret that others know."""
LONGEST_SUBJECT = 255
"""OpenID Connect Core 1.0 section 2."""

_SCOPE = "openid profile email"

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who came back."""

    subject: str
    """The issuer, a space, and what it calls this person, for ever."""
    claims: Json
    access_token: str


class Provider:
    """Safe to call from many threads. Raises Retryable when it cannot be reached, ProviderFailed when it cannot be
    understood or what it says proves nothing."""

    def __init__(self, issuer: str, client_id: str, client_secret: str) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._is_here = is_loopback(urlsplit(issuer).hostname or "")
        # Made once, for it reads all certificates; without TLS none are read.
        self._tls = issuer.startswith("https:") and httpx2.create_ssl_context()
        self._described: tuple[float, Json] | None = None
        self._keys: KeySet | None = None

    def address_for(self, attempt: Attempt) -> str:
        """Where the browser goes to log in."""
        description = self._describe()
        with self._client(description, redirect_uri=attempt.redirect_uri) as client:
            address, _ = client.create_authorization_url(
                _address(description, "authorization_endpoint"),
                state=attempt.state,
                nonce=attempt.nonce,
                code_verifier=attempt.code_verifier,
            )
        return str(address)

    def identity_of(self, code: str, attempt: Attempt, issuer: str | None = None) -> Identity:
        """Who came back from this attempt with this code, which is used up then. `issuer` is who says to have given it
        out (RFC 9207)."""
        description = self._describe(fresh=False)
        if issuer is None and description.get("authorization_response_iss_parameter_supported") is True:
            raise ProviderFailed("The code does not say which provider it is from.")
        if issuer is not None and issuer != description["issuer"]:
            raise ProviderFailed(f"The code is from another provider, {issuer!r}.")
        with self._told(), self._client(description, redirect_uri=attempt.redirect_uri) as client:
            token = client.fetch_token(
                _address(description, "token_endpoint"),
                grant_type="authorization_code",
                code=code,
                code_verifier=attempt.code_verifier,
            )
        claims = self._claims_of(token, attempt.nonce, description)
        return Identity(f"{description['issuer']} {claims['sub']}", claims, str(token.get("access_token", "")))

    def names_of(self, identity: Identity) -> list[str]:
        """What the provider would call them, best first. An e-mail address counts when it was verified."""
        claims = identity.claims
        if not {"preferred_username", "email"} & claims.keys():
            claims = self._more_about(identity)
        email = claims.get("email") if claims.get("email_verified") is True else None
        return [name for name in (claims.get("preferred_username"), email) if isinstance(name, str)]

    def _describe(self, *, fresh: bool = True) -> Json:
        """What the provider says of itself (OpenID Connect Discovery 1.0)."""
        now = time.monotonic()
        if self._described is not None and (not fresh or now - self._described[0] <= FRESH_SECONDS):
            return self._described[1]
        found = self._get(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        issuer = found.get("issuer")
        if not isinstance(issuer, str) or issuer.rstrip("/") != self._issuer.rstrip("/"):
            raise ProviderFailed(f"The provider at {self._issuer} says that it is {issuer!r}.")
        self._described = (now, found)
        return found

    def _claims_of(self, token: Json, nonce: str, description: Json) -> Json:
        """Of an ID token that is for us, now, and for this attempt (OpenID Connect Core 1.0 section 3.1.3.7)."""
        encoded = token.get("id_token")
        if not isinstance(encoded, str):
            raise ProviderFailed("The provider gave no ID token.")
        with self._told():
            signed = self._verified(encoded, description)
            options = {
                "iss": {"essential": True, "value": description["issuer"]},
                "aud": {"essential": True, "value": self._client_id},
            }
            given = {"nonce": nonce, "client_id": self._client_id, "access_token": token.get("access_token")}
            claims = CodeIDToken(signed.claims, signed.header, options, given)
            claims.validate(leeway=LEEWAY_SECONDS)
        subject = claims["sub"]
        if not isinstance(subject, str) or not 1 <= len(subject) <= LONGEST_SUBJECT:
            raise ProviderFailed("The ID token does not say whom it is about.")
        return dict(claims)

    def _verified(self, encoded: str, description: Json) -> jwt.Token:
        registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
        keys = self._keys
        if keys is not None:
            try:
                return jwt.decode(encoded, keys, registry=registry)
            except (InvalidKeyIdError, BadSignatureError):
                pass  # signed with a newer key, perhaps
        self._keys = keys = self._fetch_keys(description)
        return jwt.decode(encoded, keys, registry=registry)

    def _fetch_keys(self, description: Json) -> KeySet:
        listed = self._get(_address(description, "jwks_uri")).get("keys")
        keys = []
        for entry in listed if isinstance(listed, list) else []:
            try:
                if isinstance(entry, dict) and entry.get("use", "sig") == "sig":
                    keys.append(import_key(entry))
            except JoseError:
                continue  # of a kind that we do not know; others may do
        if not keys:
            raise ProviderFailed("The provider has no key that we could check its signature with.")
        return KeySet(keys)

    def _more_about(self, identity: Identity) -> Json:
        """What the provider tells to whoever has the access token (OpenID Connect Core 1.0 section 5.3)."""
        description = self._describe(fresh=False)
        if "userinfo_endpoint" not in description:
            return {}
        headers = {"Authorization": f"Bearer {identity.access_token}"}
        found = self._get(_address(description, "userinfo_endpoint"), headers)
        if found.get("sub") != identity.claims["sub"]:
            raise ProviderFailed("The provider told of somebody else than it let in.")
        return found

    def _get(self, address: str, headers: Mapping[str, str] | None = None) -> Json:
        with self._told(), self._client({}) as client:
            answer = client.request("GET", address, headers=headers, withhold_token=True)
            found = answer.raise_for_status().json()
        if not isinstance(found, dict):
            raise ProviderFailed(f"The answer of {address} cannot be understood.")
        return found

    def _client(self, description: Json, **options: Any) -> OAuth2Client:
        methods = description.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return OAuth2Client(
            self._client_id,
            self._client_secret,
            "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post",
            scope=_SCOPE,
            code_challenge_method="S256",
            timeout=ANSWER_SECONDS,
            verify=self._tls,
            trust_env=not self._is_here,
            **options,
        )

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What can go wrong with a provider, in sentences for the log."""
        try:
            yield
        except httpx2.HTTPStatusError as error:
            kind = Retryable if error.response.is_server_error else ProviderFailed
            raise kind(f"The provider answered {error.request.url} with {error.response.status_code}.") from error
        except httpx2.HTTPError as error:
            raise Retryable(f"The provider {self._issuer} cannot be reached: {error!r}.") from error
        except (AuthlibBaseError, JoseError) as error:
            raise ProviderFailed(f"The provider's answer was refused: {error}.") from error
        except (ValueError, httpx2.InvalidURL) as error:
            raise ProviderFailed(f"The provider's answer cannot be understood: {error}.") from error


def _address(description: Json, name: str) -> str:
    """Of one of the provider's parts: over TLS, if the provider itself is."""
    address = description.get(name)
    if not isinstance(address, str) or not address.startswith(("https://", "http://")):
        raise ProviderFailed(f"The provider does not say where its {name} is.")
    if address.startswith("http:") and description["issuer"].startswith("https:"):
        raise ProviderFailed(f"The provider's {name} is not protected by TLS: {address}.")
    return address
