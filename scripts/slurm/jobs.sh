#!/bin/bash
# Sourced by submit, shard.sbatch and merge.sbatch: reads a matrix, and submits the two jobs of an attempt.

# Reads what submit wrote about the matrix in a folder: its name, number of shards, how often to submit missing ones again, processors
# of a shard ('': the cluster decides), where fixtures/ and golden/ are, the program.
read_matrix() { # folder
    # shellcheck disable=SC2034 # for who sources this
    matrix='' shards=0 again=0 cpus='' root='' program=''
    # shellcheck source=/dev/null
    . "$1/matrix" && ((shards > 0))
}

# Submits shards (1-8 or 3,5) of the matrix in a folder, and the merge that follows however they end. Sets `array` and `merge` to the
# jobs' numbers.
submit_jobs() { # folder, shards, which attempt: 0 is the first
    local folder=$1 logs=${1//%/%%}/logs
    unset SLURM_RESTART_COUNT # the submitting job's; the new jobs would take it for theirs
    array=$(sbatch --parsable --chdir="$root" --array="$2" ${cpus:+--cpus-per-task="$cpus"} --output="$logs/shard-%a.log" \
        "$folder/shard.sbatch" "$folder") || return
    array=${array%%;*} # a federation adds its cluster's name
    merge=$(sbatch --parsable --gres=none --dependency="afterany:$array" --output="$logs/merge.log" "$folder/merge.sbatch" "$folder" "$3") ||
        { scancel "$array"; return 1; }
    merge=${merge%%;*}
}
