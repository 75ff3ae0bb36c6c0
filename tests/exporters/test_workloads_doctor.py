"""The doctor says where labels cannot be read, and whose declarations nobody should believe."""

from tests.exporters.nobody import footprint_agent, shared_folder


def test_closed_engines_and_open_declarations_are_told() -> None:
    """As somebody without rights: an engine's folder that only root may read, a folder of
    declarations that everybody may write, each with its remedy."""
    with shared_folder() as folder:
        (folder / "docker").mkdir(mode=0o700)
        (folder / "declared").mkdir()
        (folder / "declared").chmod(0o777)
        config = folder / "agent.toml"
        config.write_text(
            f'docker_root = "{folder}/docker"\npodman_root = "{folder}/none"\n'
            f'declared_dir = "{folder}/declared"\nnvml = "off"\n'
        )
        result = footprint_agent("doctor", "--config", config, nobody=True)
    assert result.returncode == 1
    assert f"cannot read {folder}/docker: the labels of Docker's containers" in result.stdout
    assert "start them with --cgroup-parent and add a rule for that group" in result.stdout
    assert f"everybody may write {folder}/declared" in result.stdout
    assert f"chmod o-w {folder}/declared" in result.stdout
    assert "Podman" not in result.stdout


def test_without_a_rule_it_says_what_is_left_to_declare_by() -> None:
    """Labels where an engine can be read; else nothing, and all is @system's."""
    with shared_folder() as folder:
        config = folder / "agent.toml"
        (folder / "docker").mkdir(mode=0o755)
        told = {}
        for docker in ("docker", "none"):
            config.write_text(
                f'docker_root = "{folder}/{docker}"\npodman_root = "{folder}/none"\n'
                f'declared_dir = "{folder}/none"\nworkload_group = "fp-none"\nnvml = "off"\n'
            )
            told[docker] = footprint_agent("doctor", "--config", config).stdout
    assert "a SIA is only what has a label footprint.sia or a declaration" in told["docker"]
    assert "no workload is declared: all CPU energy will be @system's" in told["none"]
