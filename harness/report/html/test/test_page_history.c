/* The page of a history: from trends made by hand, and by the program from files. */
#include "report/html/page.h"
#include "test/markup.h"
#include "test/nights.h"
#include "test/program.h"

#include <ctype.h>

TestSuite(history_page, .init = folder_make, .fini = folder_remove);

/* --- what every page must be --- */

/* Whether a link's target exists. */
static bool is_there(const char *page, const char *name, size_t length) {
    char id[64];
    snprintf(id, sizeof id, " id=\"%.*s\"", (int)length, name);
    return strstr(page, id) != NULL;
}

/* Expects a target for every link, and no two with the same name. */
static void expect_whole_links(const char *page) {
    size_t links = 0;
    for (const char *at = page; (at = strstr(at, "href=\"")); links++) {
        at += strlen("href=\"");
        cr_assert_eq(*at, '#', "it leads away: %.40s", at);
        cr_assert(is_there(page, at + 1, strcspn(at + 1, "\"")), "it leads nowhere: %.20s", at);
    }
    cr_expect_eq(links, markup_count(page, "<a "));
    for (const char *at = page; (at = strstr(at, " id=\"")); at++) {
        char id[64];
        snprintf(id, sizeof id, "%.*s\"", (int)(strcspn(at + 5, "\"") + 5), at);
        cr_expect_eq(markup_count(page, id), 1, "%s is there twice", id);
    }
}

/* Expects numbers wherever something is drawn. */
static void expect_finite_drawings(const char *page) {
    for (const char *at = page; (at = strstr(at, " d=\"")); at++) {
        size_t drawn = strspn(at + 4, "MLHVlhvmz0123456789.- "), length = strcspn(at + 4, "\"");
        cr_assert_eq(drawn, length, "%.*s", (int)length, at + 4);
    }
    markup_expect_not(page, "=\"nan");
    markup_expect_not(page, "=\"inf");
    markup_expect_not(page, "width:nan");
}

static void expect_a_page(const char *page) {
    static const char *const foreign[] = {"http:",   "https:", "src=",  "<script",
                                          "@import", "url(",   "<link", "//"};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        cr_expect(!strstr(page, foreign[i]), "'%s' in the page", foreign[i]);
    markup_expect_well_formed(page);
    expect_whole_links(page);
    expect_finite_drawings(page);
    cr_expect_eq(markup_count(page, "<svg"), markup_count(page, "<desc>"), "each chart is described");
    cr_expect_eq(markup_count(page, "<table"), markup_count(page, "<caption>"));
}

/* --- by the program, from a file --- */

/* Makes the page of the history "h"; the caller frees it. */
static char *page_of_file(void) {
    enum { ROOM = 1 << 22 };
    hyperdrift("report", path_of("h"), "--out", path_of("page.html"));
    cr_assert_eq(program.status, 0, "%s", program.err);
    char *page = malloc(ROOM);
    size_t size = get_bytes(path_of("page.html"), page, ROOM - 1);
    page[size] = '\0';
    expect_a_page(page);
    return page;
}

static void make_history(size_t nights, size_t series, nights_plan *plan) {
    hd_history history = nights_open(path_of("h"));
    if (nights) nights_add(&history, "alpha", 0, nights, series, plan);
    hd_history_close(&history);
}

static char *page_of(size_t nights, size_t series, nights_plan *plan) {
    make_history(nights, series, plan);
    return page_of_file();
}

Test(history_page, says_that_a_history_is_empty) {
    char *page = page_of(0, 0, NULL);
    markup_expect_has(page, "No run has been kept in it yet.");
    markup_expect_not(page, "<svg");
    free(page);
}

Test(history_page, tells_of_a_first_night) {
    char *page = page_of(1, 4, NULL);
    static const char *const parts[] = {"1 run of 1 host, 1 Dec 2025; 4 series.",
                                        "alpha, 1 Dec 2025, 02:00 UTC, commit c000000: pass",
                                        "<a href=\"#r1\">Run 1</a>: the host’s first.",
                                        "learning: 1 of 30 nights",
                                        "No change of level has been found",
                                        "every record has the bits that its series had",
                                        "Still learning: 4 of 4 series"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) markup_expect_has(page, parts[i]);
    cr_expect_eq(markup_count(page, "<svg"), 4 + 5, "four for cpu, five for cuda");
    cr_expect_eq(markup_count(page, "<details><summary>The products alone"), 2, "folded away");
    free(page);
}

