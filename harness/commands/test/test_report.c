/* hyperdrift report: pages from the documents of drift, check and run. */
#include "test/markup.h"
#include "test/program.h"

TestSuite(report_page, .init = folder_make, .fini = folder_remove);

static char page[1 << 20];

static void read_page(void) {
    cr_assert_eq(program.status, 0, "%s", program.err);
    char *path = folder_path("page.html");
    size_t size = get_bytes(path, page, sizeof page - 1);
    page[size] = '\0';
    free(path);
    cr_assert_lt(size, sizeof page - 1, "as large as a page may be");
    markup_expect_well_formed(page);
    static const char *const foreign[] = {"http:",   "https:", "src=",  "<script",
                                          "@import", "url(",   "<link", "//"};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) markup_expect_not(page, foreign[i]);
}

/* Starts the program with its standard output in a file in the test's folder. */
#define write_document(name, ...)                                                                            \
    do {                                                                                                     \
        FILE *made = fopen(path_of(name), "w");                                                              \
        cr_assert_not_null(made);                                                                            \
        fclose(made);                                                                                        \
        program.output = path_of(name);                                                                      \
        hyperdrift(__VA_ARGS__);                                                                             \
        program.output = NULL;                                                                               \
        cr_assert_leq(program.status, 1, "%s", program.err);                                                 \
    } while (0)

static void write_drift(void) {
    write_document("drift.json", "drift", "blobs-one-hidden", "--b", "hyperparameters.mu=0.3", "--json");
}

static json_t *read_document(const char *name) {
    json_t *json = json_load_file(path_of(name), 0, NULL);
    cr_assert_not_null(json);
    return json;
}

static void save_document(const json_t *json, const char *name) {
    cr_assert_eq(json_dump_file(json, path_of(name), JSON_REAL_PRECISION(17)), 0);
}

static void report(const char *name) {
    hyperdrift("report", path_of(name), "--out", path_of("page.html"));
}

Test(report_page, tells_of_a_drift) {
    write_drift();
    report("drift.json");
    read_page();
    static const char *const parts[] = {"<h2>drift of blobs-one-hidden</h2>",
                                        "Caused by one component: hyperparameters.mu",
                                        "The first difference is in ",
                                        "hyperparameters.mu=0.3 ≠",
                                        "How the difference grows",
                                        "<figcaption>Weights</figcaption>",
                                        "<figcaption>After training</figcaption>",
                                        "Decisions that went different ways",
                                        "relu, layer 1",
                                        "Results of the runs",
                                        "a’s backward sweep computed"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) markup_expect_has(page, parts[i]);
    cr_expect_gt(markup_count(page, "<circle"), 0);
    cr_expect_eq(markup_count(page, "<svg"), markup_count(page, "<desc>"), "each picture is described");
    cr_expect_eq(markup_count(page, "<table"), markup_count(page, "<caption>"));
}

Test(report_page, is_short_where_two_runs_are_the_same) {
    write_document("same.json", "drift", "blobs-one-hidden", "--json");
    report("same.json");
    read_page();
    markup_expect_has(page, "Identical, to the last bit");
    markup_expect_not(page, "≠</td>");
}

Test(report_page, of_digests_that_a_run_here_stands_for_tells_all) {
    hyperdrift("capture", "blobs-one-hidden", "--out", path_of("a"));
    cr_assert_eq(program.status, 0, "%s", program.err);
    hyperdrift("capture", "blobs-one-hidden", "hyperparameters.mu=0.3", "--out", path_of("b"));
    cr_assert_eq(program.status, 0, "%s", program.err);
    write_document("digests.json", "drift", path_of("a"), path_of("b"), "--json");
    report("digests.json");
    read_page();
    markup_expect_has(page, "Caused by one component: hyperparameters.mu");
    markup_expect_not(page, "nan<");
}

