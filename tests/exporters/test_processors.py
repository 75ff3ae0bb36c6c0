"""How much of a processor a host has, on real texts of cpuinfo, and what the model makes of it."""

from fractions import Fraction
from pathlib import Path

import pytest

from exporters.clock import Boot
from exporters.cputime import HostCpu
from exporters.sensors.model import LoadModel
from exporters.sensors.processors import CORES, Processor, describe
from tests.exporters.test_model import CURVE

W = 1_000_000
EPYC = "AMD EPYC 7763 64-Core Processor"
XEON = "Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz"


def host(
    folder: Path, name: str, *, cpus: int, sockets: int = 1, guest: bool, vendor: str | None = None
) -> Processor:
    """What is found on a host with this cpuinfo."""
    flags = "fpu vme hypervisor" if guest else "fpu vme"
    blocks = [
        f"processor\t: {cpu}\nmodel name\t: {name}\nphysical id\t: {cpu * sockets // cpus}\n"
        f"siblings\t: {cpus // sockets}\nflags\t\t: {flags}\n"
        for cpu in range(cpus)
    ]
    (folder / "cpuinfo").write_text("\n".join(blocks))
    if vendor is not None:
        (folder / "class" / "dmi" / "id").mkdir(parents=True)
        (folder / "class" / "dmi" / "id" / "sys_vendor").write_text(f"{vendor}\n")
    return describe(cpus, folder, folder)


def sensor(folder: Path, processor: Processor | None, *, matched: bool = True) -> LoadModel:
    """The model of a processor of 45 W at full load."""
    (folder / "stat").write_text("cpu  0 0 0 0 0 0 0 0 0 0\n")
    cpus = processor.logical_cpus if processor else 4
    curve = {**CURVE, "matched": matched}
    return LoadModel(curve, HostCpu(None, folder), cpus, Boot("boot"), processor)


def test_a_guest_of_four_cpus_is_no_host_of_sixty_four_cores(tmp_path: Path) -> None:
    """4 of 128 threads: a thirty-second of the processor's power, idle and full; the page says
    how, that it is a guest and whose."""
    found = host(tmp_path, EPYC, cpus=4, guest=True, vendor="OpenStack Foundation")
    assert found.share() == Fraction(4, 128)
    (device,) = sensor(tmp_path, found).devices()
    assert device.rated_power_uw == 45 * W // 32
    assert device.floor_uw == 4_500_000 // 32
    assert device.parameters["virtualised"] == "yes"
    assert device.parameters["provider"] == "OpenStack Foundation"
    assert device.parameters["processor_threads"] == "128, from its name"
    assert device.parameters["scale"] == "processors: 1/32"
    assert device.parameters["full_watts"] == "1.40625"


def test_a_guest_larger_than_a_processor_is_several(tmp_path: Path) -> None:
    """96 virtual CPUs on processors of 64 threads are one and a half."""
    found = host(tmp_path, XEON, cpus=96, sockets=2, guest=True)
    assert found.share() == Fraction(3, 2)
    assert found.provider == "unknown"
    assert found.parameters()["processor_threads"] == "64, from the table"


def test_a_guest_that_sees_more_threads_than_it_has_is_believed(tmp_path: Path) -> None:
    """cpuinfo of some hypervisors passes the host's siblings through."""
    found = host(tmp_path, "Some Processor", cpus=48, guest=True)
    assert found.threads is None
    (tmp_path / "cpuinfo").write_text("siblings : 96\nflags : hypervisor\nmodel name : Some\n")
    assert describe(4, tmp_path, tmp_path).share() == Fraction(4, 96)


def test_a_guest_of_a_processor_of_unknown_size_is_four_watts_a_cpu(tmp_path: Path) -> None:
    """The whole processor's power would be wrong by an unknown factor: the default per CPU stands,
    and the page says so."""
    found = host(tmp_path, "Intel Xeon Gold 9999", cpus=2, guest=True)
    assert found.share() is None
    (device,) = sensor(tmp_path, found).devices()
    assert device.rated_power_uw == 8 * W
    assert device.floor_uw == 800_000
    assert device.parameters["scale"] == "processors: unknown, 4 W per logical CPU"


def test_a_physical_host_of_two_sockets_is_two_processors(tmp_path: Path) -> None:
    """The table's power is one processor's."""
    found = host(tmp_path, XEON, cpus=128, sockets=2, guest=False)
    (device,) = sensor(tmp_path, found).devices()
    assert device.rated_power_uw == 90 * W
    assert device.parameters["virtualised"] == "no"


def test_a_processor_unknown_to_the_table_is_not_scaled_again(tmp_path: Path) -> None:
    """Its figure is per logical CPU already."""
    found = host(tmp_path, EPYC, cpus=4, guest=True)
    (device,) = sensor(tmp_path, found, matched=False).devices()
    assert device.rated_power_uw == 45 * W
    assert device.parameters["scale"] == "none: 4 W per logical CPU"


@pytest.mark.parametrize("text", ["", "garbage", "siblings : many\n"])
def test_a_cpuinfo_that_says_nothing_is_unknown(tmp_path: Path, text: str) -> None:
    """Neither guest nor host, of no known size: one processor, as before."""
    (tmp_path / "cpuinfo").write_text(text)
    found = describe(4, tmp_path, tmp_path)
    assert (found.virtualised, found.share()) == (None, Fraction(1))
    assert found.parameters()["virtualised"] == "unknown"


def test_no_model_of_the_table_is_a_part_of_another_s_name() -> None:
    """8380 is not 8380H, E5-2673 v4 not v3: names match as whole words."""
    for model in CORES:
        assert describe_name(f"Intel(R) Xeon(R) {model} CPU @ 2.00GHz") == CORES[model] * 2
        assert describe_name(f"Intel(R) Xeon(R) {model}H CPU @ 2.00GHz") is None


@pytest.mark.parametrize(
    ("name", "threads"),
    [
        ("INTEL(R) XEON(R) PLATINUM 8592+", 128),
        ("INTEL(R) XEON(R) GOLD 6338 CPU @ 2.00GHz", 64),
        ("Intel(R) Xeon(R) Platinum 8480+", 112),
        ("Intel(R) Xeon(R) CPU E5-2673 v4 @ 2.30GHz", 40),
        ("Intel(R) Xeon(R) Platinum 8272CL CPU @ 2.60GHz", 52),
        ("AMD EPYC 7R13 Processor", 96),
        ("AMD EPYC 7R32", 96),
        ("AMD EPYC 9V74 80-Core Processor", 160),
        ("Intel(R) Xeon(R) Processor", None),
        ("", None),
    ],
)
def test_names_are_known_as_kernels_print_them(name: str, threads: int | None) -> None:
    """With and without a clock, with the maker's marks, in capitals; one that says nothing is not
    guessed."""
    assert describe_name(name) == threads


def describe_name(name: str) -> int | None:
    """Threads of the processor with this name."""
    from exporters.sensors import processors

    return processors._threads(name)[0]