enum { SLOWER = 30, OTHER = 35, FAILS = 39 };

/* From one night on, series 0 takes 1.2 times as long, series 1 has another number, and series 2 fails. */
static void turns(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    if (series == 0 && night >= SLOWER) record->seconds.total *= 1.2;
    if (series == 1 && night >= OTHER) record->hyper[0].hypergradient = (double)12.25f;
    if (series == 2 && night == FAILS)
        hd_compare_number(verdict, "weights W_1 l2", NAN, 1, HD_RELATIVE, 1e-5, true);
    if (night >= 38) json_object_set_new(record->provenance, "libc", json_string("2.41"));
}

Test(history_page, tells_of_what_changed_when_and_where) {
    char *page = page_of(40, 4, turns);
    static const char *const parts[] = {
        "<p class=\"verdict bad\"><small>alpha, 9 Jan 2026, 02:00 UTC, commit c000005: fail</small>",
        "weights W_1 l2<small>synthetic-0, hyper-iteration 0, forward, cuda, by golden</small>",
        "class=\"t bad\">slower</td>",
        "<a href=\"#r31\">31 Dec 2025</a>",
        "<small>c000004, alpha</small>",
        "times since 31 Dec</text>",
        "hypergradient rho_l1_0<small>bits of ",
        "<td>11.980854</td><td>12.25</td>",
        ">beyond tolerance<small>",
        "<a href=\"#r36\">5 Jan 2026</a>",
        "libc – → 2.41",
        "class=\"cross\""};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) markup_expect_has(page, parts[i]);
    cr_expect_eq(markup_count(page, ">slower</td>"), 1);
    free(page);
}

static void all_at_once(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)series, (void)verdict;
    if (night) record->hyper[0].hypergradient = (double)12.25f;
}

Test(history_page, says_how_many_changes_of_a_night_are_not_in_its_line) {
    char *page = page_of(2, 6, all_at_once);
    markup_expect_has(page, "beyond tolerance; 2 more changes.");
    free(page);
}

/* From one night on, forward mode's products on the cpu reach 0.8 of their rate, and are all of its time. */
static void slow_the_products(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)verdict;
    if (series == 0 && night >= SLOWER) record->sgemm_rate *= 0.8, record->seconds.total /= 0.8;
}

Test(history_page, opens_the_products_alone_where_they_became_slower) {
    char *page = page_of(40, 4, slow_the_products);
    markup_expect_has(page, "class=\"t bad\">products slower</td>");
    markup_expect_has(page, "<td>6.667</td><td>8.333</td><td class=\"t\">s / TFLOP</td>");
    markup_expect_not(page, ">slower</td>");
    cr_expect_eq(markup_count(page, "<details open=\"open\">"), 1);
    cr_expect_eq(markup_count(page, "<details>"), 1, "of cuda");
    const char *opened = strstr(page, "<details open=\"open\"><summary>The products alone</summary>");
    cr_assert_not_null(opened);
    markup_expect_has(opened, ">The products alone, s / TFLOP<");
    markup_expect_has(opened, ">1.25 times since 31 Dec</text>");
    free(page);
}

Test(history_page, tells_of_nights_without_a_run_and_of_hosts_that_are_late) {
    hd_history history = nights_open(path_of("h"));
    nights_add(&history, "alpha", 0, 5, 2, NULL);
    nights_add(&history, "alpha", 7, 3, 2, NULL);
    nights_add(&history, "beta", 3, 2, 2, NULL);
    hd_history_close(&history);
    char *page = page_of_file();
    markup_expect_has(page, "10 runs of 2 hosts, ");
    markup_expect_has(page, "2 nights missing before it");
    markup_expect_has(page, "No run of this host since: 5 nights missing.");
    cr_expect_eq(markup_count(page, "No run of this host since"), 1);
    free(page);
}

/* A hypergradient of forward mode differs on cuda. */
static void other_bits(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)night, (void)verdict;
    record->hyper[1].hypergradient = (double)-39.794144f;
    if (series == 2) record->hyper[0].hypergradient = (double)11.75f;
}

