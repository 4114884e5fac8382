"""How far a running step is, as it says itself: the newest bar, percentage or count in its log, or what its driver tells of its parts.

Nothing is asked of the step. Its log is looked at now and then, and a look costs a `stat` where nothing was written since the last one.
"""

from __future__ import annotations

import os
import re

from mlops.local.logs import readable
from mlops.records import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

FILE = "progress.txt"
"""In the folder of a step that has a driver: one line, written again and again at the same place."""
_WIDTH = 160
_TAIL = 4096  # bytes
_LINES = 3  # from the end: what a step prints between two bars does not hide the bar
_NUMBER = r"\d[\d.,]*[kMGT]?"
# Compiled by the first step that runs long enough to be looked at.
_BAR = rf"(?:(?P<what>.*?):? *)?(?P<percent>\d+)%\|[^|]*\| *(?P<count>{_NUMBER}/{_NUMBER}) *\[(?P<times>[^\]]*)\]?"
_SPOKEN = rf"""
    \b{_NUMBER}\s?%                                     # 43 %
    |\b(epoch|step|iter|iteration|batch|round|fold)\b\W{{0,3}}\d   # epoch 3, Step [30]
    |(^|[\s\[(]){_NUMBER}\s?/\s?{_NUMBER}(?=$|[\s\]),:])            # 3/10
    |\b\d+\ of\ \d+\b                                        # 3 of 10
    |^\[\d+\]\s                                              # [100]  as gradient boosting counts
    |\b\d+\w+\ \[\d+:\d\d(:\d\d)?,\ .*\]                       # 120it [00:05, 24.00it/s], a bar that knows no end
"""


@dataclass
class Watch:
    """One running step, by its folder."""

    folder: Path
    driven: bool = False
    _seen: tuple[int, int] = (0, 0)
    _said: str = ""
    _told: str = ""

    def news(self, measured: str = "") -> str:
        """Return how far the step is, or the empty string where there is nothing that was not returned before; `measured` is added to it."""
        name = FILE if self.driven and (self.folder / FILE).exists() else "log.txt"
        said, self._seen = _tail(self.folder / name, self._seen)
        if said is not None:
            self._said = (readable(said)[-1:] or [""])[0].strip() if name == FILE else progress_in(said) or self._said
            self._said = _in_few_words(self._said)
        text = " · ".join(filter(None, (self._said, measured)))[:_WIDTH]
        if text == self._told:
            return ""
        self._told = text
        return text


def progress_in(text: str) -> str:
    """Return the last line of a log's end that tells of progress, or the empty string where none of the last few does."""
    lines = [line.strip() for line in readable(text) if line.strip()]
    return next((line for line in reversed(lines[-_LINES:]) if _tells(line)), "")


def _tells(line: str) -> bool:
    return bool(re.match(_BAR, line) or re.search(_SPOKEN, line, re.VERBOSE | re.IGNORECASE))


def _in_few_words(line: str) -> str:
    """Return a line of progress with a bar said in words: `train 43 %, 43/100, 00:12 left, loss=0.31`."""
    bar = re.fullmatch(_BAR, line)
    if not bar:
        return line
    took, _, rest = bar["times"].partition("<")
    left, *more = [part.strip() for part in rest.split(",")]
    known = [f"{left} left"] if left and "?" not in left else [took.strip()] if took.strip() else []
    notes = [part for part in more if part and not part.endswith(("/s", "s/it", "?it/s"))]
    what = f"{bar['what'].strip()} " if bar["what"] else ""
    return ", ".join([f"{what}{bar['percent']} %", bar["count"], *known, *notes])


def _tail(path: Path, seen: tuple[int, int]) -> tuple[str | None, tuple[int, int]]:
    """Return the end of a file and what `stat` says of it now; None for the end where that is as it was `seen`."""
    try:
        now = os.stat(path)
        stamp = now.st_mtime_ns, now.st_size
        if stamp == seen:
            return None, seen
        with path.open("rb") as file:
            file.seek(max(0, now.st_size - _TAIL))
            return file.read(_TAIL).decode(errors="replace"), stamp
    except OSError:
        return None, seen
