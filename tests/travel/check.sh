# What the scripts beside share; sourced, not run. Counts what failed and says it, so that one run shows everything.
failures=0
checks=0

pass() { checks=$((checks + 1)); }
fail() { checks=$((checks + 1)); failures=$((failures + 1)); printf 'FAILED: %s\n' "$*" >&2; }

# same WHAT FILE FILE: byte for byte.
same() {
  if cmp -s "$2" "$3"; then pass; else fail "$1: expected and found:"; head -c 600 "$2" | cat -A >&2; head -c 600 "$3" | cat -A >&2; fi
}

# holds WHAT FILE TEXT
holds() {
  if grep -qF -- "$3" "$2"; then pass; else fail "$1: \"$3\" is not in:"; head -c 600 "$2" >&2; fi
}

# ends WHAT EXPECTED FOUND: exit codes.
ends() {
  if [ "$2" = "$3" ]; then pass; else fail "$1: ended with $3, expected $2"; fi
}

finish() {
  if [ "$failures" -gt 0 ]; then echo "$failures of $checks checks failed" >&2; exit 1; fi
  echo "$1: $checks checks passed"
}
