#!/usr/bin/env bash
# Uses philo.exe under wine as a person would: every alphabet, pipes, files, long paths, the console. windows.sh FOLDER (the one over bin/)
set -uo pipefail
folder=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$here/check.sh"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1

wine="$here/wine.sh"
philo() { "$wine" "$folder/bin/philo.exe" "$@"; }
tiny=$root/tests/data/models/mini-4k
demo=$root/share/philo/demo

# One file beside the library: all other DLLs are Windows' own.
for binary in philo.exe libphilo.dll; do
  x86_64-w64-mingw32-objdump -p "$folder/bin/$binary" | sed -n 's/.*DLL Name: //p' | grep -ivxE '(kernel32|msvcrt|shell32|libphilo)\.dll' >foreign
  same "$binary asks for no foreign DLLs" /dev/null foreign
done

philo --version >out 2>err
ends "--version" 0 $?
same "--version says nothing else" /dev/null err

# The demo model, found from the program's own place; exact UTF-8 without carriage returns.
printf '%s\n' "I am the philo demo model, a small language model. I show that philo runs on this computer. I am very small and I make mistakes. For real work, please use philo with a real Phi-3 model." >expected
philo run -p "Can you introduce yourself?" --quiet >out 2>err
ends "the demo's answer" 0 $?
same "the demo's answer" expected out

# Streams: text arrives while the program is still at work.
mkfifo stream
philo run "$demo" -p "Tell me a story." --ignore-eos --max-new-tokens 2000 --quiet >stream 2>/dev/null &
running=$!
head -c 16 stream >first
if kill -0 "$running" 2>/dev/null && [ "$(wc -c <first)" = 16 ]; then pass; else fail "nothing arrived before the end"; fi
wait "$running"

# Every alphabet in paths, arguments, files and pipes.
prompt='Grüße aus 東京, приве́т 🙂'
cp -r "$tiny" "Modell-é-模型"
printf '%s' "$prompt" >"Frage-é-模型.txt"
philo tokenize "Modell-é-模型" -p "$prompt" >by_argument 2>err
ends "tokenize by argument" 0 $?
philo tokenize "Modell-é-模型" --file "Frage-é-模型.txt" >by_file 2>err
same "a prompt by -p and by file" by_argument by_file
"$root/tests/travel/wine.sh" "$folder/bin/philo.exe" run "Modell-é-模型" -p "$prompt" --show-prompt --max-new-tokens 4 >out 2>err
ends "run in a folder of every alphabet" 0 $?
holds "the prompt comes back as it was" err "$prompt"
philo run "Modell-é-模型" --prompt-file "Frage-é-模型.txt" --json >from_file 2>err
ends "--prompt-file" 0 $?
philo run "Modell-é-模型" --prompt-file - --json <"Frage-é-模型.txt" >from_pipe 2>err
ends "--prompt-file -" 0 $?
for file in from_file from_pipe; do
  sed 's/"timings".*//' "$file" >"$file.text"
  python3 -c 'import json,sys; sys.stdout.buffer.write(json.dumps(json.load(open(sys.argv[1], encoding="utf-8"))["prompt_ids"]).encode())' "$file" >"$file.ids"
done
same "a prompt by file and by pipe" from_file.ids from_pipe.ids
if grep -q $'\r' from_file out expected; then fail "a carriage return in the output"; else pass; fi

# Files are written under a temporary name and renamed, also over an older one.
printf 'The cat sat on the mat.' >text.txt
printf 'older' >"Zahlen-é-模型.safetensors"
philo score "Modell-é-模型" --text-file text.txt --logits "Zahlen-é-模型.safetensors" >out 2>err
ends "score --logits over an older file" 0 $?
holds "the file was replaced" "Zahlen-é-模型.safetensors" '"logits"'
find . -name '*.partial*' >left
same "nothing is left of temporary files" /dev/null left

