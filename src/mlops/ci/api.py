"""GitHub's REST API: each call is tried a bounded number of times, and where it fails it says what was asked, the answer, and what to do."""

from __future__ import annotations

import json
import random
import time
import urllib.parse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops.errors import PlatformError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_PAGE, _PAGES = 100, 100


@dataclass(frozen=True)
class Patience:
    """How long a call may take in all, and how it waits between its tries."""

    tries: int = 4
    first_wait: float = 1.0
    one_try: float = 10.0
    in_all: float = 40.0
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Reply:
    """One answer; status 0 where none came, `whole` false where it is not the JSON that it should be."""

    status: int
    value: Any
    said: str
    headers: Mapping[str, str] = field(default_factory=dict)
    whole: bool = True

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300 and self.whole

    @property
    def limited(self) -> bool:
        """Whether it says that too much was asked in too short a time."""
        told = "retry-after" in self.headers or self.headers.get("x-ratelimit-remaining") == "0" or "rate limit" in self.said.lower()
        return self.status == 429 or (self.status == 403 and told)

    @property
    def unsure(self) -> bool:
        """Whether the call may have been carried out although no sound answer came."""
        return self.status == 0 or self.status >= 500 or (200 <= self.status < 300 and not self.whole)

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
        address: Of the API, as GITHUB_API_URL has it.
        token: It stands in one header, and in no message.
        patience: How long a call may take.
    """

    def __init__(self, address: str, token: str, patience: Patience) -> None:
        self.address, self._token, self._patience = address.rstrip("/"), token.strip(), patience
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
        query: Mapping[str, str] | None = None,
        absent: tuple[int, ...] = (),
        made: Callable[[], Any] | None = None,
    ) -> Any:
        """Return the JSON that GitHub answers.

        Args:
            method: GET, POST, PUT, PATCH or DELETE.
            path: Below the address; names in it are quoted already.
            to: What it is for, after "could not".
            needs: The permission that it takes, as a workflow writes it.
            body: JSON to send.
            query: Parameters.
            absent: Answers that mean "there is none": None is returned.
            made: Of a call that makes something: returns what an earlier try made whose answer was lost, so that it is not made twice.

        Raises:
            PlatformError: It could not be done.
        """
        before, self._until = self._until, self._until or time.monotonic() + self._patience.in_all
        try:
            for number in range(1, self._patience.tries + 1):
                reply = self._once(method, path, query, body)
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

    def pages(self, path: str, to: str, *, needs: str, query: Mapping[str, str] | None = None, key: str = "") -> Iterator[Any]:
        """Yield every entry of a list, page by page; `key` is where the list stands in the answer.

        Raises:
            PlatformError: It could not be read, or is longer than any list that is meant here.
        """
        for page in range(1, _PAGES + 1):
            answer = self.call("GET", path, to, needs=needs, query={**(query or {}), "per_page": str(_PAGE), "page": str(page)})
            entries = (answer or {}).get(key, []) if key else answer or []
            yield from entries
            if len(entries) < _PAGE:
                return
        raise PlatformError(f"could not {to}: there are more than {_PAGE * _PAGES} entries", where=f"GET {path}", hint="Clear the list up.")

    def _once(self, method: str, path: str, query: Mapping[str, str] | None, body: Any) -> Reply:
        import httpx

        left = (self._until or 0.0) - time.monotonic()
        try:
            self._client = self._client or self._connect()
            seconds = max(0.1, min(self._patience.one_try, left))
            until = time.monotonic() + seconds
            options = {"params": query, "json": body, "timeout": seconds, "follow_redirects": method == "GET"}
            with self._client.stream(method, self.address + path, **options) as response:
                raw = b""
                for piece in response.iter_bytes():
                    raw += piece
                    if time.monotonic() > until:
                        raise httpx.ReadTimeout("the answer comes too slowly")
                return self._read(response.status_code, raw, response.headers)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return Reply(0, None, self._masked(" ".join(f"no answer ({type(error).__name__}: {error})".split())))

    def _connect(self) -> Any:
        import httpx

        if not self._token.isascii() or not self._token.isprintable() or " " in self._token:
            raise PlatformError("GITHUB_TOKEN is not a token: it holds blanks or odd characters", hint="Set it anew.")
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self._token}",
            "Connection": "close",  # calls are few, and nobody has to close what is left open
            "User-Agent": "slipway",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        return httpx.Client(headers=headers)

    def _read(self, status: int, raw: bytes, headers: Mapping[str, str]) -> Reply:
        try:
            value = json.loads(raw) if raw else None
        except ValueError:
            page = raw.lstrip()[:1] == b"<"
            return Reply(status, None, "a page of HTML" if page else "half an answer: it is no whole JSON", headers, whole=False)
        said = value.get("message", "") if isinstance(value, dict) else ""
        errors = value.get("errors", "") if isinstance(value, dict) and status >= 400 else ""
        told = " ".join(f"{said} {json.dumps(errors) if errors else ''}".split())
        return Reply(status, value, self._masked(told[:500]), headers, whole=bool(raw) or status not in {200, 201})

    def _wait(self, reply: Reply, number: int) -> float | None:
        """Return the seconds to the next try; None where another one is of no use, or comes too late."""
        if not (reply.limited or reply.unsure) or number == self._patience.tries:
            return None
        asked = reply.pause
        spread = random.uniform(0.5, 1.5)  # noqa: S311 - it spreads tries, and guards nothing
        wait = asked if asked is not None else self._patience.first_wait * 2 ** (number - 1) * spread
        return wait if time.monotonic() + wait < (self._until or 0.0) else None

    def _told(self, reply: Reply, tries: int, asked: str, to: str, needs: str) -> PlatformError:
        answer = f"GitHub answered {reply.status}" if reply.status else f"{urllib.parse.urlsplit(self.address).hostname} gave"
        times = f" ({tries} tries)" if tries > 1 else ""
        said = f": {reply.said}" if reply.status and reply.said else f" {reply.said}".rstrip()
        return PlatformError(f"could not {to}: {answer}{said}{times}", where=asked, hint=_hint(reply, needs))

    def _masked(self, text: str) -> str:
        return text.replace(self._token, "***") if self._token else text


def segment(word: str | int) -> str:
    """Return a name as one segment of a path, whatever is in it.

    Raises:
        UsageError: It would lead elsewhere.
    """
    if str(word) in {"", ".", ".."}:
        raise UsageError(f"{str(word)!r} is no name that GitHub could know")
    return urllib.parse.quote(str(word), safe="", errors="replace")


def _hint(reply: Reply, needs: str) -> str:
    if reply.limited:
        pause = f" in {reply.pause:.0f} s" if reply.pause is not None else " in a few minutes"
        return f"Too much was asked of GitHub in a short time. Run the job again{pause}."
    if reply.unsure:
        return "GitHub, or the way to it, is not in order (www.githubstatus.com). Nothing was decided by it: run the job again."
    if reply.status == 401:
        return "The token is not valid any more. In a workflow: `GITHUB_TOKEN: ${{ github.token }}`; on your own machine: gh auth login"
    if reply.status in {403, 404}:
        other = "" if reply.status == 403 else "It is not there, or the token may not see it. "
        if needs.startswith("administration"):
            return f"{other}It takes the token of an admin of the repository, which no job has: gh auth login, on your own machine."
        return f"{other}The job needs `{needs}` under its `permissions:`; a token of your own needs the same."
    return "GitHub refuses what was sent to it; correct what it names, and run it again."
