/* The records of 2017 as printed: golden/trace-2017/NN.json, with figures as text, to keep their digits. */
#ifndef HD_JUDGE_TRACE_2017_H
#define HD_JUDGE_TRACE_2017_H

#include "judge/compare.h"

/* Megabytes in a byte, as the program of 2017 computed: 1 / 2^20 to five digits. */
#define HD_TRACE_MB 9.5367e-7

/* A printed number: its text, its value and the value of one unit of its last digit. */
typedef struct hd_printed_number {
    char text[32];
    double value, unit;
} hd_printed_number;

struct hd_printed_hyper {
    hd_printed_number value, hypergradient;
};

typedef struct hd_allowance {
    char quantity[HD_QUANTITY];
    double tolerance; /* in the quantity's own measure; examples for an accuracy */
    char why[HD_NOTE];
} hd_allowance;

typedef struct hd_trace_record {
    size_t record; /* its number in the trace, from 0 */
    char heading[2 * HD_LABEL];
    char experiment[HD_LABEL];
    size_t step;
    hd_mode mode;
    hd_printed_number test_accuracy, validation_accuracy, training_accuracy, validation_error, memory_mb,
        seconds;
    size_t iterations;
    size_t weight_count;
    hd_printed_number first[HD_SHOWN], last[HD_SHOWN];
    size_t hypers;
    hd_hyper *hyper;                  /* [hypers], owned */
    struct hd_printed_hyper *printed; /* [hypers], owned: their texts */
    hd_allowance *allowance;          /* [allowances], owned */
    size_t allowances;
} hd_trace_record;

typedef struct hd_trace {
    hd_trace_record *records; /* [count], owned, in the order of the text */
    size_t count;
} hd_trace;

/* Reads 00.json, 01.json, ... of the folder, without gaps up to the highest. End with hd_trace_free.
 * HD_INVALID with file, key and cause; *trace is then zeroed. */
hd_status hd_trace_load(const char *folder, hd_trace *trace, hd_error *error);
void hd_trace_free(hd_trace *trace);

/* Whether the printed record has the record's experiment, step and mode. Several may. */
bool hd_trace_matches(const hd_trace_record *printed, const hd_record *record);

/* Judges a record by a printed one and fills the verdict's heading: counts exactly; validation error within
 * 5e-6; the three first and last weights and the hyperparameters within 1e-7; hypergradients within 2e-5,
 * relative; the states' memory within 0.01 MB ("state_mb"; the trace's figure includes some kB of pickle
 * headers). A quantity that needs one of the printed record's allowances is HD_KNOWN. */
void hd_trace_judge(const hd_trace_record *printed, const hd_record *record, hd_verdict *verdict);

#endif
