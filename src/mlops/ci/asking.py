"""One question to the API of a CI system, asked a bounded number of times; the answer is JSON, or an error that says what to do.

What may pass (no answer, 408, 429, 5xx, half an answer) is asked again, after as long as the server says or a pause that grows. What cannot be
asked twice without a mark (the creation of a comment) is asked once, and ends in `Unanswered`: the caller looks whether it happened.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from mlops.errors import PlatformError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    import httpx

T = TypeVar("T")
PAUSES = (1.0, 3.0, 9.0)
_LONGEST_PAUSE = 30.0
_PASSING = {408, 429, 500, 502, 503, 504}


class Unanswered(PlatformError):
    """Nobody knows whether it happened: no answer, or a fault of the server's own."""


class Refused(PlatformError):
    """The server understood, and said no."""


@dataclass(frozen=True)
class Api:
    """An HTTP API with its token; no redirect is followed, so the token goes nowhere else."""

    system: str
    headers: Mapping[str, str] = field(repr=False)
    renew: str
    """What to do when the token is not taken."""
    pauses: tuple[float, ...] = PAUSES

    def ask(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        form: str = "application/json",
        needs: str = "",
        absent: bool = False,
        once: bool = False,
    ) -> Any:
        """Ask, and return the JSON of the answer.

        Args:
            method: GET, POST, PATCH.
            url: Address without its query.
            query: What stands behind the question mark.
            body: What is sent as JSON.
            form: Its content type.
            needs: The permission that it takes, for the error that says it is missing.
            absent: Whether a 404 is an answer: None.
            once: Not to be asked again when nobody knows whether it happened.

        Raises:
            Refused: The server said no; asking again changes nothing.
            Unanswered: It gave no sound answer, however often it was asked.
        """
        pauses = iter(() if once else self.pauses)
        while True:
            try:
                return self._once(method, url, query, body, form, needs, absent)
            except _Passing as fault:
                pause = next(pauses, None)
                if pause is None:
                    raise Unanswered(str(fault), where=f"{method} {url}", hint=f"Try again when {self.system} answers.") from fault
                _rest(pause if fault.wait is None else fault.wait)

    def settle(self, find: Callable[[], T | None], create: Callable[[], T]) -> T:
        """Return what is found, or made; where nobody knows whether it was made, look again before it is made again.

        Raises:
            Unanswered: Nobody knows, to the last.
        """
        pauses = iter(self.pauses)
        while True:
            found = find()
            if found is not None:
                return found
            try:
                return create()
            except Unanswered:
                pause = next(pauses, None)
                if pause is None:
                    raise
                _rest(pause)

    def _once(self, method: str, url: str, query: Mapping[str, str] | None, body: object, form: str, needs: str, absent: bool) -> Any:
        import httpx

        content = {"json": body, "headers": {**self.headers, "Content-Type": form}} if body is not None else {"headers": self.headers}
        try:
            answer = httpx.request(method, url, params=query, timeout=20, follow_redirects=False, verify=_trusted(), **content)
        except httpx.TransportError as error:
            raise _Passing(f"no answer ({type(error).__name__}: {error})") from error
        if answer.status_code in _PASSING:
            raise _Passing(f"{self.system} answered {answer.status_code}: {_said(answer)}", _wait(answer))
        if answer.status_code == 404 and absent:
            return None
        return self._sound(answer, f"{method} {url}", needs)

    def _sound(self, answer: httpx.Response, where: str, needs: str) -> Any:
        status, html = answer.status_code, "html" in answer.headers.get("content-type", "")
        if status in {203, 301, 302, 303, 307, 308, 401} or (html and status < 300):
            raise Refused(f"{self.system} does not take the token: {status}, {_said(answer)}", where=where, hint=self.renew)
        if status == 403:
            raise Refused(f"{self.system} does not allow it: {_said(answer)}", where=where, hint=needs or self.renew)
        if status >= 400:
            raise Refused(f"{self.system} answered {status}: {_said(answer)}", where=where, hint=needs if status == 404 else None)
        if status == 204 or not answer.content:
            return None
        try:
            return answer.json()
        except ValueError as error:
            raise _Passing(f"{self.system} answered something that is not JSON: {answer.text[:80]!r}") from error


class _Passing(Exception):
    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities that this machine trusts; reading them takes longer than most answers."""
    import httpx

    return httpx.create_ssl_context()


def _rest(pause: float) -> None:
    time.sleep(min(_LONGEST_PAUSE, pause * random.uniform(1, 1.25)))  # noqa: S311 - spreads those who wait, hides nothing


def _wait(answer: httpx.Response) -> float | None:
    told = answer.headers.get("retry-after", "")
    return float(told) if told.isdigit() else None


def _said(answer: httpx.Response) -> str:
    """Return what the server says about it: its message, never a page of HTML."""
    if "html" in answer.headers.get("content-type", ""):
        return "a page of HTML"
    try:
        told = answer.json()
    except ValueError:
        return answer.text[:200].strip() or "nothing more"
    return str(told.get("message") or told)[:300] if isinstance(told, dict) else str(told)[:300]
