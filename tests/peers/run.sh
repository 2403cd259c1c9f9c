#!/usr/bin/env bash
# Holds philo against the real transformers, tokenizers, jinja2, NNCF, optimum, OpenVINO and ONNX Runtime: tests/peers/run.sh BUILD_FOLDER. Makes .venv/peers on the first call.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:?usage: tests/peers/run.sh BUILD_FOLDER}
philo=$(cd "$build" && pwd)/bin/philo
wanted=$root/tests/peers/requirements.txt
installed=$root/.venv/peers/installed.txt

if [[ ! -x $philo ]]; then
  echo "$philo is not there: build philo first (make build)" >&2
  exit 1
fi
if [[ ! -x $root/.venv/peers/bin/python ]]; then
  python3 -m venv "$root/.venv/peers"
fi
if ! cmp -s "$wanted" "$installed"; then
  "$root/.venv/peers/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$wanted"
  cp "$wanted" "$installed"
fi

# As many scripts at a time as there are cores, since each computes with one for most of its time. What each says is shown when it has ended.
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
jobs=$(nproc)
export OMP_NUM_THREADS=1
run() {  # NAME COMMAND...
  while (($(jobs -pr | wc -l) >= jobs)); do wait -n || true; done
  {
    local status=0 began=$SECONDS
    "${@:2}" >"$log/$1" 2>&1 || status=$?
    { printf '== %s (%d s)\n' "$1" $((SECONDS - began)); cat "$log/$1"; } >"$log/$1.shown"
    cat "$log/$1.shown"
    if ((status)); then touch "$log/$1.failed"; fi
  } &
}
hold() { run "$1" "$root/.venv/peers/bin/python" "$root/tests/peers/$1_peer.py" "${@:2}"; }

# The programs that read many lines at once are built with the tests only.
tokenize=$build/bin/philo_tokenize_lines
render=$build/bin/philo_render_lines
if [[ ! -x $tokenize || ! -x $render ]]; then
  cmake -S "$root" -B "$build" -DPHILO_TESTS=ON >/dev/null
  cmake --build "$build" --target philo_tokenize_lines philo_render_lines
fi
# The module for openvino devices is built against the same OpenVINO that the tests use.
cmake -S "$root" -B "$build" -DPHILO_TESTS=ON -DOpenVINO_DIR="$("$root/.venv/peers/bin/python" -c 'import openvino.utils; print(openvino.utils.get_cmake_path())')" >/dev/null
cmake --build "$build" --target philo_openvino philo_device_openvino_test philo_device_onnxruntime_test
onnxruntime=$("$root/.venv/peers/bin/python" -c 'import onnxruntime, os; print(os.path.dirname(onnxruntime.__file__))')
# The longest first.
hold openvino_device "$philo"
hold onnxruntime_device "$philo"
hold openvino "$philo"
hold onnx "$philo"
hold model "$philo"
hold convert "$philo"
hold openvino_in "$philo"
hold onnx_in "$philo"
hold nncf "$philo"
hold tokenizer --program "$tokenize"
hold template --program "$render"
run openvino_module "$build/bin/philo_device_openvino_test" --gtest_brief=1
run onnxruntime_library env PHILO_ONNXRUNTIME="$onnxruntime" "$build/bin/philo_device_onnxruntime_test" --gtest_brief=1
wait
failed=$(cd "$log" && shopt -s nullglob && for one in *.failed; do printf ' %s' "${one%.failed}"; done)
if [[ -n $failed ]]; then
  echo "peers: FAILED:$failed"
  exit 1
fi
echo "peers: all agree"
