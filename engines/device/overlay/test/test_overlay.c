/* Operations laid over a device's own. */
#include "device/overlay/overlay.h"
#include "test/sample.h"

#include <stdlib.h>

/* Counts the arrays that were zeroed through it, and remembers when it was last asked. */
typedef struct counter {
    hd_overlay overlay; /* first */
    size_t calls, turn;
} counter;

static size_t turns;

static counter *counter_of(const hd_device *device, const char *name) {
    return hd_overlay_of(device, name);
}

static void pass(hd_device *device, const char *name, size_t count, hd_real *to) {
    counter *c = counter_of(device, name);
    c->calls++;
    c->turn = ++turns;
    c->overlay.under->zero(device, count, to);
}

static void zero_upper(hd_device *device, size_t count, hd_real *to) {
    pass(device, "upper", count, to);
}

static void zero_lower(hd_device *device, size_t count, hd_real *to) {
    pass(device, "lower", count, to);
}

static counter *lay(hd_device *device, const char *name, void (*zero)(hd_device *, size_t, hd_real *)) {
    hd_error error;
    counter *c = hd_overlay_lay(device, sizeof *c, name, &error);
    cr_assert_not_null(c);
    c->overlay.over.zero = zero;
    return c;
}

static hd_real *ones(hd_device *device) {
    return uploaded(device, 4, (const float[]){1, 1, 1, 1});
}

Test(overlay, lies_on_another_and_each_calls_what_is_under_it) {
    hd_device *device = open_device("reference", (hd_device_options){.threads = 1});
    counter *lower = lay(device, "lower", zero_lower), *upper = lay(device, "upper", zero_upper);
    hd_real *array = ones(device);
    double got[4];
    device->ops->zero(device, 3, array);
    device->ops->download(device, 4, array, got);
    cr_expect(got[0] == 0 && got[1] == 0 && got[2] == 0 && got[3] == 1);
    cr_expect_eq(upper->calls, 1);
    cr_expect_eq(lower->calls, 1);
    cr_expect_lt(upper->turn, lower->turn);
    device->ops->release(device, array);
    hd_device_close(device);
}

Test(overlay, is_found_by_its_name_wherever_it_lies) {
    hd_device *device = open_device("reference", (hd_device_options){.threads = 1});
    cr_expect_null(hd_overlay_of(device, "lower"));
    counter *lower = lay(device, "lower", zero_lower);
    cr_expect_null(hd_overlay_of(device, "upper"));
    counter *upper = lay(device, "upper", zero_upper);
    cr_expect_eq(counter_of(device, "lower"), lower);
    cr_expect_eq(counter_of(device, "upper"), upper);
    hd_device_close(device);
}

Test(overlay, leaves_the_operations_it_does_not_replace_and_the_devices_own_table) {
    hd_device *device = open_device("reference", (hd_device_options){.threads = 1});
    const hd_device_ops *own = device->ops;
    hd_device_ops copy = *own;
    lay(device, "lower", zero_lower);
    counter *upper = lay(device, "upper", zero_upper);
    cr_expect_eq(hd_overlay_bottom(device), own);
    cr_expect(!memcmp(own, &copy, sizeof copy));
    cr_expect_eq(device->ops->upload, own->upload);
    cr_expect_eq(device->ops->multiply, own->multiply);
    hd_real *array = ones(device);
    hd_overlay_bottom(device)->zero(device, 4, array);
    cr_expect_eq(upper->calls, 0);
    device->ops->release(device, array);
    hd_device_close(device);
}

Test(overlay, works_on_every_kind_of_host_device) {
    static const char *const names[] = {"cpu", "reference"};
    for (size_t i = 0; i < 2; i++) {
        hd_device *device = open_device(names[i], (hd_device_options){.threads = 1});
        counter *c = lay(device, "upper", zero_upper);
        hd_real *array = ones(device);
        device->ops->zero(device, 4, array);
        cr_expect_eq(c->calls, 1, "%s", names[i]);
        device->ops->release(device, array);
        hd_device_close(device);
    }
}
