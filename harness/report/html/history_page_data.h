/* What a history's page shows, and where on the page. */
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

/* Reads a whole history; path must outlive *page. Errors as hd_history_open, hd_trend_load and
 * hd_night_details_load. End with hd_history_page_free, also after a failure. */
hd_status hd_history_page_load(const char *path, hd_history_page_data *page, hd_error *error);
void hd_history_page_free(hd_history_page_data *page);

/* The first of a night's *count news, which follow each other; NULL if there are none. */
const hd_news *hd_history_page_news(const hd_history_page_data *page, size_t night, size_t *count);

/* The change of a level, and the night since which it is there (index into the trend's nights). */
const hd_level_change *hd_history_page_change(const hd_history_page_data *page, const hd_news *news);
size_t hd_history_page_since(const hd_history_page_data *page, const hd_news *news);

/* What the page lists has a link: "#n3" is the third of the news (the newest HD_HISTORY_PAGE_NEWS are
 * listed), "#r7" is run 7. Listed are the newest HD_HISTORY_PAGE_NIGHTS runs, and of older ones each host's
 * newest and those on which the verdict, a level or a number changed. Older news link to the night that
 * brought them. */
enum { HD_HISTORY_PAGE_NEWS = 400, HD_HISTORY_PAGE_NIGHTS = 800, HD_HISTORY_PAGE_LINK = 32 };
bool hd_history_page_lists(const hd_history_page_data *page, size_t night);
const char *hd_history_page_link(const hd_history_page_data *page, const hd_news *news,
                                 char link[HD_HISTORY_PAGE_LINK]);

#endif
