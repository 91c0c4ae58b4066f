"""Builds the program, and starts it on the flows of a test, each time in folders of its own."""

import base64
import os
import pathlib
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
# What the recorded servers had in their environment.
VARIABLES = {"SECRET_WEBHOOK_KEY": base64.b64encode(b"secretKey").decode(), "ENV_COLOR": "blue"}
READY_SECONDS_MAX = 60


def binary():
    """The path of the program, built first."""
    subprocess.run(["cargo", "build", "--quiet", "--locked", "-p", "windhover"], cwd=ROOT, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target"))
    return ROOT / target / "debug" / "windhover"


class Server:
    """A running server with these flows, by file name. Ends with the `with` block."""

    def __init__(self, program, flows, *arguments):
        self.scratch = tempfile.TemporaryDirectory(prefix="windhover-kestra-")
        self.folder = pathlib.Path(self.scratch.name)
        (self.folder / "flows").mkdir()
        for name, source in flows.items():
            (self.folder / "flows" / name).write_bytes(source.encode("utf-8"))
        self.program, self.arguments = program, arguments

    def __enter__(self):
        command = [self.program, "server", "local", "--flows", self.folder / "flows", "--data", self.folder / "data"]
        command += ["--listen", "127.0.0.1:0", "--address-file", self.folder / "address", *self.arguments]
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(
            command, env=os.environ | VARIABLES, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log
        )
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not (self.folder / "address").exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the server did not start:\n{self.printed()}")
            time.sleep(0.02)
        host, _, port = (self.folder / "address").read_text().strip().removeprefix("http://").rpartition(":")
        self.address = (host, int(port))
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        self.scratch.cleanup()

    def printed(self):
        """What the server printed so far."""
        return (self.folder / "log").read_text(errors="replace")
