/* What the cards of nvml.c are: its text file, taken apart. */
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CARDS 16
#define PROCESSES 32
#define SAMPLES 512
#define INSTANCES 8
#define NONE -1
#define MADE_UP 5000000 /* a pid that no host has: pid_max is 4194304 at most */

struct one_process { long long pid, mebibytes, instance, kind; };
struct one_sample { long long pid, at_us, percent; };
struct one_instance { long long id, slices, busy_us, at_us; };

struct card {
    char uuid[80];
    unsigned long long energy_mj;
    int answer;
    unsigned int processes;
    unsigned int max_power_mw;
    int instant, average, usage; /* milliwatts */
    int energy, fields, mig, instances, virt, lists, util, gpm;
    int listed, sampled, divided; /* how many of the following */
    struct one_process list[PROCESSES];
    struct one_sample samples[SAMPLES];
    struct one_instance parts[INSTANCES];
};

static struct card cards[CARDS];
static int count, init_answer, generation, joined;

static void optional(struct card *c, const char *name, int value)
{
    if (!strcmp(name, "power"))
        c->instant = c->average = c->usage = value;
    const struct { const char *name; int *place; } places[] = {
        {"instant", &c->instant}, {"average", &c->average}, {"usage", &c->usage},
        {"energy", &c->energy},   {"fields", &c->fields},   {"mig", &c->mig},
        {"instances", &c->instances}, {"virt", &c->virt},   {"lists", &c->lists},
        {"util", &c->util},       {"gpm", &c->gpm},
    };
    for (unsigned int i = 0; i < sizeof places / sizeof *places; i++)
        if (!strcmp(name, places[i].name))
            *places[i].place = value;
}

/* A decimal number, and the place after it: strtoll() asks the locale, for hundreds of samples. */
static long long number_at(const char *at, char **after)
{
    long long value = 0;
    int negative = *at == '-';
    for (at += negative; *at >= '0' && *at <= '9'; at++)
        value = 10 * value + (*at - '0');
    *after = (char *)at;
    return negative ? -value : value;
}

/* NAME=NUMBER[:NUMBER...], from `at`; the place after it, NULL where there is none. */
static char *field_at(struct card *c, char *at)
{
    long long values[4] = {0};
    char *equals = strchr(at, '='), *after = equals;
    if (!equals)
        return NULL;
    *equals = 0;
    for (int i = 0; i < 4; i++) {
        values[i] = number_at(after + 1, &after);
        if (*after != ':')
            break;
    }
    if (!strcmp(at, "sm") && c->sampled < SAMPLES)
        c->samples[c->sampled++] = (struct one_sample){values[0], values[1], values[2]};
    else if (!strcmp(at, "proc") && c->listed < PROCESSES)
        c->list[c->listed++] = (struct one_process){values[0], values[1], values[2], values[3]};
    else if (!strcmp(at, "gi") && c->divided < INSTANCES)
        c->parts[c->divided++] = (struct one_instance){values[0], values[1], values[2], values[3]};
    else
        optional(c, at, (int)values[0]);
    return after;
}

static int read_card(struct card *c, char *line)
{
    int at = 0;
    memset(c, 0, offsetof(struct card, list));
    c->instant = c->average = c->usage = c->mig = c->virt = NONE;
    if (sscanf(line, "%79s %llu %d %u %u%n", c->uuid, &c->energy_mj, &c->answer, &c->processes,
               &c->max_power_mw, &at) != 5)
        return 0;
    for (line += at; line && *line; line = *line ? field_at(c, line) : NULL)
        line += strspn(line, " ");
    return 1;
}

/* The file as it was read last; what is in it is taken apart only when it is another. */
#define MOST (1 << 18)
static char text[MOST], now[MOST];
static long length = NONE;

static void take_apart(void)
{
    char *line = text, *next;
    count = 0;
    init_answer = 9; /* driver not loaded */
    generation = 0;
    for (int number = 0; line && *line && count < CARDS; line = next, number++) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        if (number == 0 && sscanf(line, "%d %d", &init_answer, &generation) < 1)
            return;
        if (number && !read_card(&cards[count++], line)) {
            count--;
            return;
        }
    }
}

/* The file named now, kept open until it is another: replaced (no link is left) or renamed. */
static int state_file(void)
{
    static char name[4096];
    static int file = -1;
    const char *path = getenv("FAKE_NVML_STATE");
    struct stat facts;
    if (file >= 0 && path && !strcmp(path, name) && !fstat(file, &facts) && facts.st_nlink)
        return file;
    if (file >= 0)
        close(file);
    file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (path)
        snprintf(name, sizeof name, "%s", path);
    return file;
}

/* FAKE_NVML_MAPPED=1: the file has MOST bytes, a text that ends with a zero, and is only ever written
 * in place. It is mapped once, and a call then costs no look at a file, as it costs none of a real
 * driver. */
static const char *mapped(void)
{
    static char name[4096];
    static char *at;
    const char *path = getenv("FAKE_NVML_STATE"), *asked = getenv("FAKE_NVML_MAPPED");
    struct stat facts;
    if (!path || !asked || strcmp(asked, "1"))
        return NULL;
    if (at && !strcmp(path, name))
        return at;
    if (at)
        munmap(at, MOST);
    at = NULL;
    int file = state_file();
    if (file >= 0 && !fstat(file, &facts) && facts.st_size == MOST)
        at = mmap(NULL, MOST, PROT_READ, MAP_SHARED, file, 0);
    if (at == MAP_FAILED)
        at = NULL;
    snprintf(name, sizeof name, "%s", path);
    return at;
}

static int held;

static void read_state(void)
{
    if (held)
        return;
    static char before[MOST];
    const char *shown = mapped();
    int file = shown ? -1 : state_file();
    long got = shown ? (long)strnlen(shown, MOST - 1) : file < 0 ? 0 : pread(file, now, MOST - 1, 0);
    if (!shown)
        shown = now;
    if (got == length && !memcmp(shown, before, got))
        return;
    length = got < 0 ? 0 : got;
    memcpy(before, shown, length);
    memcpy(text, before, length);
    text[length] = 0;
    take_apart();
}
