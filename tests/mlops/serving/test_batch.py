"""Requests that arrive together are scored together, and each gets its own."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from mlops.serving.batch import LARGE, MOST, Batch
from mlops.serving.body import Row
from mlops.serving.scoring import Scores


class Model:
    """Doubles its rows, and notes how it was called. A row of -1 raises."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.sizes: list[int] = []
        self.threads: set[str] = set()
        self.seconds = seconds

    def score(self, rows: list[Row]) -> Scores:
        self.sizes.append(len(rows))
        self.threads.add(threading.current_thread().name)
        time.sleep(self.seconds)
        if [-1] in rows:
            raise ValueError("no")
        return Scores([row[0] * 2 for row in rows], [row[0] / 100 for row in rows])


async def ask(batch: Batch, *requests: list[Row]) -> list[Scores | BaseException]:
    return await asyncio.gather(*(batch.score(rows) for rows in requests), return_exceptions=True)


def test_requests_that_arrive_together_are_one_call() -> None:
    model = Model()
    found = asyncio.run(ask(Batch(model.score), *([[n], [n + 1]] for n in range(20))))
    assert model.sizes == [40]
    assert [scores.predictions for scores in found] == [[2 * n, 2 * n + 2] for n in range(20)]
    assert found[3].probabilities == [0.03, 0.04]


def test_one_bad_request_does_not_spoil_the_others() -> None:
    model = Model()
    good, bad, also_good = asyncio.run(ask(Batch(model.score), [[1]], [[-1]], [[2]]))
    assert (good.predictions, also_good.predictions) == ([2], [4])
    assert isinstance(bad, ValueError)


def test_what_arrives_while_a_slow_model_computes_is_the_next_batch() -> None:
    model = Model(seconds=0.06)
    batch = Batch(model.score)

    async def three() -> None:
        await batch.score([[1]])
        first = asyncio.ensure_future(batch.score([[1]]))
        await asyncio.sleep(0.02)
        await asyncio.gather(first, *(batch.score([[n]]) for n in range(9)))

    asyncio.run(three())
    assert model.sizes == [1, 1, 9]


def test_a_slow_model_leaves_the_loop_free() -> None:
    model = Model(seconds=0.06)
    batch = Batch(model.score)

    async def asked() -> list[float]:
        await batch.score([[1]])
        waiting = asyncio.ensure_future(batch.score([[1]]))
        gaps = []
        while not waiting.done():
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            gaps.append(time.perf_counter() - began)
        return gaps

    assert len(asyncio.run(asked())) > 5
    assert any(name.startswith("score") for name in model.threads)


def test_a_large_request_is_scored_by_itself() -> None:
    model = Model()
    asyncio.run(ask(Batch(model.score), [[1]], [[2]] * (LARGE + 1), [[3]]))
    assert sorted(model.sizes) == [2, LARGE + 1]


def test_a_batch_has_a_bound() -> None:
    model = Model()
    asyncio.run(ask(Batch(model.score), *([[1]] * 200 for _ in range(5))))
    assert max(model.sizes) <= MOST
    assert sum(model.sizes) == 1000


@pytest.mark.parametrize("rows", [1, LARGE + 1])
def test_a_caller_that_gave_up_harms_nobody(rows: int) -> None:
    batch = Batch(Model().score)

    async def one_leaves() -> Scores:
        leaver = asyncio.ensure_future(batch.score([[1]] * rows))
        stayer = asyncio.ensure_future(batch.score([[2]]))
        await asyncio.sleep(0)
        leaver.cancel()
        return await stayer

    assert asyncio.run(one_leaves()).predictions == [4]
