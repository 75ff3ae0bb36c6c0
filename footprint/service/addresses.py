"""What an address of a host says: whether only this machine has it, and whether it is a proxy's."""

import ipaddress
from collections.abc import Iterable


def is_proxy(address: str, proxies: Iterable[str]) -> bool:
    """Whether an address is one of `proxies`, or in one of their networks."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in ipaddress.ip_network(proxy) for proxy in proxies)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
