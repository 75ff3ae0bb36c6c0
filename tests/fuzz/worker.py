"""One target under atheris: `python -m tests.fuzz.worker TARGET FOLDER SECONDS SEED`.

In: a target and a folder for its corpus. Out: libFuzzer's own words on standard error; exit code 0
where nothing crashed. libFuzzer ends the process itself, so that nothing comes after `Fuzz`.
"""

import ctypes
import os
import re
import sys
from pathlib import Path

import atheris

LIMIT_SECONDS = 10
"""Of one input; a hundred times what the largest takes here."""
LIMIT_MIB = 1024
"""Of the whole process, corpus included."""
NO_RANDOM_ADDRESSES = 0x0040000
"""ADDR_NO_RANDOMIZE of linux/personality.h."""
INSTRUMENTED = ["footprint", "exporters", "yaml", "prometheus_client"]

with atheris.instrument_imports(include=INSTRUMENTED):
    from tests.fuzz import mutate
    from tests.fuzz.target import Target
    from tests.fuzz.targets import find

_WORD = re.compile(rb"[A-Za-z_@][\w.-]{2,30}")


def main(name: str, folder: str, seconds: str, seed: str) -> None:
    """Fuzz until the time is over, or something is found."""
    with atheris.instrument_imports(include=INSTRUMENTED):
        target = find(name)
        inputs = target.inputs()
    place = Path(folder)
    corpus = place / "corpus"
    corpus.mkdir(parents=True)
    for number, data in enumerate(inputs):
        (corpus / f"seed-{number}").write_bytes(data)
    (place / "words").write_text(_dictionary(target), encoding="ascii")
    arguments = [
        *(
            sys.argv[0],
            str(corpus),
            f"-max_total_time={seconds}",
            f"-seed={seed}",
            f"-dict={place / 'words'}",
        ),
        *(f"-timeout={LIMIT_SECONDS}", f"-rss_limit_mb={LIMIT_MIB}"),
        *(f"-max_len={target.most_bytes}", f"-artifact_prefix={place}/"),
        *("-print_final_stats=1", "-close_fd_mask=0", "-len_control=0", "-reload=0"),
    ]
    more = {"custom_mutator": _mutate} if target.json else {}
    atheris.Setup(arguments, target.read, **more)
    atheris.Fuzz()


def _mutate(data: bytes, most_bytes: int, seed: int) -> bytes:
    """As JSON for three in four, else as bytes."""
    found = mutate.changed(data, seed) if seed % 4 else None
    if found is None or len(found) > most_bytes:
        return bytes(atheris.Mutate(data, most_bytes))
    return found


def _dictionary(target: Target) -> str:
    """The words of the seeds: what a guess at random would not find."""
    words = {word for seed in target.seeds() for word in _WORD.findall(seed)}
    return "".join(f'"{word.decode()}"\n' for word in sorted(words))


def _at_fixed_addresses() -> None:
    """Start anew without random addresses (personality(2)): with them two runs of one seed part
    after some seconds. Where that is refused, go on as it is."""
    libc = ctypes.CDLL(None)
    now = libc.personality(0xFFFFFFFF)
    if now >= 0 and not now & NO_RANDOM_ADDRESSES:
        libc.personality(now | NO_RANDOM_ADDRESSES)
        if libc.personality(0xFFFFFFFF) & NO_RANDOM_ADDRESSES:
            os.execv(sys.executable, [sys.executable, "-m", "tests.fuzz.worker", *sys.argv[1:]])


if __name__ == "__main__":
    _at_fixed_addresses()
    main(*sys.argv[1:])
