"""Bodies that a schema made up, mended so that the register and budgets take them."""

from typing import Any

from tests.service import mended

KNOWN = {
    "directorates": "dsi",
    "projects": "assistance",
    "sia": "chat",
    "servers": mended.SERVER,
    "sites": "salle-1",
    "hardware": "host-1",
    "externals": "openai",
    "budgets": "annee",
}

KINDS: tuple[dict[str, Any], ...] = (
    {"amount": "0.000001", "months": [*range(12)]},
    {"amount": "5", "trajectory": [{"year": 2030, "amount": "1.5"}]},
    {"amount": "999999999999.999999", "thresholds": [200, 1], "indicator": "emissions"},
    {"amount": "1E+2", "thresholds": [], "indicator": "energy_per_1000_tokens"},
)


def budget(item: Any, number: int) -> dict[str, Any]:
    """What a budget needs to be one, of each kind in turn; all else as it was made up."""
    found: dict[str, Any] = {
        "project": KNOWN["projects"],
        "sia": None,
        "reason": "Essai",
        "name": item["name"].strip() or "Budget",
        "mail_to": [],
        "period": "2026",
    }
    found |= KINDS[number % len(KINDS)]
    item = item | found
    if item["code"] == KNOWN["budgets"]:  # it is revised, and stays what it is about
        found["indicator"] = "energy"
    elif item["indicator"] == "energy_per_1000_tokens":
        found |= {"project": None, "sia": KNOWN["sia"]}
    if item.get("months") and not sum(item["months"]):
        found["months"] = None
    if item.get("thresholds"):
        found["thresholds"] = list(dict.fromkeys(item["thresholds"]))
    if item.get("trajectory"):
        steps = {step["year"]: {**step, "amount": "1.5"} for step in item["trajectory"]}
        found["trajectory"] = list(steps.values())
    return found


def registrable(body: Any, path: str, code: str) -> Any:
    """An item whose code is the path's, and which names what is registered."""
    item = {**body, "code": code}
    if "directorate" in item:
        item["directorate"] = KNOWN["directorates"]
    if "parts" in item:
        item |= {"from": "2026-01-01", "to": None}
    if item.get("shares"):
        item["shares"] = [{"project": KNOWN["projects"], "permille": 1000}]
    if item.get("models") and "servers" in path:
        boards = enumerate(item["models"])
        item["models"] = {f"model-{index}": [f"GPU-{code}-{index}"[:100]] for index, _ in boards}
    if item.get("hosts"):
        item["hosts"] = [{"host": f"{code[:50]}-{index}"} for index, _ in enumerate(item["hosts"])]
    for name in ("pue", "wue"):
        if item.get(name):
            item[name] = [{**item[name][0], "value": "1.25", "from": None, "to": None}]
    if item.get("contracts"):
        item["contracts"] = [{"permille": 500, "g_per_kwh": "0", "document": "Offre"}]
    return item
