#!/usr/bin/env bash
# Installs the checkout beside this file into an environment of its own, and says where its command is.
# Needs: ALMGUARD_SOURCE, RUNNER_TEMP, GITHUB_OUTPUT. Optional: ALMGUARD_PYTHON.
set -euo pipefail

enough='import sys; raise SystemExit(sys.version_info < (3, 11))'
python=""
for candidate in ${ALMGUARD_PYTHON:+"$ALMGUARD_PYTHON"} python3 python python3.13 python3.12 python3.11; do
  if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c "$enough" >/dev/null 2>&1; then
    python=$candidate
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

place="$RUNNER_TEMP/almguard-environment"
"$python" -m venv --clear "$place"
# Windows puts an environment's programs elsewhere.
programs="$place/bin"
[ -d "$programs" ] || programs="$place/Scripts"
"$programs/python" -m pip install --quiet --disable-pip-version-check --no-input "$ALMGUARD_SOURCE"
echo "command=$programs/almguard" >>"$GITHUB_OUTPUT"
