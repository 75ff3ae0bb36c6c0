/* A simulated card of a constant power of 300 W for the tests on a card: exporters/twin/nvml.c with
 * meters that follow the clock, and the calls that only those tests make. Counter and powers agree
 * whatever the machine is doing, so that a run of the procedure never depends on its speed.
 * FAKE_CARD_PIDS names the file in which fake_cuda.c writes who computes. */
#define NO_ENERGY
#define NO_FIELDS
#define NO_UTILISATION
#include "../../exporters/twin/nvml.c"
#include <time.h>
#include <unistd.h>

#define MILLIWATTS 300000ull

static unsigned long long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000ull + now.tv_nsec / 1000000;
}

int nvmlDeviceGetTotalEnergyConsumption(void *handle, unsigned long long *millijoules)
{
    FIND_OR_RETURN(handle, c);
    *millijoules = now_ms() * MILLIWATTS / 1000;
    return c->answer;
}

struct field {
    unsigned int id, scope;
    long long timestamp, latency;
    int type, answer;
    union { double d; unsigned int u; unsigned long long ull; } value;
};

int nvmlDeviceGetFieldValues(void *handle, int n, struct field *fields)
{
    FIND_OR_RETURN(handle, c);
    for (int i = 0; i < n; i++) {
        unsigned int every_ms = fields[i].id == 186 ? 25 : 100;
        fields[i].type = 1; /* unsigned int */
        fields[i].answer = fields[i].id == 186 || fields[i].id == 185 ? 0 : 3;
        fields[i].value.u = MILLIWATTS + now_ms() / every_ms % 2;
    }
    return c->answer;
}

int nvmlSystemGetNVMLVersion(char *text, unsigned int length)
{
    snprintf(text, length, "13.580.65.06");
    return 0;
}

int nvmlSystemGetCudaDriverVersion_v2(int *version)
{
    *version = 13000;
    return 0;
}

struct utilisation {
    unsigned int pid;
    unsigned long long at_us;
    unsigned int sm, memory, encoder, decoder;
};

/* The processes that began last, busy for 60 and 20 percent, seen every 100 ms. */
int nvmlDeviceGetProcessUtilization(void *handle, struct utilisation *samples, unsigned int *n,
                                    unsigned long long since_us)
{
    static const unsigned int percent[] = {60, 20};
    unsigned long long at_us = now_ms() / 100 * 100000;
    const char *path = getenv("FAKE_CARD_PIDS");
    FILE *file = path ? fopen(path, "r") : NULL;
    unsigned int pids[2] = {0, 0}, pid;
    FIND_OR_RETURN(handle, c);
    while (file && fscanf(file, "%u", &pid) == 1) {
        pids[0] = pids[1];
        pids[1] = pid;
    }
    if (file)
        fclose(file);
    if (at_us <= since_us || !pids[0])
        return c->answer ? c->answer : 6; /* not found */
    if (*n < 2 || !samples) {
        *n = 2;
        return 7; /* insufficient size */
    }
    for (int i = 0; i < 2; i++)
        samples[i] = (struct utilisation){pids[i], at_us, percent[i], 0, 0, 0};
    *n = 2;
    return 0;
}
