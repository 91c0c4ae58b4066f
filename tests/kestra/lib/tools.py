"""Python packages for a test, pinned and kept in the build folder."""

import hashlib
import os
import pathlib
import subprocess
import sys
import venv

from .server import ROOT

MARK = "WINDHOVER_TEST_PACKAGES"


def environment(packages):
    """The folder of an environment with these packages; made once."""
    target = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
    digest = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:12]
    folder = pathlib.Path(target) / "tools" / f"python-{digest}"
    if not (folder / "complete").exists():
        venv.create(folder, with_pip=True, clear=True)
        pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        subprocess.run(pip, check=True)
        (folder / "complete").touch()
    return folder


def run_with(packages):
    """Goes on only in an interpreter that has these packages: this one is replaced by it where needed."""
    wanted = " ".join(packages)
    if os.environ.get(MARK) == wanted:
        return
    python = environment(packages) / "bin" / "python"
    os.execve(python, [python, *sys.argv], os.environ | {MARK: wanted})
