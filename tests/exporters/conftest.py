"""The fake NVML library, compiled once for the tests of each file."""

import subprocess
from collections.abc import Callable
from pathlib import Path

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
