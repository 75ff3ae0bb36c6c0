"""Makes a folder that, as PATH, holds only what a bare host has: coreutils, sh, python3, make, a C
compiler with its assembler and linker.

In: the PATH of the caller. Out: symbolic links below build/minimal-path; prints that folder. The
suite has to pass there too, with exactly the skips of tests/skipped-without-tools.txt:

    make test-minimal
"""

import shutil
import sys
from pathlib import Path

OTHERS = "sh python3 make gcc as ld"
COREUTILS = """
    [ arch b2sum base32 base64 basename basenc cat chcon chgrp chmod chown chroot cksum comm cp
    csplit cut date dd df dir dircolors dirname du echo env expand expr factor false fmt fold
    groups head hostid id install join link ln logname ls md5sum mkdir mkfifo mknod mktemp mv nice
    nl nohup nproc numfmt od paste pathchk pinky pr printenv printf ptx pwd readlink realpath rm
    rmdir runcon seq sha1sum sha224sum sha256sum sha384sum sha512sum shred shuf sleep sort split
    stat stdbuf stty sum sync tac tail tee test timeout touch tr true truncate tsort tty uname
    unexpand uniq unlink users vdir wc who whoami yes
"""
"""What Debian 12's coreutils package puts into /usr/bin (dpkg -L coreutils)."""

PYTHON = f"{sys.base_prefix}/bin/python3"
"""The interpreter itself: on the PATH there may be a version manager's script, which needs more."""


def make(folder: Path) -> Path:
    """The folder, holding one link for each program that this host has.

    Raises FileNotFoundError where one that the suite cannot do without is missing.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in f"{COREUTILS} {OTHERS}".split():
        path = PYTHON if name == "python3" else shutil.which(name)
        if path is not None:
            (folder / name).symlink_to(path)
        elif name in OTHERS.split():
            raise FileNotFoundError(f"minimal path: {name} is not on the PATH; install it")
    return folder


if __name__ == "__main__":
    try:
        print(make(Path(__file__).parents[2] / "build" / "minimal-path"))
    except FileNotFoundError as error:
        sys.exit(str(error))
