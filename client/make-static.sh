#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: make-static.sh WORK_DIRECTORY OUTPUT.a INPUT.a...
# Links the inputs into one object, makes every hidden symbol local and archives it, so that a
# program that links the static library meets the API's names and no others.
set -eu
work=$1 output=$2
shift 2
mkdir -p "$work"
rm -f "$output"
ld -r -o "$work/rstrtmgr.o" --whole-archive "$@"
objcopy --localize-hidden "$work/rstrtmgr.o"
ar crD "$output" "$work/rstrtmgr.o"
