/* What the page of a history tells of it, and where on the page. */
#ifndef HD_REPORT_HTML_HISTORY_PAGE_DATA_H
#define HD_REPORT_HTML_HISTORY_PAGE_DATA_H

#include "history/news.h"
#include "history/night_details.h"

typedef struct hd_history_page_data {
    const char *path;
    hd_trend trend;
    hd_night_details details;
    hd_news *news; /* [news_count], owned, the newest first */
    size_t news_count;
} hd_history_page_data;

/* Reads all of a history; path must outlive *page. Errors as hd_history_open's, hd_trend_load's and
 * hd_night_details_load's. End with hd_history_page_free, also after a failure. */
hd_status hd_history_page_load(const char *path, hd_history_page_data *page, hd_error *error);
void hd_history_page_free(hd_history_page_data *page);

/* The first of a night's news, of which there are *count; they follow each other. */
const hd_news *hd_history_page_news(const hd_history_page_data *page, size_t night, size_t *count);

/* A level's change, and the night from which on it is (an index into the trend's nights). */
const hd_level_change *hd_history_page_change(const hd_history_page_data *page, const hd_news *news);
size_t hd_history_page_since(const hd_history_page_data *page, const hd_news *news);

/* What is listed is led to: "#n3" is the third of the news, of which the newest HD_HISTORY_PAGE_NEWS are listed;
 * "#r7" is run 7, of which the newest HD_HISTORY_PAGE_NIGHTS are, and of older ones those that are their host's
 * newest, or on which the verdict, a level or a number changed. News that are too old for that are led to at
 * the night that brought them. */
enum { HD_HISTORY_PAGE_NEWS = 400, HD_HISTORY_PAGE_NIGHTS = 800, HD_HISTORY_PAGE_LINK = 32 };
bool hd_history_page_lists(const hd_history_page_data *page, size_t night);
const char *hd_history_page_link(const hd_history_page_data *page, const hd_news *news,
                                 char link[HD_HISTORY_PAGE_LINK]);

#endif
