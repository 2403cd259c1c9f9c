#!/bin/sh
# Installs the Debian packages that a task needs: setup.sh run|test|cross|package|ci. Says what is missing before it installs anything.
set -eu

run="clang-19 lld-19 cmake ninja-build pkgconf nlohmann-json3-dev libcli11-dev libedit-dev libboost-dev libprotozero-dev"
test="$run libgtest-dev python3"
cross="$test g++-mingw-w64-x86-64-posix wine64 g++-aarch64-linux-gnu qemu-user googletest"
package="$run binutils dpkg-dev file"
ci="$test $cross $package g++ libclang-rt-19-dev llvm-19 python3-venv"
case "${1:-}" in
  run) wanted=$run ;;
  test) wanted=$test ;;
  cross) wanted=$cross ;;
  package) wanted=$package ;;
  ci) wanted=$ci ;;
  *) echo "usage: tools/setup.sh run|test|cross|package|ci" >&2; exit 2 ;;
esac

"$(dirname "$0")/onnxruntime_header.sh"

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "This is not a Debian-like system. philo needs what these Debian packages hold: $wanted" >&2
  exit 0
fi

missing=""
for package in $wanted; do
  dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "philo needs these Debian packages, which are not installed yet:$missing" >&2
if [ "$(id -u)" = 0 ]; then
  as_root=""
elif command -v sudo >/dev/null; then
  as_root="sudo"
else
  echo "Installing them takes root. Run as root: apt-get install$missing" >&2
  exit 1
fi
echo "Installing them with:${as_root:+ $as_root} apt-get install$missing" >&2
$as_root apt-get update -qq >/dev/null
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
