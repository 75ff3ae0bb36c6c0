/* The fake library of exporters/twin, and the further functions that CodeCarbon and Zeus call. */
#include "../../exporters/twin/nvml.c"

struct memory {
    unsigned long long total, free, used;
};

struct utilization {
    unsigned int gpu, memory;
};

int nvmlDeviceGetMemoryInfo(void *handle, struct memory *memory)
{
    FIND_OR_RETURN(handle, card);
    (void)card;
    memory->total = 80ULL << 30;
    memory->used = 1ULL << 30;
    memory->free = memory->total - memory->used;
    return 0;
}

int nvmlDeviceGetEnforcedPowerLimit(void *handle, unsigned int *milliwatts)
{
    FIND_OR_RETURN(handle, card);
    *milliwatts = card->max_power_mw;
    return 0;
}

int nvmlDeviceGetUtilizationRates(void *handle, struct utilization *rates)
{
    FIND_OR_RETURN(handle, card);
    (void)card;
    rates->gpu = 50;
    rates->memory = 10;
    return 0;
}

int nvmlDeviceGetArchitecture(void *handle, unsigned int *architecture)
{
    FIND_OR_RETURN(handle, card);
    (void)card;
    *architecture = 9; /* NVML_DEVICE_ARCH_HOPPER */
    return 0;
}
