#include "run/provenance.h"

#include "build_info.h"

#include <gnu/libc-version.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

/* Writes the value of "NAME : value" in a file of /proc, without blanks around it; "" if it is not there. */
static void proc_value(const char *path, const char *name, char *text, size_t size) {
    char line[512];
    text[0] = '\0';
    FILE *file = fopen(path, "r");
    if (!file) return;
    while (fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, name, strlen(name)) != 0 || !colon) continue;
        char *value = colon + 1 + strspn(colon + 1, " \t");
        value[strcspn(value, "\n")] = '\0';
        snprintf(text, size, "%s", value);
        break;
    }
    fclose(file);
}

void hd_provenance_cpu(char *text, size_t size) {
    proc_value("/proc/cpuinfo", "model name", text, size);
    if (!text[0]) snprintf(text, size, "unknown");
}

size_t hd_provenance_peak_bytes(void) {
    char value[64];
    size_t kilobytes = 0;
    proc_value("/proc/self/status", "VmHWM", value, sizeof value);
    return sscanf(value, "%zu", &kilobytes) == 1 ? kilobytes * 1024 : 0;
}

hd_status hd_provenance_describe(const hd_device *device, json_t *provenance, hd_error *error) {
    char cpu[256], driver[256], system[256] = "unknown";
    struct utsname name;
    hd_provenance_cpu(cpu, sizeof cpu);
    proc_value("/proc/driver/nvidia/version", "NVRM version", driver, sizeof driver);
    if (uname(&name) == 0)
        snprintf(system, sizeof system, "%s %s %s", name.sysname, name.release, name.machine);
    const struct {
        const char *key, *value;
    } facts[] = {
        {"version", HD_VERSION},      {"commit", HD_COMMIT},
        {"compiler", HD_COMPILER},    {"flags", HD_FLAGS},
        {"kernels", device->kernels}, {"loops", device->loops},
        {"note", device->note},       {"cpu", cpu},
        {"system", system},           {"libc", gnu_get_libc_version()},
    };
    int failed = json_object_set_new(provenance, "threads", json_integer((json_int_t)device->threads));
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        failed |= json_object_set_new(provenance, facts[i].key, json_string(facts[i].value));
    for (size_t i = 0; i < device->facts; i++)
        failed |= json_object_set_new(provenance, device->fact[i].key, json_string(device->fact[i].text));
    if (driver[0]) failed |= json_object_set_new(provenance, "driver", json_string(driver));
    return failed ? hd_fail(error, HD_UNAVAILABLE, "no memory for a record's provenance") : HD_OK;
}
