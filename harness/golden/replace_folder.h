/* Goldens come into place: all of an experiment's together, whole or not at all, whenever the program may be
 * ended.
 *
 * They are written into a hidden folder beside the old one, ROOT/golden/.<experiment>.new, and judged there;
 * the ledger's entry is appended; the two folders are exchanged in one step; the old one, now hidden, is
 * removed. Every file and folder is flushed to the disk before the step that follows. A hidden folder is
 * therefore never needed, and whatever an ended program left of them is removed by the next placing. */
#ifndef HD_GOLDEN_REPLACE_FOLDER_H
#define HD_GOLDEN_REPLACE_FOLDER_H

#include "golden/ledger.h"

/* Decides on goldens that lie in folder, before they come into place under root: HD_OK, or what keeps them
 * out. */
typedef hd_status hd_replacement_judge(const char *root, const char *experiment, const char *folder,
                                       hd_error *error);

/* Puts an experiment's goldens into place, in the stead of `was`, which are those that are there. The
 * ledger must be open to append, which holds off others. HD_UNAVAILABLE: no room, no permission, or the
 * file system cannot exchange two folders atomically; HD_INVALID: the folder that is there holds other files
 * than goldens; else the judge's errors. In each case all is as it was, but for two: where an exchange fails
 * that could be done when it was tried out, the entry stays, and is told as unplaced; and where the exchange
 * was done but cannot be flushed to the disk, the new goldens are in place, the old ones still hidden beside
 * them, and the message says so. */
hd_status hd_replace_folder(hd_ledger *ledger, const char *root, const hd_golden_set *was,
                            const hd_golden_set *goldens, hd_replacement_judge *judge, hd_error *error);

#endif
