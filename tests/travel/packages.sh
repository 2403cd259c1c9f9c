#!/usr/bin/env bash
# Unpacks each package somewhere else and runs the program from there. packages.sh BUILD (the folder over release/, windows/, arm64/)
set -uo pipefail
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
. "$here/check.sh"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1

answer="I am the philo demo model"
package_of() {  # the one file of that ending
  local files=("$build/$1/packages/"*"$2")
  if [ ${#files[@]} = 1 ] && [ -f "${files[0]}" ]; then echo "${files[0]}"; else echo "$1: expected one *$2, found ${files[*]}" >&2; exit 1; fi
}

# complete WHAT ROOT SUFFIX: what every package holds.
complete() {
  local file
  for file in bin/philo$3 include/philo/philo.h include/philo/philo.hpp lib/cmake/philo/philoConfig.cmake share/philo/demo/model.safetensors \
              share/doc/philo/LICENSE share/doc/philo/README.md share/doc/philo/licences/nlohmann-json3-dev.txt; do
    if [ -f "$2/$file" ]; then pass; else fail "$1 holds no $file"; fi
  done
}

# Nothing but glibc may be asked for, and none younger than the floor that docs/platforms.md names.
glibc_alone() {
  local binary
  for binary in "$2/bin/philo" "$2/lib/libphilo.so.0"; do
    objdump -p "$binary" | awk '/NEEDED/ {print $2}' | grep -vE '^(libc|libm|ld-linux-x86-64|ld-linux-aarch64|libphilo)\.so\.[0-9]+$' >foreign
    same "$1: $(basename "$binary") asks for glibc alone" /dev/null foreign
  done
  objdump -T "$2/bin/philo" "$2/lib/libphilo.so.0" | grep -oE 'GLIBC_[0-9.]+' | sort -uV | tail -1 >youngest
  echo GLIBC_2.35 >floor
  same "$1: the youngest glibc asked for" floor youngest
}

deb=$(package_of release .deb) || exit 1
mkdir deb && dpkg -x "$deb" deb
complete .deb deb/usr ""
dpkg-deb -f "$deb" Depends >depends
holds ".deb depends on the C library" depends "libc6 (>= "
if [ -f deb/usr/share/bash-completion/completions/philo ]; then pass; else fail ".deb holds no completion"; fi
deb/usr/bin/philo run -p "Can you introduce yourself?" --quiet >out 2>err
ends "the program from the .deb" 0 $?
holds "the program from the .deb" out "$answer"
echo ".deb: $(cat depends)"

mkdir "tar é" && tar -C "tar é" --strip-components 1 -xf "$(package_of release .tar.gz)"
complete "x86-64 .tar.gz" "tar é" ""
glibc_alone x86-64 "tar é"
"tar é/bin/philo" run -p "Can you introduce yourself?" --quiet >out 2>err
ends "the program from the x86-64 .tar.gz" 0 $?
holds "the program from the x86-64 .tar.gz" out "$answer"

mkdir arm64 && tar -C arm64 --strip-components 1 -xf "$(package_of arm64 .tar.gz)"
complete "ARM64 .tar.gz" arm64 ""
glibc_alone ARM64 arm64
qemu-aarch64 -cpu max -L /usr/aarch64-linux-gnu arm64/bin/philo run -p "Can you introduce yourself?" --quiet >out 2>err
ends "the program from the ARM64 .tar.gz" 0 $?
holds "the program from the ARM64 .tar.gz" out "$answer"

mkdir zip && (cd zip && cmake -E tar xf "$(package_of windows .zip)" && mv ./*/* .)
complete .zip zip .exe
"$here/wine.sh" zip/bin/philo.exe run -p "Can you introduce yourself?" --quiet >out 2>err
ends "the program from the .zip" 0 $?
holds "the program from the .zip" out "$answer"
finish "packages"
