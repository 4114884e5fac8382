"""A distributed step: one command, several processes that know of each other by their environment.

On Azure ML each instance runs `process_count_per_instance` processes; here all of them run on this machine, with the variables that the
documentation names for each type (how-to-train-distributed-gpu). Instances differ by `NODE_RANK` only.
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlops.errors import JobFailed, UsageError
from mlops.local.kinds.children import Children, shared_cores
from mlops.local.kinds.job import drive
from mlops.local.messages import ended
from mlops.local.snapshot import listing_imports, read_code

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.local.kinds.job import Job

HOST = "127.0.0.1"
_NEEDS_MPI = ("mpi4py", "horovod")


@dataclass(frozen=True)
class Rank:
    """One process: what it is called, and what it finds in its environment."""

    name: str
    variables: Mapping[str, str]
    serves: bool = False
    """True for a parameter server, which never ends by itself."""


@dataclass(frozen=True)
class Layout:
    """How many processes there are, and on how many instances Azure ML would spread them."""

    type: str
    instances: int
    per_instance: int
    servers: int = 0
    ports: tuple[int, ...] = field(default=(), compare=False)

    @property
    def size(self) -> int:
        return self.instances * self.per_instance + self.servers


def layout(job: Mapping[str, Any]) -> Layout:
    """Return the layout of a job.

    Raises:
        UsageError: The type is none that is done here.
    """
    distribution, instances = job["distribution"], int(job.get("instance_count") or 1)
    kind = str(distribution["type"]).lower()
    if kind in {"pytorch", "mpi"}:
        return Layout(kind, instances, int(distribution.get("process_count_per_instance") or 1))
    if kind == "tensorflow":
        workers = int(distribution.get("worker_count") or instances)
        return Layout(kind, workers, 1, int(distribution.get("parameter_server_count") or 0))
    raise UsageError(f"distribution {kind!r} is not done on this machine", hint="Use pytorch, mpi or tensorflow.")


def ranks(plan: Layout) -> list[Rank]:
    """Return the processes of a layout, whose `ports` holds one free port a process."""
    count = plan.instances * plan.per_instance
    shared = {"AZUREML_NODE_COUNT": str(plan.instances), "AZ_BATCH_MASTER_NODE": f"{HOST}:{plan.ports[0]}"}
    if plan.type == "tensorflow":
        return _tensorflow(plan, shared)
    made = []
    for rank in range(count):
        node, local = divmod(rank, plan.per_instance)
        facts = {"RANK": rank, "WORLD_SIZE": count, "LOCAL_RANK": local, "LOCAL_WORLD_SIZE": plan.per_instance, "NODE_RANK": node}
        if plan.type == "mpi":
            names = {"RANK": "RANK", "WORLD_SIZE": "SIZE", "LOCAL_RANK": "LOCAL_RANK", "LOCAL_WORLD_SIZE": "LOCAL_SIZE"}
            facts = {f"OMPI_COMM_WORLD_{names[name]}": value for name, value in facts.items() if name in names}
            facts["OMPI_COMM_WORLD_NODE_RANK"] = local
        master = {"MASTER_ADDR": HOST, "MASTER_PORT": str(plan.ports[0])}
        made.append(Rank(f"rank {rank}", {**shared, **master, **{name: str(value) for name, value in facts.items()}}))
    return made


def _tensorflow(plan: Layout, shared: Mapping[str, str]) -> list[Rank]:
    workers, servers = plan.ports[: plan.instances], plan.ports[plan.instances :]
    cluster = {"worker": [f"{HOST}:{port}" for port in workers]}
    if servers:
        cluster["ps"] = [f"{HOST}:{port}" for port in servers]
    made = []
    for kind, addresses in cluster.items():
        for index in range(len(addresses)):
            config = {"cluster": cluster, "task": {"type": kind, "index": index}, "environment": "cloud"}
            made.append(Rank(f"{kind} {index}", {**shared, "TF_CONFIG": json.dumps(config)}, serves=kind == "ps"))
    return made


def free_ports(count: int) -> tuple[int, ...]:
    """Return ports that nobody listens on now; all are held until the last is found, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind((HOST, 0))
        return tuple(each.getsockname()[1] for each in sockets)
    finally:
        for each in sockets:
            each.close()


def run(job: Job) -> None:
    """Run all ranks to their end.

    Raises:
        JobFailed: A rank failed; it is named, and the others were ended.
        UsageError: The type of distribution, or what the code imports, needs what is not here.
    """
    plan = layout(job.job)
    imports = listing_imports(job.code)
    if plan.type == "mpi" and (needed := next((name for name in _NEEDS_MPI if name in imports), None)):
        message = f"the code imports {needed}, which needs processes that mpirun started: here each would find itself alone"
        raise UsageError(message, hint="Use distribution type pytorch, or read OMPI_COMM_WORLD_RANK and _SIZE from the environment.")
    everyone = ranks(replace(plan, ports=free_ports(plan.size)))
    command = job.fill(job.job["command"])
    with Children(read_code(command, job.code).imports, warm=job.warm, variables=shared_cores(plan.size)) as children:
        children.tell = job.tell
        for rank in everyone:
            pipe = job.folder / f"{rank.name}.pipe"
            children.start(rank.name, command, cwd=job.code, log=pipe, variables=rank.variables, mark=f"[{rank.name}]")
        _wait(children, everyone)
    print(f"{len(everyone)} processes ended well", flush=True)


def _wait(children: Children, everyone: list[Rank]) -> None:
    """Wait until every process that ends by itself has; the first that fails ends the waiting."""
    waiting = {rank.name for rank in everyone if not rank.serves}
    while waiting:
        over = children.next()
        if over is None:
            continue
        name, code = over
        waiting.discard(name)
        if code:
            raise JobFailed(f"{name} of {len(everyone)} {ended(code)}{'; the others were ended' if children.running else ''}")


if __name__ == "__main__":
    drive(run)
