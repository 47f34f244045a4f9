#include "report/html/history_page_data.h"

#include <stdio.h>
#include <stdlib.h>

hd_status hd_history_page_load(const char *path, hd_history_page_data *story, hd_error *error) {
    hd_history history;
    *story = (hd_history_page_data){.path = path};
    hd_status status = hd_history_open(path, HD_HISTORY_READ, &history, error);
    if (status == HD_OK) status = hd_trend_load(&history, &story->trend, error);
    if (status == HD_OK) status = hd_night_details_load(&history, &story->trend, &story->chronicle, error);
    if (status == HD_OK) status = hd_news_gather(&story->trend, &story->news, &story->news_count, error);
    hd_history_close(&history);
    return status;
}

void hd_history_page_free(hd_history_page_data *story) {
    free(story->news);
    hd_night_details_free(&story->chronicle);
    hd_trend_free(&story->trend);
    *story = (hd_history_page_data){0};
}

/* The first of the news, which are the newest first, that is of this night or one before. */
static size_t first_until(const hd_history_page_data *story, size_t night) {
    size_t low = 0, high = story->news_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (story->news[middle].night > night)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const hd_news *hd_history_page_news(const hd_history_page_data *story, size_t night, size_t *count) {
    size_t first = first_until(story, night), end = night ? first_until(story, night - 1) : story->news_count;
    *count = end - first;
    return *count ? &story->news[first] : NULL;
}

const hd_level_change *hd_history_page_change(const hd_history_page_data *story, const hd_news *news) {
    return &story->trend.series[news->series].changes[news->cost][news->first];
}

size_t hd_history_page_since(const hd_history_page_data *story, const hd_news *news) {
    return story->trend.series[news->series].points[hd_history_page_change(story, news)->at].night;
}

bool hd_history_page_lists(const hd_history_page_data *story, size_t night) {
    const hd_night *nights = story->trend.nights;
    size_t before = story->chronicle.nights[night].before, news;
    bool turned = before != HD_NO_NIGHT && nights[before].status != nights[night].status;
    bool new = night + HD_HISTORY_PAGE_NIGHTS >= story->trend.night_count || nights[night].newest;
    return new || turned || hd_history_page_news(story, night, &news);
}

const char *hd_history_page_link(const hd_history_page_data *story, const hd_news *news,
                                 char link[HD_HISTORY_PAGE_LINK]) {
    size_t index = (size_t)(news - story->news);
    if (index < HD_HISTORY_PAGE_NEWS)
        snprintf(link, HD_HISTORY_PAGE_LINK, "#n%zu", index + 1);
    else
        snprintf(link, HD_HISTORY_PAGE_LINK, "#r%.0f", (double)story->trend.nights[news->night].id);
    return link;
}
