"""Where the last checkpoint left the meter: its open pages, and what it knew of every device.

In: the checkpoint, the boot, the devices found now. Out: a sampler that goes on from there, and the
drafts of a boot that has ended, to be sealed first.
"""

import logging

from exporters import host
from exporters.clock import Instant
from exporters.drafts import DeviceKey, Draft, Drafts
from exporters.sampler import Sampler, Track, measures_floor, with_floor
from exporters.sensors.sensor import Device
from exporters.settings import Settings
from exporters.spool import Checkpoint, close_for_reboot
from footprint.floor import Minute, Rest
from footprint.interval import to_us
from footprint.reading import Cause

log = logging.getLogger("footprint.agent")


def resume(
    settings: Settings,
    checkpoint: Checkpoint | None,
    boot_id: str,
    devices: list[Device],
    now: Instant,
) -> tuple[Sampler, list[Draft]]:
    """The sampler where the last checkpoint left it, and drafts of an ended boot to be sealed."""
    sealed: list[Draft] = []
    start_us, drafts, known = now.utc_us, list[Draft](), dict[DeviceKey, Track]()
    unknown: Cause = "spool_lost" if checkpoint and checkpoint.lost else "absent"
    if checkpoint is not None:
        if checkpoint.boot_id != boot_id:
            sealed = close_for_reboot(checkpoint)
        start_us, drafts = checkpoint.start_us, checkpoint.drafts
        known = {track.key: track for track in checkpoint.tracks}
    tracks = {}
    for device in devices:
        key = (device.sensor, device.device)
        track = known.pop(key, None) or Track(device, covered_us=start_us, failing=unknown)
        _found(track, device)
        tracks[key] = track
    for track in known.values():
        log.warning("%s %s was read before and is not found now", *track.key)
    reservations = {uuid: rule.consumer for rule in settings.reservations for uuid in rule.gpus}
    declared = {rule.consumer for rule in settings.workloads if rule.sia} | set(
        reservations.values()
    )
    pages = Drafts(settings.page_seconds, start_us, drafts)
    cpus = host.logical_cpus()
    return Sampler(pages, tracks, reservations, sorted(declared), cpus), sealed


def _found(track: Track, device: Device) -> None:
    """It is there again; who ran meanwhile was not seen. Its floor stays the open page's."""
    if measures_floor(device):
        track.rest = track.rest or Rest()
        device = with_floor(device, _floor_in_use(track.device))
    track.device, track.up = device, False
    track.blind = track.baseline is not None


def _floor_in_use(device: Device) -> Minute | None:
    if device.floor_uw is None or device.floor_at is None:
        return None
    return Minute(device.floor_uw, to_us(device.floor_at))
