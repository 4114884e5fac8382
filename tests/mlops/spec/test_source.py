import pytest
import yaml

from mlops.errors import SpecError
from mlops.spec.source import did_you_mean, read


def test_every_value_knows_its_line(tmp_path):
    path = tmp_path / "x.yml"
    path.write_text("a: 1\nb:\n  - c: hello\n")
    source = read(path)
    problem = source.problem(("b", 0, "c"), "wrong")
    assert source.value == {"a": 1, "b": [{"c": "hello"}]}
    assert (problem.line, problem.column, problem.text, problem.length) == (3, 8, "  - c: hello", 5)


def test_a_key_given_twice_is_a_mistake(tmp_path):
    (tmp_path / "x.yml").write_text("a: 1\na: 2\n")
    with pytest.raises(SpecError, match=r"x.yml:2:1 .*the key 'a' is given twice"):
        read(tmp_path / "x.yml")


@pytest.mark.parametrize("text", ["a: [1, 2\n", "\ta: 1\n", "a: b: c\n", "a: !!python/object/apply:os.system [ls]\n", "- &a [*a]\n"])
def test_what_is_not_plain_yaml_is_told_with_its_line(tmp_path, text):
    """X3: no object is ever built from a tag."""
    (tmp_path / "x.yml").write_text(text)
    with pytest.raises(SpecError, match=r"x.yml:\d+:\d+"):
        read(tmp_path / "x.yml")


def test_a_billion_laughs_are_refused(tmp_path):
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"] + [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    (tmp_path / "x.yml").write_text("\n".join(lines))
    with pytest.raises(SpecError, match="aliases count"):
        read(tmp_path / "x.yml")


def test_a_file_that_is_not_utf8_says_where(tmp_path):
    (tmp_path / "x.yml").write_bytes(b"a: caf\xe9\n")
    with pytest.raises(SpecError, match=r"not UTF-8: .* at byte 6"):
        read(tmp_path / "x.yml")


def test_the_nearest_name_is_offered():
    assert did_you_mean("max_iterations", ["max_iter", "seed"]).startswith('did you mean "max_iter"?')
    assert did_you_mean("qqq", []) == "known here: none"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing but a comment\n",
        "---\na: 1\n...\n",
        "a\n",
        "a:\nb: ~\nc: null\nd: ''\ne: '~'\n",
        "i: 017\nj: 0x1f\nk: 1_000\nl: 3.\nm: .inf\nn: 1e3\no: 1.0e+3\np: 12:30\n",
        "yes: no\ntrue: 'true'\nwords: [on, off, 'on', !!str off]\n",
        "when: 2013-01-02\nthen: 2013-01-02 03:04:05\n2013-01-02: key\n7: seven\n1.5: x\n",
        'text: |\n  two\n  lines\nfolded: >-\n  one\n  line\nquoted: "a\\tb"\nplain: a #b\n',
        "base: &base {x: 1, y: [2, {z: 3}]}\nmore: {<<: *base, w: 4}\nsame: *base\n",
        "'<<': 1\n'=': 2\n",
        "deep: [[[[1, two], {}], []], {a: {b: {c: }}}]\n",
        "a: &anchor 1\nb: 2\n",
        '"on": 1\nnull: 2\n',
    ],
)
def test_what_is_read_as_it_streams_by_is_what_the_library_reads(tmp_path, text):
    """But for `on`, `off`, `yes` and `no` as keys, which are words here."""
    (tmp_path / "x.yml").write_text(text)
    read_by_yaml = yaml.safe_load(text.replace("yes: no", "'yes': no").replace("true: 'true'", "'true': 'true'"))
    value = read(tmp_path / "x.yml").value
    assert (value, repr(value)) == (read_by_yaml, repr(read_by_yaml))


@pytest.mark.parametrize("text", ["a: 1\n---\nb: 2\n", "? [a, b]\n: 1\n", "a: !mine 1\n", "a: !!set {x}\n", "? {a: 1}\n: 2\n", "a: *b\n"])
def test_what_takes_more_than_one_look_is_a_mistake_with_its_line(tmp_path, text):
    (tmp_path / "x.yml").write_text(text)
    with pytest.raises(SpecError, match=r"x.yml:\d+:\d+"):
        read(tmp_path / "x.yml")
