# shellcheck shell=bash
# Limits that also hold on a busy machine, for scripts to source.

# Prints the CPU time, in ticks, that a session's processes and those that they started have used, and their ids.
in_session() { # the session's leader
    cat /proc/[0-9]*/stat 2>/dev/null | awk -v leader="$1" '
        { pid = $1; sub(/.*\) /, ""); parent[pid] = $2; session[pid] = $4; used[pid] = $12 + $13 + $14 + $15 } # the name may have blanks
        END {
            for (again = 1; again;) {
                again = 0
                for (pid in parent)
                    if (!(pid in ours) && (session[pid] == leader || parent[pid] in ours)) {
                        ours[pid] = again = 1
                        ticks += used[pid]
                        pids = pids " " pid
                    }
            }
            print ticks + 0 pids
        }'
}

end_session() { # the session's leader
    local pids
    read -r _ pids < <(in_session "$1")
    # shellcheck disable=SC2086 # several ids
    [[ -z $pids ]] || kill -KILL $pids 2>/dev/null
}

# Runs a command in a session of its own, without input. Each of its processes may use so many seconds of CPU time; all are killed if
# none uses any for so many seconds of the clock. Returns the command's status, 137 or 152 if it was killed. Kills what the command
# leaves running in its session. If the script is ended meanwhile, so is the command.
limited() { # CPU seconds, seconds without progress, command...
    local cpu=$1 still=$2 traps leader watch status
    shift 2
    traps=$(trap -p INT TERM)
    (
        ulimit -S -t "$cpu" 2>/dev/null # or less, if less is allowed
        exec setsid "$@"
    ) &
    leader=$!
    trap 'end_session $leader; exit 143' INT TERM
    watch_session "$leader" "$still" >/dev/null &
    watch=$!
    { wait "$leader"; } 2>/dev/null # else the shell reports how it ended
    status=$?
    trap - INT TERM
    eval "$traps"
    kill -KILL "$watch" 2>/dev/null # KILL, because the watch may still have the script's traps
    { wait "$watch"; } 2>/dev/null
    end_session "$leader"
    return "$status"
}

watch_session() { # leader, seconds without progress
    local seen='' now since=$SECONDS
    while kill -0 "$1" 2>/dev/null; do
        read -r now _ < <(in_session "$1")
        if [[ $now != "$seen" ]]; then
            seen=$now since=$SECONDS
        elif ((SECONDS - since >= $2)); then
            echo "no CPU time used for $2 seconds: killed" >&2
            end_session "$1"
            return
        fi
        sleep 1 2>/dev/null
    done
}