Test(history_page, tells_of_machines_that_disagree) {
    char *page = page_of(2, 4, other_bits);
    markup_expect_has(page, "Machines disagree on 1 series, see below.");
    const char *table = strstr(page, "Machines that disagree</h3>");
    cr_assert_not_null(table);
    markup_expect_has(table, "hypergradient rho_l1_0");
    free(page);
}

/* The same, and from the second night on also in another hyper-iteration. */
static void more_other_bits(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    bool other = night || record->step == 0;
    other_bits(night, other ? series : 0, record, verdict);
}

Test(history_page, counts_a_series_once_that_machines_disagree_on_since_different_nights) {
    char *page = page_of(2, 4, more_other_bits);
    cr_expect_eq(markup_count(page, "<br/>not as on "), 2);
    markup_expect_has(page, "Machines disagree on 1 series, see below.");
    free(page);
}

static void hostile(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)night, (void)series;
    snprintf(record->experiment, sizeof record->experiment, "</h3><script x='y'>&\"");
    json_object_set_new(record->provenance, "cpu", json_string("<b onclick=\"y\">"));
    hd_compare_number(verdict, "<i>\"'&", NAN, 1, HD_RELATIVE, 1e-5, true);
}

Test(history_page, escapes_whatever_a_name_holds) {
    hd_history history = nights_open(path_of("h"));
    nights_add(&history, "<img\" onerror='z'>", 0, 3, 2, hostile);
    hd_history_close(&history);
    char *page = page_of_file();
    markup_expect_not(page, "<script");
    markup_expect_not(page, "<img");
    markup_expect_not(page, "<b onclick");
    markup_expect_not(page, "<i>");
    markup_expect_has(page, "&lt;/h3&gt;&lt;script x=&#39;y&#39;&gt;&amp;&quot;");
    free(page);
}

static void without_numbers(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    record->sgemm_rate = series ? 150 : 0;
    record->peak_bytes = 0;
    if (night == 1) hd_compare_number(verdict, "validation_error", NAN, NAN, HD_RELATIVE, 1e-5, true);
    if (night == 2) hd_compare_number(verdict, "validation_error", INFINITY, 1, HD_RELATIVE, 0, true);
}

Test(history_page, draws_what_is_not_a_number_and_what_was_not_measured) {
    char *page = page_of(4, 1, without_numbers);
    markup_expect_has(page, "not measured");
    markup_expect_has(page, "forward ∞ % failed");
    free(page);
}

static void renamed(size_t night, size_t series, hd_record *record, hd_verdict *verdict) {
    (void)series, (void)verdict;
    if (night >= 2) memset(record->experiment_sha256, 'e', HD_SHA256 - 1);
}

Test(history_page, tells_experiments_of_one_name_apart_by_their_hashes) {
    char *page = page_of(4, 2, renamed);
    markup_expect_has(page, "synthetic-0 <small>eeeeeeee, data bbbbbbbb</small>");
    markup_expect_has(page, "synthetic-0 <small>00000000, data bbbbbbbb</small>");
    cr_expect_eq(markup_count(page, "not run since"), 2, "the ones of before");
    free(page);
}

Test(history_page, refuses_two_histories_on_one_page_and_other_databases) {
    make_history(1, 1, NULL);
    hyperdrift("report", path_of("h"), path_of("h"), "--out", path_of("page.html"));
    program_expect_failure(2, "a page can have one history");
    put_bytes(path_of("other"), "SQLite format 3\0 and nothing else", 33);
    hyperdrift("report", path_of("other"), "--out", path_of("page.html"));
    program_expect_failure(2, "other");
    cr_expect_eq(access(path_of("page.html"), F_OK), -1);
}

/* --- by hand: two years of fifty series --- */

enum { NIGHTS = 730, SERIES = 50 };

