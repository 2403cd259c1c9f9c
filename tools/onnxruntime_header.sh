#!/bin/sh
# Puts ONNX Runtime's C header into build/onnxruntime-dev, for builds on systems without such a package: unpacks libonnxruntime-dev of the
# system's own archive or, failing that, of Debian 13. Nothing is installed. Where neither can be had, says so and the build goes without.
set -eu

suite=trixie
root=$(cd "$(dirname "$0")/.." && pwd)
into=$root/build/onnxruntime-dev
unavailable=$root/build/onnxruntime-dev.unavailable
header=usr/include/onnxruntime/onnxruntime_c_api.h
if [ -e "/$header" ] || [ -e "$into/$header" ] || ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then exit 0; fi
# Without a network each try takes a while: the next one comes after an hour.
if [ -n "$(find "$unavailable" -mmin -60 2>/dev/null)" ]; then exit 0; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$root/build" "$work/sources" "$work/lists/partial" "$work/cache/archives/partial" "$work/package"
apt="apt-get -qq -o APT::Sandbox::User=$(id -un) -o Acquire::Retries=0 -o Acquire::http::Timeout=15 -o Acquire::https::Timeout=15"

# The machine's own sources with the suite replaced, whatever their form; those of other suites are left out.
newer_sources() {
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-none}")
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -e "$file" ] || continue
    awk -v old="$codename" -v new=$suite 'BEGIN { RS = "" }
      { count = split($0, lines, "\n"); text = ""; found = 0
        for (i = 1; i <= count; i++) {
          if (lines[i] ~ /^[ \t]*#/) continue
          if (lines[i] ~ /^Suites:/) { words = split(lines[i], word, /[ \t]+/); for (w = 2; w <= words; w++) if (word[w] == old) found = 1; lines[i] = "Suites: " new }
          text = text lines[i] "\n" }
        if (found) print text }' "$file" >>"$work/sources/newer.sources"
  done
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -e "$file" ] || continue
    awk -v old="$codename" -v new=$suite '$1 == "deb" { at = 2; if ($2 ~ /^\[/) while (at < NF && $(at++) !~ /\]$/); if ($(at + 1) == old) { $(at + 1) = new; print } }' "$file" >>"$work/sources/newer.list"
  done
}

download() {
  (cd "$work/package" && $apt "$@" download libonnxruntime-dev) >/dev/null 2>"$work/errors"
}

download_newer() {
  newer_sources
  [ -s "$work/sources/newer.sources" ] || [ -s "$work/sources/newer.list" ] || return 1
  set -- -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$work/sources" -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o Acquire::Languages=none
  echo "fetching ONNX Runtime's C header: libonnxruntime-dev of Debian's $suite, to be unpacked into build/, not installed" >&2
  $apt "$@" update >/dev/null 2>&1 || true
  download "$@"
}

if download || download_newer; then
  rm -rf "$into" "$into.part"
  dpkg -x "$work"/package/libonnxruntime-dev_*.deb "$into.part"
  mv "$into.part" "$into"
  rm -f "$unavailable"
else
  touch "$unavailable"
  echo "ONNX Runtime's C header can't be fetched ($(tail -n 1 "$work/errors")): philo is built without onnxruntime devices, unless cmake gets -DPHILO_ONNXRUNTIME_HEADERS=FOLDER" >&2
fi
