"""The fake NVML library, compiled once for the tests of each file."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.exporters.test_nvml import SONAME, SOURCE
from tests.tools import require_tool


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The library without the function that the macro leaves out, compiled once each."""
    folder = tmp_path_factory.mktemp("nvml")

    def build(without: str) -> Path:
        path = folder / (without or "whole") / "libnvidia-ml.so.1"
        if not path.exists():
            path.parent.mkdir()
            command = [require_tool("gcc"), "-Wall", "-Werror", "-shared", "-fPIC", SONAME]
            macro = [f"-D{without}"] if without else []
            subprocess.run([*command, *macro, "-o", path, SOURCE], check=True)
        return path

    return build


@pytest.fixture
def told(
    libraries: Callable[[str], Path], tmp_path: Path
) -> Callable[[list[dict[str, Any]], str], dict[str, Any]]:
    """Runs a story (nvml_story.py) on the library without a function; what the pages say, and
    the log."""

    def run(steps: list[dict[str, Any]], without: str) -> dict[str, Any]:
        environment = {
            "LD_PRELOAD": str(libraries(without)),
            "FAKE_NVML_STATE": str(tmp_path / "cards"),
        }
        answer = subprocess.run(
            [sys.executable, "-m", "tests.exporters.nvml_story"],
            input=json.dumps(steps),
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert answer.returncode == 0, answer.stderr
        return {**json.loads(answer.stdout), "log": answer.stderr}

    return run