static void fill_series(hd_series *series, size_t s) {
    *series = (hd_series){.id = (int64_t)s + 1, .mode = s % 2 ? HD_REVERSE : HD_FORWARD, .threads = 2};
    snprintf(series->experiment, HD_LABEL, "experiment-%zu", s / 10);
    snprintf(series->device, HD_LABEL, "%s", s / 2 % 5 < 2 ? "cuda" : "cpu");
    snprintf(series->machine, HD_LABEL, "machine %zu", s / 2 % 5);
    series->points = calloc(NIGHTS, sizeof *series->points);
    series->count = NIGHTS;
    for (size_t n = 0; n < NIGHTS; n++) {
        double noise = 1 + 0.02 * nights_noise(n, s, 0);
        series->points[n] = (hd_trend_point){.night = n,
                                             .time = 1.25 * noise,
                                             .products = 6.7 * noise,
                                             .seconds = 2.5 * noise,
                                             .memory = 1e8 * noise,
                                             .device_memory = s / 2 % 5 < 2 ? 7.6e7 : 0,
                                             .budget = n % 50 == s ? INFINITY : 0.24 * noise,
                                             .worst = "hypergradient mu",
                                             .failures = n % 50 == s};
    }
    series->changes[HD_COST_TIME] = calloc(2, sizeof *series->changes[0]);
    series->change_count[HD_COST_TIME] = 2;
    for (size_t c = 0; c < 2; c++)
        series->changes[HD_COST_TIME][c] = (hd_level_change){.at = 200 + 300 * c + s,
                                                             .found = 205 + 300 * c + s,
                                                             .p = 1e-6,
                                                             .before = 1.25,
                                                             .after = 1.4,
                                                             .ratio = 1.12,
                                                             .low = 1.1,
                                                             .high = 1.14};
}

static void fill_trend(hd_trend *trend) {
    *trend = (hd_trend){.nights = calloc(NIGHTS, sizeof *trend->nights),
                        .night_count = NIGHTS,
                        .series = calloc(SERIES, sizeof *trend->series),
                        .series_count = SERIES};
    for (size_t n = 0; n < NIGHTS; n++) {
        trend->nights[n] = (hd_night){.id = (int64_t)n + 1,
                                      .moment = (double)nights_first + (double)n * NIGHTS_DAY,
                                      .started = "2025-12-01T02:00:00Z",
                                      .host = "alpha",
                                      .status = n % 50 ? 0 : 1,
                                      .passed = 1548,
                                      .newest = n == NIGHTS - 1};
        snprintf(trend->nights[n].commit, HD_LABEL, "%07zx", 0x1000000 + n);
    }
    for (size_t s = 0; s < SERIES; s++) fill_series(&trend->series[s], s);
}

/* Another commit each night, with its own source for each of 24 kernels. */
static void fill_chronicle(hd_night_details *details) {
    *details = (hd_night_details){.nights = calloc(NIGHTS, sizeof *details->nights), .night_count = NIGHTS};
    details->origins = calloc(24, sizeof *details->origins);
    for (size_t i = 0; i < 24; i++)
        details->origins[details->origin_count++] =
            (hd_origin){json_pack("{sssi}", "system", "Linux", "kernel", (int)i), NULL, 30 * i, 30 * i + 29};
    for (size_t n = 0; n < NIGHTS; n++) {
        hd_night_detail *detail = &details->nights[n];
        detail->before = n ? n - 1 : HD_NO_NIGHT;
        detail->origins = malloc(sizeof *detail->origins);
        detail->origins[detail->origin_count++] = n / 31;
        detail->differences = malloc(sizeof *detail->differences);
        detail->differences[detail->difference_count++] =
            (hd_provenance_difference){strdup("commit"), strdup("1000000"), strdup("1000001")};
    }
}

Test(history_page, holds_two_years_of_fifty_series_in_less_than_1_5_MB) {
    hd_error error;
    hd_history_page_data page = {.path = "h"};
    hd_html html;
    fill_trend(&page.trend);
    fill_chronicle(&page.details);
    cr_assert_eq(hd_news_gather(&page.trend, &page.news, &page.news_count, &error), HD_OK);
    cr_assert_eq(hd_html_open(&html, &error), HD_OK);
    hd_page_begin(&html);
    hd_html_add(&html, "<section>");
    cr_assert_eq(hd_page_history(&html, &page, &error), HD_OK);
    hd_html_add(&html, "</section>");
    hd_page_end(&html);
    cr_assert_eq(hd_html_close(&html, &error), HD_OK);
    cr_expect_lt(html.size, 1500000, "%zu bytes", html.size);
    expect_a_page(html.text);
    cr_expect_eq(markup_count(html.text, "<tr id=\"r"), NIGHTS, "every night is listed");
    cr_expect_eq(markup_count(html.text, "<tr id=\"n"), 2 * SERIES, "and every change");
    markup_expect_has(html.text, "Each column stands for 14 days");
    free(html.text);
    hd_history_page_free(&page);
}
