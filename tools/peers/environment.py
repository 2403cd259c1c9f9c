"""The virtual environment that the peers run in: filled when a peer asks, at the versions of requirements.txt."""

import os
import sys

from process import execute

REQUIREMENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "requirements.txt")


class Environment:
    def __init__(self, folder, logs):
        self.folder, self.logs = folder, logs
        self.python = os.path.join(folder, "bin", "python")

    def log(self, name):
        return os.path.join(self.logs, name + ".log")

    def install(self, name, packages, *options, **variables):
        """pip returns within seconds where the packages are there already."""
        if not os.path.exists(self.python):
            execute([sys.executable, "-m", "venv", self.folder], self.log("venv"))
        execute([self.python, "-m", "pip", "install", "--disable-pip-version-check", "--constraint", REQUIREMENTS, *options, *packages],
                self.log(f"install-{name}"), **variables)

    def run(self, name, arguments, **variables):
        execute([self.python, *arguments], self.log(name), **variables)

    def version(self, package):
        code = f"import importlib.metadata; print(importlib.metadata.version('{package}'))"
        return execute([self.python, "-c", code], self.log("version"), capture=True).output.strip()
