/* A libcuda.so.1 without a card: it checks what burn.py hands it, and sleeps where a card computes.
 * Signatures and numbers follow cuda.h, v13. FAKE_CARD_PIDS gets the process's id; with
 * FAKE_CUDA_FAILS=NAME that call is refused. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OK = 0, INVALID_VALUE = 1, NO_DEVICE = 100, INVALID_PTX = 218 };

static void *const context = (void *)0x1000, *const module = (void *)0x2000, *const kernel = (void *)0x3000;
static void *current;
static uint64_t sums;
static int launched;

static int refused(const char *name)
{
    const char *which = getenv("FAKE_CUDA_FAILS");
    return which && !strcmp(which, name) ? NO_DEVICE : OK;
}

int cuInit(unsigned int flags)
{
    const char *path = getenv("FAKE_CARD_PIDS");
    FILE *file = path ? fopen(path, "a") : NULL;
    if (file) {
        fprintf(file, "%d\n", getpid());
        fclose(file);
    }
    return flags ? INVALID_VALUE : refused("cuInit");
}

int cuDeviceGet(int *device, int ordinal)
{
    *device = 0;
    return ordinal ? INVALID_VALUE : OK;
}

int cuDevicePrimaryCtxSetFlags_v2(int device, unsigned int flags)
{
    return device || flags != 4 ? INVALID_VALUE : OK;
}

int cuDevicePrimaryCtxRetain(void **given, int device)
{
    *given = context;
    return device ? INVALID_VALUE : OK;
}

int cuCtxSetCurrent(void *given)
{
    current = given;
    return given == context ? OK : INVALID_VALUE;
}

int cuDeviceGetAttribute(int *value, int attribute, int device)
{
    *value = 132;
    return device || attribute != 16 ? INVALID_VALUE : OK;
}

int cuModuleLoadDataEx(void **given, const char *image, unsigned int n, int *options, void **values)
{
    if (current != context || n != 2 || options[0] != 5 || options[1] != 6)
        return INVALID_VALUE;
    if (!strstr(image, ".version") || !strstr(image, ".entry burn(") || refused("cuModuleLoadDataEx")) {
        snprintf(values[0], (size_t)values[1], "ptxas: line 1: refused here");
        return INVALID_PTX;
    }
    *given = module;
    return OK;
}

int cuModuleGetFunction(void **given, void *from, const char *name)
{
    *given = kernel;
    return from == module && !strcmp(name, "burn") ? OK : INVALID_VALUE;
}

int cuMemAlloc_v2(uint64_t *pointer, size_t bytes)
{
    *pointer = sums = 0x7f0000000000;
    return bytes == 4ul * 256 * 132 * 8 ? OK : INVALID_VALUE;
}

int cuLaunchKernel(void *function, unsigned int gx, unsigned int gy, unsigned int gz, unsigned int bx,
                   unsigned int by, unsigned int bz, unsigned int shared, void *stream, void **given,
                   void **extra)
{
    if (function != kernel || gx != 132 * 8 || gy != 1 || gz != 1 || bx != 256 || by != 1 || bz != 1 ||
        shared || stream || extra)
        return INVALID_VALUE;
    if (*(uint64_t *)given[0] != sums || !*(uint32_t *)given[1])
        return INVALID_VALUE;
    launched = 1;
    return OK;
}

int cuCtxSynchronize(void)
{
    if (!launched)
        return INVALID_VALUE;
    launched = 0;
    usleep(5000);
    return refused("cuCtxSynchronize");
}

int cuGetErrorName(int code, const char **text)
{
    *text = code == NO_DEVICE ? "CUDA_ERROR_NO_DEVICE"
            : code == INVALID_PTX ? "CUDA_ERROR_INVALID_PTX" : "CUDA_ERROR_INVALID_VALUE";
    return OK;
}