# A file that is mapped: replaced or refused, but never half a file.
cp "Modell-é-模型/model.safetensors" before
philo score "Modell-é-模型" --text-file text.txt --logits "Modell-é-模型/model.safetensors" >out 2>err
if [ $? = 0 ]; then
  holds "the mapped file was replaced" "Modell-é-模型/model.safetensors" '"logits"'
else
  same "the mapped file is untouched" before "Modell-é-模型/model.safetensors"
  holds "the refusal says what to do" err "the old file is untouched"
fi
cp before "Modell-é-模型/model.safetensors"

# A converted folder, also over an older one; and int4 kernels on what is in it.
for attempt in first again; do
  philo convert "Modell-é-模型" "Klein-é-模型" --weight-format int4 --group-size -1 --force --quiet >out 2>err
  ends "convert, $attempt" 0 $?
done
philo run "Klein-é-模型" -p hi --max-new-tokens 2 >out 2>err
ends "the converted model" 0 $?
find . -maxdepth 1 -name '.*.philo-*' >left
same "nothing is left of hidden folders" /dev/null left

# Paths beyond 260 characters.
long=$scratch/$(printf 'a%.0s' {1..120})/$(printf 'é%.0s' {1..100})/$(printf 'c%.0s' {1..100})
mkdir -p "$long"
cp -r "$tiny" "$long/model"
philo run "$long/model" -p hi --max-new-tokens 2 >out 2>err
ends "a model below a path of ${#long} characters" 0 $?
philo score "$long/model" --text-file text.txt --logits "$long/logits.safetensors" >out 2>err
ends "a file below such a path" 0 $?
[ -f "$long/logits.safetensors" ] && pass || fail "no file below a long path"

# Exit codes.
philo run missing -p hi >out 2>err
ends "a model that is not there" 3 $?
holds "the message names it" err missing
philo run "$tiny" --no-such-option >out 2>err
ends "an unknown option" 2 $?

# The library from C and from C++.
for example in answer_c answer_cpp; do
  [ -f "$folder/bin/$example.exe" ] || continue
  "$wine" "$folder/bin/$example.exe" "$demo" Hello >out 2>err
  ends "$example" 0 $?
done

# ONNX Runtime's library for Windows: PyPI's wheel is a zip. It is kept in build/, and taken from a folder with a name of another alphabet.
ort=$root/build/onnxruntime-windows
if [ ! -f "$ort/onnxruntime.dll" ]; then
  python3 -m venv pip >/dev/null && pip/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --platform win_amd64 --python-version 3.11 --dest wheel \
    "$(grep '^onnxruntime==' "$root/tests/peers/requirements.txt")" 2>/dev/null && python3 -m zipfile -e wheel/*.whl wheel && mkdir -p "$ort" && cp wheel/onnxruntime/capi/onnxruntime*.dll "$ort"
fi
if [ -f "$ort/onnxruntime.dll" ]; then
  ln -s "$ort" библиотека
  export PHILO_ONNXRUNTIME="Z:${scratch//\//\\}\\библиотека"
  philo run -p "Can you introduce yourself?" --quiet --device onnxruntime:cpu >out 2>err
  ends "the demo's answer on onnxruntime:cpu" 0 $?
  same "the demo's answer on onnxruntime:cpu" expected out
  philo run -p Hello --device onnxruntime:dml >out 2>err
  ends "DirectML, which that wheel does not have" 4 $?
  holds "what to do" err "onnxruntime-directml"
  unset PHILO_ONNXRUNTIME
else
  echo "left out: onnxruntime:cpu, because the wheel of ONNX Runtime for Windows can't be had"
fi

# A console: typed letters, an answer, Ctrl-C, the next prompt.
python3 "$here/console.py" "$wine" "$folder/bin/philo.exe" "$tiny" >out 2>&1
ends "chat in a console: $(tail -c 600 out)" 0 $?
finish "philo.exe under wine"
