"""Runs a worker program beside its test."""

import os
import subprocess
import sys
from pathlib import Path

from harness import clean_environment

PROGRAMS = Path(__file__).parent


class Worker:
    """`python -m …` with this folder's modules at hand; ends with its `with`."""

    def __init__(self, folder, *module_and_args, env=None):
        self.log_file = Path(folder) / "worker.log"
        self.command = [sys.executable, "-m", *module_and_args]
        self.env = clean_environment({"PYTHONPATH": str(PROGRAMS)} | (env or {}))

    def __enter__(self):
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=self.env,
                cwd=self.log_file.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def log(self):
        return self.log_file.read_text(errors="replace")

    def __exit__(self, problem, *_):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if problem:
            print(f"--- the worker's log ---\n{self.log()}")


def url(server, db=0):
    return f"redis://{server.address}:{server.port}/{db}"
