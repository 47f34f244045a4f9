/* Panels: the charts of a history's page. Each shows one cost of an experiment on one device and machine,
 * with a line for each mode and marks for what changed. */
#ifndef HD_REPORT_HTML_COST_PANEL_H
#define HD_REPORT_HTML_COST_PANEL_H

#include "report/html/page.h"
#include "report/html/timeline.h"

/* What a panel shows, from left to right. Only devices other than the host have device memory. */
typedef enum hd_aspect {
    HD_ASPECT_TIME,     /* in units of its products alone */
    HD_ASPECT_MEMORY,   /* of the process, MB */
    HD_ASPECT_SHARE,    /* the largest share of a tolerance, per cent */
    HD_ASPECT_DEVICE,   /* memory of the device, MB */
    HD_ASPECT_PRODUCTS, /* the products alone, seconds per 10^12 operations */
    HD_ASPECTS
} hd_aspect;

enum { HD_MODES = 2 };

/* The series of one experiment on one device and machine. */
typedef struct hd_row {
    const hd_series *modes[HD_MODES]; /* by hd_mode; NULL: none; at least one is there */
} hd_row;

typedef struct hd_cost_panel {
    hd_timeline timeline;    /* its lines are the modes */
    hd_timeline_mark *marks; /* owned, and so are the lines' points and levels */
    char description[256];
} hd_cost_panel;

/* Fills a panel, which must not move, from the page's data, which must outlive it. Levels are the nights'
 * medians between changes; it marks changes of level, and on the share numbers that changed. False: no
 * memory. End with hd_cost_panel_free in either case. */
bool hd_cost_panel_fill(hd_cost_panel *panel, const hd_history_page_data *page, const hd_row *row,
                        hd_aspect aspect);
void hd_cost_panel_free(hd_cost_panel *panel);

#endif