Test(report_page, shows_the_pairing_of_modes) {
    write_document("modes.json", "drift", "blobs-one-hidden", "--a", "mode=forward", "--b", "mode=reverse",
                   "--json");
    json_t *json = read_document("modes.json");
    report("modes.json");
    read_page();
    markup_expect_has(page, "Tangents paired with adjoints");
    cr_expect_eq(markup_count(page, ">largest change</text>"), 1);
    cr_expect_eq(markup_count(page, "P(t) − P(T)</text>"),
                 json_object_size(program_value(json, "outcomes.0.a.hypergradients")),
                 "a chart a hyperparameter");
    json_object_set_new(json_object_get(json, "pairing"), "jumps", json_true());
    save_document(json, "modes.json");
    json_decref(json);
    report("modes.json");
    read_page();
    cr_expect_eq(markup_count(page, ">jump</text>"), 1);
    markup_expect_has(page, "<strong>jumps</strong>");
}

Test(report_page, has_a_section_for_each_document_in_the_order_given) {
    write_drift();
    write_document("check.json", "check", "blobs-one-hidden", "--json");
    write_document("run.json", "run", "blobs-logistic", "--json", "--out", path_of("out"));
    char *to = folder_path("page.html"); /* path_of has four buffers */
    hyperdrift("report", path_of("check.json"), path_of("drift.json"), path_of("run.json"),
               path_of("out/blobs-logistic/cpu/forward/step-0.json"), "--out", to);
    free(to);
    read_page();
    const char *check = strstr(page, "<h2>check</h2>"),
               *drift = strstr(page, "<h2>drift of blobs-one-hidden</h2>"),
               *run = strstr(page, "<h2>run of blobs-logistic</h2>");
    cr_assert(check && drift && run && check < drift && drift < run);
    cr_expect_eq(markup_count(page, "<section id="), 4);
    cr_expect_eq(markup_count(page, "<h2>run of blobs-logistic</h2>"), 2);
    cr_expect_eq(markup_count(page, "<a href=\"#document-"), 4);
    markup_expect_has(page, " passed, 0 failed, 0 skipped");
    markup_expect_has(page, "<p>Golden: <strong>blobs-one-hidden</strong>: blessed 20");
}

Test(report_page, puts_failures_before_what_passed) {
    write_document("check.json", "check", "blobs-one-hidden", "--json");
    json_t *json = read_document("check.json"), *failed = program_value(json, "quantities.9");
    json_object_set_new(json, "verdict", json_string("fail"));
    json_object_set_new(failed, "verdict", json_string("fail"));
    json_object_set_new(failed, "budget_used", json_string("inf"));
    json_object_set_new(failed, "name", json_string("what <failed>"));
    json_object_set_new(failed, "note", json_string("\"because\""));
    save_document(json, "check.json");
    json_decref(json);
    report("check.json");
    read_page();
    const char *table = strstr(page, "What failed, and what is known"),
               *details = strstr(page, "figures that passed");
    const char *figure = table ? strstr(table, "what &lt;failed&gt;") : NULL;
    cr_assert(table && details && figure && figure < details);
    markup_expect_has(page, "&quot;because&quot;");
    markup_expect_has(page, "<p class=\"verdict bad\">");
}

Test(report_page, escapes_what_users_have_named) {
    write_drift();
    json_t *json = read_document("drift.json");
    json_object_set_new(json, "experiment", json_string("</h2><script src='http://x'>&"));
    json_object_set_new(json_object_get(json, "a"), "variant", json_string("<b>&\"'"));
    save_document(json, "drift.json");
    json_decref(json);
    report("drift.json");
    cr_assert_eq(program.status, 0, "%s", program.err);
    char *path = folder_path("page.html");
    page[get_bytes(path, page, sizeof page - 1)] = '\0';
    free(path);
    markup_expect_well_formed(page);
    markup_expect_not(page, "<script");
    markup_expect_has(page, "&lt;/h2&gt;&lt;script src=&#39;");
    markup_expect_has(page, "&lt;b&gt;&amp;&quot;&#39;");
}

/* --- what it refuses --- */

static void expect_refused(const char *name, const char *part) {
    report(name);
    program_expect_failure(2, part);
    markup_expect_has(program.err, name);
    cr_expect_eq(access(path_of("page.html"), F_OK), -1, "a page was written without '%s'", part);
}

