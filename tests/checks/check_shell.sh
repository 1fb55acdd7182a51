#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# No shell script has a finding by shellcheck.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

if ! command -v shellcheck >/dev/null; then
    echo "skipped: shellcheck is not installed"
    exit 77
fi
mapfile -d '' -t files < <(python3 -B tests/checks/tree.py --null --shell)
if ((${#files[@]} == 0)); then
    echo "no shell script was found" >&2
    exit 1
fi
shellcheck -x -- "${files[@]}"
echo "${#files[@]} scripts are clean"
