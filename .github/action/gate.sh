#!/usr/bin/env bash
# Runs the gate, and decides whether the step fails.
# Needs: ALMGUARD_PYTHON, the ALMGUARD_INPUT_* variables of action.yml, RUNNER_TEMP, GITHUB_OUTPUT.
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

# The step starts in the workspace, which may be a checkout of the pull request: what the inputs name is there, and nothing
# is run there.
absolute() {
  case $1 in
    /* | ?:*) printf '%s' "$1" ;;
    *) printf '%s/%s' "${GITHUB_WORKSPACE:-$PWD}" "$1" ;;
  esac
}
report=$(absolute "${ALMGUARD_INPUT_OUTPUT:-$RUNNER_TEMP/almguard-report.json}")
export ALMGUARD_POSTED_FILE="$RUNNER_TEMP/almguard-posted"
# What an earlier step left must not be taken for this one's.
rm -f -- "$report" "$ALMGUARD_POSTED_FILE"
arguments=(gate --format "${ALMGUARD_INPUT_FORMAT:-terminal}" --output "json:$report")
if [ -n "${ALMGUARD_INPUT_CONFIG:-}" ]; then
  arguments+=(--config "$(absolute "$ALMGUARD_INPUT_CONFIG")")
fi
if [ -n "${ALMGUARD_INPUT_ENVIRONMENT:-}" ]; then
  arguments+=(--environment "$ALMGUARD_INPUT_ENVIRONMENT")
fi
if [ -n "${ALMGUARD_INPUT_SARIF:-}" ]; then
  # -d '': an input may have several lines. It ends without a delimiter, which read takes for a failure.
  read -r -d '' -a sarif <<<"$ALMGUARD_INPUT_SARIF" || true
  for file in ${sarif[@]+"${sarif[@]}"}; do
    arguments+=(--sarif "$(absolute "$file")")
  done
fi
if [ "$dry_run" = true ]; then
  arguments+=(--dry-run)
fi
arguments+=(--)
targets=()
if [ -n "${ALMGUARD_INPUT_TARGETS:-}" ]; then
  read -r -d '' -a targets <<<"$ALMGUARD_INPUT_TARGETS" || true
  arguments+=(${targets[@]+"${targets[@]}"})
fi

safe="$RUNNER_TEMP/almguard-environment"
mkdir -p -- "$safe"
cd -- "$safe"
code=0
# -I: nothing but the installed package is imported. It ignores PYTHONUTF8, too.
"$ALMGUARD_PYTHON" -I -X utf8 -m bot "${arguments[@]}" || code=$?
case $code in
  0) verdict=passed ;;
  1) verdict=blocked ;;
  3) verdict=inconclusive ;;
  4) verdict=empty ;;
  5) verdict=waiting ;;
  *) verdict=error ;;
esac
wrong="Nothing was judged, or the verdict could not be posted"
if [ ! -f "$report" ]; then
  # Without a report nothing was judged: the event leaves nothing to judge (a closed pull request), or something went wrong
  # (the platform cannot be reached, it takes no verdict from this token).
  if [ "$code" -eq 0 ]; then verdict=skipped; else verdict=error; fi
elif [ -e "$ALMGUARD_POSTED_FILE" ] && [ ! -s "$ALMGUARD_POSTED_FILE" ]; then
  # An empty file: the report holds what was judged, but not everything was, or it could not be told.
  wrong="Not everything was judged, or a verdict could not be posted"
  verdict=error
fi
{
  echo "verdict=$verdict"
  echo "exit-code=$code"
  if [ -f "$report" ]; then
    echo "report=$report"
  fi
} >>"$GITHUB_OUTPUT"

case $verdict in
  skipped) exit 0 ;;
  error)
    echo "::error title=almguard::$wrong: the reason is in the log above."
    exit 2
    ;;
esac
# Where a check was posted it tells the verdict, and is put right later without this job; a red step would stay red beside it.
# Where none was (a fork's token posts nothing) this step is the verdict; for a release always, for what comes after it to need.
posted() {
  [ -s "$ALMGUARD_POSTED_FILE" ] || return 1
  # The check of a pull request says nothing about a release that was judged with it.
  for target in ${targets[@]+"${targets[@]}"}; do
    # A tag may have either sign in its name.
    case $target in *@* | */releases/tag/*) return 1 ;; *[#!]* | */pull/* | */pullrequest/*) ;; *) return 1 ;; esac
  done
}
if [ "$fail_step" = always ] || { [ "$fail_step" = auto ] && ! posted; }; then
  exit "$code"
fi
exit 0
