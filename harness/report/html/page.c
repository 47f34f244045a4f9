#include "report/html/page.h"

#include <stdlib.h>
#include <string.h>

static const char style[] =
    ":root{color-scheme:light dark;--back:#fff;--text:#1c2128;--soft:#59636e;--rule:#d5dae0;--panel:#f5f7f9;"
    "--good:#116329;--good-back:#e3f6e7;--fair:#7d4e00;--fair-back:#fff3d6;--bad:#b3141f;--bad-back:#ffe9e7;"
    "--c0:#0067a5;--c1:#c44601;--c2:#6b7480;--k0:#0067a5;--k1:#c44601;--k2:#7a5195;--k3:#00805a;"
    "--p0:#56b4e9;--p1:#0072b2;--p2:#e69f00;--p3:#009e73;--p4:#b4bcc6}\n"
    "@media(prefers-color-scheme:dark){:root{--back:#12161c;--text:#e3e8ee;--soft:#98a3b0;--rule:#343c46;"
    "--panel:#1b2129;--good:#6fdc8c;--good-back:#12301d;--fair:#f0c05a;--fair-back:#352a0e;--bad:#ff8f88;"
    "--bad-back:#3d1717;--c0:#58b4f0;--c1:#ff9a57;--c2:#9aa5b1;--k0:#58b4f0;--k1:#ff9a57;--k2:#c9a0e8;"
    "--k3:#4fd1a5;--p4:#59636e}}\n"
    "*{box-sizing:border-box}"
    "body{margin:0 auto;padding:1.5rem clamp(.75rem,3vw,2rem) 4rem;max-width:72rem;background:var(--back);"
    "color:var(--text);font:1rem/1.5 system-ui,sans-serif;-webkit-text-size-adjust:100%}\n"
    "h1{font-size:1.15rem;font-weight:600;margin:0 0 1rem;color:var(--soft)}"
    "h2{font-size:1.6rem;line-height:1.25;margin:0 0 .25rem;overflow-wrap:anywhere}"
    "h3{font-size:1.15rem;margin:2.25rem 0 .5rem}"
    "p{margin:.5rem 0;max-width:46rem}.file,.note,.soft{color:var(--soft)}.file,.note{font-size:.875rem}"
    ".file{overflow-wrap:anywhere}"
    "section{margin-top:2.5rem;padding-top:2rem;border-top:3px solid var(--rule)}"
    "nav ol{margin:0;padding-left:1.5rem}nav a{color:var(--c0);overflow-wrap:anywhere}\n"
    ".verdict{max-width:none;margin:1rem 0;padding:.75rem 1rem;border-left:.4rem "
    "solid;border-radius:.25rem;font-size:1.6rem;"
    "line-height:1.3;font-weight:650;overflow-wrap:anywhere}"
    ".verdict small{display:block;font-size:.85rem;font-weight:400;color:var(--soft)}"
    ".good{color:var(--good);background:var(--good-back)}.fair{color:var(--fair);background:var(--fair-back)}"
    ".bad{color:var(--bad);background:var(--bad-back)}td.good,td.fair,td.bad,.differs,"
    "td.good+td,td.fair+td,td.bad+td{padding-left:.4rem}"
    "th:has(small){white-space:normal;min-width:min(16rem,42vw)}th "
    "small{display:block;font-weight:400;color:var(--soft)}\n"
    ".scroll{overflow-x:auto;margin:.75rem 0}"
    "table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}"
    "caption{text-align:left;color:var(--soft);padding:0 0 .35rem;font-size:.875rem}"
    "caption span{display:block;position:sticky;left:0;max-width:min(46rem,calc(100vw - 1.5rem))}"
    "th,td{padding:.25rem .75rem .25rem 0;text-align:right;vertical-align:top;white-space:nowrap;"
    "border-bottom:1px solid var(--rule)}"
    "th{font-weight:600}thead th{vertical-align:bottom}th[scope=row],.t{text-align:left}"
    ".long{white-space:normal;min-width:min(16rem,32vw);overflow-wrap:anywhere;text-align:left}"
    ".differs{background:var(--fair-back);color:var(--fair);font-weight:600}"
    ".cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));gap:1rem}"
    ".cards>div{background:var(--panel);border-radius:.5rem;padding:.75rem 1rem;min-width:0}"
    ".cards h4{margin:0 0 .25rem;font-size:1rem}dl{display:grid;grid-template-columns:auto 1fr;gap:.15rem "
    "1rem;"
    "margin:0;font-size:.9rem}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere;min-width:0}\n"
    "details{margin:.75rem 0}summary{cursor:pointer;color:var(--c0)}"
    ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:1.25rem "
    "1.5rem;"
    "margin:.75rem 0}.charts.heat{grid-template-columns:repeat(auto-fit,minmax(min(100%,15rem),20rem))}"
    "figure{margin:0;min-width:0}figcaption{font-weight:600;font-size:.9rem;margin-bottom:.25rem}"
    "svg{display:block;width:100%;height:auto;max-width:34rem;fill:var(--text);font:12px "
    "system-ui,sans-serif}"
    "svg .axis{stroke:var(--soft);fill:none}svg .grid{stroke:var(--rule);fill:none}"
    "svg .m{text-anchor:middle}svg .e{text-anchor:end}svg .soft{fill:var(--soft)}svg .power{font-size:9px}\n"
    "svg .line{fill:none;stroke-width:2;stroke-linecap:round;stroke-linejoin:round}"
    ".l0{stroke:var(--c0)}.l1{stroke:var(--c1);stroke-dasharray:5 4}.l2{stroke:var(--c2);stroke-dasharray:1 "
    "4}"
    "svg .n0{fill:var(--c0)}svg .n1{fill:var(--c1)}svg .n2{fill:var(--c2)}"
    "svg .mark{fill:var(--fair);opacity:.25}"
    ".d0{fill:var(--k0)}.d1{fill:var(--k1)}.d2{fill:var(--k2)}.d3{fill:var(--k3)}circle{fill-opacity:.75}"
    "svg [class^=h]{shape-rendering:crispEdges}svg .blank{fill:var(--panel);stroke:var(--rule)}"
    ".key{display:inline-block;width:1.6rem;margin-right:.4rem;border-top:3px solid;vertical-align:.25em}"
    ".key.l0{color:var(--c0)}.key.l1{color:var(--c1);border-top-style:dashed}"
    ".key.l2{color:var(--c2);border-top-style:dotted}"
    ".legend{display:flex;flex-wrap:wrap;gap:.15rem 1.5rem;font-size:.9rem;max-width:none}\n"
    ".bar,.stack{display:inline-flex;vertical-align:middle;height:.75em;background:var(--rule);"
    "border-radius:2px;overflow:hidden;print-color-adjust:exact;-webkit-print-color-adjust:exact}"
    ".bar{width:4.5rem;margin-right:.35rem}.stack{width:clamp(9rem,20vw,15rem);background:none}"
    ".bar i{background:var(--c0)}.bar i,.stack i{height:100%}"
    ".p0{background:var(--p0)}.p1{background:var(--p1)}.p2{background:var(--p2)}.p3{background:var(--p3)}"
    ".p4{background:var(--p4)}.swatch{display:inline-block;width:.8em;height:.8em;border-radius:2px;"
    "margin-right:.4rem}\n"
    ".today{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:0 1.5rem}"
    ".today>div{min-width:0}.today .wide{grid-column:1/-1}.today .verdict{font-size:1.25rem}.compared "
    "th{min-width:0}.compared .bar{width:3.25rem}"
    "td small{display:block;color:var(--soft);white-space:normal}td.t{white-space:nowrap}h3 small,h4 "
    "small{font-weight:400;color:var(--soft);font-size:.85em}h4{margin:1.25rem 0 "
    ".25rem;font-size:1rem}"
    ".charts.small{grid-template-columns:repeat(auto-fill,minmax(min(100%,19rem),1fr));margin:.25rem 0 1rem}"
    ".small svg{font-size:11px}.small figcaption{font-weight:400;color:var(--soft);font-size:.85rem;margin:0}"
    "a{color:var(--c0)}svg .dots{fill:none;stroke-linecap:round;stroke-opacity:.45;stroke-dasharray:none}"
    ".dots.l0{stroke:var(--c0)}.dots.l1{stroke:var(--c1)}"
    "svg .cross{stroke:var(--bad);stroke-width:2;fill:none}svg .limit{stroke:var(--bad);fill:none}"
    "svg .cut{fill:none;stroke-width:1.5;stroke-dasharray:2 2}.cut.worse{stroke:var(--bad)}"
    ".cut.better{stroke:var(--good)}.cut.other{stroke:var(--fair)}"
    ".worse{color:var(--bad);fill:var(--bad)}.better{color:var(--good);fill:var(--good)}"
    ".other{color:var(--fair);fill:var(--fair)}"
    "svg .nights{stroke:transparent;fill:none}.nights a:hover path,.nights a:focus path{stroke:var(--soft);"
    "stroke-opacity:.25}tr:target,div:target{background:var(--fair-back)}\n"
    "@media(max-width:30rem){svg{font-size:13.5px}svg .power{font-size:10px}.small svg{font-size:11px}}\n"
    "@media print{body{max-width:none;padding:0;font-size:10pt}"
    "section+section{break-before:page}section{border:0}"
    "h3,h4,caption,thead,.legend{break-after:avoid}figure,tr,.verdict,.cards>div{break-inside:avoid}"
    ".scroll{overflow:visible}thead th,td{white-space:normal}"
    "svg,.swatch,.verdict{print-color-adjust:exact;-webkit-print-color-adjust:exact}}\n";

