"""The repository keeps its own promises: small files, whole locks, rules of import that bite."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("demo", "deploy", "exporters", "footprint", "grafana", "tests")
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
MAX_LINES = 400


def python_files() -> Iterator[Path]:
    """Every Python file of the project."""
    for room in ROOMS:
        yield from sorted((ROOT / room).rglob("*.py"))


def test_no_python_file_is_longer_than_400_lines() -> None:
    """A file past 400 lines wants splitting."""
    sizes = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in python_files()
    }
    assert {name: lines for name, lines in sizes.items() if lines > MAX_LINES} == {}
    assert len(sizes) > 10


def test_every_python_file_says_why_it_exists() -> None:
    """A module begins with its docstring; an empty package file needs none."""
    silent = [
        str(path.relative_to(ROOT))
        for path in python_files()
        if path.read_text(encoding="utf-8").strip()
        and not path.read_text(encoding="utf-8").startswith('"""')
        and "migrations/versions" not in str(path)
    ]
    assert silent == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_locks_pin_and_hash_and_carry_no_address(lock: Path) -> None:
    """Any index may serve a lock: each package has one version and hashes, no line an address."""
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert "index-url" not in text
    packages = re.split(r"\n(?=\S)", re.sub(r"(?m)^\s*#.*\n?", "", text).strip())
    assert packages
    for package in packages:
        assert re.match(r"[A-Za-z0-9._-]+(\[[^]]*\])?==\S+", package), package
        assert "--hash=sha256:" in package, package


def test_there_is_one_kind_of_lock() -> None:
    """requirements/*.txt are the locks; another tool's lock would be a second truth."""
    assert [
        name for name in ("uv.lock", "poetry.lock", "Pipfile.lock") if (ROOT / name).exists()
    ] == []


def test_the_readme_opens_with_the_two_commands() -> None:
    """Who opens the README sees at once what to type."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    opening = "\n".join(text.splitlines()[:30])
    assert "make demo" in opening
    assert "make test" in opening


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """import-linter over the tree in `folder`."""
    return subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the rooms that the contracts speak of."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for room in ("footprint", "exporters"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / room, tmp_path / room, ignore=ignore)
    return tmp_path


def test_the_import_rules_hold(tree: Path) -> None:
    """The rooms import each other only in the directions drawn in the design."""
    result = lint_imports(tree)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("path", "line", "contract"),
    [
        ("footprint/units.py", "import sqlite3", "The method is pure"),
        ("footprint/attribution.py", "import footprint.service", "The method is pure"),
        ("footprint/interval.py", "import time", "The method is pure"),
        ("footprint/statement.py", "import sqlmodel", "The method is pure"),
        ("exporters/sampler.py", "import footprint.service", "The agent knows nothing"),
        ("exporters/agent.py", "import httpx", "The agent knows nothing"),
        ("footprint/service/app.py", "import exporters", "The service and the portal know nothing"),
        ("footprint/portal/render.py", "import pynvml", "The service and the portal know nothing"),
        ("footprint/fleet/asking.py", "import footprint.service", "The fleet knows the service"),
        ("footprint/fleet/wire.py", "import httpx", "The fleet knows the service"),
        ("exporters/sensors/rapl.py", "import footprint.ledger", "A sensor knows nothing"),
        ("exporters/sensors/nvml.py", "import exporters.spool", "A sensor knows nothing"),
        ("exporters/sampler.py", "import sqlite3", "SQL lives in the store"),
        ("footprint/portal/render.py", "import sqlalchemy", "SQL lives in the store"),
        ("exporters/sampler.py", "import pynvml", "NVML is spoken to in one file"),
        ("exporters/sensors/nvml.py", "import pynvml", "NVML is spoken to in one file"),
    ],
)
def test_the_import_rules_bite(tree: Path, path: str, line: str, contract: str) -> None:
    """One forbidden import anywhere breaks the contract that forbids it."""
    file = tree / path
    file.write_text(file.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    result = lint_imports(tree)
    assert result.returncode == 1
    assert re.search(rf"{contract}.*BROKEN", result.stdout), result.stdout
