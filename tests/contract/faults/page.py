"""The page about faults: what was injected, where it is known from, and what noticed it."""

import json
from pathlib import Path

from tests.contract.faults.peers import PEERS
from tests.contract.faults.tables import TABLES

from mlops.contract.faults import FAULTS

BEGIN, END = "<!-- made by `make faults`: begin -->", "<!-- end -->"
MARKS = {"stopped": "stopped", "set apart": "set apart", "told": "told", "undone": "undone", "missed": "**missed**"}
NAMES = {"gx": "GX profile", "pandera": "pandera", "evidently": "Evidently", "deepchecks": "deepchecks"}


def write(results: Path, path: Path) -> None:
    """Put the tables between the page's marks."""
    own = {name: json.loads(file.read_text()) for name in TABLES if (file := results / f"{name}.json").exists()}
    peers = {
        (name, peer): json.loads(file.read_text()) for name in own for peer in PEERS if (file := results / f"{name}.{peer}.json").exists()
    }
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    made = "\n\n".join([_summary(own, peers), _alarms(own, peers), _faults(own, peers)])
    path.write_text(f"{before}{BEGIN}\n\n{made}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")


def _summary(own: dict, peers: dict) -> str:
    lines = [
        "## How many are caught",
        "",
        "| table | faults | stopped | set apart | told | undone | missed | caught |",
        "|---|---|---|---|---|---|---|---|",
    ]
    total: dict[str, int] = {}
    for name, facts in [*own.items(), ("all", None)]:
        count = total if facts is None else {mark: sum(f["outcome"] == mark for f in facts["found"].values()) for mark in MARKS}
        if facts is not None:
            total = {mark: total.get(mark, 0) + number for mark, number in count.items()}
        tried = sum(count.values())
        cells = " | ".join(str(count.get(mark, 0)) for mark in MARKS)
        lines.append(f"| {name} | {tried} | {cells} | {_share(tried - count.get('missed', 0), tried)} |")
    lines += ["", "The same files, by other tools with what they come with (caught, of those that they were given):", ""]
    lines += ["| table | this contract | " + " | ".join(NAMES[peer] for peer in PEERS) + " |", "|---|---|" + "---|" * len(PEERS)]
    for name, facts in own.items():
        caught = sum(f["outcome"] != "missed" for f in facts["found"].values())
        cells = [_share(caught, len(facts["found"])), *(_of_peer(peers.get((name, peer)), facts) for peer in PEERS)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else ""


def _of_peer(result: dict | None, facts: dict) -> str:
    if not result or "skipped" in result:
        return "not run"
    names = [name for name in facts["found"] if name in result["found"]]
    return _share(sum(bool(result["found"][name]) for name in names), len(names))


def _alarms(own: dict, peers: dict) -> str:
    lines = ["## False alarms", ""]
    lines.append("Each part that nobody touched, held against what was learnt from all parts before it (from the second on).")
    lines += [
        "",
        "| table | parts | stopped by the project's contract | stopped by the learnt one | told by the learnt one | "
        + " | ".join(NAMES[p] for p in PEERS)
        + " |",
    ]
    lines.append("|---|---|---|---|---|" + "---|" * len(PEERS))
    for name, facts in own.items():
        alarms = facts["alarms"]
        cells = [
            str(sum(bool(a[kind][what]) for a in alarms.values()))
            for kind, what in (("own", "stops"), ("learnt", "stops"), ("learnt", "warnings"))
        ]
        if name != "flights":
            cells[0] = ""
        others = [peers.get((name, peer)) for peer in PEERS]
        cells += ["not run" if not o or "skipped" in o else str(sum(map(bool, o["alarms"].values()))) for o in others]
        lines.append(f"| {name} | {len(alarms)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _faults(own: dict, peers: dict) -> str:
    """One row a fault; a peer's cell is how many of the tables it noticed it in."""
    lines = ["## Every fault", "", "| fault | what happened | " + " | ".join(own) + " | by | " + " | ".join(NAMES[p] for p in PEERS) + " |"]
    lines.append("|---|---|" + "---|" * (len(own) + 1 + len(PEERS)))
    family = ""
    for fault in FAULTS.values():
        if fault.family != family:
            family = fault.family
            lines.append(f"| **{family}** | | {' | '.join('' for _ in range(len(own) + 1 + len(PEERS)))} |")
        found = {name: facts["found"].get(fault.name) for name, facts in own.items()}
        marks = [MARKS[item["outcome"]] if item else "" for item in found.values()]
        by = dict.fromkeys(_kind(rule) for item in found.values() if item for rule in item["by"][:3])
        lines.append(
            f"| {fault.name} | [{fault.what}]({fault.source}) | {' | '.join(marks)} | {', '.join(list(by)[:4])} | "
            + " | ".join(_seen(fault.name, own, peers, peer) for peer in PEERS)
            + " |"
        )
    return "\n".join(lines)


def _kind(rule: str) -> str:
    return rule if rule == "import" else rule.split(".", 2 if rule.count(".") > 1 else 1)[-1].removesuffix(".far").split("_2")[0]


def _seen(fault: str, own: dict, peers: dict, peer: str) -> str:
    results = [r for name in own if (r := peers.get((name, peer))) and "found" in r and fault in r["found"] and fault in own[name]["found"]]
    return f"{sum(bool(r['found'][fault]) for r in results)} of {len(results)}" if results else ""