/* From little to much: yellow to dark purple, told apart by lightness alone, too; on dark paper the other
 * way. */
static const char *const heat[] = {"#f6e8b1", "#f6d98f", "#f6c970", "#f5b85a", "#f2a54c", "#ee9147",
                                   "#e77d47", "#dd6a4a", "#cf5950", "#be4b57", "#aa405e", "#953762",
                                   "#7e3064", "#662a62", "#4f245b", "#391d50"};

void hd_page_begin(hd_html *html) {
    size_t levels = sizeof heat / sizeof *heat;
    hd_html_add(html, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
                      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
                      "'unsafe-inline'\"/>\n"
                      "<title>hyperdrift report</title>\n<style>\n");
    fputs(style, html->to);
    for (size_t l = 0; l < levels; l++) fprintf(html->to, ".h%zu{fill:%s}", l, heat[l]);
    fputs("\n@media(prefers-color-scheme:dark){", html->to);
    for (size_t l = 0; l < levels; l++) fprintf(html->to, ".h%zu{fill:%s}", l, heat[levels - 1 - l]);
    hd_html_add(html, "}\n</style>\n</head>\n<body>\n<h1>hyperdrift report</h1>\n");
}

void hd_page_end(hd_html *html) {
    hd_html_add(html, "</body>\n</html>\n");
}

