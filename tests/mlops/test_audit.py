"""The audit of a repository: what is planted is found with its line, what is allowed passes, what was not looked at is no pass."""

from __future__ import annotations

import http.server
import json
import random
import shutil
import string
import subprocess
import threading
from datetime import date
from pathlib import Path

import pytest

from mlops.audit.packages import accepted, judge, licence
from mlops.audit.policy import POLICY_FILE, read_policy
from mlops.audit.repository import TOOLS, Repository
from mlops.audit.result import Finding, Result
from mlops.audit.secrets import digest
from mlops.ci.laptop import Laptop
from mlops.cli import VERBS, main
from mlops.errors import JobFailed, PlatformError, SpecError
from mlops.files import locked
from mlops.verbs.audit import CHECKS, Row, _verdict

ROOT = Path(__file__).parents[2]
TODAY = date(2030, 1, 15)
WORKFLOW = """\
name: bad
on: pull_request
permissions: {}
jobs:
  job:
    runs-on: ubuntu-latest
    steps:
      - uses: owner/action@v4
      - run: echo ${{ github.event.pull_request.title }}
"""


@pytest.fixture(scope="session")
def tools():
    """The tools, installed where they are not there yet; two processes of the tests do not both install them."""
    with locked(ROOT / ".venv/tools.lock"):
        subprocess.run(["make", "-C", str(ROOT), ".venv/tools/.ready"], check=True, capture_output=True)
    return ROOT / TOOLS


class Checkout:
    """A git repository with a policy and nothing else."""

    def __init__(self, root: Path, tools: Path = Path("nowhere")):
        self.root, self.tools = root, tools
        self.write(POLICY_FILE, "packages: {ignore: {}}\n")
        self.git("init", "-q", "-b", "main")
        self.commit("first")

    def git(self, *words):
        return subprocess.run(["git", "-C", str(self.root), *words], check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, why):
        self.git("add", "-A")
        self.git("-c", "user.name=n", "-c", "user.email=n@example.org", "commit", "-qm", why)
        return self.git("rev-parse", "HEAD")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def look(self, check, base=None) -> Result:
        return CHECKS[check](Repository(self.root, self.tools, base), read_policy(self.root))


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path / "repository")


@pytest.fixture
def inside(checkout, monkeypatch):
    """The checkout as the working directory, on a laptop."""
    monkeypatch.chdir(checkout.root)
    for name in ("GITHUB_ACTIONS", "TF_BUILD", "BASE"):
        monkeypatch.delenv(name, raising=False)
    return checkout


@pytest.fixture
def armed(tmp_path, tools):
    return Checkout(tmp_path / "repository", tools)


def value(kind, letters, count):
    """A value that no file of this repository holds, the same in each run."""
    return "".join(random.Random(kind).choices(letters, k=count))


WORD = string.ascii_letters + string.digits
SECRETS = {
    "aws.env": "AWS_ACCESS_KEY_ID=AKIA{}\nAWS_SECRET_ACCESS_KEY={}\n".format(
        value("id", string.ascii_uppercase + "234567", 16), value("aws", WORD, 40)
    ),
    "github.py": f'TOKEN = "ghp_{value("github", WORD, 36)}"\n',
    "storage.yml": f"to: DefaultEndpointsProtocol=https;AccountName=mine;AccountKey={value('storage', WORD, 86)}==;EndpointSuffix=core.windows.net\n",
    "key.pem": "-----BEGIN PRIVATE KEY-----\n" + "\n".join(value(n, WORD, 64) for n in range(20)) + "\n-----END PRIVATE KEY-----\n",
    "password.py": f'password = "{value("password", WORD, 20)}"\n',
    "tracking.env": f"MLFLOW_TRACKING_URI=https://mlflow:{value('address', WORD, 16)}@mlflow.example.org\n",
    "sas.txt": f"https://mine.blob.core.windows.net/data?sv=2022-11-02&sp=r&sig={value('sas', WORD, 43)}%3D\n",
    "devops.env": f"AZURE_DEVOPS_PAT={value('devops', string.ascii_lowercase + '234567', 52)}\n",
}


