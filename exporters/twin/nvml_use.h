/* Who uses the cards of nvml.c: processes, their SM utilisation, MIG instances and their counters.
 * Part of nvml.c, which says what its text file holds.
 */
int nvmlDeviceGetMigDeviceHandleByIndex(void *handle, unsigned int index, void **instance)
{
    FIND_OR_RETURN(handle, c);
    *instance = mig_handle(handle, index);
    return (int)index < (c->divided ? c->divided : c->instances) ? 0 : 6;
}

/* The instance behind a MIG device's handle: 0, or why not. */
static int find_part(void *handle, struct one_instance **part)
{
    unsigned int index;
    void *card;
    if (!is_mig_handle(handle, &index, &card))
        return 2;
    FIND_OR_RETURN(card, c);
    *part = &c->parts[index];
    return (int)index < c->divided ? 0 : 6;
}

int nvmlDeviceGetGpuInstanceId(void *handle, unsigned int *id)
{
    struct one_instance *part;
    int answer = find_part(handle, &part);
    if (!answer)
        *id = part->id;
    return answer;
}

struct attributes {
    unsigned int processors, copy, decoders, encoders, jpeg, ofa, slices, compute_slices;
    unsigned long long memory_mb;
};

int nvmlDeviceGetAttributes_v2(void *handle, struct attributes *attributes)
{
    struct one_instance *part;
    int answer = find_part(handle, &part);
    if (!answer)
        *attributes = (struct attributes){.slices = part->slices, .compute_slices = part->slices};
    return answer;
}

struct process { unsigned int pid; unsigned long long memory; unsigned int gpu, compute; };

static struct process process_of(const struct one_process *one)
{
    unsigned int instance = one->instance < 0 ? 0xffffffff : one->instance;
    unsigned long long memory = one->mebibytes < 0 ? ~0ull : (unsigned long long)one->mebibytes << 20;
    return (struct process){one->pid, memory, instance, instance};
}

/* A list of one kind of process: 0 computing, 1 drawing, 2 clients of MPS. */
static int processes(void *handle, unsigned int *n, struct process *list, int kind)
{
    struct process found[PROCESSES];
    unsigned int there = 0;
    FIND_OR_RETURN(handle, c);
    if (c->answer || c->lists)
        return c->answer ? c->answer : c->lists;
    for (int i = 0; i < c->listed; i++)
        if (c->list[i].kind == kind)
            found[there++] = process_of(&c->list[i]);
    for (unsigned int i = 0; !c->listed && !kind && i < c->processes; i++)
        found[there++] = (struct process){MADE_UP + i, 1ull << 30, 0xffffffff, 0xffffffff};
    int enough = *n >= there;
    *n = there;
    if (list && enough)
        memcpy(list, found, there * sizeof *list);
    return enough ? 0 : 7;
}

#define LIST(name, kind)                                                                           \
    int name(void *handle, unsigned int *n, struct process *list)                                  \
    {                                                                                              \
        return processes(handle, n, list, kind);                                                   \
    }

#ifndef NO_PROCESSES_V3
LIST(nvmlDeviceGetComputeRunningProcesses_v3, 0)
LIST(nvmlDeviceGetGraphicsRunningProcesses_v3, 1)
LIST(nvmlDeviceGetMPSComputeRunningProcesses_v3, 2)
#endif
LIST(nvmlDeviceGetComputeRunningProcesses_v2, 0)
LIST(nvmlDeviceGetGraphicsRunningProcesses_v2, 1)
LIST(nvmlDeviceGetMPSComputeRunningProcesses_v2, 2)

#ifndef NO_UTILISATION
struct utilisation {
    unsigned int pid;
    unsigned long long at_us;
    unsigned int sm, memory, encoder, decoder;
};

int nvmlDeviceGetProcessUtilization(void *handle, struct utilisation *samples, unsigned int *n,
                                    unsigned long long since_us)
{
    unsigned int there = 0, room = *n;
    FIND_OR_RETURN(handle, c);
    if (c->answer || c->util)
        return c->answer ? c->answer : c->util;
    if (c->mig / 10 == 1)
        return 3; /* not supported */
    for (int i = 0; i < c->sampled; i++)
        if ((unsigned long long)c->samples[i].at_us > since_us) {
            if (samples && there < room)
                samples[there] = (struct utilisation){
                    c->samples[i].pid, c->samples[i].at_us, c->samples[i].percent, 0, 0, 0};
            there++;
        }
    *n = there;
    return !there ? 6 : samples && there <= room ? 0 : 7; /* not found, insufficient size */
}
#endif

struct gpm_support { unsigned int version, supported; };
struct gpm_sample { long long busy_us, at_us; };
struct gpm_metric { unsigned int id; int answer; double value; const char *names[3]; };
struct gpm_question {
    unsigned int version, n;
    struct gpm_sample *before, *after;
    struct gpm_metric metrics[];
};

int nvmlGpmQueryDeviceSupport(void *handle, struct gpm_support *support)
{
    FIND_OR_RETURN(handle, c);
    support->supported = c->gpm;
    return 0;
}

int nvmlGpmSampleAlloc(struct gpm_sample **sample)
{
    *sample = calloc(1, sizeof **sample);
    return 0;
}

int nvmlGpmSampleFree(struct gpm_sample *sample)
{
    free(sample);
    return 0;
}

int nvmlGpmMigSampleGet(void *handle, unsigned int instance, struct gpm_sample *sample)
{
    FIND_OR_RETURN(handle, c);
    for (int i = 0; i < c->divided; i++)
        if (c->parts[i].id == instance) {
            *sample = (struct gpm_sample){c->parts[i].busy_us, c->parts[i].at_us};
            return c->gpm == 1 ? 0 : c->gpm; /* gpm=4: no permission */
        }
    return 2;
}

int nvmlGpmMetricsGet(struct gpm_question *asked)
{
    double time_us = asked->after->at_us - asked->before->at_us;
    for (unsigned int i = 0; i < asked->n; i++) {
        asked->metrics[i].answer = asked->metrics[i].id == 2 ? 0 : 3;
        asked->metrics[i].value = (asked->after->busy_us - asked->before->busy_us) * 100 / time_us;
    }
    return 0;
}
