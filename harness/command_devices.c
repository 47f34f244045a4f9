/* hyperdrift devices: what this machine offers, tried and not guessed. */
#include "commands.h"
#include "device_cuda.h"
#include "machine.h"
#include "product.h"

#include <stdio.h>

static const char *const names[] = {"cpu", "reference", "cuda"};
enum { NAMES = sizeof names / sizeof *names };

static void describe(const hd_device *device, double rate, json_t *entry) {
    json_object_set_new(entry, "available", json_true());
    json_object_set_new(entry, "arithmetic", json_string(device->arithmetic));
    json_object_set_new(entry, "kernels", json_string(device->kernels));
    json_object_set_new(entry, "loops", json_string(device->loops));
    json_object_set_new(entry, "threads", json_integer((json_int_t)device->threads));
    json_object_set_new(entry, "gflops", json_real(rate));
    if (device->note[0]) json_object_set_new(entry, "note", json_string(device->note));
}

hd_status hd_command_devices(const hd_options *options) {
    char cpu[256];
    hd_machine_cpu(cpu, sizeof cpu);
    json_t *list = json_array();
    if (!options->json) printf("%s\n", cpu);
    for (size_t i = 0; i < NAMES; i++) {
        hd_device *device;
        hd_error error;
        double rate = 0;
        json_t *entry = json_object();
        json_object_set_new(entry, "name", json_string(names[i]));
        if (hd_device_open(names[i], &options->device, &device, &error) == HD_OK &&
            hd_device_product_rate(device, &rate, &error) == HD_OK) {
            describe(device, rate, entry);
            if (!options->json)
                printf("%-10s %s arithmetic, %zu thread%s, BLIS %s kernels %s, loops %s, %.0f GFLOP/s%s%s\n",
                       names[i], device->arithmetic, device->threads, device->threads == 1 ? "" : "s",
                       hd_product_library(), device->kernels, device->loops, rate,
                       device->note[0] ? "\n           " : "", device->note);
        } else {
            json_object_set_new(entry, "available", json_false());
            json_object_set_new(entry, "reason", json_string(error.message));
            if (!options->json) printf("%-10s not available: %s\n", names[i], error.message);
        }
        json_array_append_new(list, entry);
        hd_device_close(device);
    }
    if (!options->json) printf("%-10s built: %s\n", "", hd_device_cuda_build());
    if (options->json) {
        json_t *document = json_pack("{ss so}", "cpu", cpu, "devices", list);
        json_dumpf(document, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(5));
        putchar('\n');
        json_decref(document);
    } else {
        json_decref(list);
    }
    return HD_OK;
}
