/* A story: a history as its page tells it, and where on the page what is told. */
#ifndef HD_REPORT_HTML_HISTORY_PAGE_DATA_H
#define HD_REPORT_HTML_HISTORY_PAGE_DATA_H

#include "history/night_details.h"
#include "history/news.h"

typedef struct hd_story {
    const char *path;
    hd_trend trend;
    hd_chronicle chronicle;
    hd_news *news; /* [news_count], owned, the newest first */
    size_t news_count;
} hd_story;

/* Reads all of a history; path must outlive the story. Errors as hd_history_open's, hd_trend_load's and
 * hd_chronicle_load's. End with hd_story_free, also after a failure. */
hd_status hd_story_load(const char *path, hd_story *story, hd_error *error);
void hd_story_free(hd_story *story);

/* The first of a night's news, of which there are *count; they follow each other. */
const hd_news *hd_story_news(const hd_story *story, size_t night, size_t *count);

/* A level's change, and the night from which on it is (an index into the trend's nights). */
const hd_change *hd_story_change(const hd_story *story, const hd_news *news);
size_t hd_story_since(const hd_story *story, const hd_news *news);

/* What is listed is led to: "#n3" is the third of the news, of which the newest HD_STORY_NEWS are listed;
 * "#r7" is run 7, of which the newest HD_STORY_NIGHTS are, and of older ones those that are their host's
 * newest, or on which the verdict, a level or a number changed. News that are too old for that are led to at
 * the night that brought them. */
enum { HD_STORY_NEWS = 400, HD_STORY_NIGHTS = 800, HD_STORY_LINK = 32 };
bool hd_story_lists(const hd_story *story, size_t night);
const char *hd_story_link(const hd_story *story, const hd_news *news, char link[HD_STORY_LINK]);

#endif
