# philo.exe chat at a console under wine: typed letters of every alphabet, an answer, Ctrl-C, the end. console.py WINE PROGRAM MODEL
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import termios
import time


class Console:
    def __init__(self, arguments):
        self.master, slave = pty.openpty()
        # The terminal controls the program, as a person's does: it makes a signal of Ctrl-C.
        take = lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        self.process = subprocess.Popen(
            arguments, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, preexec_fn=take, env=dict(os.environ, TERM="xterm"))
        os.close(slave)
        self.shown = b""

    # Everything shown so far, without the console's control sequences and without spaces, some of which it draws by moving the cursor.
    def text(self):
        plain = re.sub(rb"\x1b\][^\x07]*\x07|\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b.", b"", self.shown)
        return re.sub(r"\s", "", plain.decode("utf-8", "replace"))

    def wait_for(self, wanted, seconds=120):
        end = time.monotonic() + seconds
        while not re.search(wanted, self.text()):
            if time.monotonic() > end:
                sys.exit(f"FAILED: {wanted!r} was not shown, but:\n{self.text()}")
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    self.shown += os.read(self.master, 65536)
                except OSError:
                    if not re.search(wanted, self.text()):
                        sys.exit(f"FAILED: ended without {wanted!r}:\n{self.text()}")
        self.shown = b""

    # Wine's console gives up the terminal's own line editing a moment after the program has written its prompt.
    def wait_for_keys(self, seconds=60):
        end = time.monotonic() + seconds
        while termios.tcgetattr(self.master)[3] & termios.ICANON:
            if time.monotonic() > end:
                sys.exit("FAILED: the console never took single keys")
            time.sleep(0.05)

    def type(self, text):
        os.write(self.master, text.encode())


# The model with room for an answer that takes minutes, so that there is time to interrupt it.
def long_model(model, folder):
    shutil.copytree(model, folder)
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["max_position_embeddings"] = config["original_max_position_embeddings"] = 200000
    path.write_text(json.dumps(config), encoding="utf-8")
    return folder


def chat(wine, program, model):
    console = Console([wine, program, "chat", model, "--ignore-eos", "--max-new-tokens", "150000", "--show-prompt"])
    console.wait_for(">$")
    console.wait_for_keys()
    console.type("Grüße 東京\r")
    console.wait_for("Grüße東京.*Grüße東京")
    console.type("\x03")
    console.wait_for("stopped")
    console.type("/quit\r")
    console.process.wait(120)
    if console.process.returncode != 0:
        sys.exit(f"FAILED: chat ended with {console.process.returncode}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        chat(sys.argv[1], sys.argv[2], long_model(sys.argv[3], pathlib.Path(folder) / "long"))
