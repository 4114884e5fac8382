#!/bin/sh
# Makes .venv from requirements.lock. Every package is pinned and checked by its hash; what is right already stays.
set -eu
started=$(date +%s)
python=${PYTHON:-$(command -v python3.11 || command -v python3.12 || command -v python3 || true)}
[ -n "$python" ] || { echo "error: no Python found. Install Python 3.11, or name one: make PYTHON=/path/to/python3.11" >&2; exit 3; }
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' || {
  echo "error: $("$python" --version) at $python will not do: Slipway is locked for 3.11 and 3.12. Name one: make PYTHON=/path/to/python3.11" >&2; exit 3; }

fail() { echo "error: set-up stopped: $1. Run the same command again; what was downloaded is kept." >&2; exit 3; }
uv=$(command -v uv || true)
if ! .venv/bin/python -c '' 2>/dev/null; then
  rm -rf .venv
  if [ -n "$uv" ]; then "$uv" venv --quiet --python "$python" .venv
  else "$python" -m venv .venv || fail "'$python -m venv' failed (on Debian and Ubuntu: apt install python3.11-venv)"; fi
fi
if [ -z "$uv" ]; then
  uv=.venv/bin/uv
  if [ ! -x "$uv" ]; then
    awk '/^uv==/ {on = 1} on {print} on && !/\\$/ {exit}' requirements.lock > .venv/uv.lock
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r .venv/uv.lock || fail "pip could not install uv"
  fi
fi
"$uv" pip sync --quiet --python .venv/bin/python --require-hashes --link-mode "${UV_LINK_MODE:-hardlink}" requirements.lock || fail "the packages of requirements.lock could not be installed"
"$uv" pip install --quiet --python .venv/bin/python --no-deps --editable . || fail "the project itself could not be installed"
# Uncompiled, the imports of the first run cost more than its work; the rest is compiled when it is first used.
.venv/bin/python - <<'PYTHON'
import compileall, pathlib, re, site
root = pathlib.Path(site.getsitepackages()[0])
for name in ("pandas", "sklearn", "mlflow", "great_expectations", "numpy", "scipy", "skops", "matplotlib", "sqlalchemy"):
    compileall.compile_dir(root / name, quiet=2, workers=2, rx=re.compile(r"/tests/"))
PYTHON
count=$(ls -d .venv/lib/python3*/site-packages/*.dist-info | wc -l)
printf '  setting up       .venv, %d packages %43ds\n' "$count" "$(($(date +%s) - started))"
touch .venv/.ready
