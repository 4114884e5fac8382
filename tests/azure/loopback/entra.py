"""Entra ID, as far as azure-identity asks: who is who, and tokens for client secrets and federated tokens."""

from __future__ import annotations

import secrets
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import jwt

LOGIN = "login.microsoftonline.com"


@dataclass
class Identity:
    """One service principal: what it signs in with, and its role on the workspace."""

    role: str = "AzureML Data Scientist"
    client: str = field(default_factory=lambda: str(uuid.uuid4()))
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    object: str = field(default_factory=lambda: str(uuid.uuid4()))
    federated: str = ""
    """The token of the CI system that it may sign in with instead of its secret."""
    trusts: set[tuple[str, str]] = field(default_factory=set)
    """Federated credentials: issuer and subject of the tokens that it believes, letter by letter."""
    person: bool = False
    """Whether its tokens are those of a person."""


class Refused(Exception):
    """An answer of Azure that is no success: status, code and message, as its `error` says them."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers or {}


@dataclass
class Entra:
    """One tenant and the identities in it. `lifetime` (seconds) is that of the next tokens."""

    tenant: str
    identities: list[Identity]
    lifetime: float = 3600.0
    issued: int = 0
    issuers: dict[str, str] = field(default_factory=dict)
    """Who signs tokens that can be checked: the issuer's name, and its key."""
    tokens: list[str] = field(default_factory=list)
    """Every token that was handed out."""
    _key: str = field(default_factory=lambda: secrets.token_hex(32))

    def discovery(self, tenant: str) -> dict[str, Any]:
        self._know(tenant)
        base = f"https://{LOGIN}/{tenant}"
        return {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "tenant_discovery_endpoint": f"{base}/v2.0/.well-known/openid-configuration",
            "api-version": "1.1",
            "metadata": [{"preferred_network": LOGIN, "preferred_cache": "login.windows.net", "aliases": [LOGIN, "login.windows.net"]}],
        }

    def token(self, tenant: str, form: dict[str, str]) -> dict[str, Any]:
        """Answer a request for a token, as `oauth2/v2.0/token` does.

        Raises:
            Refused: Another tenant, an unknown client, a wrong secret or assertion.
        """
        self._know(tenant)
        who = next((one for one in self.identities if one.client == form.get("client_id")), None)
        if who is None:
            raise Refused(
                400, "unauthorized_client", f"AADSTS700016: Application '{form.get('client_id')}' was not found in the directory."
            )
        assertion = form.get("client_assertion", "")
        if assertion and assertion != who.federated:
            self._believe(who, assertion)
        elif not assertion and form.get("client_secret") != who.secret:
            raise Refused(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
        audience = form.get("scope", "").split(" ")[0].removesuffix("/.default").rstrip("/")
        self.issued += 1
        lasts = max(1, int(self.lifetime))
        self.tokens.append(self._signed(who, audience, lasts))
        return {"token_type": "Bearer", "expires_in": lasts, "ext_expires_in": lasts, "access_token": self.tokens[-1]}

    def _believe(self, who: Identity, assertion: str) -> None:
        """Check a token of somebody else: signature, time, audience, and that the identity has a credential for its issuer and subject.

        Raises:
            Refused: One of these is not so.
        """
        try:
            said = jwt.decode(assertion, options={"verify_signature": False})
            key = self.issuers.get(str(said.get("iss")), "")
            claims = jwt.decode(assertion, key, algorithms=["HS256"], audience="api://AzureADTokenExchange")
        except jwt.InvalidTokenError as error:
            raise Refused(401, "invalid_client", f"AADSTS50027: JWT token is invalid or malformed: {error}") from error
        if (claims["iss"], claims["sub"]) not in who.trusts:
            told = f"AADSTS700213: No matching federated identity record found for presented assertion subject '{claims['sub']}'."
            raise Refused(401, "invalid_client", f"{told} The subject comparison is case-sensitive.")

    def who(self, header: str) -> tuple[Identity, dict[str, Any]]:
        """Return whose bearer token a header holds, and its claims.

        Raises:
            Refused: None, one of somebody else's, or one that has expired.
        """
        token = header.removeprefix("Bearer ")
        try:
            claims = jwt.decode(token, self._key, algorithms=["HS256"], options={"verify_aud": False})
        except jwt.ExpiredSignatureError as error:
            told = "The access token has expired."
            raise Refused(401, "ExpiredAuthenticationToken", told, {"WWW-Authenticate": 'Bearer error="invalid_token"'}) from error
        except jwt.InvalidTokenError as error:
            raise Refused(
                401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing or invalid."
            ) from error
        return next(one for one in self.identities if one.object == claims["oid"]), claims

    def _know(self, tenant: str) -> None:
        if tenant not in {self.tenant, "common", "organizations"}:
            raise Refused(
                400, "invalid_tenant", f"AADSTS90002: Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID."
            )

    def _signed(self, who: Identity, audience: str, lasts: int) -> str:
        now = int(time.time())
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{self.tenant}/",
            "iat": now,
            "nbf": now - 5,
            "exp": now + lasts,
            "tid": self.tenant,
            "oid": who.object,
            "appid": who.client,
        }
        claims |= {"scp": "user_impersonation"} if who.person else {}
        return jwt.encode(claims, self._key, algorithm="HS256")
