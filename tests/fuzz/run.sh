#!/bin/sh
# Runs every fuzz target for SECONDS each (default 60) over its seeds, as many at once as there are processors; fails on any finding.
#   cmake --preset fuzz && cmake --build --preset fuzz --target philo_fuzz && tests/fuzz/run.sh 3600
# PHILO_FUZZ_BUILD names another build folder than build/fuzz. What is found lies in its findings/ folder.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=${PHILO_FUZZ_BUILD:-$here/../../build/fuzz}

# One target: run.sh SECONDS NAME
if [ $# = 2 ]; then
  seconds=$1
  name=$2
  program=$build/bin/$name
  if [ ! -x "$program" ]; then
    echo "$program is missing; build it with: cmake --preset fuzz && cmake --build --preset fuzz --target philo_fuzz" >&2
    exit 2
  fi
  seeds=$here/corpus/${name%_fuzz}
  grown=$build/corpus/${name%_fuzz}
  mkdir -p "$grown" "$build/findings"
  [ -d "$seeds" ] || seeds=
  if ! "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=1024 -max_len=65536 -print_final_stats=1 -print_funcs=0 \
    -verbosity=0 -artifact_prefix="$build/findings/$name-" "$grown" ${seeds:+"$seeds"} >"$build/$name.log" 2>&1; then
    cat "$build/$name.log"
    echo "$name: FAILED"
    exit 1
  fi
  echo "$name: nothing found in $seconds s, $(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$name.log") inputs"
  exit 0
fi

for source in "$here"/*_fuzz.cpp; do basename "$source" .cpp; done |
  xargs -n 1 -P "$(nproc)" sh "$0" "${1:-60}"
