/* Puts all of an experiment's goldens in place together, whole or not at all, even if the program is killed.
 *
 * It writes them into a hidden folder beside the old one, ROOT/golden/.<experiment>.new, where they are
 * judged; appends the ledger's entry; exchanges the two folders in one system call; and removes the old one,
 * now hidden. It flushes every file and folder to the disk before it goes on. So nobody ever needs a hidden
 * folder, and the next call removes those that a killed program left. */
#ifndef HD_GOLDEN_REPLACE_FOLDER_H
#define HD_GOLDEN_REPLACE_FOLDER_H

#include "golden/ledger.h"

/* Judges goldens in folder before they are put in place under root: HD_OK, or why they may not be. */
typedef hd_status hd_replacement_judge(const char *root, const char *experiment, const char *folder,
                                       hd_error *error);

/* Replaces an experiment's goldens `was`, which are those in place. The ledger must be open to append, which
 * locks out others. HD_UNAVAILABLE: no room, no permission, or the file system cannot exchange two folders;
 * HD_INVALID: the folder in place holds other files than goldens; else the judge's errors. After an error all
 * is as before, with two exceptions: if an exchange fails although a trial worked, the entry stays and counts
 * as unplaced; if the exchange cannot be flushed to the disk, the new goldens are in place and the old ones
 * still hidden beside them, as the message says. */
hd_status hd_replace_folder(hd_ledger *ledger, const char *root, const hd_golden_set *was,
                            const hd_golden_set *goldens, hd_replacement_judge *judge, hd_error *error);

#endif
