#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every C file looks as clang-format 14 would have it. With --fix it makes them so.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

tool=
for candidate in clang-format-14 clang-format; do
    if "$candidate" --version 2>/dev/null | grep -q 'version 14\.'; then
        tool=$candidate
        break
    fi
done
if [[ -z $tool ]]; then
    echo "skipped: clang-format 14 is not installed"
    exit 77
fi

mode=(--dry-run -Werror)
if [[ ${1:-} == --fix ]]; then
    mode=(-i)
fi
mapfile -d '' -t files < <(python3 -B tests/checks/tree.py --null \
    --under broker client proto tests -- .c .h)
if ((${#files[@]} == 0)); then
    echo "no C file was found" >&2
    exit 1
fi
"$tool" "${mode[@]}" --style=file -- "${files[@]}"
echo "${#files[@]} files are formatted"
