/* The settings of an experiment as text: each known key with its value and its place, in the file or in
 * --set.
 *
 * Reading finds errors in the text (syntax, unknown or repeated names); the functions that return a value as
 * a number, a list or a choice find errors in the value. All errors are HD_INVALID with file, line, key,
 * cause, and what is allowed. */
#ifndef HD_EXPERIMENT_SETTINGS_H
#define HD_EXPERIMENT_SETTINGS_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum hd_key {
    HD_KEY_NAME,
    HD_KEY_SEED,
    HD_KEY_HYPER_ITERATIONS,
    HD_KEY_SOURCE,
    HD_KEY_PARTITIONS,
    HD_KEY_EXAMPLES,
    HD_KEY_INPUTS,
    HD_KEY_CLASSES,
    HD_KEY_GREYS,
    HD_KEY_HIDDEN,
    HD_KEY_FILL,
    HD_KEY_FILL_RACE,
    HD_KEY_OPTIMIZER,
    HD_KEY_STEPS,
    HD_KEY_BATCH,
    HD_KEY_EPOCHS,
    HD_KEY_RHO_L1,
    HD_KEY_RHO_L2,
    HD_KEY_ETA,
    HD_KEY_MU,
    HD_KEY_METHOD,
    HD_KEY_RATE,
    HD_KEY_CONSTRAINT,
    HD_KEY_POWF,
    HD_KEY_ARITHMETIC,
    HD_KEY_TF32,
    HD_KEYS
} hd_key;

enum { HD_SETTING_SECTIONS = 7, HD_SETTING_TEXT = 1024 };

typedef struct hd_setting {
    bool given;
    bool overridden; /* by --set */
    size_t line;     /* in the file */
    char text[HD_SETTING_TEXT];
} hd_setting;

typedef struct hd_settings {
    const char *path; /* not owned */
    hd_setting of[HD_KEYS];
    size_t section_line[HD_SETTING_SECTIONS]; /* 0: no such section in the file */
} hd_settings;

/* Reads the text of the INI file at path, which the caller frees with free(). HD_INVALID as
 * hd_file_read_text's. */
hd_status hd_settings_text(const char *path, char **text, hd_error *error);

/* Reads an INI file's text into *out, which needs no freeing; path, for messages, must outlive it. */
hd_status hd_settings_parse(const char *path, const char *text, hd_settings *out, hd_error *error);

/* Replaces one setting by an assignment "section.key=value". */
hd_status hd_settings_override(hd_settings *settings, const char *assignment, hd_error *error);

/* Writes "FILE:LINE: [section] key = value: " and the formatted cause into *error; returns HD_INVALID. */
hd_status hd_settings_fail(const hd_settings *settings, hd_key key, hd_error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* HD_INVALID unless the key was given. */
hd_status hd_settings_require(const hd_settings *settings, hd_key key, hd_error *error);

/* The setting must have been given to the functions below; if they fail, *out is undefined. */

/* Reads a list of least to most whole numbers, each from min to max, separated by commas, into out[most]. */
hd_status hd_settings_wholes(const hd_settings *settings, hd_key key, size_t min, size_t max, size_t least,
                             size_t most, size_t *out, size_t *count, hd_error *error);

/* Reads one whole number from min to max. */
hd_status hd_settings_whole(const hd_settings *settings, hd_key key, size_t min, size_t max, size_t *out,
                            hd_error *error);

/* Reads a list of least to most finite decimal numbers, separated by commas, into out[most]. */
hd_status hd_settings_numbers(const hd_settings *settings, hd_key key, size_t least, size_t most, double *out,
                              size_t *count, hd_error *error);

/* Writes which of words[] (NULL-terminated) the value is, from 0; fallback if the setting is not given. */
hd_status hd_settings_choice(const hd_settings *settings, hd_key key, const char *const *words,
                             size_t fallback, size_t *out, hd_error *error);

#endif
