"""A CI system's REST API: each call is tried a bounded number of times, and where it fails it says what was asked, the answer, and what to do.

What may pass (no answer, 408, 429, 5xx, half an answer) is asked again, after as long as the server says or a pause that grows, and all within
one budget. What makes something is looked for before it is made again, where nobody knows whether it was. What differs from system to system is a
`System`, a value.
"""

from __future__ import annotations

import base64
import json
import random
import time
import urllib.parse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LONGEST_WORD = 500
"""Of what a server says, in a message."""


class Refused(PlatformError):
    """The server understood, and said no: asking again changes nothing."""


@dataclass(frozen=True)
class Patience:
    """How long a call may take in all, and how it waits between its tries."""

    tries: int = 4
    first_wait: float = 1.0
    one_try: float = 10.0
    in_all: float = 40.0
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class System:
    """What differs from one system to another.

    Args:
        name: As messages call it.
        token: The variable that its token comes from.
        health: The page that tells whether it is in order.
        headers: What it wants with every call.
        hint: What to do where it says no, from the status and what the call needs.
        basic: Whether the token is sent as the password of nobody, and not as a bearer's.
        signs_in: Whether a page, or a way to one, in place of an answer means that the token is not taken. No redirect is followed then.
    """

    name: str
    token: str
    health: str
    headers: Mapping[str, str]
    hint: Callable[[int, str], str]
    basic: bool = False
    signs_in: bool = False


@dataclass(frozen=True)
class Reply:
    """One answer; status 0 where none came, `whole` false where it is not the JSON that it should be."""

    status: int
    value: Any
    said: str
    headers: Mapping[str, str] = field(default_factory=dict)
    whole: bool = True
    sign_in: bool = False

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300 and self.whole and not self.sign_in

    @property
    def limited(self) -> bool:
        """Whether it says that too much was asked in too short a time."""
        told = "retry-after" in self.headers or self.headers.get("x-ratelimit-remaining") == "0" or "rate limit" in self.said.lower()
        return self.status == 429 or (self.status == 403 and told)

    @property
    def unsure(self) -> bool:
        """Whether the call may have been carried out although no sound answer came."""
        half = 200 <= self.status < 300 and not self.whole and not self.sign_in
        return self.status in {0, 408} or self.status >= 500 or half

    @property
    def pause(self) -> float | None:
        """How many seconds the server asks to wait."""
        after, reset = self.headers.get("retry-after", ""), self.headers.get("x-ratelimit-reset", "")
        if after.isdecimal():
            return float(after)
        spent = self.limited and self.headers.get("x-ratelimit-remaining") == "0"
        return max(0.0, float(reset) - time.time()) if spent and reset.isdecimal() else None


