#include "report/html/history_page_data.h"

#include <stdio.h>
#include <stdlib.h>

hd_status hd_story_load(const char *path, hd_story *story, hd_error *error) {
    hd_history history;
    *story = (hd_story){.path = path};
    hd_status status = hd_history_open(path, HD_HISTORY_READ, &history, error);
    if (status == HD_OK) status = hd_trend_load(&history, &story->trend, error);
    if (status == HD_OK) status = hd_chronicle_load(&history, &story->trend, &story->chronicle, error);
    if (status == HD_OK) status = hd_news_gather(&story->trend, &story->news, &story->news_count, error);
    hd_history_close(&history);
    return status;
}

void hd_story_free(hd_story *story) {
    free(story->news);
    hd_chronicle_free(&story->chronicle);
    hd_trend_free(&story->trend);
    *story = (hd_story){0};
}

/* The first of the news, which are the newest first, that is of this night or one before. */
static size_t first_until(const hd_story *story, size_t night) {
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

const hd_news *hd_story_news(const hd_story *story, size_t night, size_t *count) {
    size_t first = first_until(story, night), end = night ? first_until(story, night - 1) : story->news_count;
    *count = end - first;
    return *count ? &story->news[first] : NULL;
}

const hd_change *hd_story_change(const hd_story *story, const hd_news *news) {
    return &story->trend.series[news->series].changes[news->cost][news->first];
}

size_t hd_story_since(const hd_story *story, const hd_news *news) {
    return story->trend.series[news->series].points[hd_story_change(story, news)->at].night;
}

bool hd_story_lists(const hd_story *story, size_t night) {
    const hd_night *nights = story->trend.nights;
    size_t before = story->chronicle.nights[night].before, news;
    bool turned = before != HD_NO_NIGHT && nights[before].status != nights[night].status;
    bool new = night + HD_STORY_NIGHTS >= story->trend.night_count || nights[night].newest;
    return new || turned || hd_story_news(story, night, &news);
}

const char *hd_story_link(const hd_story *story, const hd_news *news, char link[HD_STORY_LINK]) {
    size_t index = (size_t)(news - story->news);
    if (index < HD_STORY_NEWS)
        snprintf(link, HD_STORY_LINK, "#n%zu", index + 1);
    else
        snprintf(link, HD_STORY_LINK, "#r%.0f", (double)story->trend.nights[news->night].id);
    return link;
}