class Proxy(http.server.BaseHTTPRequestHandler):
    """Takes any request for the outside and refuses it; the server remembers it."""

    def refuse(self):
        self.server.seen.append(self.path)
        self.send_error(403)

    do_GET = do_POST = do_CONNECT = do_HEAD = refuse  # noqa: N815

    def log_message(self, *_):
        pass


class Advisories(http.server.BaseHTTPRequestHandler):
    """Answers as OSV does, with one made-up weakness of numpy."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.0"}]}]
        weak = {
            "id": "MADE-UP-1",
            "aliases": ["CVE-2099-1"],
            "affected": [{"package": {"name": "numpy", "ecosystem": "PyPI"}, "ranges": ranges}],
        }
        body = json.dumps({"vulns": [weak]} if asked["package"]["name"] == "numpy" else {}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def serve():
    """Start a server of a handler on a free port, and stop it afterwards."""
    started = []

    def start(handler):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.seen = []
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def planted(tmp_path_factory, tools, serve):
    """What the scan of a repository with each kind of secret found, and what was sent to the outside in the meantime."""
    made = Checkout(tmp_path_factory.mktemp("planted") / "repository", tools)
    for name, text in SECRETS.items():
        made.write(name, text)
    made.write(".github/workflows/bad.yml", WORKFLOW)
    proxy = serve(Proxy)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            patch.setenv(name, f"http://127.0.0.1:{proxy.server_port}")
        found = {check: made.look(check) for check in ("secrets", "actionlint", "zizmor", "schemas")}
    return found, proxy.seen


@pytest.mark.slow
@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_found_at_its_line_and_not_told(planted, name):
    """X3: a key that comes into the repository makes the check red, and does not come into its log."""
    found = [finding for finding in planted[0]["secrets"].findings if finding.file == name]
    assert len(found) == 1
    assert 1 <= found[0].line <= 2
    text = SECRETS[name]
    assert not any(text[start : start + 12] in str(found[0]) for start in range(len(text) - 12) if text[start : start + 12].isalnum())


@pytest.mark.slow
def test_nothing_that_is_no_secret_is_found(planted):
    assert {finding.file for finding in planted[0]["secrets"].findings} == set(SECRETS)


@pytest.mark.slow
def test_no_tool_but_the_one_about_packages_asks_anybody_anything(planted):
    assert planted[1] == []


@pytest.mark.slow
def test_the_watch_over_what_goes_out_is_awake(armed, serve, monkeypatch):
    proxy = serve(Proxy)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.server_port}")
    Repository(armed.root, armed.tools).run("kingfisher", "scan", ".", "--git-history", "none", "--no-validate")
    assert proxy.seen == ["api.github.com:443"]


@pytest.mark.slow
def test_what_could_be_abused_in_a_workflow_is_found_at_its_line(planted):
    """C2, C5: a title that becomes part of a command, and an action that is not named by its commit."""
    by_line = {
        (finding.line, word)
        for finding in planted[0]["zizmor"].findings
        for word in ("unpinned-uses", "template-injection")
        if word in finding.what
    }
    assert {(8, "unpinned-uses"), (9, "template-injection")} <= by_line
    assert any(finding.line == 9 and "untrusted" in finding.what for finding in planted[0]["actionlint"].findings)


@pytest.mark.slow
def test_a_secret_that_was_deleted_again_is_found_in_the_commits_since_the_base(armed):
    armed.write("before.py", SECRETS["github.py"])
    armed.commit("a secret before the base")
    armed.git("rm", "-q", "before.py")
    base = armed.commit("gone")
    armed.write("password.py", SECRETS["password.py"])
    leak = armed.commit("a secret")
    armed.git("rm", "-q", "password.py")
    armed.commit("gone again")
    assert armed.look("secrets").findings == ()
    (found,) = armed.look("secrets", base).findings
    assert (found.file, found.line) == ("password.py", 1)
    assert leak[:12] in found.what


@pytest.mark.slow
def test_a_base_that_is_not_in_a_shallow_checkout_is_told_and_no_pass(armed):
    result = armed.look("secrets", "0123456789" * 4)
    assert "fetch-depth: 0" in result.unanswered


@pytest.mark.slow
def test_a_value_is_allowed_by_its_digest_in_its_file_and_by_no_mark_in_the_code(armed):
    known, other = value("known", WORD, 24), value("other", WORD, 24)
    armed.write("example.py", f'password = "{known}"  # kingfisher:ignore\nsecret = "{other}"  # gitleaks:allow\n')
    assert [finding.line for finding in armed.look("secrets").findings] == [1, 2]
    armed.write(POLICY_FILE, f"secrets: {{allow: {{'{digest(known)}': {{file: example.py, reason: of a published example}}}}}}\n")
    assert [finding.line for finding in armed.look("secrets").findings] == [2]


@pytest.mark.slow
def test_what_does_not_fit_a_schema_is_found_at_its_line(armed):
    armed.write(
        ".azure-pipelines/templates/steps.yml",
        "stages:\n  - stage: a\n    jobs:\n      - job: b\n        timeoutInMinutes: 20\n        step: []\n",
    )
    armed.write(".azure-pipelines/good.yml", "jobs:\n  - job: b\n    timeoutInMinutes: 20\n    steps:\n      - script: make check\n")
    armed.write(
        ".github/dependabot.yml",
        "version: 2\nupdates:\n  - package-ecosystem: pip\n    directory: /\n    schedule: {interval: sometimes}\n",
    )
    armed.write(".github/workflows/twice.yml", "name: a\nname: b\n")
    found = {finding.file: finding.line for finding in armed.look("schemas").findings}
    assert found == {".azure-pipelines/templates/steps.yml": 4, ".github/dependabot.yml": 5, ".github/workflows/twice.yml": 2}


LOCK = "idna==3.10 \\\n    --hash=sha256:{0}\nnumpy==2.4.6 \\\n    --hash=sha256:{0}\n".format("0" * 64)


@pytest.mark.slow
def test_a_known_weakness_is_found_at_its_line_until_it_is_ignored_with_a_reason_and_a_day(armed, serve):
    url = f"http://127.0.0.1:{serve(Advisories).server_port}/v1/query"
    armed.write("requirements.lock", LOCK)
    armed.write("src/mlops/audit.lock", LOCK.replace("2.4.6", "1.26.0"))
    armed.write(POLICY_FILE, f"packages: {{service: osv, url: '{url}'}}\n")
    found, other = armed.look("packages").findings
    assert (found.file, found.line) == ("requirements.lock", 3)
    assert (other.file, other.line) == ("src/mlops/audit.lock", 3)
    assert "numpy 2.4.6" in found.what
    assert "CVE-2099-1" in found.what
    assert "99.0" in found.mend
    ignored = "CVE-2099-1: {package: numpy, reason: not reached, until: 9999-01-01}"
    armed.write(POLICY_FILE, f"packages: {{service: osv, url: '{url}', ignore: {{{ignored}}}}}\n")
    assert armed.look("packages") == Result(f"2 packages, answered by {url}; 1 ignored until their day")


@pytest.mark.slow
def test_a_service_that_does_not_answer_is_neither_good_nor_bad(armed):
    armed.write("requirements.lock", LOCK)
    armed.write(POLICY_FILE, "packages: {service: osv, url: 'http://127.0.0.1:9/v1/query'}\n")
    result = armed.look("packages")
    assert result.findings == ()
    assert "no answer from http://127.0.0.1:9" in result.unanswered


@pytest.mark.slow
@pytest.mark.parametrize("check", sorted(CHECKS.keys() - {"packages"}))
def test_this_repository_passes(tools, check):
    result = CHECKS[check](Repository(ROOT, tools), read_policy(ROOT))
    assert [str(finding) for finding in result.findings] == []
    assert result.unanswered == ""


def policy(checkout, text):
    checkout.write(POLICY_FILE, text)
    return read_policy(checkout.root)


IGNORE = """\
packages:
  private: [ours]
  ignore:
    CVE-1: {package: numpy, reason: not reached, until: 2030-01-31}
