#!/usr/bin/env bash
# Uses the 64-bit ARM program under qemu-user and holds its answer against this machine's. arm64.sh FOLDER (the one over bin/)
set -uo pipefail
folder=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$here/check.sh"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1

philo() { qemu-aarch64 -cpu "${processor:-max}" -L /usr/aarch64-linux-gnu "$folder/bin/philo" "$@"; }

printf '%s\n' "I am the philo demo model, a small language model. I show that philo runs on this computer. I am very small and I make mistakes. For real work, please use philo with a real Phi-3 model." >expected
philo run -p "Can you introduce yourself?" --quiet >out 2>err
ends "the demo's answer" 0 $?
same "the demo's answer" expected out

philo devices >out 2>err
ends "devices" 0 $?
holds "NEON with products of matrices is used" out neon_i8mm

# A processor of 2014 has no dot products: the scalar kernels must do, and naming the others is refused.
processor=cortex-a57 philo run "$root/tests/data/models/mini-4k" -p hi --max-new-tokens 2 --quiet >out 2>err
ends "a processor without dot products" 0 $?
processor=cortex-a57 philo run "$root/tests/data/models/mini-4k" -p hi --isa neon >out 2>err
ends "NEON kernels on it" 4 $?
finish "philo for ARM64 under qemu-user"
