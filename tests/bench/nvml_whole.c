/* The twin's simulated NVIDIA library and what CodeCarbon asks of a card beside its energy: constants. */
#include "../../exporters/twin/nvml.c"

struct memory { unsigned long long total, free, used; };
struct rates { unsigned int gpu, memory; };

int nvmlDeviceGetMemoryInfo(void *handle, struct memory *memory)
{
    (void)handle;
    *memory = (struct memory){80ull << 30, 79ull << 30, 1ull << 30};
    return 0;
}

int nvmlDeviceGetTemperature(void *handle, unsigned int sensor, unsigned int *celsius)
{
    (void)handle;
    (void)sensor;
    *celsius = 40;
    return 0;
}

int nvmlDeviceGetEnforcedPowerLimit(void *handle, unsigned int *milliwatts)
{
    (void)handle;
    *milliwatts = 700000;
    return 0;
}

int nvmlDeviceGetUtilizationRates(void *handle, struct rates *rates)
{
    (void)handle;
    *rates = (struct rates){50, 10};
    return 0;
}

int nvmlDeviceGetComputeMode(void *handle, unsigned int *mode)
{
    (void)handle;
    *mode = 0;
    return 0;
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(void *handle, unsigned int *n, void *list)
{
    (void)handle;
    (void)list;
    *n = 0;
    return 0;
}