"""
WEAK = {
    "lock": "requirements.lock",
    "name": "numpy",
    "version": "2.4.6",
    "vulns": [{"id": "MADE-UP-1", "aliases": ["CVE-1"], "fix_versions": []}],
}


@pytest.mark.parametrize(
    ("entry", "day", "wanted"),
    [
        (WEAK, TODAY, []),
        (WEAK, date(2030, 1, 31), []),
        (WEAK, date(2030, 2, 1), ["numpy 2.4.6: MADE-UP-1, CVE-1; ignored until 2030-01-31, which is over"]),
        ({**WEAK, "name": "pandas"}, TODAY, ["pandas 2.4.6: MADE-UP-1, CVE-1", "CVE-1 is ignored for numpy, which does not have it"]),
        ({**WEAK, "vulns": []}, TODAY, ["CVE-1 is ignored for numpy, which does not have it"]),
    ],
)
def test_an_ignored_weakness_passes_until_its_day_for_its_package_and_no_longer_than_it_is_there(checkout, entry, day, wanted):
    checkout.write("requirements.lock", LOCK)
    result = judge([entry], policy(checkout, IGNORE), Repository(checkout.root, checkout.tools), "PyPI", day)
    assert [finding.what for finding in result.findings] == wanted
    assert all(finding.line == 4 for finding in result.findings if finding.file == POLICY_FILE)


def test_a_package_that_the_service_does_not_know_was_not_looked_at_unless_it_is_private(checkout):
    unknown = [{"name": "ours", "skip_reason": "not found"}, {"name": "typo", "skip_reason": "not found"}]
    result = judge([*unknown, WEAK], policy(checkout, IGNORE), Repository(checkout.root, checkout.tools), "PyPI", TODAY)
    assert result.unanswered == "PyPI knows nothing of 1 of 3 packages: typo"


@pytest.mark.parametrize(
    ("told", "good"),
    [
        ("MIT", True),
        ("mit license", True),
        ("Apache-2.0 OR MIT", True),
        ("(MIT AND Apache-2.0)", True),
        ("Mozilla Public License 2.0 (MPL 2.0)", True),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-3.0-only", False),
        ("", False),
    ],
)
def test_a_licence_is_accepted_when_each_of_its_parts_is(told, good):
    assert accepted(told, frozenset({"mit", "mit license", "apache-2.0", "mozilla public license 2.0 (mpl 2.0)"})) == good


def test_a_package_that_is_not_installed_tells_no_licence():
    assert licence("no-such-package") is None


def test_a_package_with_a_licence_that_is_not_accepted_is_found_at_its_line(checkout):
    checkout.write("requirements.lock", "# a comment\npytest==1.0\nno-such-package==1\n")
    (found,) = checkout.look("licences").findings
    assert (found.file, found.line, found.what) == ("requirements.lock", 2, "pytest 1.0: licence MIT")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("package: {}\n", 1, "unknown key 'package'"),
        ("packages:\n  service: guess\n", 2, "must be one of pypi, osv"),
        ("packages:\n  ignore:\n    CVE-1: {package: numpy, until: 2030-01-01}\n", 3, "`reason` is missing"),
        ("packages:\n  ignore:\n    CVE-1: {package: numpy, reason: x, until: soon}\n", 3, "must be a day"),
        ("secrets:\n  allow:\n    abc: {file: a.py}\n", 3, "`reason` is missing"),
        ("licences:\n  accept: MIT\n", 2, "must be a list of words"),
    ],
)
def test_a_mistake_in_the_policy_is_told_with_its_line(checkout, text, line, said):
    with pytest.raises(SpecError) as stop:
        policy(checkout, text)
    assert [problem.line for problem in stop.value.problems] == [line]
    assert said in stop.value.problems[0].message


FOUND = Row("secrets", Result("1 file", (Finding("a.py", 1, "a secret", "Revoke it."),)), 0.1)
SILENT = Row("packages", Result("", unanswered="nobody answered"), 0.1)
BROKEN = Row("zizmor", Result(""), 0.1, "cannot start zizmor")
GOOD = Row("schemas", Result("3 files"), 0.1)


def test_what_was_not_looked_at_passes_on_a_laptop_and_not_where_it_is_strict():
    _verdict([GOOD, SILENT], strict=False)
    with pytest.raises(PlatformError, match="not looked at: packages"):
        _verdict([GOOD, SILENT], strict=True)


def test_a_finding_is_exit_1_and_a_tool_that_could_not_run_is_exit_3():
    with pytest.raises(JobFailed, match="1 found by secrets"):
        _verdict([GOOD, FOUND, BROKEN], strict=False)
    with pytest.raises(PlatformError, match="could not run: zizmor"):
        _verdict([GOOD, BROKEN], strict=False)
    assert [row.state for row in (GOOD, FOUND, SILENT, BROKEN)] == ["good", "found", "unanswered", "broken"]


def test_no_name_of_a_file_becomes_a_command_of_the_ci_system():
    """C2: GitHub takes a line that begins with `::` for a command, Azure Pipelines `##vso[` anywhere."""
    said = str(Finding("::error::x\n::stop-commands::y", 3, "##vso[task.setvariable variable=a]b", "\x1b[2J\n::add-mask::z"))
    assert len(said.splitlines()) == 2
    assert not any(line.lstrip().startswith(("::", "##")) for line in said.splitlines())
    assert "##" not in said
    assert "\x1b" not in said


def test_without_the_tools_the_verb_says_how_to_get_them(inside, capsys):
    inside.write(".github/workflows/any.yml", WORKFLOW)
    assert main(["audit", "--only", "actionlint"]) == 3
    told = capsys.readouterr()
    assert "✘ actionlint" in told.out
    assert "make audit" in told.err


def test_each_finding_is_marked_at_its_line_of_the_change(inside, monkeypatch):
    marked = []

    class Host(Laptop):
        def error(self, message, file="", line=0):
            marked.append((message, file, line))

    inside.write("requirements.lock", "pytest==1.0\n")
    monkeypatch.setattr("mlops.verbs.audit.current", Host)
    assert main(["audit", "--only", "licences"]) == 1
    assert marked == [("pytest 1.0: licence MIT", "requirements.lock", 1)]


def test_the_facts_can_be_had_as_json(inside, capsys):
    inside.write("requirements.lock", "pytest==1.0\n")
    assert main(["audit", "--only", "licences", "--json"]) == 1
    facts = json.loads(capsys.readouterr().out.splitlines()[0])["checks"]["licences"]
    assert facts["state"] == "found"
    assert facts["findings"][0]["file"] == "requirements.lock"


def test_a_folder_that_is_no_checkout_is_exit_2(inside):
    shutil.rmtree(inside.root / ".git")
    assert main(["audit", "--only", "licences"]) == 2


def test_a_base_that_is_no_commit_is_exit_2(inside, monkeypatch, capsys):
    monkeypatch.setenv("BASE", "no-such-branch")
    assert main(["audit", "--only", "secrets"]) == 2
    assert "BASE=no-such-branch" in capsys.readouterr().err


def test_each_check_can_be_asked_for_by_itself():
    only = next(options for names, options in VERBS["audit"].arguments if "--only" in names)
    assert set(only["choices"]) == set(CHECKS)
