/* A capture's heading and the variant that was captured: each is made from the other, and headings are compared. */
#ifndef HD_CAPTURE_CAPTURE_VARIANT_H
#define HD_CAPTURE_CAPTURE_VARIANT_H

#include "capture/capture_order.h"
#include "run/variant.h"

/* Fills what the variant determines of a zeroed heading: all but data_sha256, device, arithmetic, float32, full,
 * tensors, threads and provenance. Without memory, ini and words are NULL, which hd_capture_info_json refuses. End
 * with hd_capture_info_free. */
void hd_capture_info_of(const hd_variant *variant, hd_capture_info *info);

/* Makes the variant that was captured from the heading alone. That it can run here is not checked. HD_INVALID: the
 * heading's text or words are not understood, or they are not the experiment that the heading describes (the
 * message says what differs). */
hd_status hd_capture_variant(const hd_capture_info *info, hd_variant *variant, hd_error *error);

enum { HD_CAPTURE_TEXT = 512 };

/* Writes the first setting, of those that determine which tensors a run has, that two experiments do not have in
 * common: "training.steps: 30 and 40"; false: there is none. */
bool hd_capture_difference(const hd_capture_info *a, const hd_capture_info *b, char text[HD_CAPTURE_TEXT]);

/* Writes what differs in the way of running, "other programs; threads 1 and 2", or "". */
void hd_capture_conditions(const hd_capture_info *a, const hd_capture_info *b, char text[HD_CAPTURE_TEXT]);

#endif
