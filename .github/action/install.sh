#!/usr/bin/env bash
# Installs the checkout beside this file into an environment of its own, and says where its Python is.
# Needs: ALMGUARD_SOURCE, RUNNER_TEMP, GITHUB_OUTPUT. Optional: ALMGUARD_PYTHON.
#
# The step starts in the workspace, which may be a checkout of the pull request. Python takes the current folder's modules
# before its own (`python -m pip` would run a pip/__main__.py that is there): -I keeps it from that, and we go elsewhere.
set -euo pipefail

enough='import sys; raise SystemExit(sys.version_info < (3, 11))'
python=""
for candidate in ${ALMGUARD_PYTHON:+"$ALMGUARD_PYTHON"} python3 python python3.13 python3.12 python3.11; do
  if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -I -c "$enough" >/dev/null 2>&1; then
    python=$(command -v "$candidate")
    break
  fi
  if [ "$candidate" = "${ALMGUARD_PYTHON:-}" ]; then
    echo "::error title=almguard::The input python names no Python of version 3.11 or newer."
    exit 2
  fi
done
if [ -z "$python" ]; then
  echo "::error title=almguard::There is no Python of version 3.11 or newer. Use actions/setup-python before this action."
  exit 2
fi
case $python in
  /* | ?:*) ;;
  */*) python=$PWD/$python ;;
esac

place="$RUNNER_TEMP/almguard-environment"
mkdir -p -- "$place"
cd -- "$place"
"$python" -I -m venv "$place/python" --clear
# Windows puts an environment's programs elsewhere.
programs="$place/python/bin"
[ -d "$programs" ] || programs="$place/python/Scripts"
"$programs/python" -I -m pip install --quiet --disable-pip-version-check --no-input "$ALMGUARD_SOURCE"
echo "python=$programs/python" >>"$GITHUB_OUTPUT"
