#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# usage: check_static.sh LIBRARY.a LIST.txt
# The static library defines the listed global symbols and no other, so that it cannot collide
# with the names of the program it is linked into.
set -euo pipefail
library=$1 list=$2

# Lines of three fields are symbols; the others name the archive's members.
diff -u --label "$list" --label "$library" \
    <(grep -vE '^(#|$)' "$list" | LC_ALL=C sort -u) \
    <(nm -g --defined-only -- "$library" | awk 'NF == 3 { print $3 }' | LC_ALL=C sort -u)
grep -qE '^[^#]' "$list" || {
    echo "$list names nothing" >&2
    exit 1
}
