"""`mlops data` on a small project whose pipeline imports and validates as an adopted one does: what a person types, and what he sees."""

import json
import sqlite3
import textwrap

import pytest
import yaml
from tests.mlops.datasets.visits import git, month

from mlops.cli import main
from mlops.datasets.listing import written
from mlops.files import digest_file

FILES = {
    "src/project/project.yml": """
        name: visits
        models:
          visits:
            package: src/project
            pipeline: src/pipelines/train.yml
            contract: data/visits.odcs.yml
            target: pages
            positive: 1
            keys: [id]
            trusted_types: []
    """,
    "src/pipelines/train.yml": """
        type: pipeline
        experiment_name: visits
        inputs:
          data: {type: uri_folder, path: ../../data/visits}
          contract: {type: uri_file, path: ../../data/visits.odcs.yml}
        outputs:
          model: {type: uri_folder}
        jobs:
          import:
            type: command
            environment: azureml:any@latest
            command: python -m mlops.datasets --source "${{inputs.data}}/source.yml" --contract "${{inputs.contract}}" --raw "${{outputs.raw}}"
            inputs: {data: "${{parent.inputs.data}}", contract: "${{parent.inputs.contract}}"}
            outputs: {raw: {type: uri_folder}}
          validate:
            type: command
            environment: azureml:any@latest
            command: >-
              python -m mlops.contract --contract "${{inputs.contract}}" --data "${{inputs.raw}}" --valid "${{outputs.valid}}"
              --quarantine "${{outputs.quarantine}}" --report "${{outputs.report}}"
            inputs: {raw: "${{parent.jobs.import.outputs.raw}}", contract: "${{parent.inputs.contract}}"}
            outputs: {valid: {type: uri_folder}, quarantine: {type: uri_folder}, report: {type: uri_folder}}
          train:
            type: command
            environment: azureml:any@latest
            command: cp "${{inputs.valid}}/visits.parquet" "${{outputs.model}}/"
            inputs: {valid: "${{parent.jobs.validate.outputs.valid}}"}
            outputs:
              model: ${{parent.outputs.model}}
    """,
    "data/visits.odcs.yml": """
        version: 1.0.0
        kind: DataContract
        apiVersion: v3.0.2
        id: visits
        status: active
        schema:
          - name: visits
            properties:
              - {name: id, logicalType: string, required: true, primaryKey: true, primaryKeyPosition: 1}
              - {name: month, logicalType: string, required: true, partitioned: true, partitionKeyPosition: 1}
              - {name: pages, logicalType: integer, required: true, logicalTypeOptions: {minimum: 1, maximum: 9}}
    """,
    "data/visits/source.yml": 'files: "*.csv.gz"\nformat: csv\n',
    "environments/local.yml": "where: local\nworkers: 2\nwarm: true\n",
    ".gitignore": ".mlops/\n",
}


class Project:
    def __init__(self, root, monkeypatch, capsys):
        self.root, self.folder, self.capsys = root, root / "data/visits", capsys
        for name, text in FILES.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(textwrap.dedent(text))
        for label in ("2024-01", "2024-02", "2024-03"):
            (self.folder / f"{label}.csv.gz").write_bytes(month(label))
        self.record()
        git(root.parent, "init", "--quiet", str(root))
        self.commit()
        monkeypatch.chdir(root)
        monkeypatch.delenv("MLOPS_HOME", raising=False)
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        monkeypatch.setenv("XDG_CACHE_HOME", str(root.parent / "cache"))

    def record(self):
        found = {path.name: digest_file(path).removeprefix("sha256:") for path in sorted(self.folder.glob("*.csv.gz"))}
        (self.folder / "SHA256SUMS").write_text(written(found))

    def commit(self):
        git(self.root, "add", "--all")
        git(self.root, "commit", "--quiet", "--message", "Data")
        return git(self.root, "rev-parse", "HEAD")

    def do(self, *words, code=0):
        """Run a verb, which must end with `code`, and return what it said."""
        self.capsys.readouterr()
        assert main([*map(str, words)]) == code
        out, err = self.capsys.readouterr()
        assert "Traceback" not in out + err
        return out + err

    def facts(self, *words):
        return json.loads(self.do(*words, "--json"))

    def new(self, label, **how):
        path = self.root.parent / f"{label}.csv.gz"
        path.write_bytes(month(label, **how))
        return path


