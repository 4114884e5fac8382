"""A ticket lets out what it names and nothing else, whatever the branch holds by then."""

import contextlib
import json
import sqlite3
from dataclasses import replace
from types import SimpleNamespace

import pytest
from tests.mlops.delivery.machines import tag

from mlops.delivery.ticket import Ticket, check_ticket, read_ticket, ticket_of
from mlops.errors import JobFailed
from mlops.files import digest_folder
from mlops.registry import artifacts
from mlops.registry.versions import ModelVersion
from mlops.verbs.way import _hand_on

VERSION = ModelVersion("shops", 3, f"sha256:{'a' * 64}", None, "", "", approved=True, against=2, evidence=f"sha256:{'b' * 64}")


@pytest.mark.parametrize("version", [VERSION, replace(VERSION, against=None)])
def test_a_ticket_is_one_word_and_reads_as_what_it_was(version):
    word = str(ticket_of(version))
    assert read_ticket(f" {word}\n") == ticket_of(version)
    assert word == f"3.{'a' * 64}.{'b' * 64}.{version.against or 0}"


@pytest.mark.parametrize(
    "text",
    ["", "3", "v3", "champion", "3.a.b.2", f"3.{'a' * 64}.{'b' * 64}", f"3.{'A' * 64}.{'b' * 64}.2", f"3.{'a' * 64}.{'b' * 64}.2; rm"],
)
def test_what_is_no_ticket_is_not_taken_for_one(text):
    assert read_ticket(text) is None


@pytest.mark.parametrize(
    ("system", "models", "says"),
    [
        ("laptop", 1, "make promote VERSION=3 ENV=staging "),
        ("laptop", 2, "make promote VERSION=3 MODEL=shops ENV=staging "),
        ("github", 1, f"make promote VERSION=3.{'a' * 64}.{'b' * 64}.2 ENV=staging "),
    ],
)
def test_what_comes_next_is_a_number_for_a_person_and_a_ticket_for_ci(monkeypatch, capsys, system, models, says):
    host = SimpleNamespace(context=SimpleNamespace(system=system), output=lambda *_: None)
    monkeypatch.setattr("mlops.ci.host.current", lambda _: host)
    registry = SimpleNamespace(resolve=lambda *_: VERSION)
    shops = SimpleNamespace(model=SimpleNamespace(name="shops"), project=SimpleNamespace(models=range(models)), registry=registry)
    _hand_on(shops, {"outcome": "promote", "version": 3})
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (replace(VERSION, digest=f"sha256:{'c' * 64}"), "its files changed since"),
        (replace(VERSION, evidence=f"sha256:{'c' * 64}"), "its evidence changed since"),
        (replace(VERSION, against=7), "the champion that it was compared with changed since"),
        (replace(VERSION, digest="", evidence=""), "its files, its evidence changed since"),
        (None, "v3 was approved, and there is no such version any more"),
    ],
)
def test_what_differs_from_the_ticket_is_named(now, words):
    """R5, R6, R7."""
    with pytest.raises(JobFailed, match=words) as told:
        check_ticket(ticket_of(VERSION), now)
    assert told.value.hint == "Nothing was changed. Start the delivery anew: what is approved must be what goes out."


def test_what_is_as_the_ticket_says_goes_out():
    check_ticket(Ticket(3, VERSION.digest, VERSION.evidence, 2), VERSION)


@pytest.mark.slow
def test_a_branch_that_was_rewritten_between_staging_and_production_is_found_out_before_anything_serves(remote):
    """R6, R7, C8: a file replaced; the file and its digest; the evidence, by that of another model; a version that is gone; production emptied."""
    machine, kept, good = remote.machine("production"), remote.kept(), remote.commit
    folders = {number: tags["slipway.folder"].partition("/mlops-home/")[2] for number, tags in kept.versions.items()}
    ticket, evidence = kept.ticket(2), {number: kept.ticket(number).split(".")[2][:16] for number in (1, 2)}

    def refused(change, *words, which=ticket):
        remote.rewrite(change)
        there = remote.commit
        ended = machine.mlops("promote", which, "--to", "production")
        assert (ended.code, [word for word in words if word not in ended.err]) == (1, []), ended.err
        assert (machine.serves(), remote.commit, "Traceback" in ended.err) == (None, there, False)
        machine.git("push", "--quiet", "--force", "origin", f"{good}:refs/heads/mlops-state/shops")

    def other_file(place):
        path = place / folders[2] / "model/model.skops"
        path.write_bytes(path.read_bytes() + b"x")

    def other_file_and_digest(place):
        other_file(place)
        tag(place, 2, "slipway.digest", digest_folder(place / folders[2] / "model"))
        tag(place, 2, "slipway.files", artifacts.listing(place / folders[2] / "model"))

    def other_evidence(place):
        (place / folders[1] / f"evidence-{evidence[1]}").rename(place / folders[2] / f"evidence-{evidence[1]}")
        verdict = json.loads(kept.versions[2]["slipway.verdict"]) | {"evidence": f"sha256:{kept.ticket(1).split('.')[2]}"}
        tag(place, 2, "slipway.verdict", json.dumps(verdict))

    def no_champion(place):
        with contextlib.closing(sqlite3.connect(place / "mlflow.db")) as database, database:
            database.execute("DELETE FROM registered_model_aliases WHERE alias IN ('production', 'champion')")

    machine.git("fetch", "--quiet", "origin", "mlops-state/shops")
    refused(other_file, "shops v2 was tampered with after registration: model.skops was changed", "It is not served")
    refused(other_file_and_digest, "shops v2 is not what was approved: its files changed since", "Start the delivery anew")
    refused(other_evidence, "shops v2 is not what was approved: its evidence changed since", "Start the delivery anew")
    refused(other_evidence, "the evidence of shops v2 is about other files", "--reason", which="2")
    refused(lambda place: tag(place, 2, "slipway.digest", ""), "v2 was approved, and there is no such version any more")
    refused(no_champion, "shops v2 was approved against v1, and production serves no version now", "--reason")
    assert remote.kept() == kept
