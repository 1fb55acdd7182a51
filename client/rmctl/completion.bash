# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Completes rmctl's verbs, options and session numbers in bash. Belongs into
# /usr/share/bash-completion/completions/rmctl.

_rmctl_options()
{
    case $1 in
    who) printf '%s\n' --recursive --package --pid --service --long --pids --null --anew ;;
    stale) printf '%s\n' --long --pids --null --anew ;;
    register) printf '%s\n' --recursive --package --pid --service --session --join ;;
    list) printf '%s\n' --long --pids --null --anew --session ;;
    filter)
        printf '%s\n' --executable --pid --service --no-restart --no-shutdown --session
        ;;
    start | join) printf '%s\n' --owner ;;
    show | end) printf '%s\n' --session ;;
    watch) printf '%s\n' --history --count --follow ;;
    esac
    printf '%s\n' --json --wait --color --help --version
}

# The first column of the table, without its heading; nothing without a broker.
_rmctl_sessions()
{
    rmctl sessions --color=never 2>/dev/null | awk '$1 ~ /^[0-9]+$/ { print $1 }'
}

_rmctl_packages()
{
    dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "$1*" 2>/dev/null |
        awk '/^.i/ { print $2 }'
}

_rmctl_services()
{
    systemctl list-units --type=service --all --no-legend --plain 2>/dev/null | awk '{ print $1 }'
}

# The first word that is no option, and no option's value.
_rmctl_verb()
{
    local word

    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in
        who | stale | register | list | filter | policy | start | join | sessions | show | end | \
            watch | status)
            printf '%s\n' "$word"
            return
            ;;
        esac
    done
}

_rmctl()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} verb words=

    # "=" is a word of its own in the usual COMP_WORDBREAKS.
    if [[ $word == = ]]; then
        word=
    elif [[ $before == = ]]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    verb=$(_rmctl_verb)
    case $before in
    -r | --recursive) compopt -o dirnames; return ;;
    --executable) compopt -o default; return ;;
    --package) words=$(_rmctl_packages "$word") ;;
    --service) words=$(_rmctl_services) ;;
    --pid) words=$(ps -eo pid= 2>/dev/null) ;;
    --color) words='auto always never' ;;
    --session) words=$(_rmctl_sessions) ;;
    --owner) words=$(ps -o pid= 2>/dev/null) ;;
    --count) return ;;
    *)
        if [[ $word == -* ]]; then
            words=$(_rmctl_options "$verb")
        elif [[ -z $verb ]]; then
            words='who stale register list filter policy start join sessions show end watch status'
        elif [[ $verb == show || $verb == end || $verb == list ]]; then
            words=$(_rmctl_sessions)
        elif [[ $verb == filter ]]; then
            words='add remove list'
        elif [[ $verb == who || $verb == register || $verb == policy ]]; then
            compopt -o default
        fi
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _rmctl rmctl
