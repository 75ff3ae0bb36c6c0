"""The words of AI services outside the house: what is estimated, what that supposes, why it cannot.

In: nothing. Out: tables of codes, for `words.Words`.
"""

from footprint.portal.marking import mark

EXTERNAL = {
    "energy_uj": mark("Energy with what the data centres use"),
    "emissions_ug": mark("Greenhouse gases of use"),
    "primary_energy_uj": mark("Primary energy of use"),
    "water_ul": mark("Water of use"),
    "adpe_pg": mark("Metals and minerals of use"),
    "making_ug": mark("Greenhouse gases of making the hardware"),
    "making_primary_energy_uj": mark("Primary energy of making the hardware"),
    "making_adpe_pg": mark("Metals and minerals of making the hardware"),
    "generated_tokens": mark("Generated tokens (inside: by our shared servers)"),
    "not_installed": mark("the estimator is not installed with this service"),
    "model_not_declared": mark("the register does not say which of the provider’s models this is"),
    "model_unknown": mark("the estimator does not know this model"),
    "zone_unknown": mark("the estimator does not know the electricity of this zone"),
    "requests_not_counted": mark("nobody counts the requests, and each has a part of its own"),
    "tokens_together": mark("generated tokens are not told apart from prompted ones"),
    "model-arch-not-released": mark(
        "the provider does not publish the model’s size: it is guessed"
    ),
    "model-arch-multimodal": mark("the model also takes images or sound, which are not in it"),
    "electricity-mix-adpe-world": mark("metals and minerals of the world’s mean electricity"),
    "electricity-mix-pe-world": mark("primary energy of the world’s mean electricity"),
    "electricity-mix-wue-world": mark("water of the world’s mean electricity"),
    "batch_size": mark("requests that a server answers at once"),
    "bits_per_weight": mark("size of a model’s weight"),
    "gpu_memory": mark("memory of an accelerator"),
    "gpus_per_server": mark("accelerators of a server"),
    "server_power_without_gpus": mark("power of a server without its accelerators"),
    "lifetime": mark("time in service"),
    "zone": mark("where the electricity comes from"),
    "pue": mark("PUE of the data centre"),
    "wue": mark("water of the data centre (WUE)"),
    "electricity": mark("emission factor of the electricity"),
    "bit": mark("bits"),
    "year": mark("years"),
    "requests": mark("requests"),
}
"""Measures, reasons, notes of EcoLogits, its assumptions and their units."""
