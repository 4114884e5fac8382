"""The expander of Azure Pipelines does what is documented, in real bash, and refuses the rest; and our own files are understood by it."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tests.contract.azure_expander import Cancel, Environment, Event, NotUnderstood, Service, graph, load, possible, starts
from tests.contract.azure_expressions import evaluate, parse
from tests.mlops.ci.azure_loopback import azure_devops

pytestmark = pytest.mark.slow  # many small repositories and processes: together too much for `make check`

ROOT = Path(__file__).parents[2]
PIPELINES = sorted((ROOT / ".azure-pipelines").glob("*.yml"))


def git(folder, *words):
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True, text=True).stdout.strip()


class Repository:
    """A repository with pipelines in it, and a service that runs them."""

    def __init__(self, folder):
        self.folder, self.work = folder / "origin", folder / "work"
        self.folder.mkdir()
        git(self.folder, "init", "-q")

    def commit(self, **files):
        """Write files (`__` is a slash, without an ending they are YAML), and commit them."""
        for name, content in files.items():
            path = self.folder / (name.replace("__", "/") + ("" if name == "Makefile" else ".yml"))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(content))
        git(self.folder, "add", "-A")
        git(self.folder, "commit", "-q", "--allow-empty", "-m", "change")
        return git(self.folder, "rev-parse", "HEAD")

    def service(self, **how):
        return Service(self.folder, self.work, **how)

    def run(self, content, event=None, cancel=None, files=None, **how):
        commit = self.commit(one=content, **(files or {}))
        return self.service(**how).run("one.yml", event or Event("push", commit), cancel)


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path)


def loaded(content, parameters=None, variables=None, groups=None, **files):
    """A pipeline from texts: `one.yml` and others."""
    texts = {"one.yml": content, **{f"{name.replace('__', '/')}.yml": text for name, text in files.items()}}

    def read(path):
        if path not in texts:
            raise FileNotFoundError(path)
        return textwrap.dedent(texts[path])

    return load(read, "one.yml", parameters, variables, groups)


def scripts(pipeline):
    return [step.body for stage in pipeline.stages for job in stage.jobs for step in job.steps]


# Expressions


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("eq('A', 'a')", True),
        ("eq(true, 'x')", True),
        ("eq('true', true)", True),
        ("eq(1, '1.0')", True),
        ("ne(variables.none, '')", False),
        ("and(true, not(false), or(false, eq(1, 1)))", True),
        ("in('b', 'a', 'B')", True),
        ("notIn('c', 'a', 'B')", True),
        ("contains('Hello', 'ELL')", True),
        ("startsWith('refs/heads/main', 'refs/heads/')", True),
        ("coalesce('', variables.none, 'x')", "x"),
        ("format('{0}-{1}{{}}', 'a', 1)", "a-1{}"),
        ("join(',', split('a b', ' '))", "a,b"),
        ("convertToJson(variables.list)", '[\n  "a",\n  "b"\n]'),
        ("variables['Build.Reason']", "Manual"),
        ("variables.LIST[1]", "b"),
        ("'it''s'", "it's"),
        ("ge('b', 'a')", True),
        ("length(variables.list)", 2),
    ],
)
def test_an_expression_has_the_documented_value(expression, value):
    assert evaluate(parse(expression), {"variables": {"Build.Reason": "Manual", "list": ["a", "b"]}}) == value


@pytest.mark.parametrize(
    "expression",
    ["counter('a', 1)", "eq('a' 'b')", "a-b", "eq(1", "not('false')", "parameters.x", "succeeded()", "eq('a')", "variables.*"],
)
def test_an_expression_that_is_not_known_is_refused(expression):
    with pytest.raises(NotUnderstood):
        evaluate(parse(expression), {"variables": {}})


# Templates


def test_templates_take_typed_parameters_and_are_found_from_the_file_that_names_them():
    pipeline = loaded(
        """
        stages:
          - template: templates/stage.yml
            parameters: {name: build, sizes: [1, 2], loud: true}
        """,
        templates__stage="""
        parameters:
          - {name: name, type: string}
          - {name: sizes, type: object}
          - {name: loud, type: boolean, default: false}
          - {name: to, type: string, default: registry, values: [registry, production]}
        stages:
          - stage: ${{ parameters.name }}
            jobs:
              - ${{ each size in parameters.sizes }}:
                  - job: size_${{ size }}
                    steps:
                      - template: steps.yml
                        parameters: {what: "${{ parameters.to }} ${{ size }}", loud: "${{ parameters.loud }}"}
        """,
        templates__steps="""
        parameters:
          - {name: what, type: string}
          - {name: loud, type: boolean}
        steps:
          - ${{ if parameters.loud }}:
              - script: echo ${{ upper(parameters.what) }} ${{ parameters.loud }}
          - ${{ elseif eq(parameters.what, 'x') }}:
              - script: never
          - ${{ else }}:
              - script: quiet
        """,
    )
    assert [stage.name for stage in pipeline.stages] == ["build"]
    assert scripts(pipeline) == ["echo REGISTRY 1 True", "echo REGISTRY 2 True"]


def test_conditions_insert_keys_and_lists_and_a_list_parameter_is_put_in():
    pipeline = loaded(
        """
        parameters:
          - {name: before, type: stepList, default: [{script: first}]}
          - {name: env, type: object, default: {A: "1"}}
        variables:
          - {name: flavour, value: sweet}
        jobs:
          - job: one
            ${{ if eq(variables.flavour, 'sweet') }}:
              timeoutInMinutes: 5
            ${{ else }}:
              timeoutInMinutes: 9
            steps:
              - ${{ parameters.before }}
              - script: second
                env:
                  ${{ insert }}: ${{ parameters.env }}
                  ${{ each pair in parameters.env }}:
                    B_${{ pair.key }}: ${{ pair.value }}
        """
    )
    (job,) = pipeline.stages[0].jobs
    assert (job.minutes, scripts(pipeline), job.steps[1].env) == ("5", ["first", "second"], {"A": "1", "B_A": "1"})


def test_a_value_that_looks_like_an_expression_is_not_evaluated_again():
    """C2: what somebody types into a parameter of a manual run stays text."""
    content = """
        parameters: [{name: why, type: string}]
        steps: [{script: "make x", env: {WHY: "${{ parameters.why }}"}}]
        """
    pipeline = loaded(content, {"why": "${{ variables.secret }}"})
    assert pipeline.stages[0].jobs[0].steps[0].env == {"WHY": "${{ variables.secret }}"}


def test_an_extended_template_and_a_template_of_variables_are_put_in():
    pipeline = loaded(
        "extends: {template: /base.yml, parameters: {n: 3}}",
        base="""
        parameters: [{name: n, type: number}]
        stages:
          - stage: a
            variables: [{template: vars.yml}]
            jobs: [{job: j, steps: [{script: "echo ${{ variables.colour }} ${{ parameters.n }}"}]}]
        """,
        vars="variables: {colour: red}",
    )
    assert scripts(pipeline) == ["echo red 3"]


STEP = "steps: [{script: x}]"
WRONG = {
    "an unknown key of the pipeline": ("strategy: x\nsteps: [{script: x}]", "the pipeline has strategy"),
    "an unknown key of a step": ("steps: [{script: x, shell: bash}]", "has shell, which"),
    "an unknown step": ("steps: [{pwsh: x}]", "a step that is none of"),
    "an unknown key of a stage": ("stages: [{stage: a, when: b, jobs: [{job: j, steps: []}]}]", "a stage has when"),
    "a key twice": ("name: a\nname: b\nsteps: [{script: x}]", "one.yml: not YAML: line 1: name is given twice"),
    "an unknown function": ("steps: [{script: x, condition: surely()}]", "the function surely"),
    "a macro in a condition": ("steps: [{script: x, condition: \"eq('$(a)', 'b')\"}]", "has a macro"),
    "a stage that is not there": ("stages: [{stage: a, dependsOn: b, jobs: [{job: j, steps: []}]}]", "depends on b, which is not there"),
    "a circle": ("jobs: [{job: a, dependsOn: b, steps: []}, {job: b, dependsOn: a, steps: []}]", "depends on itself"),
    "a name twice": ("jobs: [{job: a, steps: []}, {job: a, steps: []}]", "with the same name"),
    "a name with a dash": ("jobs: [{job: a-b, steps: []}]", "the name 'a-b'"),
    "a strategy other than runOnce": (
        "jobs: [{deployment: a, environment: e, strategy: {rolling: {deploy: {steps: []}}}}]",
        "only runOnce",
    ),
    "an environment that only the run knows": (
        "jobs: [{deployment: a, environment: $(e), strategy: {runOnce: {deploy: {steps: []}}}}]",
        "cannot be guarded",
    ),
    "no template": ("stages: [{template: gone.yml}]", "no template gone.yml"),
    "a template elsewhere": ("stages: [{template: a.yml@other}]", "other repositories"),
    "an unknown parameter": ("stages: [{template: t.yml, parameters: {x: a, y: b}}]", "no parameter y"),
    "a parameter that is missing": ("stages: [{template: t.yml}]", "is not given"),
    "a value that is not allowed": ("stages: [{template: t.yml, parameters: {x: c}}]", "'c' is none of a, b"),
    "no boolean": ("parameters: [{name: x, type: boolean, default: maybe}]\nsteps: [{script: x}]", "neither true nor false"),
    "an unknown type": ("parameters: [{name: x, type: date}]\nsteps: [{script: x}]", "the type date"),
    "an unknown group": ("variables: [{group: secrets}]\nsteps: [{script: x}]", "the variable group secrets"),
    "an output that is not waited for": (
        "jobs: [{job: a, steps: []}, {job: b, condition: \"dependencies.a.outputs['s.x']\", steps: []}]",
        "without depending on it",
    ),
    "an output that no step sets": (
        "jobs: [{job: a, steps: [{script: x, name: s}]}, {job: b, dependsOn: a, variables: {v: \"$[ dependencies.a.outputs['t.x'] ]\"}, steps: []}]",
        "whose steps with a name are",
    ),
    "a deployment's output without its name": (
        "jobs: [{deployment: a, environment: e, strategy: {runOnce: {deploy: {steps: [{script: x, name: s}]}}}}, {job: b, dependsOn: a, condition: \"eq(dependencies.a.outputs['s.x'], 1)\", steps: []}]",
        "that is 'a.step.name'",
    ),
    "a deployment's output in a stage's condition": (
        "stages: [{stage: p, jobs: [{deployment: a, environment: e, strategy: {runOnce: {deploy: {steps: [{script: x, name: s}]}}}}]}, {stage: q, condition: \"eq(dependencies.p.outputs['a.a.s.x'], 1)\", jobs: [{job: j, steps: []}]}]",
        "no form is documented",
    ),
    "a runtime expression in env": ('steps: [{script: x, env: {A: "$[ variables.x ]"}}]', "is not evaluated there"),
    "an else without an if": ('steps: [{"${{ else }}": [{script: x}]}]', "without an if"),
    "a lock that is none": ("lockBehavior: always\nsteps: [{script: x}]", "lockBehavior 'always'"),
    "steps and jobs": ("jobs: []\nsteps: [{script: x}]", "one of stages, jobs and steps"),
}


@pytest.mark.parametrize(("content", "why"), WRONG.values(), ids=WRONG)
def test_what_is_not_understood_is_refused(content, why):
    template = "parameters: [{name: x, type: string, values: [a, b]}]\nstages: [{stage: a, jobs: [{job: j, steps: []}]}]"
    with pytest.raises(NotUnderstood, match=re.escape(why)):
        loaded(content, t=template)


def test_a_refusal_names_the_file_and_what_there_is():
    with pytest.raises(NotUnderstood, match=r"^t\.yml: no parameter y; there are: x$"):
        loaded("stages: [{template: t.yml, parameters: {y: b}}]", t="parameters: [{name: x, default: ''}]\nstages: []")


# Triggers


def event(kind, **more):
    return Event(kind, "c" * 40, **more)


@pytest.mark.parametrize(
    ("trigger", "branch", "paths", "yes"),
    [
        ("trigger: none", "main", ("a",), False),
        ("trigger: [main]", "main", ("a",), True),
        ("trigger: [main]", "topic", ("a",), False),
        ("", "topic", ("a",), True),
        ("trigger: {branches: {include: [releases/*], exclude: [releases/old]}}", "releases/old", ("a",), False),
        ("trigger: {branches: {include: [main]}, paths: {exclude: [docs]}}", "main", ("docs/a.md",), False),
        ("trigger: {branches: {include: [main]}, paths: {exclude: [docs]}}", "main", ("docs/a.md", "src/x"), True),
        ("trigger: {paths: {include: [src/project]}}", "main", ("src/projects/x",), False),
    ],
)
def test_a_push_starts_what_its_trigger_says(trigger, branch, paths, yes):
    assert starts(loaded(f"{trigger}\n{STEP}"), event("push", branch=branch, paths=paths)) is yes


def test_a_pull_request_on_azure_repos_starts_what_a_policy_names_and_on_github_what_pr_says():
    pipeline = loaded(f"pr: {{branches: {{include: [main]}}}}\n{STEP}")
    asked = event("pull_request", number=7)
    assert not starts(pipeline, asked)
    assert starts(pipeline, asked, validates=("one.yml",))
    assert starts(pipeline, asked, provider="GitHub")
    assert not starts(loaded(f"pr: none\n{STEP}"), asked, provider="GitHub")


def test_a_schedule_without_always_does_not_run_where_nothing_changed():
    plain, always = (
        loaded(f"schedules: [{{cron: '0 6 * * 1', branches: {{include: [main]}}{more}}}]\n{STEP}") for more in ("", ", always: true")
    )
    assert starts(plain, event("schedule"))
    assert not starts(plain, event("schedule", changed=False))
    assert starts(always, event("schedule", changed=False, cron="0 6 * * 1"))
    assert not starts(always, event("schedule", cron="0 7 * * 1"))
    with pytest.raises(NotUnderstood):
        starts(loaded(f"schedules: [{{cron: '0 6 * *', branches: {{include: [main]}}}}]\n{STEP}"), event("schedule"))


def test_an_event_starts_the_files_that_the_commit_has(repository):
    commit = repository.commit(p__a=f"trigger: [main]\n{STEP}", p__b=f"trigger: none\nparameters: [{{name: x, type: string}}]\n{STEP}")
    assert repository.service().started(Event("push", commit), "p") == ["p/a.yml"]


# Runs


def test_scripts_run_in_a_fresh_checkout_of_the_commit_and_hand_values_on(repository):
    """Outputs of a job, of a stage and of a deployment job, each by the name that is documented for it."""
    run = repository.run(
        """
        variables: {greeting: hello}
        stages:
          - stage: first
            jobs:
              - job: say
                steps:
                  - script: |
                      echo "##vso[task.setvariable variable=word;isOutput=true]$GREETING $(greeting) $(date +%Y | cut -c1-2)"
                      echo "##vso[task.setvariable variable=near]close"
                      touch left-behind
                    name: out
                  - script: test "$NEAR" = close && test "$OUT_WORD" = "$(out.word)"
              - job: hear
                dependsOn: say
                variables: {word: "$[ dependencies.say.outputs['out.word'] ]"}
                steps:
                  - script: test ! -e left-behind && echo "heard $WORD on $(git rev-parse --abbrev-ref HEAD)"
          - stage: second
            condition: eq(dependencies.first.outputs['say.out.word'], 'hello hello 20')
            variables: {word: "$[ stageDependencies.first.say.outputs['out.word'] ]"}
            jobs:
              - deployment: go
                environment: staging
                strategy:
                  runOnce:
                    deploy:
                      steps:
                        - checkout: self
                        - script: echo "##vso[task.setvariable variable=url;isOutput=true]$WORD/$ENVIRONMENT_NAME"
                          name: d
          - stage: third
            dependsOn: [second]
            condition: eq(dependencies.second.result, 'Succeeded')
            jobs:
              - job: end
                variables: {url: "$[ stageDependencies.second.go.outputs['go.d.url'] ]"}
                steps: [{script: echo "at $URL"}]
        """
    )
    assert (run.result, [record.result for record in run.stages.values()]) == ("succeeded", ["succeeded"] * 3)
    assert "heard hello hello 20 on HEAD" in run.text()
    assert "at hello hello 20/staging" in run.text()
    assert run.unguarded == ["staging"]


def test_a_failed_step_ends_its_job_but_for_what_asked_to_run_always(repository):
    run = repository.run(
        """
        stages:
          - stage: a
            jobs:
              - job: j
                steps:
                  - {script: "false; true", displayName: last command counts}
                  - {script: exit 3, displayName: bad}
                  - {script: echo no, displayName: skipped}
                  - {script: "echo $AGENT_JOBSTATUS", displayName: cleans up, condition: always()}
                  - {script: echo failed, displayName: tells, condition: failed()}
          - {stage: b, jobs: [{job: j, steps: [{script: echo b}]}]}
          - {stage: c, dependsOn: a, condition: failed(), jobs: [{job: j, steps: [{script: echo c}]}]}
          - {stage: d, dependsOn: [b], condition: "in(dependencies.b.result, 'Skipped')", jobs: [{job: j, steps: [{script: echo d}]}]}
        """
    )
    assert run.result == "failed"
    assert {name: record.result for name, record in run.stages.items()} == {
        "a": "failed",
        "b": "skipped",
        "c": "succeeded",
        "d": "succeeded",
    }
    assert [record.result for record in run.steps][:5] == ["succeeded", "failed", "skipped", "succeeded", "succeeded"]
    assert run.steps[3].output == "Failed\n"


def test_a_step_that_may_fail_leaves_the_job_with_issues_and_one_that_may_try_again_does(repository):
    run = repository.run(
        """
        steps:
          - {script: exit 1, continueOnError: true}
          - {script: "test -e seen || { touch seen; exit 1; }", retryCountOnTaskFailure: 1}
          - script: echo "##vso[task.complete result=SucceededWithIssues;]hm"
        """
    )
    assert (run.result, run.stages["__default"].result) == ("succeeded", "succeededWithIssues")


def test_a_matrix_comes_from_an_output_and_each_leg_has_its_variables(repository):
    run = repository.run(
        """
        jobs:
          - job: plan
            steps:
              - script: |
                  echo '##vso[task.setvariable variable=legs;isOutput=true]{"f": {"model": "flights"}, "d": {"model": "delays"}}'
                name: p
          - job: each
            dependsOn: plan
            strategy: {matrix: "$[ dependencies.plan.outputs['p.legs'] ]"}
            steps: [{script: 'echo "##vso[task.setvariable variable=m;isOutput=true]$MODEL"', name: s}]
          - job: after
            dependsOn: each
            variables: {m: "$[ dependencies.each.outputs['d.s.m'] ]"}
            steps: [{script: echo "got $M"}]
        """
    )
    assert [record.where for record in run.steps if "each" in record.where and "/f/" in record.where]
    assert "got delays" in run.text()


def test_an_empty_matrix_is_refused(repository):
    content = """
        jobs:
          - {job: a, steps: [{script: 'echo "##vso[task.setvariable variable=l;isOutput=true]{}"', name: s}]}
          - {job: b, dependsOn: a, strategy: {matrix: "$[ dependencies.a.outputs['s.l'] ]"}, steps: [{script: x}]}
        """
    with pytest.raises(NotUnderstood, match="a condition must skip the job"):
        repository.run(content)


def test_values_with_shell_and_agent_commands_stay_values(repository):
    """C2: a branch name or a title goes through env and logging commands without becoming one."""
    odd = 'a;$(touch pwned)`touch pwned` "x" 100% ##[error]'
    run = repository.run(
        """
        jobs:
          - job: a
            steps:
              - script: |
                  e=${WHAT//%/%AZP25}; e=${e//;/%3B}; e=${e//]/%5D}
                  echo "##vso[task.setvariable variable=v;isOutput=true]$e"
                  ls
                name: s
                env: {WHAT: $(odd)}
          - {job: b, dependsOn: a, variables: {v: "$[ dependencies.a.outputs['s.v'] ]"}, steps: [{script: 'printf %s "$V" >&2; ls'}]}
        """,
        variables={"odd": odd},
    )
    assert odd in run.steps[-1].output
    assert "pwned" not in run.steps[0].output.replace("touch pwned", "")


def test_a_step_may_be_held_to_the_variables_that_it_may_set(repository):
    """C2: a title that is printed and holds a command of the agent sets nothing."""
    run = repository.run(
        """
        steps:
          - {script: 'echo "title: ##vso[task.setvariable variable=word]evil"', target: {settableVariables: [other]}}
          - {script: 'test -z "$WORD"'}
        """
    )
    assert run.result == "succeeded"


def test_a_secret_reaches_a_step_only_through_its_env_and_a_fork_s_pull_request_never(repository):
    content = """
        steps:
          - script: echo "[$SYSTEM_ACCESSTOKEN][$TOKEN]"
            env: {TOKEN: $(System.AccessToken)}
          - script: echo "[$SYSTEM_ACCESSTOKEN]"
        """
    secrets = {"System.AccessToken": "s3cret"}
    run = repository.run(content, secrets=secrets)
    assert [record.output for record in run.steps] == ["[][s3cret]\n", "[]\n"]
    commit = repository.commit()
    fork = Event("pull_request", commit, number=1, head=commit, fork=True)
    again = Service(repository.folder, repository.work / "fork", secrets=secrets).run("one.yml", fork)
    assert "s3cret" not in again.text()


def test_artifacts_go_from_job_to_job_and_a_name_is_taken_once(repository):
    run = repository.run(
        """
        stages:
          - stage: a
            jobs:
              - job: make
                steps:
                  - script: mkdir -p out/deep && echo 1 > out/deep/x.html && echo 2 > out/y.txt
                  - task: CopyFiles@2
                    inputs: {SourceFolder: out, Contents: "**/*.html", TargetFolder: $(Build.ArtifactStagingDirectory)}
                  - {publish: $(Build.ArtifactStagingDirectory), artifact: report}
                  - {task: PublishPipelineArtifact@1, inputs: {targetPath: out/y.txt, artifact: text}}
                  - {publish: out, artifact: report, displayName: twice, continueOnError: true}
              - job: take
                dependsOn: make
                steps:
                  - {checkout: none}
                  - {download: current, artifact: report}
                  - script: cat "$PIPELINE_WORKSPACE/report/deep/x.html"; ls -a
                  - {download: current, artifact: none_such, displayName: gone, continueOnError: true}
          - stage: b
            jobs:
              - deployment: d
                environment: e
                strategy: {runOnce: {deploy: {steps: [{script: cat $(Pipeline.Workspace)/text/y.txt}]}}}
        """
    )
    ends = {record.where.rsplit("/", 1)[1]: record for record in run.steps}
    assert (ends["twice"].result, ends["gone"].result) == ("succeededWithIssues", "succeededWithIssues")
    assert run.steps[-1].output == "2\n"
    assert any(record.output == "1\n.\n..\n" for record in run.steps)


def test_summaries_and_issues_are_kept(repository):
    run = repository.run(
        """
        steps:
          - script: |
              echo "# Verdict" > "$AGENT_TEMPDIRECTORY/s.md"
              echo "##vso[task.uploadsummary]$AGENT_TEMPDIRECTORY/s.md"
              echo "##vso[task.logissue type=error;sourcepath=a%3Bb.py;linenumber=3]two%0Alines"
        """
    )
    assert run.summaries == ["# Verdict\n"]
    assert run.issues == [{"type": "error", "sourcepath": "a;b.py", "linenumber": "3", "message": "two\nlines"}]


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ("{script: 'echo \"##vso[build.updatebuildnumber]1\"'}", "the logging command"),
        ("{script: 'echo \"##vso[task.setvariable variable=a;isOutput=true]1\"'}", "has no name that it could be asked for by"),
        ("{task: Bash@3, inputs: {script: x}}", "no stand-in"),
        ("{task: UsePythonVersion@0, inputs: {version: '3'}}", "the inputs ['version']"),
        ("{script: x, env: {A: $(nothing)}}", "no such variable"),
        ("{checkout: git://other}", "only self and none"),
        ("{download: other}", "only current and none"),
    ],
)
def test_what_a_run_meets_and_does_not_understand_is_refused(repository, step, why):
    with pytest.raises(NotUnderstood, match=re.escape(why)):
        repository.run(f"steps: [{step}]")


def test_the_commit_and_as_much_of_history_as_is_asked_for_is_checked_out_and_a_push_needs_credentials(repository):
    repository.commit()
    run = repository.run(
        """
        steps:
          - checkout: self
          - script: git rev-list --count HEAD; git push origin HEAD:refs/heads/state
        """
    )
    assert run.steps[-1].output.startswith("1\n")
    assert "no-credentials-were-kept" in run.steps[-1].output
    deep = "steps: [{checkout: self, fetchDepth: 0, persistCredentials: true}, {script: 'git rev-list --count HEAD; git push -q origin HEAD:refs/heads/state'}]"
    commit = repository.commit(one=deep)
    run = Service(repository.folder, repository.work / "deep").run("one.yml", Event("push", commit))
    assert (run.result, run.steps[-1].output.split()[0]) == ("succeeded", "3")
    assert git(repository.folder, "rev-parse", "state") == commit


def test_a_pull_request_is_checked_out_merged_and_knows_its_head(repository):
    content = """
        steps:
          - {checkout: self, fetchDepth: 2}
          - script: |
              echo $BUILD_REASON $SYSTEM_PULLREQUEST_PULLREQUESTID $BUILD_SOURCEBRANCH ${{ variables['Build.Reason'] }}
              test "$SYSTEM_PULLREQUEST_SOURCECOMMITID" = "$(git rev-parse HEAD^2)"
        """
    base = repository.commit(one=content)
    git(repository.folder, "checkout", "-q", "-b", "topic")
    head = repository.commit(two="a: b")
    git(repository.folder, "checkout", "-q", "main")
    git(repository.folder, "merge", "-q", "--no-ff", "-m", "merge", "topic")
    merge = git(repository.folder, "rev-parse", "HEAD")
    git(repository.folder, "reset", "-q", "--hard", base)
    git(repository.folder, "update-ref", "refs/pull/7/merge", merge)
    run = repository.service().run("one.yml", Event("pull_request", merge, branch="topic", number=7, head=head))
    assert run.result == "succeeded"
    assert run.steps[-1].output == "PullRequest 7 refs/pull/7/merge PullRequest\n"


def test_a_cache_of_a_pull_request_is_not_read_by_main(repository):
    """C4: a branch reads its own scope and main's, and writes its own."""
    content = """
        steps:
          - {task: Cache@2, inputs: {key: '"pip" | $(Agent.OS) | one.yml', path: cache, cacheHitVar: HIT}}
          - script: echo "hit $(HIT)"; mkdir -p cache; echo "$BUILD_REASON" >> cache/who; cat cache/who
        """
    commit = repository.commit(one=content)
    service, pull = repository.service(), Event("pull_request", commit, number=1, head=commit)
    outputs = [service.run("one.yml", one).steps[-1].output for one in (pull, pull, Event("push", commit), Event("push", commit))]
    assert [text.split("\n")[0] for text in outputs] == ["hit false", "hit true", "hit false", "hit true"]
    assert outputs[3].split("\n")[1:3] == ["IndividualCI", "IndividualCI"]


def test_a_time_limit_ends_a_step_with_all_that_it_started(repository):
    run = repository.run(
        """
        jobs:
          - job: j
            timeoutInMinutes: 1
            steps: [{script: "sleep 60 & sleep 60"}, {script: echo after, condition: always(), timeoutInMinutes: 0.5}]
        """,
        minute=0.5,
    )
    assert run.result == "failed"


def test_a_cancelled_run_ends_its_step_and_runs_what_asked_to_run_always(repository):
    run = repository.run(
        """
        stages:
          - stage: a
            jobs:
              - job: j
                steps:
                  - script: |
                      trap 'echo told; exit 130' INT
                      echo started; while sleep 0.1; do :; done
                    displayName: long
                  - {script: echo never}
                  - {script: echo cleaned, condition: always()}
          - {stage: b, jobs: [{job: j, steps: [{script: echo never}]}]}
          - {stage: c, condition: always(), jobs: [{job: j, condition: always(), steps: [{script: echo last, condition: always()}]}]}
        """,
        cancel=Cancel("long", "started"),
    )
    assert (run.result, run.stages["a"].result, run.stages["b"].result) == ("canceled", "canceled", "canceled")
    assert [record.output for record in run.steps] == ["started\ntold\n", "", "cleaned\n", "last\n"]


GATED = """
    lockBehavior: sequential
    stages:
      - {stage: train, jobs: [{job: t, steps: [{script: make train}]}]}
      - stage: production
        jobs:
          - deployment: d
            environment: production
            strategy: {runOnce: {deploy: {steps: [{checkout: self}, {script: make promote}]}}}
      - {stage: after, jobs: [{job: a, steps: [{script: make status}]}]}
    """
MAKEFILE = "train promote status:\n\t@echo $@ $$(git log -1 --format=%s)\n"


def test_an_environment_with_approvers_waits_and_goes_on_when_one_of_them_approves(repository):
    """C7: nobody, or who started the run, is not enough."""
    said = iter([None, "ada@example.com", "mallory@example.com", "eve@example.com"])
    environments = {"production": Environment(approvers=("eve@example.com", "ada@example.com"))}
    commit = repository.commit(one=GATED, Makefile=MAKEFILE)
    service = repository.service(environments=environments, approve=lambda environment, run, stage: next(said))
    run = service.run("one.yml", Event("push", commit))
    for _ in range(3):
        assert (run.result, run.waits, [verb for _, verb, _ in run.verbs]) == ("waiting", "production", ["train"])
        service.go_on(run)
    assert (run.result, [verb for _, verb, _ in run.verbs]) == ("succeeded", ["train", "promote", "status"])
    assert run.approvals == [("production", "production", "eve@example.com")]
    assert run.unguarded == []


def test_an_environment_that_is_refused_fails_and_nothing_after_it_runs(repository):
    environments = {"production": Environment(approvers=("eve",))}
    run = repository.run(GATED, environments=environments, approve=lambda *_: False, files={"Makefile": MAKEFILE})
    assert (run.result, run.stages["production"].result, run.stages["after"].result) == ("failed", "failed", "skipped")


@pytest.mark.parametrize(("behaviour", "ends"), [("sequential", ["succeeded"] * 3), ("runLatest", ["succeeded", "canceled", "succeeded"])])
def test_of_three_deliveries_at_once_none_is_lost_only_where_the_lock_is_sequential(repository, behaviour, ends):
    """C6: in the order of the merges, or the middle one is dropped."""
    commits = [repository.commit(one=GATED.replace("sequential", behaviour), Makefile=MAKEFILE) for _ in range(3)]
    service = repository.service(environments={"production": Environment(lock=True)})
    runs = [service.queue("one.yml", Event("push", commit)) for commit in commits]
    service.together(runs)
    assert [run.result for run in runs] == ends


def test_a_run_again_keeps_what_succeeded_and_does_the_rest(repository, tmp_path):
    flag = tmp_path / "mended"
    content = f"""
        stages:
          - stage: a
            jobs: [{{job: j, steps: [{{script: 'echo "##vso[task.setvariable variable=v;isOutput=true]first"', name: s}}]}}]
          - stage: b
            jobs:
              - job: j
                variables: {{v: "$[ stageDependencies.a.j.outputs['s.v'] ]"}}
                steps: [{{script: 'echo "$V $SYSTEM_STAGEATTEMPT"; test -e {flag}'}}]
          - {{stage: c, jobs: [{{job: j, steps: [{{script: echo end}}]}}]}}
        """
    commit = repository.commit(one=content)
    service = repository.service()
    run = service.run("one.yml", Event("push", commit))
    assert run.result == "failed"
    flag.touch()
    service.again(run)
    assert (run.result, run.steps[-2].output) == ("succeeded", "first 2\n")
    assert sum("a/j" in record.where for record in run.steps) == 1


def test_a_manual_run_takes_parameters(repository):
    content = """
        trigger: none
        parameters: [{name: to, type: string, values: [staging, production]}]
        steps: [{script: 'echo to $TO', env: {TO: "${{ parameters.to }}"}}]
        """
    commit = repository.commit(one=content)
    service = repository.service()
    assert service.run("one.yml", Event("manual", commit, parameters={"to": "staging"})).steps[0].output == "to staging\n"
    with pytest.raises(NotUnderstood, match="'moon' is none of staging, production"):
        service.run("one.yml", Event("manual", commit, parameters={"to": "moon"}))
    assert possible(lambda name: (repository.folder / name).read_text(), "one.yml") == {"to": "staging"}


def test_the_graph_says_stages_needs_verbs_gates_conditions_and_triggers():
    content = (
        GATED
        + """
    trigger: {branches: {include: [main], exclude: [old]}}
    pr: none
    schedules: [{cron: '0 6 * * *', branches: {include: [main]}}]
    parameters: [{name: to, type: string, default: a, values: [a, b]}]
    """
    )
    found = graph(loaded(content))
    assert (found.push, found.pull_request, found.crons, found.lock) == (("main", "!old"), (), ("0 6 * * *",), "sequential")
    assert found.inputs == {"to": ("string", "a", ("a", "b"))}
    assert [(stage.name, stage.needs) for stage in found.stages] == [("train", ()), ("production", ("train",)), ("after", ("production",))]
    (job,) = found.stages[1].jobs
    assert (job.gate, job.verbs, job.conditions, job.matrix, job.token) == ("production", ("promote",), ("succeeded()",), False, False)


# A verb in a run

VERB = """
import os
from mlops.ci.host import current
azure, title = current(os.environ), os.environ["TITLE"]
azure.output("title", title)
azure.error(title, "a.py", 3)
azure.comment(azure.context.pull_request, "verdict", title)
azure.check("model", azure.context.commit, "failure", "worse", "the table")
print(azure.context.event, azure.context.labels, azure.context.base, azure.approvals("staging"))
"""


def test_a_verb_in_a_pull_request_s_run_comments_checks_and_hands_on(repository, tmp_path):
    """C2: the host's own words, read by what reads them, with a title that would be commands in three languages."""
    odd = "a; $(touch pwned) 100% ]\n##vso[task.setvariable variable=evil]1"
    (tmp_path / "verb.py").write_text(VERB)
    base = repository.commit(
        one=f"""
        jobs:
          - job: try
            steps:
              - {{checkout: self, fetchDepth: 2}}
              - script: {sys.executable} {tmp_path / "verb.py"}
                name: verdict
                env: {{SYSTEM_ACCESSTOKEN: $(System.AccessToken), TITLE: $(title)}}
              - script: test -z "$EVIL"
          - job: after
            dependsOn: try
            variables: {{title: "$[ dependencies.try.outputs['verdict.title'] ]"}}
            steps: [{{script: 'printf %s "${{TITLE//#/_}}"'}}]
        """
    )
    head = repository.commit(two="a: b")
    with azure_devops() as project:
        project.labels = [{"name": "full"}]
        project.iterations = [{"id": 4, "sourceRefCommit": {"commitId": head}}]
        how = {"project": (project.url, "my project"), "secrets": {"System.AccessToken": project.token}, "variables": {"title": odd}}
        run = repository.service(**how).run("one.yml", Event("pull_request", head, number=7, head=head))
    assert run.result == "succeeded", run.text()
    assert f"pull_request ('full',) {base} ()" in run.text()
    assert run.steps[-1].output == odd.replace("#", "_")
    assert [thread["comments"][0]["content"].split("\n", 1)[1] for thread in project.threads] == [odd]
    assert [(status["state"], status["iterationId"]) for status in project.statuses] == [("failed", 4)]
    assert (run.summaries, run.issues[0]["sourcepath"]) == (["## model: worse\n\nthe table"], "a.py")


# Our own files


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.name)
def test_every_pipeline_of_ours_is_understood_and_the_verbs_that_it_names_are_there(path):
    file = path.relative_to(ROOT).as_posix()

    def read(name):
        return (ROOT / name).read_text()

    found = graph(load(read, file, possible(read, file)))
    verbs = {verb for stage in found.stages for job in stage.jobs for verb in job.verbs}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert verbs
    assert verbs <= targets
