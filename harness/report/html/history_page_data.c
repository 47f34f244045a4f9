#include "report/html/history_page_data.h"

#include <stdio.h>
#include <stdlib.h>

hd_status hd_history_page_load(const char *path, hd_history_page_data *page, hd_error *error) {
    hd_history history;
    *page = (hd_history_page_data){.path = path};
    hd_status status = hd_history_open(path, HD_HISTORY_READ, &history, error);
    if (status == HD_OK) status = hd_trend_load(&history, &page->trend, error);
    if (status == HD_OK) status = hd_night_details_load(&history, &page->trend, &page->details, error);
    if (status == HD_OK) status = hd_news_gather(&page->trend, &page->news, &page->news_count, error);
    hd_history_close(&history);
    return status;
}

void hd_history_page_free(hd_history_page_data *page) {
    free(page->news);
    hd_night_details_free(&page->details);
    hd_trend_free(&page->trend);
    *page = (hd_history_page_data){0};
}

/* The first of the news (the newest come first) of this night or an earlier one. */
static size_t first_until(const hd_history_page_data *page, size_t night) {
    size_t low = 0, high = page->news_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (page->news[middle].night > night)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const hd_news *hd_history_page_news(const hd_history_page_data *page, size_t night, size_t *count) {
    size_t first = first_until(page, night), end = night ? first_until(page, night - 1) : page->news_count;
    *count = end - first;
    return *count ? &page->news[first] : NULL;
}

const hd_level_change *hd_history_page_change(const hd_history_page_data *page, const hd_news *news) {
    return &page->trend.series[news->series].changes[news->cost][news->first];
}

size_t hd_history_page_since(const hd_history_page_data *page, const hd_news *news) {
    return page->trend.series[news->series].points[hd_history_page_change(page, news)->at].night;
}

bool hd_history_page_lists(const hd_history_page_data *page, size_t night) {
    const hd_night *nights = page->trend.nights;
    size_t before = page->details.nights[night].before, news;
    bool turned = before != HD_NO_NIGHT && nights[before].status != nights[night].status;
    bool new = night + HD_HISTORY_PAGE_NIGHTS >= page->trend.night_count || nights[night].newest;
    return new || turned || hd_history_page_news(page, night, &news);
}

const char *hd_history_page_link(const hd_history_page_data *page, const hd_news *news,
                                 char link[HD_HISTORY_PAGE_LINK]) {
    size_t index = (size_t)(news - page->news);
    if (index < HD_HISTORY_PAGE_NEWS)
        snprintf(link, HD_HISTORY_PAGE_LINK, "#n%zu", index + 1);
    else
        snprintf(link, HD_HISTORY_PAGE_LINK, "#r%.0f", (double)page->trend.nights[news->night].id);
    return link;
}
