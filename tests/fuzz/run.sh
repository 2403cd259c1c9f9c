#!/bin/sh
# Runs every fuzz target for SECONDS each (default 60) over its seeds; fails on the first finding.
#   cmake --preset fuzz && cmake --build --preset fuzz && tests/fuzz/run.sh 3600
# PHILO_FUZZ_BUILD names another build folder than build/fuzz. What is found lies in its findings/ folder.
set -eu
seconds=${1:-60}
here=$(cd "$(dirname "$0")" && pwd)
build=${PHILO_FUZZ_BUILD:-$here/../../build/fuzz}
count=0
for source in "$here"/*_fuzz.cpp; do
  name=$(basename "$source" .cpp)
  program=$build/bin/$name
  if [ ! -x "$program" ]; then
    echo "$program is missing; build it with: cmake --preset fuzz && cmake --build --preset fuzz" >&2
    exit 2
  fi
  seeds=$here/corpus/${name%_fuzz}
  grown=$build/corpus/${name%_fuzz}
  mkdir -p "$grown" "$build/findings"
  [ -d "$seeds" ] || seeds=
  echo "== $name, $seconds s"
  "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=1024 -max_len=65536 -print_final_stats=1 -print_funcs=0 \
    -verbosity=0 -artifact_prefix="$build/findings/$name-" "$grown" ${seeds:+"$seeds"}
  count=$((count + 1))
done
echo "$count targets, nothing found"