void hd_page_verdict(hd_html *html, const char *colour, const char *kind, const char *verdict) {
    hd_html_add(html, "<p class=\"verdict %s\"><small>%s</small>%s</p>\n", colour, kind, verdict);
}

/* --- facts --- */

static void write_fact(hd_html *html, const json_t *value, bool differs) {
    hd_html_add(html, "<td class=\"long%s\">", differs ? " differs" : "");
    char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
    hd_html_add(html, "%s%s</td>", text ? text : value ? json_string_value(value) : "–", differs ? " ≠" : "");
    free(text);
}

static void write_fact_row(hd_html *html, const char *key, const json_t *a, const json_t *b, bool two) {
    hd_html_add(html, "<tr><th scope=\"row\">%s</th>", key);
    write_fact(html, a, two && !json_equal(a, b));
    if (two) write_fact(html, b, !json_equal(a, b));
    hd_html_add(html, "</tr>\n");
}

void hd_page_facts(hd_html *html, const char *caption, json_t *const objects[2],
                   const char *const headings[2]) {
    json_t *a = objects[0], *b = objects[1], *value;
    const char *key;
    hd_html_table(html, caption, b ? (const char *const[]){"", headings[0], headings[1], NULL} : NULL);
    json_object_foreach(a, key, value) write_fact_row(html, key, value, json_object_get(b, key), b);
    json_object_foreach(b, key, value) if (!json_object_get(a, key))
        write_fact_row(html, key, NULL, value, true);
    hd_html_table_end(html);
}
