"""What an access token says of itself. It is not verified: that is the service's affair; here it only tells who is signed in."""

from __future__ import annotations

import base64
import binascii
import json


def tenant_of(token: str) -> str:
    """Return the tenant that a token was issued by; nothing where it does not say."""
    body = token.split(".")[1] if token.count(".") == 2 else ""
    try:
        return str(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))).get("tid", ""))
    except (ValueError, binascii.Error):
        return ""
