#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Each public header compiles alone, without a warning: as C11 and C++17, with both widths of
# WCHAR, and with 16-bit wchar_t. And it takes what the build gives it for granted: nothing.
#
#   headers.sh HEADERS-DIRECTORY C-COMPILER [C++-COMPILER]
set -euo pipefail

headers=$1
compilers=("$2 -x c -std=c11")
if [[ -n ${3:-} ]]; then
    compilers+=("$3 -x c++ -std=c++17")
fi
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cp -- "$headers/restartmanager.h" "$headers/rstrtmgr.h" "$work/"
ln -s restartmanager.h "$work/RestartManager.h" # as it is installed

n=0
failed=0

# try NAME SOURCE COMPILER OPTIONS...
try()
{
    local name=$1 source=$2
    shift 2
    n=$((n + 1))
    if printf '%b' "$source" | "$@" -Wall -Wextra -Werror -pedantic -Wconversion -Wundef \
        -I "$work" -fsyntax-only - >"$work/log" 2>&1; then
        printf 'ok %d - %s\n' "$n" "$name"
    else
        printf 'not ok %d - %s\n' "$n" "$name"
        sed 's/^/# /' "$work/log"
        failed=1
    fi
}

for compiler in "${compilers[@]}"; do
    read -ra command <<<"$compiler"
    language=${command[*]: -1}
    language=${language#-std=}
    for header in restartmanager.h RestartManager.h rstrtmgr.h; do
        for option in -DNOTHING -DRSTRTMGR_UTF16 -fshort-wchar; do
            try "$language $header $option" "#include <$header>\n" "${command[@]}" "$option"
        done
        try "$language $header twice" "#include <$header>\n#include <$header>\n" "${command[@]}"
    done
    both='#include <rstrtmgr.h>\n#include <restartmanager.h>\n'
    try "$language both" "$both" "${command[@]}"
    try "$language errors that the caller has" \
        '#define ERROR_SUCCESS 0L\n#define ERROR_CANCELLED 1223L\n#include <restartmanager.h>\n' \
        "${command[@]}"
    plain='#include <restartmanager.h>\n'
    plain+='typedef char check[sizeof(RM_SYMBOL(RmStartSession)) == sizeof("RmStartSession")'
    plain+=' && sizeof(RM_PROCESS_INFO) == 668 && sizeof(WCHAR) == 2 ? 1 : -1];\n'
    try "$language -fshort-wchar is the plain set" "$plain" "${command[@]}" -fshort-wchar
    try "$language RSTRTMGR_UTF16 is the plain set" "$plain" "${command[@]}" -DRSTRTMGR_UTF16
done
printf '1..%d\n' "$n"
exit "$failed"
