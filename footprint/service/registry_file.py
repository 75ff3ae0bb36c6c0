"""Reads a register from YAML, and says at which line it is wrong.

    directorates:
      - {code: dgfip, name: Direction générale des Finances publiques}
    projects:
      - {code: accueil, name: Accueil des usagers, directorate: dgfip}
    sia:
      - {code: chat, name: Assistant, project: accueil}     # short for one share of 1000 permille
      - code: tri
        name: Tri du courrier
        shares:                                             # dated, Paris days, `to` excluded
          - {project: accueil, permille: 600, from: 2026-01-01}
          - {project: autre, permille: 400, from: 2026-01-01}
        unit: document                                      # what one use of it does
        purpose: Oriente les courriers des usagers          # in plain words
        stage: production                                   # study, experiment, deployment, retired
        hosting: own                                        # or shared, external
        charter: allowed                                    # recommended, restricted, forbidden
        owner: Chef de projet                               # a role, never a person
        users: 10-49                                        # 1-9, 50-249, 250+
        aliases: [{code: tri-v1, to: 2026-03-01}]           # codes that its facts stand under too
    servers:
      - code: albert
        name: Serveur Albert
        weights: {prompt: 1, generated: 4}                  # or fit; left out: the method's
        idle: use                                           # or none: idle energy stays its own
        models:                                             # where each model has its own boards
          mistral-small: [GPU-5f2e6a4c-7d21-4b0c-9a55-0d6c1f3a2b10]

    sites:
      - code: salle-1
        name: Salle serveurs de Paris
        zone: FR                                            # of its electricity
        hosts:                                              # dated, Paris days, `to` excluded
          - {host: gpu-01, from: 2026-01-01}
        pue:                                                # none on a day: not known then
          - {value: 1.45, from: 2026-01-01, to: 2027-01-01, category: 2, document: Audit 2026-03}
        wue:
          - {value: 0.3, from: 2026-01-01, document: Audit 2026-03}
        contracts:                                          # of its electricity, permille
          - {permille: 500, g_per_kwh: 0, from: 2026-01-01, document: Guarantees of origin 2026}
    hardware:
      - code: gpu-01                                        # the host
        name: Server with 8 boards
        from: 2026-01-01                                    # in service
        lifetime_years: 5                                   # over which its making is written off
        parts: [{part: gpu/h100, count: 8}, {part: server/gpu-host, count: 1}]
        document: Delivery note 2025-113
    externals:
      - code: openai                                        # as usage has it in place of a server
        name: OpenAI, by its API
        provider: openai                                    # as EcoLogits calls it, as its models
        zone: USA                                           # left out: where EcoLogits supposes it
        models: {gpt-4o: gpt-4o}                            # the code in usage: the provider's name

In: a path. Out: `Register`, checked in itself; what it refers to is checked where it is stored.
"""

from pathlib import Path
from typing import Any

import msgspec

from footprint.service import yaml_lines
from footprint.service.errors import CommandError, Place, PlaceError
from footprint.service.register import (
    LISTS,
    WHOLE,
    Alias,
    Contract,
    Hardware,
    HardwarePart,
    Item,
    Pue,
    Register,
    RegisterError,
    Server,
    Share,
    Sia,
    Site,
    SiteHost,
    Weights,
    Wue,
)

PARTS: dict[type[msgspec.Struct], dict[str, type[msgspec.Struct]]] = {
    Sia: {"shares": Share, "aliases": Alias},
    Site: {"hosts": SiteHost, "pue": Pue, "wue": Wue, "contracts": Contract},
    Hardware: {"parts": HardwarePart},
}
"""The lists within an item, and what they are of."""


class RegisterFile(msgspec.Struct, frozen=True):
    """A register, the line of each of its values, and the fields that its form has no place for."""

    register: Register
    path: Path
    lines: dict[Place, int]
    untold: tuple[str, ...] = ()

    def over(self, held: Register) -> Register:
        """The register; what it has no place for stays as it is held."""
        if not self.untold:
            return self.register
        lists = {
            name: _kept(getattr(self.register, name), getattr(held, name), self.untold)
            for name in LISTS
        }
        return msgspec.structs.replace(self.register, **lists)

    def error(self, error: RegisterError) -> CommandError:
        """`error` with the line that it comes from."""
        return yaml_lines.at(self.path, self.lines, error.path, str(error))


def _kept(items: list[Item], held: list[Item], untold: tuple[str, ...]) -> list[Item]:
    known = {item.code: item for item in held}
    return [
        msgspec.structs.replace(item, **{name: getattr(known[item.code], name) for name in untold})
        if item.code in known
        else item
        for item in items
    ]


def read(path: Path) -> RegisterFile:
    """The register in a YAML file; CommandError with line, field and what is allowed."""
    root = yaml_lines.compose(path)
    lines: dict[Place, int] = {(): 1}
    try:
        content = yaml_lines.plain(root, (), lines)
        _check_fields(content)
        return RegisterFile(_convert(_spell_out(content)), path, lines)
    except PlaceError as error:
        raise yaml_lines.at(path, lines, error.path, str(error)) from error


def _check_fields(content: Any) -> None:
    """Name the field that does not exist, and those that do, before anything else."""
    _check_keys(content, tuple(LISTS), ())
    for name, kind in LISTS.items():
        allowed = _fields(kind)
        for index, item in enumerate(_list(content.get(name), (name,))):
            _check_keys(item, allowed, (name, index))
            for part, of in PARTS.get(kind, {}).items():
                for n, one in enumerate(_list(item.get(part), (name, index, part))):
                    _check_keys(one, _fields(of), (name, index, part, n))
            if item.get("weights") not in (None, "fit"):
                _check_keys(item["weights"], _fields(Weights), (name, index, "weights"))
            if kind is Server and item.get("models") is not None:
                _check_models(item["models"], (name, index, "models"))


def _check_models(models: Any, place: Place) -> None:
    if not isinstance(models, dict):
        raise RegisterError("models: write a mapping of models to lists of GPU UUIDs", place)
    for model, boards in models.items():
        if not isinstance(boards, list) or not all(isinstance(board, str) for board in boards):
            raise RegisterError(
                "models: write a list of GPU UUIDs after each model", (*place, model)
            )


def _fields(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    names = tuple(field.encode_name for field in msgspec.structs.fields(kind))
    return (*names, "project") if kind is Sia else names


def _list(value: Any, place: Place) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise RegisterError(f"{place[-1]}: write a list, each item after a dash", place)
    return value


def _check_keys(value: Any, allowed: tuple[str, ...], place: Place) -> None:
    if not isinstance(value, dict):
        raise RegisterError(f"write a mapping of {', '.join(allowed)}", place)
    for key in value:
        if key not in allowed:
            raise RegisterError(
                f"{key}: no such field; allowed: {', '.join(allowed)}", (*place, key)
            )


def _spell_out(content: dict[str, Any]) -> dict[str, Any]:
    """`project: P` of a SIA as its one share; lists left empty as empty lists."""
    for index, item in enumerate(content.get("sia") or []):
        if "project" in item:
            if "shares" in item:
                raise RegisterError(
                    "project: give either project or shares", ("sia", index, "project")
                )
            item["shares"] = [{"project": item.pop("project"), "permille": WHOLE}]
    return {name: items for name, items in content.items() if items is not None}


def _convert(content: dict[str, Any]) -> Register:
    items: dict[str, list[Any]] = {}
    for name, kind in LISTS.items():
        items[name] = [
            yaml_lines.convert(value, kind, (name, index))
            for index, value in enumerate(content.get(name, []))
        ]
    return msgspec.structs.replace(Register(), **items)
