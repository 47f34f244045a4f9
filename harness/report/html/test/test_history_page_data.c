#include "report/html/history_page_data.h"

#include <criterion/criterion.h>

TestSuite(history_page_data);

enum { NIGHTS = 1000 };

static hd_night nights[NIGHTS];
static hd_night_detail accounts[NIGHTS];

/* A host's thousand nights; 100 and 101 failed and have news. */
static hd_history_page_data story_of(hd_news *news, size_t count) {
    for (size_t n = 0; n < NIGHTS; n++) {
        nights[n] = (hd_night){.id = 2 * (int64_t)n + 1, .newest = n == NIGHTS - 1};
        nights[n].status = n == 100 || n == 101;
        accounts[n].before = n ? n - 1 : HD_NO_NIGHT;
    }
    return (hd_history_page_data){.trend = {.nights = nights, .night_count = NIGHTS},
                                  .details = {.nights = accounts, .night_count = NIGHTS},
                                  .news = news,
                                  .news_count = count};
}

Test(history_page_data, finds_the_news_of_each_night) {
    static const size_t of[] = {999, 500, 500, 500, 7, 0, 0};
    hd_news news[7];
    for (size_t i = 0; i < 7; i++) news[i] = (hd_news){.night = of[i]};
    hd_history_page_data page = story_of(news, 7);
    for (size_t n = 0; n < NIGHTS; n++) {
        size_t count, first = 0, expected = 0;
        for (size_t i = 0; i < 7; i++) expected += of[i] == n;
        while (first < 7 && of[first] != n) first++;
        const hd_news *found = hd_history_page_news(&page, n, &count);
        cr_expect_eq(count, expected, "night %zu: %zu", n, count);
        cr_expect(found == (expected ? &news[first] : NULL), "night %zu", n);
    }
    hd_history_page_data none = story_of(NULL, 0);
    size_t count;
    cr_expect_null(hd_history_page_news(&none, 3, &count));
    cr_expect_eq(count, 0);
}

Test(history_page_data, lists_the_newest_nights_and_older_ones_that_brought_something) {
    hd_news news[] = {{.night = 50}};
    hd_history_page_data page = story_of(news, 1);
    nights[20].newest = true;
    size_t listed = 0;
    for (size_t n = 0; n < NIGHTS; n++) listed += hd_history_page_lists(&page, n);
    cr_expect_eq(listed, HD_HISTORY_PAGE_NIGHTS + 4, "%zu", listed);
    cr_expect(hd_history_page_lists(&page, 200) && !hd_history_page_lists(&page, 199));
    cr_expect(hd_history_page_lists(&page, 50), "it brought news");
    cr_expect(hd_history_page_lists(&page, 100) && !hd_history_page_lists(&page, 101) &&
                  hd_history_page_lists(&page, 102),
              "there the verdict turned");
    cr_expect(hd_history_page_lists(&page, 20), "a host's newest");
}

Test(history_page_data, leads_to_news_that_are_listed_and_else_to_their_night) {
    static hd_news news[HD_HISTORY_PAGE_NEWS + 1];
    char link[HD_HISTORY_PAGE_LINK];
    for (size_t i = 0; i <= HD_HISTORY_PAGE_NEWS; i++) news[i].night = NIGHTS - 1 - i;
    hd_history_page_data page = story_of(news, HD_HISTORY_PAGE_NEWS + 1);
    cr_expect_str_eq(hd_history_page_link(&page, &news[0], link), "#n1");
    cr_expect_str_eq(hd_history_page_link(&page, &news[HD_HISTORY_PAGE_NEWS - 1], link), "#n400");
    cr_expect_str_eq(hd_history_page_link(&page, &news[HD_HISTORY_PAGE_NEWS], link), "#r1199");
    cr_expect(hd_history_page_lists(&page, news[HD_HISTORY_PAGE_NEWS].night));
}