@pytest.fixture
def project(tmp_path, monkeypatch, capsys):
    return Project(tmp_path / "a project", monkeypatch, capsys)


@pytest.mark.slow
def test_the_list_names_partitions_rows_days_and_what_the_contract_said(project):
    assert "version not asked about" not in project.do("data", "list")
    project.do("data", "refresh")
    facts = project.facts("data", "list")
    assert [(one["partition"], one["rows"], one["contract"], one["trouble"]) for one in facts["files"]] == [
        (f"2024-0{n}", 4, "kept", "") for n in (1, 2, 3)
    ]
    assert all(len(one["added"]) == len("2024-01-01") for one in facts["files"])
    assert (facts["validated"]["success"], facts["troubles"]) == (True, [])
    (version,) = facts["versions"]
    assert (version["version"], version["now"], version["files"]) == (facts["version"], True, 4)


@pytest.mark.slow
def test_a_new_month_is_held_against_the_contract_added_and_the_next_run_reuses_what_was_found(project):
    said = project.do("data", "add", project.new("2024-04"))
    assert "2024-04 added: 2024-04.csv.gz" in said
    assert "0 warnings" in said
    assert "git add data/visits" in said
    told = project.do("run", "src/pipelines/train.yml")
    assert told.count("reused") >= 1
    assert project.facts("data", "list")["versions"][0]["runs"] == ["run 2"]


@pytest.mark.slow
def test_a_month_that_breaks_the_contract_is_told_as_in_a_run_and_is_not_added(project):
    said = project.do("data", "add", project.new("2024-04", pages=8), code=1)
    assert "validate stopped the run: 2024-04 breaks the contract" in said
    assert "2024-04 breaks the contract; nothing was changed" in said
    assert not (project.folder / "2024-04.csv.gz").exists()
    (aside,) = (project.root / ".mlops/data/refused").iterdir()
    assert sorted(path.name for path in aside.iterdir()) == ["2024-04.csv.gz", "reason.txt", "report.html"]


@pytest.mark.slow
def test_a_file_with_other_columns_is_told_by_the_step_that_reads_it(project):
    path = project.root.parent / "2024-04.csv.gz"
    path.write_bytes(month("2024-04").__class__(__import__("gzip").compress(b"id,month\na,2024-04\n")))
    said = project.do("data", "add", path, code=1)
    assert "cannot be read: the step import refuses it" in said
    assert "pages" in said


@pytest.mark.slow
def test_an_old_version_comes_back_by_run_digest_and_revision(project):
    first = project.facts("data", "list")["version"]
    project.do("run", "src/pipelines/train.yml")
    commit = git(project.root, "rev-parse", "HEAD")
    project.do("data", "add", project.new("2024-02", rows=6), "--replace")
    project.commit()
    for number, name in enumerate(("1", first[7:15], commit[:9], "HEAD~1")):
        target = project.root.parent / f"then {number}"
        assert project.facts("data", "restore", name, target)["version"] == first
        assert (target / "2024-02.csv.gz").read_bytes() == month("2024-02")
        assert sorted(path.name for path in target.iterdir()) == [
            "2024-01.csv.gz",
            "2024-02.csv.gz",
            "2024-03.csv.gz",
            "SHA256SUMS",
            "source.yml",
        ]


@pytest.mark.slow
def test_a_late_month_says_which_runs_were_made_without_it(project):
    project.do("run", "src/pipelines/train.yml")
    facts = project.facts("data", "add", project.new("2023-12"))
    assert (facts["newest"], facts["made_without_it"]) == ("2024-03", ["run 1"])


@pytest.mark.slow
def test_a_run_after_a_kill_finishes_the_change_before_it_reads(project):
    """E1: killed between the two renames; who reads next sees the new data set."""
    stage = project.folder / ".adding"
    stage.mkdir()
    new = month("2024-04")
    (project.folder / "2024-04.csv.gz").write_bytes(new)
    (stage / "SHA256SUMS").write_text(
        (project.folder / "SHA256SUMS").read_text() + f"{__import__('hashlib').sha256(new).hexdigest()}  2024-04.csv.gz\n"
    )
    (stage / "ready.json").write_text('{"files": ["2024-04.csv.gz", "SHA256SUMS"]}')
    assert "16 rows" in project.do("run", "src/pipelines/train.yml")
    assert not stage.exists()


