/* Panels: the charts of a history's page, each one cost of an experiment on one device and machine, with both
 * modes in it, and what is to be seen in it marked. */
#ifndef HD_REPORT_HTML_COST_PANEL_H
#define HD_REPORT_HTML_COST_PANEL_H

#include "report/html/page.h"
#include "report/html/timeline.h"

/* What they show, from left to right. A device's own memory is for devices that are not the host. */
typedef enum hd_aspect {
    HD_ASPECT_TIME,     /* over its products alone */
    HD_ASPECT_MEMORY,   /* of the process, MB */
    HD_ASPECT_SHARE,    /* the largest of a tolerance, per cent */
    HD_ASPECT_DEVICE,   /* memory of the device, MB */
    HD_ASPECT_PRODUCTS, /* alone, seconds per 10^12 operations */
    HD_ASPECTS
} hd_aspect;

enum { HD_MODES = 2 };

/* The series of one experiment on one device and machine. */
typedef struct hd_row {
    const hd_series *modes[HD_MODES]; /* by hd_mode; NULL: none. One is there */
} hd_row;

typedef struct hd_cost_panel {
    hd_timeline timeline;    /* its lines are the modes */
    hd_timeline_mark *marks; /* owned, as the lines' points and levels */
    char description[256];
} hd_cost_panel;

/* Fills a panel, which must stay where it is, from the page's data, which must outlive it: levels are the nights'
 * medians from change to change; changes of level, and numbers that changed (on the share), are marked.
 * False: no memory. End with hd_cost_panel_free, in either case. */
bool hd_cost_panel_fill(hd_cost_panel *panel, const hd_history_page_data *page, const hd_row *row,
                        hd_aspect aspect);
void hd_cost_panel_free(hd_cost_panel *panel);

#endif
