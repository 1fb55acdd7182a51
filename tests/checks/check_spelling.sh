#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# codespell finds no misspelt word. spelling_ignore.txt has the words it does not know.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

if ! command -v codespell >/dev/null; then
    echo "skipped: codespell is not installed"
    exit 77
fi
mapfile -d '' -t files < <(python3 -B tests/checks/tree.py --null |
    grep -zvE '^tests/fuzz/corpus/|^tests/checks/spelling_ignore\.txt$')
if ((${#files[@]} == 0)); then
    echo "no file was found" >&2
    exit 1
fi
codespell --ignore-words=tests/checks/spelling_ignore.txt -- "${files[@]}"
echo "${#files[@]} files are spelt well"
