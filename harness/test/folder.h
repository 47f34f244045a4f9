/* A temporary folder for the tests of a suite: TestSuite(name, .init = folder_make, .fini = folder_remove) */
#ifndef HD_TEST_FOLDER_H
#define HD_TEST_FOLDER_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* One for all sources: a suite may have several, and its .init runs in one of them. */
__attribute__((weak)) char folder[] = "/tmp/hd-XXXXXX";

static inline void folder_make(void) {
    cr_assert_not_null(mkdtemp(folder));
}

static inline int folder_remove_one(const char *path, const struct stat *is, int type, struct FTW *where) {
    (void)is, (void)type, (void)where;
    return remove(path);
}

static inline void folder_remove(void) {
    nftw(folder, folder_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* The path of name in the folder; the caller frees it. */
static inline char *folder_path(const char *name) {
    char *path;
    cr_assert(asprintf(&path, "%s/%s", folder, name) > 0);
    return path;
}

static inline size_t folder_entries(void) {
    size_t count = 0;
    DIR *directory = opendir(folder);
    cr_assert_not_null(directory);
    while (readdir(directory)) count++;
    closedir(directory);
    return count - 2; /* . and .. */
}

/* Writes a file of these bytes; put_content gzips them if the name ends in ".gz". */
static inline void put_bytes(const char *path, const void *data, size_t size) {
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(data, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
}

static inline void put_content(const char *path, const void *data, size_t size) {
    const size_t length = strlen(path);
    if (length < 3 || strcmp(path + length - 3, ".gz") != 0) {
        put_bytes(path, data, size);
        return;
    }
    gzFile file = gzopen(path, "wb9");
    cr_assert_not_null(file);
    if (size > 0) cr_assert_eq(gzwrite(file, data, (unsigned)size), (int)size);
    cr_assert_eq(gzclose(file), Z_OK);
}

/* Reads up to room bytes of the file as it is on disk; gives their number. */
static inline size_t get_bytes(const char *path, void *data, size_t room) {
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file);
    const size_t size = fread(data, 1, room, file);
    fclose(file);
    return size;
}

#endif
