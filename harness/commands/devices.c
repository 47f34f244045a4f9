/* hyperdrift devices: tries what this machine offers. */
#include "devices.h"
#include "base/json.h"
#include "commands/commands.h"
#include "device/cuda/cuda.h"
#include "run/provenance.h"

#include <stdio.h>
#include <string.h>

static void describe(const hd_device *device, double rate, json_t *entry) {
    json_object_update_new(entry,
                           json_pack("{sbsssssssIsf}", "available", true, "arithmetic", device->arithmetic,
                                     "kernels", device->kernels, "loops", device->loops, "threads",
                                     (json_int_t)device->threads, "gflops", rate));
    for (size_t i = 0; i < device->facts; i++)
        json_object_set_new(entry, device->fact[i].key, json_string(device->fact[i].text));
    if (device->note[0]) json_object_set_new(entry, "note", json_string(device->note));
}

static void print(const hd_device *device, double rate) {
    printf("%-10s %s arithmetic, ", device->name, device->arithmetic);
    if (!device->asynchronous) printf("%zu thread%s, ", device->threads, device->threads == 1 ? "" : "s");
    printf("kernels %s, loops %s, %.0f GFLOP/s\n%-10s", device->kernels, device->loops, rate, "");
    for (size_t i = 0; i < device->facts; i++)
        printf("%s %s %s", i ? "," : "", device->fact[i].key, device->fact[i].text);
    printf("%s%s\n", device->note[0] ? "\n           " : "", device->note);
}

/* Opens and measures the device, and adds the result to the list or prints it. */
static void try(const char *name, const char *arithmetic, const hd_options *options, json_t *list) {
    hd_device *device;
    hd_error error;
    double rate = 0;
    hd_device_options in = options->request.device;
    in.arithmetic = arithmetic;
    json_t *entry = json_object();
    json_object_set_new(entry, "name", json_string(name));
    if (hd_device_open(name, &in, &device, &error) == HD_OK &&
        hd_device_product_rate(device, &rate, &error) == HD_OK) {
        describe(device, rate, entry);
        if (!options->json) print(device, rate);
    } else {
        if (arithmetic) json_object_set_new(entry, "arithmetic", json_string(arithmetic));
        json_object_set_new(entry, "available", json_false());
        json_object_set_new(entry, "reason", json_string(error.message));
        if (!options->json)
            printf("%-10s %s%snot available: %s\n", name, arithmetic ? arithmetic : "", arithmetic ? " " : "",
                   error.message);
    }
    json_array_append_new(list, entry);
    hd_device_close(device);
}

hd_status hd_command_devices(const hd_options *options) {
    char cpu[256];
    hd_provenance_cpu(cpu, sizeof cpu);
    json_t *list = json_array();
    if (!options->json) printf("%s\n", cpu);
    for (size_t i = 0; hd_device_name(i); i++) {
        const char *name = hd_device_name(i);
        if (!strcmp(name, "extended")) continue;
        try(name, NULL, options, list);
        if (hd_device_offers(name, "cublas")) try(name, "cublas", options, list);
    }
    json_t *document = json_pack("{ssso}", "cpu", cpu, "devices", list);
    if (options->json) {
        hd_document_print(document, 5);
    } else {
        json_decref(document);
        printf("%-10s built: %s\n", "", hd_device_cuda_build());
    }
    return HD_OK;
}
