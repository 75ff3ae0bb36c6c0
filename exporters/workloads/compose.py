"""The rules of this host with their sources, wired from the settings: for the agent and `explain`.

In: settings. Out: Rules that know where labels are asked for. Nothing is opened or asked yet.
"""

from pathlib import Path

from exporters.settings import Settings
from exporters.workloads import listings
from exporters.workloads.engine_files import Declared, DockerFiles, PodmanFiles
from exporters.workloads.labels import LABEL, Labels, Source
from exporters.workloads.rules import Rules


def rules(settings: Settings, wait_seconds: float = listings.WAIT_SECONDS) -> Rules:
    """Rules in their order; sources from the cheapest to the dearest, of which those that are
    asked over a socket are waited for at most so long."""
    named = [rule.label.partition("=")[0] for rule in settings.workloads if rule.label]
    wanted = frozenset([LABEL, *named])
    sources: list[Source] = [
        Declared(Path(settings.declared_dir), wanted),
        DockerFiles(Path(settings.docker_root), wanted),
        PodmanFiles(Path(settings.podman_root), wanted),
        *(listings.engine(path, wanted, wait_seconds) for path in settings.engine_sockets),
    ]
    if settings.kubelet:
        sources.append(listings.kubelet(settings.kubelet, wanted, wait_seconds))
    return Rules(settings.workloads, settings.workload_group, Labels(sources))
