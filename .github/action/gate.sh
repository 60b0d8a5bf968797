#!/usr/bin/env bash
# Runs the gate, and decides whether the step fails.
# Needs: ALMGUARD_COMMAND, the ALMGUARD_INPUT_* variables of action.yml, RUNNER_TEMP, GITHUB_OUTPUT.
set -euo pipefail

fail_step=${ALMGUARD_INPUT_FAIL_STEP:-auto}
case $fail_step in
  auto | always | never) ;;
  *)
    echo "::error title=almguard::The input fail-step is auto, always or never."
    exit 2
    ;;
esac
dry_run=${ALMGUARD_INPUT_DRY_RUN:-false}
case $dry_run in
  true | false) ;;
  *)
    echo "::error title=almguard::The input dry-run is true or false."
    exit 2
    ;;
esac

report=${ALMGUARD_INPUT_OUTPUT:-$RUNNER_TEMP/almguard-report.json}
# A report of an earlier step must not be taken for this one's.
rm -f -- "$report"
arguments=(gate --format "${ALMGUARD_INPUT_FORMAT:-terminal}" --output "json:$report")
if [ -n "${ALMGUARD_INPUT_CONFIG:-}" ]; then
  arguments+=(--config "$ALMGUARD_INPUT_CONFIG")
fi
if [ -n "${ALMGUARD_INPUT_ENVIRONMENT:-}" ]; then
  arguments+=(--environment "$ALMGUARD_INPUT_ENVIRONMENT")
fi
if [ "$dry_run" = true ]; then
  arguments+=(--dry-run)
fi
arguments+=(--)
if [ -n "${ALMGUARD_INPUT_TARGETS:-}" ]; then
  read -r -a targets <<<"$ALMGUARD_INPUT_TARGETS"
  arguments+=("${targets[@]}")
fi

code=0
"$ALMGUARD_COMMAND" "${arguments[@]}" || code=$?
case $code in
  0) verdict=passed ;;
  1) verdict=blocked ;;
  3) verdict=inconclusive ;;
  4) verdict=empty ;;
  5) verdict=waiting ;;
  *) verdict=error ;;
esac
{
  echo "verdict=$verdict"
  echo "exit-code=$code"
  if [ -f "$report" ]; then
    echo "report=$report"
  fi
} >>"$GITHUB_OUTPUT"

if [ "$verdict" = error ]; then
  exit 2
fi
# Where a check was posted it tells the verdict, and is put right later without this job; a red step would stay red beside it.
# A fork's token posts nothing, and a release has no check: there this step is the verdict.
posted() {
  [ "$dry_run" = false ] || return 1
  if [ -n "${ALMGUARD_INPUT_TARGETS:-}" ]; then
    for target in "${targets[@]}"; do
      case $target in *[#!]* | */pull/* | */pullrequest/*) ;; *) return 1 ;; esac
    done
    return 0
  fi
  "$(dirname "$ALMGUARD_COMMAND")/python" -c '
import os
from bot.cli.ci import read_event
event = read_event(os.environ)
raise SystemExit(not (event.can_write and all(target.pull_request for target in event.targets)))'
}
if [ "$fail_step" = always ] || { [ "$fail_step" = auto ] && ! posted; }; then
  exit "$code"
fi
exit 0
