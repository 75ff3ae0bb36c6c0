"""`footprint models`: what providers and models the estimator of services outside the house knows.

In: a provider, or none. Out: a line a model, `PROVIDER<TAB>MODEL`, as the register has to name it.
"""

import argparse
import sys

from footprint.service import ecologits_model
from footprint.service.errors import CommandError


def add(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("--provider", metavar="NAME", help="of one provider alone")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Write the models to standard output."""
    estimator = ecologits_model.load()
    if estimator is None:
        raise CommandError(f"models: nothing can be estimated; {ecologits_model.REMEDY}")
    known = estimator.known(chosen.provider)
    if not known:
        providers = sorted({provider for provider, _ in estimator.known()})
        raise CommandError(
            f"--provider {chosen.provider}: {estimator.name} does not know it; known: "
            f"{', '.join(providers)}"
        )
    sys.stdout.writelines(f"{provider}\t{model}\n" for provider, model in known)
    return 0
