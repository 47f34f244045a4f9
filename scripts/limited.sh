# shellcheck shell=bash
# Limits that hold on a busy machine too. For scripts to source.

# Prints what CPU time the processes of a session and those that they started have used, in ticks, and their ids.
in_session() { # the session's leader
    cat /proc/[0-9]*/stat 2>/dev/null | awk -v leader="$1" '
        { pid = $1; sub(/.*\) /, ""); parent[pid] = $2; session[pid] = $4; used[pid] = $12 + $13 + $14 + $15 } # the name may hold blanks
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

# Runs a command in a session of its own. Each of its processes may use so many seconds of CPU time; the whole is killed
# when none of them has used any for so many seconds of the clock. It reads nothing. Returns the command's status; 137 or 152 where it was ended.
# What the command leaves running in its session is killed. A script that is ended while this runs ends the command too.
limited() { # CPU seconds, seconds without progress, command...
    local cpu=$1 still=$2 traps leader watch status
    shift 2
    traps=$(trap -p INT TERM)
    (
        ulimit -S -t "$cpu" 2>/dev/null # or less, where less is allowed
        exec setsid "$@"
    ) &
    leader=$!
    trap 'end_session $leader; exit 143' INT TERM
    watch_session "$leader" "$still" >/dev/null &
    watch=$!
    { wait "$leader"; } 2>/dev/null # or the shell would tell how it ended
    status=$?
    trap - INT TERM
    eval "$traps"
    kill -KILL "$watch" 2>/dev/null # not by a signal for which the script may have a trap that the watch has yet
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
