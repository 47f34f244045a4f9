#!/bin/bash
# Sourced by scripts/bench and scripts/gpu-check: reads figures from the output of `hyperdrift bench` and pytorch_compare.py.

# Prints the numbers under a key, one a line, from files with one JSON object a line.
values() { # key, files...
    sed -nE "s/.*\"$1\": *([0-9.eE+-]+).*/\1/p" "${@:2}"
}

median() { # how many; numbers on stdin -> their median, or nan if there are not so many
    sort -g | awk -v n="$1" '{ v[NR] = $1 } END { print NR != n || !n ? "nan" : n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2 }'
}