class Api:
    """One server, asked with one token.

    Args:
        system: Whose it is.
        address: What stands before every path.
        token: It stands in one header, and in no message.
        patience: How long a call may take.
    """

    def __init__(self, system: System, address: str, token: str, patience: Patience) -> None:
        self.address, self._system, self._token, self._patience = address.rstrip("/"), system, token.strip(), patience
        self._until: float | None = None
        self._client: Any = None

    def call(
        self,
        method: str,
        path: str,
        to: str,
        *,
        needs: str,
        body: Any = None,
        form: str = "application/json",
        query: Mapping[str, str] | None = None,
        absent: tuple[int, ...] = (),
        made: Callable[[], Any] | None = None,
    ) -> Any:
        """Return the JSON of the answer.

        Args:
            method: GET, POST, PUT, PATCH or DELETE.
            path: Below the address; names in it are quoted already.
            to: What it is for, after "could not".
            needs: The permission that it takes, in the words of the system's `hint`.
            body: JSON to send.
            form: Its content type.
            query: Parameters.
            absent: Answers that mean "there is none": None is returned.
            made: Of a call that makes something: returns what an earlier try made whose answer was lost, so that it is not made twice.

        Raises:
            Refused: The server said no.
            PlatformError: It gave no sound answer, however often it was asked.
        """
        sent = {"json": body, "headers": {"Content-Type": form}} if body is not None else {}
        before, self._until = self._until, self._until or time.monotonic() + self._patience.in_all
        try:
            for number in range(1, self._patience.tries + 1):
                reply = self._once(method, path, {"params": query, **sent})
                if reply.good or reply.status in absent:
                    return reply.value if reply.good else None
                wait = self._wait(reply, number)
                if wait is None:
                    break
                self._patience.sleep(wait)
                found = made() if made is not None and reply.unsure else None
                if found is not None:
                    return found
            raise self._told(reply, number, f"{method} {path}", to, needs)
        finally:
            self._until = before

    def _once(self, method: str, path: str, sent: Mapping[str, Any]) -> Reply:
        import httpx

        left = (self._until or 0.0) - time.monotonic()
        try:
            self._client = self._client or self._connect()
            seconds = max(0.1, min(self._patience.one_try, left))
            until = time.monotonic() + seconds
            follow = method == "GET" and not self._system.signs_in
            with self._client.stream(method, self.address + path, timeout=seconds, follow_redirects=follow, **sent) as response:
                raw = b""
                for piece in response.iter_bytes():
                    raw += piece
                    if time.monotonic() > until:
                        raise httpx.ReadTimeout("the answer comes too slowly")
                return self._read(response.status_code, raw, response.headers)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return Reply(0, None, self._line(f"no answer ({type(error).__name__}: {error})"))

    def _connect(self) -> Any:
        import httpx

        if not self._token.isascii() or not self._token.isprintable() or " " in self._token:
            raise PlatformError(f"{self._system.token} is not a token: it holds blanks or odd characters", hint="Set it anew.")
        headers = {
            "Authorization": self._authorization,
            "Connection": "close",  # calls are few, and nobody has to close what is left open
            "User-Agent": "slipway",
        }
        return httpx.Client(headers={**self._system.headers, **headers})

    @property
    def _authorization(self) -> str:
        return f"Basic {base64.b64encode(f':{self._token}'.encode()).decode()}" if self._system.basic else f"Bearer {self._token}"

    def _read(self, status: int, raw: bytes, headers: Mapping[str, str]) -> Reply:
        page = raw.lstrip()[:1] == b"<"
        sign_in = self._system.signs_in and (status == 203 or 300 <= status < 400 or (page and status < 300))
        try:
            value = json.loads(raw) if raw else None
        except ValueError:
            words = "a page of HTML" if page else "half an answer: it is no whole JSON"
            words = words if page or status < 400 else self._line(raw.decode(errors="replace"))
            return Reply(status, None, words, headers, whole=False, sign_in=sign_in)
        words = self._line(_said(value, status))
        return Reply(status, value, words, headers, whole=bool(raw) or status not in {200, 201}, sign_in=sign_in)

    def _wait(self, reply: Reply, number: int) -> float | None:
        """Return the seconds to the next try; None where another one is of no use, or comes too late."""
        if not (reply.limited or reply.unsure) or number == self._patience.tries:
            return None
        asked = reply.pause
        spread = random.uniform(0.5, 1.5)  # noqa: S311 - it spreads tries, and guards nothing
        wait = asked if asked is not None else self._patience.first_wait * 2 ** (number - 1) * spread
        return wait if time.monotonic() + wait < (self._until or 0.0) else None

    def _told(self, reply: Reply, tries: int, asked: str, to: str, needs: str) -> PlatformError:
        name, times = self._system.name, f" ({tries} tries)" if tries > 1 else ""
        if reply.sign_in:
            answer = f"{name} does not take the token: {reply.status}, {reply.said or 'the way to another page'}"
        elif reply.status:
            answer = f"{name} answered {reply.status}{': ' if reply.said else ''}{reply.said}"
        else:
            answer = f"{urllib.parse.urlsplit(self.address).hostname} gave {reply.said}"
        kind = PlatformError if reply.limited or reply.unsure else Refused
        return kind(f"could not {to}: {answer}{times}", where=asked, hint=self._hint(reply, needs))

    def _hint(self, reply: Reply, needs: str) -> str:
        name = self._system.name
        if reply.limited:
            pause = f" in {reply.pause:.0f} s" if reply.pause is not None else " in a few minutes"
            return f"Too much was asked of {name} in a short time. Run the job again{pause}."
        if reply.unsure:
            return f"{name}, or the way to it, is not in order ({self._system.health}). Nothing was decided by it. Try again later."
        if reply.sign_in or reply.status in {401, 403, 404}:
            return self._system.hint(401 if reply.sign_in else reply.status, needs)
        return f"{name} refuses what was sent to it; correct what it names, and run it again."

    def _line(self, text: str) -> str:
        """Return what a server says: on one line, of a bounded length, and without the token."""
        for secret in filter(None, (self._authorization.partition(" ")[2], self._token)):
            text = text.replace(secret, "***")
        return " ".join(text.split())[:_LONGEST_WORD]


def _said(value: Any, status: int) -> str:
    """Return what an answer says about itself; of one that says no all of it, where it has no message."""
    if not isinstance(value, dict):
        return ""
    message, errors = str(value.get("message") or ""), value.get("errors") if status >= 400 else None
    if status >= 400 and not message and not errors:
        return json.dumps(value)
    return f"{message} {json.dumps(errors) if errors else ''}"
