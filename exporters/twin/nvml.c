/* A libnvidia-ml.so.1 whose cards are lines of a text file, for unmodified nvidia-ml-py.
 *
 * FAKE_NVML_STATE names the file, read anew at every call. First line: the answer of
 * nvmlInitWithFlags (0: success). Then a line a card:
 *   UUID ENERGY_MJ RETURN_CODE PROCESSES MAX_POWER_MW
 * RETURN_CODE is what every reading of that card answers (0 success, 3 not supported, 4 no
 * permission, 15 lost, 1 uninitialized; nvml.h, nvmlReturn_t). Signatures follow nvml.h, v13.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CARDS 16

struct card {
    char uuid[80];
    unsigned long long energy_mj;
    int answer;
    unsigned int processes;
    unsigned int max_power_mw;
};

static struct card cards[CARDS];
static int count, init_answer;

static void read_state(void)
{
    const char *path = getenv("FAKE_NVML_STATE");
    FILE *file = path ? fopen(path, "r") : NULL;
    count = 0;
    init_answer = 9; /* driver not loaded */
    if (!file)
        return;
    if (fscanf(file, "%d", &init_answer) == 1)
        while (count < CARDS) {
            struct card *c = &cards[count];
            if (fscanf(file, "%79s %llu %d %u %u", c->uuid, &c->energy_mj, &c->answer,
                       &c->processes, &c->max_power_mw) != 5)
                break;
            count++;
        }
    fclose(file);
}

/* A handle is the card's index plus one, fixed at the first time its UUID was seen. */
static char known[CARDS][80];

static void *handle_of(const char *uuid)
{
    for (long i = 0; i < CARDS; i++) {
        if (!known[i][0])
            strncpy(known[i], uuid, sizeof known[i] - 1);
        if (!strcmp(known[i], uuid))
            return (void *)(i + 1);
    }
    return NULL;
}

static struct card *card_of(void *handle)
{
    long i = (long)handle - 1;
    read_state();
    if (i < 0 || i >= CARDS)
        return NULL;
    for (int k = 0; k < count; k++)
        if (!strcmp(cards[k].uuid, known[i]))
            return &cards[k];
    return NULL;
}

int nvmlInitWithFlags(unsigned int flags) { (void)flags; read_state(); return init_answer; }
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) { return 0; }

const char *nvmlErrorString(int code)
{
    switch (code) {
    case 0: return "Success";
    case 1: return "Uninitialized";
    case 3: return "Not Supported";
    case 4: return "Insufficient Permissions";
    case 6: return "Not Found";
    case 9: return "Driver Not Loaded";
    case 15: return "GPU is lost";
    default: return "Unknown Error";
    }
}

int nvmlSystemGetDriverVersion(char *text, unsigned int length)
{
    snprintf(text, length, "580.65.06");
    return 0;
}

int nvmlDeviceGetCount_v2(unsigned int *n) { read_state(); *n = count; return 0; }

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **handle)
{
    read_state();
    if ((int)index >= count)
        return 2;
    *handle = handle_of(cards[index].uuid);
    return 0;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, void **handle)
{
    read_state();
    for (int k = 0; k < count; k++)
        if (!strcmp(cards[k].uuid, uuid)) {
            *handle = handle_of(uuid);
            return cards[k].answer == 15 ? 15 : 0;
        }
    return 6;
}

int nvmlDeviceGetUUID(void *handle, char *text, unsigned int length)
{
    struct card *c = card_of(handle);
    if (!c)
        return 6;
    snprintf(text, length, "%s", c->uuid);
    return 0;
}

int nvmlDeviceGetName(void *handle, char *text, unsigned int length)
{
    (void)handle;
    snprintf(text, length, "NVIDIA H100 80GB HBM3");
    return 0;
}

int nvmlDeviceGetTotalEnergyConsumption(void *handle, unsigned long long *millijoules)
{
    struct card *c = card_of(handle);
    if (!c)
        return 15;
    *millijoules = c->energy_mj;
    return c->answer;
}

int nvmlDeviceGetPowerManagementLimitConstraints(void *handle, unsigned int *least,
                                                 unsigned int *most)
{
    struct card *c = card_of(handle);
    if (!c)
        return 15;
    *least = 100000;
    *most = c->max_power_mw;
    return c->max_power_mw ? 0 : 3;
}

struct process { unsigned int pid; unsigned long long memory; unsigned int gpu, compute; };

int nvmlDeviceGetComputeRunningProcesses_v3(void *handle, unsigned int *n, struct process *list)
{
    struct card *c = card_of(handle);
    if (!c)
        return 15;
    if (c->answer)
        return c->answer;
    if (*n < c->processes || !list) {
        int enough = *n >= c->processes;
        *n = c->processes;
        return enough ? 0 : 7;
    }
    for (unsigned int i = 0; i < c->processes; i++)
        list[i] = (struct process){100 + i, 1ull << 30, 0xffffffff, 0xffffffff};
    *n = c->processes;
    return 0;
}
