/* The text about a record's costs. */
#include "judge/verdict_text.h"
#include "test/record_sample.h"

TestSuite(report, .init = folder_make, .fini = folder_remove);

static char *cost_of(const hd_record *record) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    cr_assert_not_null(stream);
    hd_record_print_cost(stream, record);
    fclose(stream);
    return text;
}

Test(report, tells_memory_and_floor_of_devices_that_launch) {
    hd_record record = sample_record();
    record.operations = 3e9;
    record.sgemm_rate = 200; /* GFLOP/s: 15 ms */
    record.device_bytes = 50 << 20;
    record.data_bytes = 40 << 20;
    char *text = cost_of(&record);
    cr_expect_null(strstr(text, "launches"), "%s", text);
    free(text);
    record.launches = 1234;
    text = cost_of(&record);
    cr_expect(strstr(text, "device at most 50.0 MB, 10.0 of them beside data and trajectory\n"), "%s", text);
    cr_expect(strstr(text, " 1500.0 ms; its products alone, at their rate, 15.0 ms; 1234 launches\n"), "%s",
              text);
    free(text);
    hd_record_free(&record);
}
