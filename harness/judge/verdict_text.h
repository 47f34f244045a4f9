/* Records and verdicts as text for people, on a terminal or in a log. */
#ifndef HD_JUDGE_VERDICT_TEXT_H
#define HD_JUDGE_VERDICT_TEXT_H

#include "judge/verdict.h"
#include "run/record.h"

#include <stdio.h>

/* Prints a hyper-iteration's records side by side, one column for each mode, much as the trace of 2017:
 * accuracies, validation error, weights, hyperparameters with their hypergradients, then times and memory.
 * Either may be NULL. */
void hd_records_print(FILE *to, const hd_record *forward, const hd_record *reverse);

/* Prints their figures beside the expected ones, with the share of its tolerance that each used and a mark:
 * one row for each quantity, the modes' verdicts side by side. Either may be NULL. */
void hd_verdict_print_figures(FILE *to, const hd_verdict *forward, const hd_verdict *reverse);

/* Prints one line: how many figures passed, and the one that used most of its tolerance. */
void hd_verdict_print_summary(FILE *to, const hd_verdict *verdict);

/* A judgement in one line: name, element, value, expected, error in three measures, tolerance, note. */
enum { HD_JUDGEMENT_TEXT = 640 };
void hd_judgement_text(const hd_judgement *judgement, char text[HD_JUDGEMENT_TEXT]);

/* Prints a line for each judgement that failed or is known, or with `all` for each. */
void hd_verdict_print_details(FILE *to, const hd_verdict *verdict, bool all);

/* Prints times by phase, the products' rate against their rate alone, memory by formula and as held. For a
 * device that launches kernels also its memory, the time that the products would take at the measured rate,
 * and the number of launches. */
void hd_record_print_cost(FILE *to, const hd_record *record);

#endif
