#!/bin/sh
# Runs a Windows program: wine.sh PROGRAM ARGUMENTS. Its Windows is a folder of its own under build/, made on the first call.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)

# Debian keeps the loader in wine's own library folder, off the PATH.
for candidate in wine64 /usr/lib/wine/wine64 wine; do
  if command -v "$candidate" >/dev/null; then wine=$candidate; break; fi
done
if [ -z "${wine:-}" ]; then
  echo "wine is not here; tools/setup.sh cross installs it" >&2
  exit 127
fi

mkdir -p "$root/build"
WINEPREFIX=${WINEPREFIX:-$root/build/wine}
WINEDEBUG=${WINEDEBUG:--all}
WINEDLLOVERRIDES="mscoree=;mshtml=;winemenubuilder.exe="  # asks for no downloads and touches no menus
LC_ALL=C.UTF-8  # how wine reads the arguments' bytes
export WINEPREFIX WINEDEBUG WINEDLLOVERRIDES LC_ALL

# Two first calls at once would make the folder twice.
(
  flock 9
  [ -f "$WINEPREFIX/made" ] && exit
  "$wine" wineboot --init >/dev/null 2>&1 </dev/null
  "$wine" reg add "HKCU\\Software\\Wine" /v Version /d win10 /f >/dev/null 2>&1 </dev/null
  : >"$WINEPREFIX/made"
) 9>"$root/build/wine.lock"

exec "$wine" "$@"
