#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# usage: check_exports.sh LIBRARY.so LIST.txt
# The shared library exports what the list names, no more and no less.
set -euo pipefail
library=$1 list=$2

# An absolute symbol is the name of a version, not of a function.
diff -u --label "$list" --label "$library" \
    <(grep -vE '^(#|$)' "$list" | LC_ALL=C sort -u) \
    <(nm -D --defined-only -- "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
        LC_ALL=C sort -u)
grep -qE '^[^#]' "$list" || {
    echo "$list names nothing" >&2
    exit 1
}
