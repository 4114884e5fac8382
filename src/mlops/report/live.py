"""The tree of steps in the terminal: a reader of events.

On a terminal the tree is drawn in place, running steps with their seconds; elsewhere each step is one plain line when it ends, so that a CI
log reads from top to bottom. Both show the same words.
"""

from __future__ import annotations

import sys
import time

from mlops.engine import events
from mlops.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Any, Self

    from rich.text import Text

_NAME, _TEXT = 14, 54
_MARKS = {
    "done": ("✔", "green"),
    "reused": ("=", "cyan"),
    "failed": ("✘", "bold red"),
    "skipped": ("-", "yellow"),
    "running": ("…", "blue"),
    "waiting": (" ", "dim"),
}


Words = list[tuple[str, str]]
"""Texts, each with its style."""


@dataclass
class _Line:
    name: str
    state: str = "waiting"
    text: str = ""
    seconds: float | None = None
    began: float = 0.0
    tail: tuple[str, ...] = ()
    log: str = ""
    stage: bool = False


@dataclass
class Tree:
    """Shows events as they come. Use it as a context manager, and give it each event.

    Args:
        live: Draw in place; otherwise one line a step. None: whether standard output is a terminal.
        quiet: Show nothing.
        console: Where to show it, a `rich.console.Console`; None for standard output.
    """

    live: bool | None = None
    quiet: bool = False
    console: Any = None
    _title: str = ""
    _lines: dict[str, _Line] = field(default_factory=dict)
    _in_run: bool = False
    _display: Any = None

    def __enter__(self) -> Self:
        live = sys.stdout.isatty() if self.live is None else self.live
        if live:
            from rich.console import Console
            from rich.live import Live

            self.console = self.console or Console(highlight=False, soft_wrap=True, force_terminal=True)
            self._display = Live(get_renderable=self._render, console=self.console, refresh_per_second=8)
            self._display.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._display:
            self._display.stop()

    def apply(self, event: events.Event) -> None:
        """Take one event in, and show what it changes."""
        if isinstance(event, events.RunStarted):
            self._in_run, self._title = True, f"  {event.title} · run {event.run} ({event.name})"
            self._lines |= {name: _Line(name) for name in event.needs}
            self._say([(self._title, "")])
        elif isinstance(event, events.RunFinished):
            self._in_run = False
        else:
            line = self._line(event.step)
            _update(line, event)
            if line.state not in {"running", "waiting"}:
                self._say(_words(line))
                for text, _ in _explained(line):
                    self._say([(text, "")])

    def _line(self, step: str) -> _Line:
        """Return a step's line; one that nobody knew at the start has its place before the first that has not begun."""
        if step not in self._lines:
            lines = list(self._lines.values())
            at = next((n for n, line in enumerate(lines) if line.state == "waiting"), len(lines)) if self._in_run else len(lines)
            lines.insert(at, _Line(step, stage=not self._in_run))
            self._lines = {line.name: line for line in lines}
        return self._lines[step]

    def _say(self, words: Words) -> None:
        if self._display or self.quiet:
            return
        if self.console:
            self.console.print(_drawn(words), markup=False)
        else:
            print("".join(text for text, _ in words).rstrip(), flush=True)

    def _render(self) -> Any:
        from rich.console import Group

        return Group(self._title, *self._rows()) if self._title or self._lines else ""

    def _rows(self) -> Iterator[Any]:
        for line in self._lines.values():
            if line.state != "waiting" or self._in_run:
                yield _drawn(_words(line))
                yield from (_drawn([words]) for words in _explained(line))


def _update(line: _Line, event: Any) -> None:
    if isinstance(event, events.Started):
        line.state, line.began, line.text = "running", event.at, event.reason
    elif isinstance(event, events.Progress):
        if line.state == "waiting":
            line.state, line.began = "running", time.time()
        line.text = event.text
    elif isinstance(event, events.Finished):
        line.state, line.text, line.seconds = "done", event.summary, event.seconds
    elif isinstance(event, events.Reused):
        line.state, line.text = "reused", f"reused: {event.reason}"
    elif isinstance(event, events.Failed):
        line.state, line.text, line.seconds = "failed", event.reason, event.seconds
        line.tail, line.log = event.tail, event.log
    else:
        line.state, line.text = "skipped", event.reason


def _words(line: _Line) -> Words:
    mark, style = _MARKS[line.state]
    seconds = max(0.0, time.time() - line.began) if line.state == "running" else line.seconds
    text = line.text if len(line.text) <= _TEXT or line.state in {"failed", "skipped"} else line.text[: _TEXT - 1] + "…"
    return [
        ("  " if line.stage else "  ├─ ", "dim"),
        (f"{line.name:<{_NAME + (3 if line.stage else 0)}}", "" if line.state != "waiting" else "dim"),
        (f" {text:<{_TEXT}} ", "dim" if line.state in {"running", "waiting"} else ""),
        (mark, style),
        (f"{seconds:7.1f} s" if seconds is not None else "", "dim"),
    ]


def _drawn(words: Words) -> Text:
    """Return the words as rich draws them; a log from top to bottom does without, for rich takes longer to import than a small run."""
    from rich.text import Text

    row = Text()
    for text, style in words:
        row.append(text, style=style)
    row.rstrip()
    return row


def _explained(line: _Line) -> Iterator[tuple[str, str]]:
    """What a person needs to see of a failure without opening a file: the end of the log, and where the rest is."""
    for text in line.tail:
        yield f"  │    {text}", "red"
    if line.log and line.state == "failed":
        yield f"  │  the whole log: {line.log}", "dim"
