#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# usage: demo.sh BUILD_DIRECTORY
#
# The broker, two kinds of installers and rmctl at work, with the broker killed in the middle.
# Everything happens in a temporary directory and is gone afterwards. Each claim is checked; the
# first that is false ends the demonstration with status 1.
set -euo pipefail

if (($# != 1)) || [[ ! -d $1 ]]; then
    echo "usage: demo.sh BUILD_DIRECTORY" >&2
    exit 1
fi
build=$(cd -- "$1" && pwd)
rmbrokerd=$build/broker/rmbrokerd
rmctl=$build/client/rmctl/rmctl
installer=$build/tests/demo/demo_installer

pids=()                  # of everything that was started here and may still run
declare -A to=() from=() # the descriptors of each installer's input and output
declare -A handles=()    # each installer's first
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
    printf '\n  $ rmctl %s\n' "$*"
    "$rmctl" "$@" | indent
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

joined_is()
{
    [[ $("$rmctl" show "$1" --json) == *"\"joined\":$2,"* ]]
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

heading '1. A broker of our own'
say "It runs in $dir, which only this user may enter."
say 'Nothing of yours is touched: no other broker, no session, no configuration.'
start_broker
show status

heading '2. An installer starts a session'
say 'The primary installer is a program of its own. It calls RmStartSession and gets a handle,'
say 'which is valid in its process, and a key, which it may give to others.'
start_installer primary primary
primary=$installer_pid
answer_of primary
read -r call code handle key <<<"$answer"
handles[primary]=$handle
claim "RmStartSession returned 0 and handle $handle" test "$call $code" = 'start 0'
claim 'the key has 32 hexadecimal digits' grep -qxE '[0-9a-f]{32}' <<<"$key"

heading '3. Two more installers join it'
say 'Each is a process of its own. They got the key by their environment, as children would, and'
say 'called RmJoinSession.'
RM_SESSION_KEY=$key start_installer one secondary
one=$installer_pid
RM_SESSION_KEY=$key start_installer two secondary
two=$installer_pid
for name in one two; do
    answer_of "$name"
    read -r call code handle <<<"$answer"
    handles[$name]=$handle
    claim "RmJoinSession of installer $name returned 0" test "$call $code" = 'join 0'
done
say "This script takes a session too, with 'rmctl start'; the shell that runs it is the owner."
read -r script_id script_key <<<"$("$rmctl" start --owner $$)"
show sessions
show show 1
claim 'there are two sessions' has_sessions 2
claim 'two installers have joined the first' joined_is 1 2
first=$(facts_of 1)
second=$(facts_of "$script_id")

heading '4. The broker is killed'
say 'SIGKILL: no warning, no last words, nothing saved on the way out.'
{
    kill -KILL "$broker"
    wait "$broker" || true
} 2>/dev/null # the shell would tell of its death as well
forget_pid "$broker"
say "Broker $broker is dead. What rmctl says now:"
printf '\n  $ rmctl status\n'
"$rmctl" status 2>&1 | indent || true
printf '\n'
claim "'rmctl status' ends with 3: no broker" status_is 3 "$rmctl" status
claim 'the three installers still run' kill -0 "$primary" "$one" "$two"
say 'Meanwhile the primary installer wants another session. Its call finds nobody and waits.'
tell primary start
sleep 0.3
if read -r -t 0 -u "${from[primary]}"; then
    claim 'the call waits for the broker' false
fi
say '  ok: the call waits for the broker'

heading '5. A new broker takes over'
say 'It reads the journal beside the socket, looks whether each owner is alive and still the same'
say 'process, and goes on.'
killed=$broker
start_broker
say "Broker $broker follows broker $killed."
answer_of primary
read -r call code other_handle _ <<<"$answer"
claim "the call that waited returned 0 and handle $other_handle" test "$call $code" = 'start 0'
show sessions
show show 1
claim 'session 1 is the same: id, key, owner, times and both joins' \
    test "$(facts_of 1)" = "$first"
claim "session $script_id is the same" test "$(facts_of "$script_id")" = "$second"
claim 'the three installers are the same processes' kill -0 "$primary" "$one" "$two"
join_id=$("$rmctl" join "$key" --owner $$)
claim "the key still opens the session: 'rmctl join KEY' printed $join_id" \
    test "$join_id" = 1
claim 'and it is a third join' joined_is 1 3

heading '6. The end'
say 'The installers use the handles that they got from the broker that is dead.'
for name in one two primary; do
    tell "$name" "end ${handles[$name]}"
    answer_of "$name"
    claim "RmEndSession of installer $name returned 0" test "$answer" = "end 0 ${handles[$name]}"
done
claim 'session 1 is gone, for who is still joined as well' status_is 8 "$rmctl" show 1
say 'The primary installer forgets to end its other session and exits. The broker notices:'
tell primary quit
wait "$primary"
forget_pid "$primary"
for ((i = 0; i < 50; i++)); do
    if has_sessions 1; then
        break
    fi
    sleep 0.02
done
claim 'the session has ended with its owner' has_sessions 1
say "What is left is this script's own. 'rmctl end' takes number and key from the environment."
RM_SESSION=$script_id RM_SESSION_KEY=$script_key "$rmctl" end
claim 'no session is left' has_sessions 0

for name in one two; do
    tell "$name" quit
done
wait "$one" "$two"
forget_pid "$one"
forget_pid "$two"
kill -TERM "$broker"
claim 'the broker ends cleanly when it is asked to' wait "$broker"
forget_pid "$broker"

heading 'It worked: every session outlived the broker, and every call was answered.'
