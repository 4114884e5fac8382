"""What an access token says of itself. It is not verified: that is the service's affair; here it only tells who is signed in."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any


def tenant_of(token: str) -> str:
    """Return the tenant that a token was issued by; nothing where it does not say."""
    return str(claims_of(token).get("tid", ""))


def claims_of(token: str) -> dict[str, Any]:
    """Return what a token says; nothing where it cannot be read."""
    body = token.split(".")[1] if token.count(".") == 2 else ""
    try:
        told = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (ValueError, binascii.Error):
        return {}
    return told if isinstance(told, dict) else {}
