#!/bin/bash
# Sourced by submit, shard.sbatch and merge.sbatch: what a matrix is, and the two jobs that every attempt at it is made of.

# What submit wrote of the matrix in a folder: its name, number of shards, how often missing ones are submitted again, the
# processors of each ('': the cluster says), where fixtures/ and golden/ are, the program.
read_matrix() { # folder
    # shellcheck disable=SC2034 # for who sources this
    matrix='' shards=0 again=0 cpus='' root='' program=''
    # shellcheck source=/dev/null
    . "$1/matrix" && ((shards > 0))
}

# Submits shards (1-8 or 3,5) of the matrix in a folder, and the merge that follows them however they end. Leaves the jobs' numbers
# in `array` and `merge`.
submit_jobs() { # folder, shards, which attempt: 0 is the first
    local folder=$1 logs=${1//%/%%}/logs
    unset SLURM_RESTART_COUNT # of the job that submits; those that are submitted would take it for theirs
    array=$(sbatch --parsable --chdir="$root" --array="$2" ${cpus:+--cpus-per-task="$cpus"} --output="$logs/shard-%a.log" \
        "$folder/shard.sbatch" "$folder") || return
    array=${array%%;*} # a federation adds its cluster's name
    merge=$(sbatch --parsable --gres=none --dependency="afterany:$array" --output="$logs/merge.log" "$folder/merge.sbatch" "$folder" "$3") ||
        { scancel "$array"; return 1; }
    merge=${merge%%;*}
}
