/* A libnvidia-ml.so.1 whose cards are lines of a text file, for unmodified nvidia-ml-py.
 *
 * FAKE_NVML_STATE names the file, read anew at every call (mapped with FAKE_NVML_MAPPED=1, see
 * nvml_state.h). First line: the answer of
 * nvmlInitWithFlags (0: success), then, if the driver is to be loaded anew, its generation (0 at
 * first): with another one every call answers "uninitialized" until the next init, and old handles
 * are invalid. Then a line a card:
 *   UUID ENERGY_MJ RETURN_CODE PROCESSES MAX_POWER_MW [FIELD=NUMBER ...]
 * RETURN_CODE is what every reading of that card answers (0 success, 3 not supported, 4 no
 * permission, 15 lost, 1 uninitialized; nvml.h, nvmlReturn_t). Optional fields:
 *   power=MW      all three power readings; instant=MW, average=MW, usage=MW one of them
 *                 (a card that gives none does not support them)
 *   energy=CODE   the answer of the energy counter alone;  fields=CODE  that of field values alone
 *   mig=10*CURRENT+PENDING mode (mig=11: on)    instances=N  MIG instances
 *   virt=N        virtualisation mode (nvmlGpuVirtualizationMode_t)
 *   lists=CODE    the answer of the process lists;  util=CODE  that of process utilisation
 *   gpm=1         GPU performance monitoring is there
 * and, as often as needed:
 *   proc=PID:MEBIBYTES:INSTANCE:KIND  a process, instead of the PROCESSES made up: INSTANCE is its
 *                 MIG instance or -1, KIND 0 computes, 1 draws, 2 is a client of MPS; MEBIBYTES -1:
 *                 not told
 *   sm=PID:AT_US:PERCENT              a sample of SM utilisation
 *   gi=ID:SLICES:BUSY_US:AT_US        a MIG instance, how long its SMs were busy, and until when
 * Built with -DNO_ENERGY, -DNO_FIELDS, -DNO_PROCESSES_V3, -DNO_UTILISATION it is an older library,
 * without that function. Signatures follow nvml.h, v13.
 */
#include "nvml_state.h"

/* What every call answers while the driver is away, or another one than was joined. */
static int ready(void)
{
    read_state();
    return init_answer ? init_answer : generation == joined ? 0 : 1;
}

/* A handle is the card's index plus one, fixed at the first time its UUID was seen, and carries the
 * driver's generation. */
static char known[CARDS][80];
#define GENERATION 1000

static void *handle_of(const char *uuid)
{
    for (long i = 0; i < CARDS; i++) {
        if (!known[i][0])
            strncpy(known[i], uuid, sizeof known[i] - 1);
        if (!strcmp(known[i], uuid))
            return (void *)(GENERATION * generation + i + 1);
    }
    return NULL;
}

/* The card behind a handle: 0, or why not. */
static int find(void *handle, struct card **found)
{
    int answer = ready();
    long i = (long)handle - 1 - GENERATION * generation;
    if (answer)
        return answer;
    if (i < 0 || i >= CARDS)
        return 2;
    for (int k = 0; k < count; k++)
        if (!strcmp(cards[k].uuid, known[i])) {
            *found = &cards[k];
            return 0;
        }
    return 15;
}

#define FIND_OR_RETURN(handle, name)                                                               \
    struct card *name;                                                                             \
    do {                                                                                           \
        int answer_ = find(handle, &name);                                                         \
        if (answer_)                                                                               \
            return answer_;                                                                        \
    } while (0)

int nvmlInitWithFlags(unsigned int flags)
{
    (void)flags;
    held = 0;
    read_state();
    if (!init_answer)
        joined = generation;
    return init_answer;
}

/* Who writes a mapped file in this process calls this after each change: until the next one, or the
 * next init, calls answer from what is read here and look at nothing, as a driver's do. */
void fake_nvml_settle(void)
{
    held = 0;
    read_state();
    held = mapped() != NULL;
}

int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) { return 0; }

const char *nvmlErrorString(int code)
{
    switch (code) {
    case 0: return "Success";
    case 1: return "Uninitialized";
    case 2: return "Invalid Argument";
    case 3: return "Not Supported";
    case 4: return "Insufficient Permissions";
    case 6: return "Not Found";
    case 9: return "Driver Not Loaded";
    case 10: return "Timeout";
    case 13: return "Function Not Found";
    case 15: return "GPU is lost";
    case 18: return "RM has detected an NVML/RM version mismatch.";
    default: return "Unknown Error";
    }
}

