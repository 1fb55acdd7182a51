#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# usage: demo.sh BUILD_DIRECTORY
#
# Who uses a library that is about to be replaced, and sessions that outlive the broker. Everything
# happens in a temporary directory and is gone afterwards. Each claim is checked; the first that is
# false ends the demonstration with status 1.
set -euo pipefail

if (($# != 1)) || [[ ! -d $1 ]]; then
    echo "usage: demo.sh BUILD_DIRECTORY" >&2
    exit 1
fi
build=$(cd -- "$1" && pwd)
rmbrokerd=$build/broker/rmbrokerd
rmctl=$build/client/rmctl/rmctl
installer=$build/tests/demo/demo_installer
sources=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

pids=()                  # of everything that was started here and may still run
declare -A to=() from=() # the descriptors of each installer's input and output
bold='' plain=''
if [[ -t 1 && ${TERM:-dumb} != dumb && -z ${NO_COLOR:-} ]]; then
    bold=$'\033[1m' plain=$'\033[0m'
fi

# --- telling the story --------------------------------------------------------------------------

heading()
{
    printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

say()
{
    printf '%s\n' "$*"
}

# claim TEXT COMMAND...: the command has to succeed.
claim()
{
    local text=$1

    shift
    if ! "$@"; then
        printf '  FALSE: %s\n' "$text"
        sed 's/^/  log: /' "$dir/broker.log" >&2
        exit 1
    fi
    printf '  ok: %s\n' "$text"
}

indent()
{
    sed 's/^./    &/'
}

# Runs rmctl and shows the command and what it printed.
show()
{
    printf '\n  $ rmctl %s\n' "${*//"$dir"\//}"
    COLUMNS=110 "$rmctl" "$@" | indent
    printf '\n'
}

# show_first N ARGUMENT...: the same, the first N lines of it.
show_first()
{
    local n=$1 text

    shift
    text=$(show "$@")
    head -n $((n + 2)) <<<"$text"
    if (($(wc -l <<<"$text") > n + 2)); then
        printf '    …\n'
    fi
    printf '\n'
}

# --- the actors ---------------------------------------------------------------------------------

# Called by the trap, on every way out.
clean_up()
{
    local status=$?

    trap - EXIT
    if ((${#pids[@]} > 0)); then
        kill -KILL "${pids[@]}" || true
        wait "${pids[@]}" || true
    fi 2>/dev/null
    rm -rf -- "$dir"
    exit "$status"
}

forget_pid()
{
    local pid
    local -a left=()

    for pid in "${pids[@]}"; do
        if [[ $pid != "$1" ]]; then
            left+=("$pid")
        fi
    done
    pids=("${left[@]}")
}

broker_answers()
{
    "$rmctl" status >/dev/null 2>&1
}

# Sets `broker`.
start_broker()
{
    local i

    "$rmbrokerd" --user --socket "$RSTRTMGR_SOCKET" --config "$dir/rmbrokerd.conf" \
        2>>"$dir/broker.log" &
    broker=$!
    pids+=("$broker")
    for ((i = 0; i < 250; i++)); do
        if broker_answers; then
            return 0
        fi
        sleep 0.02
    done
    claim 'the broker answers within five seconds' false
}

# build_library VERSION FILE
build_library()
{
    "${CC:-cc}" -shared -fPIC -DGREETING_VERSION="\"$1\"" -o "$2" "$sources/greeting.c"
}

# start_program NAME [ARGUMENT...]: runs one of the demonstration's programs and waits until it
# says that it has what it wants; sets `program_pid`.
start_program()
{
    local name=$1 i

    shift
    "$dir/$name" "$@" >"$dir/$name.out" &
    program_pid=$!
    pids+=("$program_pid")
    for ((i = 0; i < 250; i++)); do
        if [[ -s $dir/$name.out ]]; then
            return 0
        fi
        sleep 0.02
    done
    claim "$name starts" false
}

end_program()
{
    {
        kill -TERM "$1"
        wait "$1" || true
    } 2>/dev/null
    forget_pid "$1"
}

# pids_are WANTED COMMAND...: the command prints these pids, in whatever order.
pids_are()
{
    local wanted

    wanted=$(tr ' ' '\n' <<<"$1" | sort)
    shift
    [[ $("$@" 2>/dev/null | sort) == "$wanted" ]]
}

# prints_pid PID COMMAND...: the command prints this pid, among others perhaps.
prints_pid()
{
    local wanted=$1

    shift
    "$@" 2>/dev/null | grep -qx "$wanted"
}

# start_installer NAME ROLE: sets `installer_pid`; its answers are read by answer_of().
start_installer()
{
    local name=$1 role=$2 in out

    mkfifo -- "$dir/$name.in" "$dir/$name.out"
    exec {in}<>"$dir/$name.in" {out}<>"$dir/$name.out"
    to[$name]=$in
    from[$name]=$out
    "$installer" "$role" <"$dir/$name.in" >"$dir/$name.out" &
    installer_pid=$!
    pids+=("$installer_pid")
}

tell()
{
    printf '%s\n' "$2" >&"${to[$1]}"
}

# answer_of NAME: sets `answer`, one line, to what the installer says next.
answer_of()
{
    answer='(nothing)'
    read -r -t 8 -u "${from[$1]}" answer || true
}

# What has to be the same after the restart: all that rmctl knows but the age.
facts_of()
{
    "$rmctl" show "$1" --json | sed -E 's/"age_ms":[0-9]+,//'
}

has_sessions()
{
    [[ $("$rmctl" sessions --json | grep -o '"id":' | wc -l) == "$1" ]]
}

not()
{
    ! "$@"
}

status_is()
{
    local expected=$1 status=0

    shift
    "$@" >/dev/null 2>&1 || status=$?
    [[ $status == "$expected" ]]
}

# --- the stage ----------------------------------------------------------------------------------

for program in "$rmbrokerd" "$rmctl" "$installer"; do
    if [[ ! -x $program ]]; then
        echo "demo: $program is missing; build it first" >&2
        exit 1
    fi
done
unset RM_SESSION RM_SESSION_KEY RSTRTMGR_TIMEOUT_MS
umask 077
dir=$(mktemp -d "${TMPDIR:-/tmp}/rstrtmgr-demo.XXXXXX")
trap clean_up EXIT
trap 'exit 1' INT TERM HUP
: >"$dir/rmbrokerd.conf"
: >"$dir/broker.log"
export RSTRTMGR_SOCKET=$dir/broker.sock

heading '1. A library, and three programs that use it'
say "Everything is in $dir, which only this user may enter."
say 'One program is linked with the library, one loads it as a plug-in, one has it open.'
library=$dir/libgreeting.so
build_library 1 "$library"
"${CC:-cc}" -o "$dir/greeter" "$sources/greeter.c" "$library" -Wl,-rpath,"$dir"
"${CC:-cc}" -o "$dir/plugin_host" "$sources/plugin_host.c" -ldl
"${CC:-cc}" -o "$dir/indexer" "$sources/indexer.c"
start_program greeter
greeter=$program_pid
start_program plugin_host "$library"
plugin_host=$program_pid
start_program indexer "$library"
indexer=$program_pid
start_broker
say "They are processes $greeter, $plugin_host and $indexer. Who uses the library?"
show who "$library"
claim 'these three, and nobody else' \
    pids_are "$greeter $plugin_host $indexer" "$rmctl" who --pids "$library"

heading '2. The library is replaced'
say 'A session remembers which file it is about: it is started, and the library registered.'
read -r id key <<<"$("$rmctl" start --owner $$)"
export RM_SESSION=$id RM_SESSION_KEY=$key
"$rmctl" register "$library" >/dev/null
say 'Then version 2 is renamed over version 1, as package managers do it.'
build_library 2 "$library.new"
mv -- "$library.new" "$library"
say 'The path names a new file, which nobody uses. The session names who still has the old one:'
show list
claim 'the same three programs' \
    pids_are "$greeter $plugin_host $indexer" "$rmctl" list --pids
say 'Without a session the two that run the old code are found as well, by name and among'
say 'everything on this machine that runs a deleted or replaced file (rmctl stale):'
show_first 14 stale
claim "'rmctl who' finds both" \
    pids_are "$greeter $plugin_host" "$rmctl" who --pids "$library"
claim "'rmctl stale' finds the linked one" prints_pid "$greeter" "$rmctl" stale --pids
claim "'rmctl stale' finds the plug-in's host" prints_pid "$plugin_host" "$rmctl" stale --pids

heading '3. One program is started again'
end_program "$greeter"
start_program greeter
greeter=$program_pid
claim "it has the new library: '$(cat "$dir/greeter.out")'" \
    grep -q 'version 2' "$dir/greeter.out"
say 'It uses the file that is there now; the others still have the one that is gone:'
show list
claim "'rmctl stale' does not name it any more" \
    not prints_pid "$greeter" "$rmctl" stale --pids

heading '4. The broker is killed'
say 'Meanwhile an installer, a program of its own, has called RmStartSession.'
start_installer primary primary
primary=$installer_pid
answer_of primary
read -r call code handle _ <<<"$answer"
claim "RmStartSession returned 0 and handle $handle" test "$call $code" = 'start 0'
sessions=$(facts_of "$id")
say 'SIGKILL: no warning, no last words, nothing saved on the way out.'
{
    kill -KILL "$broker"
    wait "$broker" || true
} 2>/dev/null # the shell would tell of its death as well
forget_pid "$broker"
claim "'rmctl status' ends with 3: no broker" status_is 3 "$rmctl" status
tell primary start
sleep 0.3
if read -r -t 0 -u "${from[primary]}"; then
    claim "the installer's next call waits for the broker" false
fi
say "  ok: the installer's next call waits for the broker"
killed=$broker
start_broker
say "Broker $broker follows broker $killed: it reads its journal and goes on."
answer_of primary
read -r call code other_handle _ <<<"$answer"
claim "the call that waited returned 0 and handle $other_handle" test "$call $code" = 'start 0'
claim 'our session is the same: id, key, owner and times' test "$(facts_of "$id")" = "$sessions"
claim 'and it still knows who has the old library' \
    pids_are "$greeter $plugin_host $indexer" "$rmctl" list --pids
show sessions

heading '5. The end'
tell primary "end $handle"
answer_of primary
claim 'RmEndSession returned 0' test "$answer" = "end 0 $handle"
tell primary quit
wait "$primary"
forget_pid "$primary"
"$rmctl" end
for ((i = 0; i < 50; i++)); do
    if has_sessions 0; then
        break
    fi
    sleep 0.02
done
claim 'no session is left; the one that its owner forgot ended with it' has_sessions 0
for program_pid in "$greeter" "$plugin_host" "$indexer"; do
    end_program "$program_pid"
done
kill -TERM "$broker"
claim 'the broker ends cleanly when it is asked to' wait "$broker"
forget_pid "$broker"

heading 'It worked: every user was named, before and after the replacement.'
