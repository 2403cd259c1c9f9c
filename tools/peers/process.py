"""Runs a program to its end: its output, its time, its peak memory, and, where it fails, the reason in a line."""

import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass

# Neither telemetry nor downloads: all that is measured lies on the disk.
VARIABLES = {"HF_HUB_OFFLINE": "1", "ORT_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}


class Failure(Exception):
    """Why an engine or one of its runs is left out."""


@dataclass
class Finished:
    output: str  # empty where it went to the log
    wall_s: float
    peak_bytes: int  # resident at most, mapped files included


def reason(log):
    """The line that tells most: the last that speaks of an error, or the last."""
    with open(log, encoding="utf-8", errors="replace") as file:
        lines = [line.strip() for line in file if line.strip()]
    return ([line for line in lines if re.search("error|killed", line, re.IGNORECASE)] or lines or ["it says nothing"])[-1][:300]


def execute(command, log, capture=False, **variables):
    """Standard error goes to the file `log`; so does standard output, unless captured. An interruption ends all that the program started."""
    begin = time.monotonic()
    with open(log, "w", encoding="utf-8") as file:
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if capture else file, stderr=file, text=True,
                                       start_new_session=True, env={**os.environ, **VARIABLES, **variables})
        except OSError as error:
            raise Failure(str(error)) from error
    try:
        output = process.stdout.read() if capture else ""
        _, status, usage = os.wait4(process.pid, 0)
    except KeyboardInterrupt:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    finished = Finished(output, time.monotonic() - begin, usage.ru_maxrss * 1024)
    process.returncode = os.waitstatus_to_exitcode(status)  # Popen did not wait itself
    if process.returncode:
        how = f"exits with {process.returncode}" if process.returncode > 0 else f"is ended by {signal.Signals(-process.returncode).name}"
        raise Failure(f"{os.path.basename(command[0])} {how}: {reason(log)} ({log})")
    return finished