int nvmlSystemGetDriverVersion(char *text, unsigned int length)
{
    snprintf(text, length, "580.65.06");
    return 0;
}

int nvmlDeviceGetCount_v2(unsigned int *n)
{
    int answer = ready();
    *n = count;
    return answer;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **handle)
{
    int answer = ready();
    if (answer)
        return answer;
    if ((int)index >= count)
        return 2;
    *handle = handle_of(cards[index].uuid);
    return cards[index].answer == 15 ? 15 : 0;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, void **handle)
{
    int answer = ready();
    if (answer)
        return answer;
    for (int k = 0; k < count; k++)
        if (!strcmp(cards[k].uuid, uuid)) {
            *handle = handle_of(uuid);
            return cards[k].answer == 15 ? 15 : 0;
        }
    return 6;
}

/* A MIG device's handle: the card's handle and the number of the device. */
#define MIG 1000000l

static void *mig_handle(void *handle, unsigned int index)
{
    return (void *)(MIG * (index + 1) + (long)handle);
}

static int is_mig_handle(void *handle, unsigned int *index, void **card)
{
    *index = (long)handle / MIG - 1;
    *card = (void *)((long)handle % MIG);
    return (long)handle >= MIG;
}

int nvmlDeviceGetUUID(void *handle, char *text, unsigned int length)
{
    unsigned int index;
    void *card;
    int mig = is_mig_handle(handle, &index, &card);
    FIND_OR_RETURN(card, c);
    if (mig)
        snprintf(text, length, "MIG-%lld%s", c->parts[index].id, c->uuid + 3);
    else
        snprintf(text, length, "%s", c->uuid);
    return 0;
}

int nvmlDeviceGetName(void *handle, char *text, unsigned int length)
{
    (void)handle;
    snprintf(text, length, "NVIDIA H100 80GB HBM3");
    return 0;
}

#ifndef NO_ENERGY
int nvmlDeviceGetTotalEnergyConsumption(void *handle, unsigned long long *millijoules)
{
    FIND_OR_RETURN(handle, c);
    *millijoules = c->energy_mj;
    return c->answer ? c->answer : c->energy;
}
#endif

int nvmlDeviceGetPowerUsage(void *handle, unsigned int *milliwatts)
{
    FIND_OR_RETURN(handle, c);
    *milliwatts = c->usage;
    return c->answer ? c->answer : c->usage == NONE ? 3 : 0;
}

#ifndef NO_FIELDS
struct field {
    unsigned int id, scope;
    long long timestamp, latency;
    int type, answer;
    union { double d; unsigned int u; unsigned long long ull; } value;
};

int nvmlDeviceGetFieldValues(void *handle, int n, struct field *fields)
{
    FIND_OR_RETURN(handle, c);
    if (c->answer || c->fields)
        return c->answer ? c->answer : c->fields;
    for (int i = 0; i < n; i++) {
        int milliwatts = fields[i].id == 186 ? c->instant : fields[i].id == 185 ? c->average : NONE;
        fields[i].type = 1; /* unsigned int */
        fields[i].answer = milliwatts == NONE ? 3 : 0;
        fields[i].value.u = milliwatts;
    }
    return 0;
}
#endif

int nvmlDeviceGetPowerManagementLimitConstraints(void *handle, unsigned int *least,
                                                 unsigned int *most)
{
    FIND_OR_RETURN(handle, c);
    *least = 100000;
    *most = c->max_power_mw;
    return c->max_power_mw ? 0 : 3;
}

int nvmlDeviceGetVirtualizationMode(void *handle, unsigned int *mode)
{
    FIND_OR_RETURN(handle, c);
    *mode = c->virt;
    return c->virt == NONE ? 3 : 0;
}

int nvmlDeviceGetMigMode(void *handle, unsigned int *current, unsigned int *pending)
{
    FIND_OR_RETURN(handle, c);
    *current = c->mig / 10;
    *pending = c->mig % 10;
    return c->mig == NONE ? 3 : 0;
}

int nvmlDeviceGetMaxMigDeviceCount(void *handle, unsigned int *n)
{
    FIND_OR_RETURN(handle, c);
    *n = c->mig == NONE ? 0 : 7;
    return 0;
}

#include "nvml_use.h"