/* Removes each key in turn, then makes it a boolean, or if it is one, a number. */
static void expect_every_key_read(json_t *json, json_t *object) {
    const char *key;
    json_t *value;
    json_t *copy = json_copy(object);
    json_object_foreach(copy, key, value) {
        json_object_del(object, key);
        save_document(json, "spoiled.json");
        expect_refused("spoiled.json", key);
        json_object_set_new(object, key, json_is_boolean(value) ? json_integer(7) : json_true());
        save_document(json, "spoiled.json");
        expect_refused("spoiled.json", key);
        json_object_set(object, key, value);
    }
    json_decref(copy);
}

Test(report_page, refuses_a_drift_that_lacks_anything) {
    write_drift();
    json_t *json = read_document("drift.json");
    expect_every_key_read(json, json);
    expect_every_key_read(json, program_value(json, "event_tallies.0"));
    expect_every_key_read(json, program_value(json, "event_counts"));
    expect_every_key_read(json, program_value(json, "outcomes.1.b.correct"));
    json_decref(json);
}

Test(report_page, refuses_a_picture_of_nothing_and_steps_beyond_the_last) {
    write_drift();
    json_t *json = read_document("drift.json");
    json_t *heat = json_pack("{sisisis[]s[]}", "iteration", 0, "rows", 0, "columns", 1, "start", "end");
    json_object_set_new(json, "heat", heat);
    save_document(json, "spoiled.json");
    expect_refused("spoiled.json", "heat.start: has 0 numbers");
    json_object_set_new(json, "heat", json_null());
    json_object_set_new(json, "steps", json_integer(1));
    save_document(json, "spoiled.json");
    expect_refused("spoiled.json", "of 1");
    json_decref(json);
}

Test(report_page, refuses_a_check_that_lacks_anything) {
    write_document("check.json", "check", "blobs-one-hidden", "--json");
    json_t *json = read_document("check.json");
    expect_every_key_read(json, json);
    expect_every_key_read(json, program_value(json, "records.0"));
    expect_every_key_read(json, program_value(json, "quantities.3"));
    expect_every_key_read(json, program_value(json, "goldens.0"));
    json_decref(json);
}

static void put_text(const char *name, const char *text) {
    FILE *file = fopen(path_of(name), "w");
    cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

Test(report_page, refuses_what_is_no_document_of_ours) {
    put_text("text.json", "not JSON");
    expect_refused("text.json", "line 1");
    put_text("array.json", "[]");
    expect_refused("array.json", "is not a JSON object");
    put_text("other.json", "{\"format\": \"hyperdrift-golden/1\"}");
    expect_refused("other.json", "format: is \"hyperdrift-golden/1\"");
    expect_refused("missing.json", "missing.json");
}

Test(report_page, does_not_wait_for_a_pipe, .timeout = 120) {
    cr_assert_eq(mkfifo(path_of("pipe"), 0600), 0);
    expect_refused("pipe", "not a regular file");
}

Test(report_page, leaves_the_page_that_was_there_where_a_document_is_broken) {
    put_text("page.html", "the page of yesterday");
    put_text("other.json", "{}");
    report("other.json");
    program_expect_failure(2, "format: is missing");
    char *path = folder_path("page.html");
    page[get_bytes(path, page, sizeof page - 1)] = '\0';
    free(path);
    cr_expect_str_eq(page, "the page of yesterday");
}

Test(report_page, wants_documents_and_a_file_to_write) {
    hyperdrift("report", "--out", path_of("page.html"));
    cr_expect_eq(program.status, 2);
    markup_expect_has(program.err, "name at least one JSON document");
    hyperdrift("report", "a.json");
    cr_expect_eq(program.status, 2);
    markup_expect_has(program.err, "--out FILE is missing");
    write_document("same.json", "run", "blobs-logistic", "--mode", "reverse", "--json");
    hyperdrift("report", path_of("same.json"), "--out", path_of("nowhere/page.html"));
    program_expect_failure(3, "nowhere/page.html");
}