@pytest.mark.slow
def test_altered_and_unlisted_files_and_gaps_are_listed_and_stop_make_data(project):
    (project.folder / "2024-02.csv.gz").write_bytes(month("2024-02", rows=9))
    (project.folder / "2024-06.csv.gz").write_bytes(month("2024-06"))
    said = project.do("data", "list")
    assert "2024-02.csv.gz is not the file that was recorded (expected sha256" in said
    assert "2024-06.csv.gz is not listed in SHA256SUMS" in said
    assert "missing in between: 2024-04, 2024-05" in said
    assert "is not as it was recorded" in project.do("data", "refresh", code=1)


def database(path, rows):
    with sqlite3.connect(path) as made:
        made.execute("create table if not exists visits (id text, month text, pages integer)")
        made.execute("delete from visits")
        made.executemany("insert into visits values (?, ?, ?)", rows)


@pytest.mark.slow
def test_a_database_is_asked_again_and_its_snapshot_is_taken_where_it_keeps_the_contract(project):
    path = project.root.parent / "visits.db"
    database(path, [("a", "2024-01", 3), ("b", "2024-01", 4)])
    for old in project.folder.glob("*.csv.gz"):
        old.unlink()
    (project.folder / "SHA256SUMS").write_text("")
    source = {"database": f"sqlite:///{path}", "table": "visits", "snapshot": "visits.parquet", "format": "sql"}
    (project.folder / "source.yml").write_text(yaml.safe_dump(source))
    assert "visits.parquet is new" in project.do("data", "refresh")
    assert "is new" not in project.do("data", "refresh")
    first = project.facts("data", "list")["version"]
    database(path, [("a", "2024-01", 3), ("b", "2024-01", 5), ("c", "2024-02", 1)])
    assert "1 rows added, 1 changed, 0 gone (2 rows before, 3 after)" in project.do("data", "refresh")
    kept = (project.folder / "visits.parquet").read_bytes()
    database(path, [("a", "2024-01", 300)])
    assert "breaks the contract; nothing was changed" in project.do("data", "refresh", code=1)
    assert (project.folder / "visits.parquet").read_bytes() == kept
    assert project.facts("data", "restore", first[7:], project.root.parent / "then")["version"] == first


@pytest.mark.slow
def test_a_file_elsewhere_that_changed_gets_its_new_digest_and_the_old_one_comes_back_from_the_cache(project):
    far = project.root.parent / "far.csv"
    far.write_text("id,month,pages\na,2024-01,3\n")
    for old in project.folder.glob("*"):
        old.unlink()
    (project.folder / "source.yml").write_text(f"# Mine.\nurl: {far.as_uri()}\nformat: csv\n")
    project.do("data", "refresh")
    project.commit()
    first = project.facts("data", "list")["version"]
    far.write_text("id,month,pages\na,2024-01,3\nb,2024-01,9\n")
    assert "far.csv is new: sha256" in project.do("data", "refresh")
    assert (project.folder / "source.yml").read_text().startswith("# Mine.\n")
    target = project.root.parent / "then"
    assert project.facts("data", "restore", first[7:15], target)["version"] == first
    assert (target / "far.csv").read_text() == "id,month,pages\na,2024-01,3\n"


@pytest.mark.parametrize(("name", "code"), [("v9", 2), ("0123456789", 2), ("nothing like it", 2), ("99", 2), ("HEAD", 2)])
def test_what_names_no_version_or_leads_into_a_full_folder_is_one_clear_error(project, name, code):
    (project.root.parent / "full").mkdir()
    (project.root.parent / "full/mine.txt").write_text("mine")
    said = project.do("data", "restore", name, project.root.parent / "full", code=code)
    assert "there is no version" in said or "this is not an empty folder" in said
    assert [path.name for path in (project.root.parent / "full").iterdir()] == ["mine.txt"]


@pytest.mark.slow
def test_files_that_are_gone_are_named_with_where_they_were_last(project):
    project.do("data", "add", project.new("2024-04"))
    version = project.facts("data", "list")["version"]
    (project.folder / "2024-04.csv.gz").unlink()
    said = project.do("data", "restore", version, project.root.parent / "then", code=1)
    assert "1 of the 5 files" in said
    assert "2024-04.csv.gz" in said
    assert "never in git" in said
    assert not (project.root.parent / "then").exists()
