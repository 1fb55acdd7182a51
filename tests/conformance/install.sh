#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What `meson install` leaves: all of it below the prefix, the names that others rely on, and
# programs that can be built with it and work, also from Python's ctypes as .NET and Wine would.
#
#   install.sh BUILD PREFIX BINDIR LIBDIR INCLUDEDIR LIBEXECDIR C-COMPILER
# shellcheck disable=SC2317 # functions are called by check() and by the trap
set -euo pipefail

build=$1 prefix=$2 cc=$7
work=$(mktemp -d)
root=$work/root
bin=$root$prefix/$3 lib=$root$prefix/$4 include=$root$prefix/$5 libexec=$root$prefix/$6
n=0
failed=0
broker=

finish()
{
    if [[ -n $broker ]]; then
        kill "$broker" 2>/dev/null || true
        wait "$broker" || true
    fi
    rm -rf -- "$work"
}
trap finish EXIT

# check NAME COMMAND...
check()
{
    local name=$1
    shift
    n=$((n + 1))
    if "$@" >"$work/log" 2>&1; then
        printf 'ok %d - %s\n' "$n" "$name"
    else
        printf 'not ok %d - %s\n' "$n" "$name"
        sed 's/^/# /' "$work/log"
        failed=1
    fi
}

is_all_below_prefix()
{
    local outside
    outside=$(find "$root" ! -type d ! -path "$root$prefix/*")
    printf '%s\n' "$outside"
    [[ -z $outside ]]
}

program()
{
    if [[ -x $bin/$1 ]]; then
        printf '%s' "$bin/$1"
    else
        printf '%s' "$libexec/$1"
    fi
}

# libgcc_s is the compiler's part of libc, which Debian's libc6 depends on: -fexceptions needs it.
needs_libc_and_protobuf_alone()
{
    local needed
    needed=$(readelf -d "$lib/librstrtmgr.so.0" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p')
    printf '%s\n' "$needed"
    ! grep -qvE '^(libc\.so\.6|libprotobuf-c\.so\.1|libgcc_s\.so\.1|ld-linux.*)$' <<<"$needed"
}

# with_pkg_config OPTIONS...
with_pkg_config()
{
    env PKG_CONFIG_PATH="$lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$root" \
        PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 pkg-config "$@"
}

build_dynamic()
{
    local -a flags
    read -ra flags <<<"$(with_pkg_config --cflags --libs rstrtmgr)"
    "${compiler[@]}" "$work/program.c" -o "$work/dynamic" "${flags[@]}"
}

build_static()
{
    local -a flags
    read -ra flags <<<"$(with_pkg_config --cflags rstrtmgr)"
    "${compiler[@]}" "$work/program.c" -o "$work/static" "${flags[@]}" "$lib/librstrtmgr.a" \
        -lprotobuf-c -pthread || return 1
    ! readelf -d "$work/static" | grep -q librstrtmgr
}

start_broker()
{
    local tries=0

    mkdir -m 0700 "$work/run"
    export RSTRTMGR_SOCKET=$work/run/b.sock
    "$(program rmbrokerd)" --user --socket "$RSTRTMGR_SOCKET" --log error &
    broker=$!
    until LD_LIBRARY_PATH=$lib "$(program rmctl)" status --json; do
        tries=$((tries + 1))
        ((tries < 100)) || return 1
        sleep 0.05 # between two looks
    done
}

call_from_python()
{
    python3 - "$lib/librstrtmgr.dll.so" <<'PYTHON'
import ctypes
import sys

library = ctypes.CDLL(sys.argv[1])
handle = ctypes.c_uint32(0)
joined = ctypes.c_uint32(0)
key = (ctypes.c_uint16 * 33)()
path = (ctypes.c_uint16 * 9)(*map(ord, "/missing\0"))
assert library.RmStartSession(ctypes.byref(handle), 0, key) == 0
text = "".join(map(chr, key))
assert len(text.rstrip("\0")) == 32, text
assert library.RmJoinSession(ctypes.byref(joined), key) == 0
assert library.RmEndSession(joined) == 0
needed, count, reasons = (ctypes.c_uint32(7) for _ in range(3))
count.value = 0
files = (ctypes.c_void_p * 1)(ctypes.addressof(path))
assert library.RmRegisterResources(handle, 1, files, 0, None, 0, None) == 0
assert library.RmGetList(handle, ctypes.byref(needed), ctypes.byref(count), None,
                         ctypes.byref(reasons)) == 0
assert (needed.value, count.value, reasons.value) == (0, 0, 0)
assert library.RmEndSession(handle) == 0
assert library.RmEndSession(handle) == 6
PYTHON
}

read -ra compiler <<<"$cc"
cat >"$work/program.c" <<'C'
#include <RestartManager.h>
#include <rstrtmgr.h>
#include <stdio.h>

int main(void)
{
	WCHAR key[CCH_RM_SESSION_KEY + 1];
	DWORD handle = 0;
	DWORD code = RmStartSession(&handle, 0, key);

	printf("%u %u %s\n", code, handle, rm_code_name((int)code));
	return code || RmEndSession(handle) != 0;
}
C

meson install -C "$build" --no-rebuild --destdir "$root" >"$work/install.log" 2>&1 || {
    sed 's/^/# /' "$work/install.log"
    printf 'not ok 1 - meson install\n1..1\n'
    exit 1
}
check 'all is below the prefix' is_all_below_prefix
check 'rmbrokerd' test -x "$(program rmbrokerd)"
check 'rmctl' test -x "$(program rmctl)"
for name in librstrtmgr.so librstrtmgr.so.0 librstrtmgr.dll.so librstrtmgr.a pkgconfig/rstrtmgr.pc; do
    check "$name" test -e "$lib/$name"
done
for name in restartmanager.h RestartManager.h rstrtmgr.h; do
    check "$name" test -e "$include/$name"
done
check 'the library needs libc and libprotobuf-c alone' needs_libc_and_protobuf_alone
check 'a broker runs' start_broker
check 'a program is built with pkg-config' build_dynamic
check 'it works' env LD_LIBRARY_PATH="$lib" "$work/dynamic"
check 'a program is built with the static library' build_static
check 'it works as well' "$work/static"
check 'the name that .NET looks for, with 16-bit strings' call_from_python
printf '1..%d\n' "$n"
exit "$failed"
