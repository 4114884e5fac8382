"""Requests that arrive together are scored together: one call of the model costs nearly the same for one row as for fifty.

Nothing waits for company. Rows are scored in the event loop's own thread, right after every request that has arrived by then was read; those
that arrive while the model computes wait in the kernel and are the next batch. Only what would hold the loop up for long, a large request or
a slow model, is scored in a thread beside it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops.serving.body import Row
    from mlops.serving.scoring import Scores

    Score = Callable[[list[Row]], Scores]

LARGE = 256
"""Rows of a request from which on it is scored by itself, in the thread."""
MOST = 512
"""Rows of a batch."""
SLOW_SECONDS = 0.05


class Batch:
    """Gathers rows, scores them together, and gives each request its own."""

    def __init__(self, score: Score, *, prepare_thread: Callable[[], object] = int) -> None:
        self.batches = 0
        self._score = score
        self._waiting: list[tuple[list[Row], asyncio.Future[Scores]]] = []
        self._due = False
        self._slow = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="score", initializer=prepare_thread)

    async def score(self, rows: list[Row]) -> Scores:
        """Return the scores of one request.

        Raises:
            Exception: What the model raises for these rows, alone.
        """
        loop = asyncio.get_running_loop()
        if len(rows) > LARGE:
            self.batches += 1
            return await loop.run_in_executor(self._thread, self._score, rows)
        future: asyncio.Future[Scores] = loop.create_future()
        self._waiting.append((rows, future))
        if not self._due:
            self._due = True
            loop.call_soon(self._run)
        return await future

    def _run(self) -> None:
        taken, self._waiting = self._take()
        if self._slow:
            done = asyncio.get_running_loop().run_in_executor(self._thread, self._answers, taken)
            done.add_done_callback(lambda found: self._give(taken, found.result()))
        else:
            self._give(taken, self._answers(taken))

    def _take(self) -> tuple[list[tuple[list[Row], asyncio.Future[Scores]]], list[tuple[list[Row], asyncio.Future[Scores]]]]:
        rows = 0
        for count, (more, _) in enumerate(self._waiting):
            rows += len(more)
            if rows > MOST and count:
                return self._waiting[:count], self._waiting[count:]
        return self._waiting, []

    def _answers(self, taken: list[tuple[list[Row], asyncio.Future[Scores]]]) -> list[Scores | Exception]:
        """Score all, or each alone where that raises: one bad request must not spoil the others."""
        began = time.perf_counter()
        self.batches += 1
        try:
            scores = self._score([row for rows, _ in taken for row in rows])
        except Exception:
            logging.getLogger(__name__).exception("a batch of %d could not be scored", len(taken))
            return [self._alone(rows) for rows, _ in taken]
        self._slow = time.perf_counter() - began > SLOW_SECONDS
        found: list[Scores | Exception] = []
        at = 0
        for rows, _ in taken:
            found.append(scores.part(at, at + len(rows)))
            at += len(rows)
        return found

    def _alone(self, rows: list[Row]) -> Scores | Exception:
        try:
            return self._score(rows)
        except Exception as error:  # noqa: BLE001 - it is given to the one request that it belongs to
            return error

    def _give(self, taken: list[tuple[list[Row], asyncio.Future[Scores]]], found: list[Scores | Exception]) -> None:
        for (_, future), scores in zip(taken, found, strict=True):
            if future.done():
                continue
            if isinstance(scores, Exception):
                future.set_exception(scores)
            else:
                future.set_result(scores)
        self._due = bool(self._waiting)
        if self._due:
            asyncio.get_running_loop().call_soon(self._run)
