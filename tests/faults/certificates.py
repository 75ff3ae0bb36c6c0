"""A service whose certificate is over: nothing goes to it, nothing is lost meanwhile.

Seen failing: an agent that verifies nothing sends its pages and says nothing.
"""

from tests.faults.ground import Ground, uj
from tests.faults.meters import check_same, ending, metering, until_held, waiting
from tests.running import Process, Service, wait_until
from tests.service.certificates import authority, certificate

SAID = "certificate has expired"


def expired(ground: Ground) -> str:
    """The certificate is over for some pages, then another one is put in its place."""
    folder = ground.sub("certificates")
    trusted = {"SSL_CERT_FILE": str(authority(folder, "ours"))}
    late = certificate(folder, "late-server", "ours", expired=True)
    good = certificate(folder, "server", "ours")
    processes: list[Process] = []
    with ending(processes), metering(ground.folder) as meter:
        place = ground.sub("service")
        service = Service(place, "--tls-cert", str(good))
        processes.append(service)
        agent = meter.start(service.url, environment=trusted)
        processes.append(agent)
        meter.counter.go()
        until_held(service.database, 1)
        for _ in range(ground.times):
            assert service.terminate() == 0
            said = agent.output().count(SAID)
            service = Service(place, "--tls-cert", str(late), listen=service.address)
            processes.append(service)
            wait_until(lambda n=said: agent.output().count(SAID) > n, "the agent's word")  # type: ignore[misc]
            kept = waiting(agent)
            wait_until(lambda n=kept: waiting(agent) > n, "pages to wait")  # type: ignore[misc]
            assert service.terminate() == 0
            service = Service(place, "--tls-cert", str(good), listen=service.address)
            processes.append(service)
            wait_until(lambda: waiting(agent) <= 1, "the backlog", 120)
        true_uj = meter.end(agent)
        check_same(agent, service.database, true_uj)
    return f"the agent says '{SAID}' and keeps its pages; afterwards {uj(true_uj)} == the counter"
