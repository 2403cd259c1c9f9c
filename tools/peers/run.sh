#!/bin/sh
# Measures philo in alternation with OpenVINO GenAI, ONNX Runtime GenAI and llama.cpp: tools/peers/run.sh --help.
exec python3 "$(dirname "$0")/measure.py" "$@"
