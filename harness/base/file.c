#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* read(2) and write(2), repeated if a signal interrupts them. */
static ssize_t read_some(int descriptor, void *data, size_t size) {
    ssize_t got;
    do got = read(descriptor, data, size);
    while (got < 0 && errno == EINTR);
    return got;
}

static ssize_t write_some(int descriptor, const void *data, size_t size) {
    ssize_t put;
    do put = write(descriptor, data, size);
    while (put < 0 && errno == EINTR);
    return put;
}

/* Length of path's directory part, with its last slash. */
static size_t directory_length(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

bool hd_file_same(const char *one, const char *other) {
    struct stat a, b;
    return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static void release(hd_output *output) {
    free(output->path);
    free(output->temporary);
    *output = (hd_output){.descriptor = -1};
}

hd_status hd_output_open(hd_output *output, const char *path, hd_error *error) {
    const size_t directory = directory_length(path), room = strlen(path) + 48;
    struct stat is;
    if (stat(path, &is) == 0 && !S_ISREG(is.st_mode))
        return hd_fail(error, HD_UNAVAILABLE, "%s: cannot be written: not a regular file", path);
    *output = (hd_output){.path = strdup(path), .temporary = malloc(room), .descriptor = -1};
    if (!output->path || !output->temporary) {
        release(output);
        return hd_fail(error, HD_UNAVAILABLE, "%s: no memory to write it", path);
    }
    /* Not mkstemp: its files are private, and ours have the permissions that the user's umask gives. */
    for (unsigned try = 0; output->descriptor < 0; try++) {
        snprintf(output->temporary, room, "%.*s.%s.%ld-%u.tmp", (int)directory, path, path + directory,
                 (long)getpid(), try);
        output->descriptor = open(output->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (output->descriptor < 0 && errno != EEXIST && errno != EINTR) {
            const int cause = errno;
            release(output);
            return hd_fail(error, HD_UNAVAILABLE, "%s: cannot be written: %s", path, strerror(cause));
        }
    }
    return HD_OK;
}

void hd_output_write(hd_output *output, const void *data, size_t size) {
    const char *next = data;
    while (size > 0 && !output->failure) {
        const ssize_t put = write_some(output->descriptor, next, size);
        if (put < 0) {
            output->failure = errno;
        } else {
            next += put;
            size -= (size_t)put;
        }
    }
}

static ssize_t write_stream(void *output, const char *data, size_t size) {
    hd_output_write(output, data, size);
    return (ssize_t)size; /* commit reports a failure */
}

FILE *hd_output_stream(hd_output *output) {
    return fopencookie(output, "w", (cookie_io_functions_t){.write = write_stream});
}

hd_status hd_directory_sync(const char *path, hd_error *error) {
    const int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* We cannot open a folder that may be written but not listed, and some file systems cannot sync one. */
    int failure = 0;
    if (descriptor >= 0) {
        if (fsync(descriptor) != 0 && errno != EINVAL) failure = errno;
        close(descriptor);
    }
    if (!failure) return HD_OK;
    return hd_fail(error, HD_UNAVAILABLE, "%s: cannot be written: %s", path, strerror(failure));
}

/* Syncs the directory that path is in. */
static hd_status sync_around(const char *path, hd_error *error) {
    const size_t length = directory_length(path);
    char *directory = length ? strndup(path, length) : strdup(".");
    hd_status status = directory ? hd_directory_sync(directory, error)
                                 : hd_fail(error, HD_UNAVAILABLE, "%s: no memory to write it", path);
    free(directory);
    return status;
}

hd_status hd_output_commit(hd_output *output, hd_error *error) {
    int failure = output->failure;
    if (!failure && fsync(output->descriptor) != 0 && errno != EINVAL) failure = errno;
    if (close(output->descriptor) != 0 && !failure) failure = errno;
    if (!failure && rename(output->temporary, output->path) != 0) failure = errno;
    if (failure) unlink(output->temporary);
    hd_status status =
        failure ? hd_fail(error, HD_UNAVAILABLE, "%s: cannot be written: %s", output->path, strerror(failure))
                : sync_around(output->path, error);
    release(output);
    return status;
}

void hd_output_abandon(hd_output *output) {
    close(output->descriptor);
    unlink(output->temporary);
    release(output);
}

hd_status hd_file_write(const char *path, const void *data, size_t size, hd_error *error) {
    hd_output output;
    const hd_status status = hd_output_open(&output, path, error);
    if (status != HD_OK) return status;
    hd_output_write(&output, data, size);
    return hd_output_commit(&output, error);
}

hd_status hd_file_append(const char *path, const void *data, size_t size, hd_error *error) {
    hd_output output = {.descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)};
    struct stat before = {0};
    if (output.descriptor < 0 || fstat(output.descriptor, &before) != 0) output.failure = errno;
    hd_output_write(&output, data, size);
    if (!output.failure && fsync(output.descriptor) != 0 && errno != EINVAL) output.failure = errno;
    const bool partial =
        output.failure && output.descriptor >= 0 && ftruncate(output.descriptor, before.st_size) != 0;
    if (output.descriptor >= 0) close(output.descriptor);
    if (!output.failure) return HD_OK;
    return hd_fail(error, HD_UNAVAILABLE, "%s: cannot be written: %s%s", path, strerror(output.failure),
                   partial ? "; part of it may have been written" : "");
}

/* Reads to the end, or until there is more than limit, into a buffer that grows: a file's stated size may
 * change, and is zero for files such as /proc's. */
static hd_status read_to_end(int descriptor, const char *path, size_t limit, char **text, size_t *size,
                             hd_error *error) {
    char *buffer = NULL;
    size_t room = 0, filled = 0;
    for (;;) {
        if (filled == room) {
            room = room ? 2 * room : 4096;
            char *larger = realloc(buffer, room + 1);
            if (!larger) {
                free(buffer);
                return hd_fail(error, HD_UNAVAILABLE, "%s: no memory to read it", path);
            }
            buffer = larger;
        }
        const ssize_t got = read_some(descriptor, buffer + filled, room - filled);
        if (got < 0) {
            const int cause = errno;
            free(buffer);
            return hd_fail(error, HD_INVALID, "%s: cannot be read: %s", path, strerror(cause));
        }
        if (got == 0) break;
        filled += (size_t)got;
        if (filled > limit) {
            free(buffer);
            return hd_fail(error, HD_INVALID, "%s: too large: more than the %zu bytes allowed", path, limit);
        }
    }
    buffer[filled] = '\0';
    *text = buffer;
    *size = filled;
    return HD_OK;
}

hd_status hd_file_read_text(const char *path, size_t limit, char **text, size_t *size, hd_error *error) {
    *text = NULL;
    *size = 0;
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* do not wait for a FIFO */
    struct stat kind;
    if (descriptor < 0) return hd_fail(error, HD_INVALID, "%s: cannot be read: %s", path, strerror(errno));
    hd_status status = HD_OK;
    if (fstat(descriptor, &kind) == 0 && !S_ISREG(kind.st_mode) && !S_ISDIR(kind.st_mode))
        status = hd_fail(error, HD_INVALID, "%s: cannot be read: not a regular file", path);
    if (status == HD_OK) status = read_to_end(descriptor, path, limit, text, size, error);
    close(descriptor);
    if (status == HD_OK && memchr(*text, '\0', *size)) {
        status = hd_fail(error, HD_INVALID, "%s: not a text file: it contains a zero byte", path);
        free(*text);
        *text = NULL;
        *size = 0;
    }
    return status;
}

/* mkdir(2), where a directory that exists is fine. Returns 0 or errno. */
static int make_one(const char *path) {
    if (mkdir(path, 0777) == 0) return 0;
    const int cause = errno;
    struct stat is;
    if (stat(path, &is) != 0) return cause;
    return S_ISDIR(is.st_mode) ? 0 : ENOTDIR;
}

hd_status hd_directory_make(const char *path, hd_error *error) {
    char *part = strdup(path);
    if (!part) return hd_fail(error, HD_UNAVAILABLE, "%s: no memory to make the directory", path);
    int failure = 0;
    for (char *slash = strchr(part + (part[0] == '/'), '/'); slash && !failure;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        failure = make_one(part);
        if (!failure) *slash = '/';
    }
    if (!failure) failure = make_one(part);
    hd_status status = HD_OK;
    if (failure)
        status = hd_fail(error, HD_UNAVAILABLE, "%.150s: the directory %.150s cannot be made: %s", path, part,
                         strerror(failure));
    free(part);
    return status;
}

struct hd_input {
    char *path;
    int descriptor;
    uint64_t size;           /* the file's, when opened */
    bool gzipped, inflating; /* inflating: within a gzip member */
    bool ended;              /* before a read had all its bytes */
    uint64_t delivered;      /* bytes of content */
    z_stream stream;         /* gzipped: next_in is read and not yet inflated */
    unsigned char buffer[1 << 16];
};

hd_status hd_input_open(const char *path, hd_input **input, hd_error *error) {
    *input = NULL;
    hd_input *in = calloc(1, sizeof *in);
    if (!in || !(in->path = strdup(path))) {
        free(in);
        return hd_fail(error, HD_UNAVAILABLE, "%s: no memory to read it", path);
    }
    const size_t length = strlen(path);
    const bool gzipped = length > 3 && strcmp(path + length - 3, ".gz") == 0;
    struct stat is;
    hd_status status = HD_OK;
    /* Non-blocking, so that we refuse a named pipe and do not wait for it. */
    in->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (in->descriptor < 0 || fstat(in->descriptor, &is) != 0)
        status = hd_fail(error, HD_INVALID, "%s: cannot be read: %s", path, strerror(errno));
    else if (!S_ISREG(is.st_mode))
        status = hd_fail(error, HD_INVALID, "%s: not a regular file", path);
    else if (gzipped && inflateInit2(&in->stream, 15 + 16) != Z_OK)
        status = hd_fail(error, HD_UNAVAILABLE, "%s: no memory to decompress it", path);
    if (status != HD_OK) {
        hd_input_close(in);
        return status;
    }
    in->gzipped = in->inflating = gzipped;
    in->size = (uint64_t)is.st_size;
    *input = in;
    return HD_OK;
}

/* Reads more of the file if the buffer is used up; *end: there is no more. */
static hd_status refill(hd_input *input, bool *end, hd_error *error) {
    *end = false;
    if (input->stream.avail_in > 0) return HD_OK;
    const ssize_t got = read_some(input->descriptor, input->buffer, sizeof input->buffer);
    if (got < 0) return hd_fail(error, HD_INVALID, "%s: cannot be read: %s", input->path, strerror(errno));
    input->stream.next_in = input->buffer;
    input->stream.avail_in = (unsigned)got;
    *end = got == 0;
    return HD_OK;
}

/* Inflates up to size bytes; *got is less only at the content's end. A file may hold several gzip members;
 * other bytes after the last member fail as a wrong header. */
static hd_status inflate_some(hd_input *input, unsigned char *data, size_t size, size_t *got,
                              hd_error *error) {
    z_stream *stream = &input->stream;
    *got = 0;
    while (*got < size) {
        bool end;
        const hd_status status = refill(input, &end, error);
        if (status != HD_OK) return status;
        if (end && !input->inflating) return HD_OK;
        input->ended = end;
        if (end)
            return hd_fail(error, HD_INVALID, "%s: truncated: its gzip data ends too early", input->path);
        if (!input->inflating) inflateReset(stream);
        input->inflating = true;
        const size_t piece = size - *got < 1u << 30 ? size - *got : 1u << 30;
        stream->next_out = data + *got;
        stream->avail_out = (unsigned)piece;
        const int result = inflate(stream, Z_NO_FLUSH);
        *got += piece - stream->avail_out;
        if (result == Z_STREAM_END)
            input->inflating = false;
        else if (result == Z_MEM_ERROR)
            return hd_fail(error, HD_UNAVAILABLE, "%s: no memory to decompress it", input->path);
        else if (result != Z_OK && result != Z_BUF_ERROR)
            return hd_fail(error, HD_INVALID, "%s: not a valid gzip file: %s", input->path,
                           stream->msg ? stream->msg : "damaged");
    }
    return HD_OK;
}

/* Reads up to size bytes of content; *got is less only at its end. */
static hd_status read_content(hd_input *input, unsigned char *data, size_t size, size_t *got,
                              hd_error *error) {
    if (input->gzipped) return inflate_some(input, data, size, got, error);
    for (*got = 0; *got < size;) {
        const ssize_t some = read_some(input->descriptor, data + *got, size - *got);
        if (some < 0)
            return hd_fail(error, HD_INVALID, "%s: cannot be read: %s", input->path, strerror(errno));
        if (some == 0) break;
        *got += (size_t)some;
    }
    return HD_OK;
}

hd_status hd_input_read(hd_input *input, void *data, size_t size, hd_error *error) {
    size_t got;
    const hd_status status = read_content(input, data, size, &got, error);
    if (status != HD_OK) return status;
    input->ended = got < size;
    if (got < size)
        return hd_fail(error, HD_INVALID,
                       "%s: truncated: it ends after %" PRIu64 " bytes where %zu more are expected",
                       input->path, input->delivered + got, size - got);
    input->delivered += got;
    return HD_OK;
}

bool hd_input_ended(const hd_input *input) {
    return input->ended;
}

hd_status hd_input_expect_end(hd_input *input, hd_error *error) {
    unsigned char extra;
    size_t got;
    const hd_status status = read_content(input, &extra, 1, &got, error);
    if (status != HD_OK) return status;
    if (got > 0)
        return hd_fail(error, HD_INVALID,
                       "%s: trailing bytes: it continues after the %" PRIu64 " bytes expected", input->path,
                       input->delivered);
    return HD_OK;
}

uint64_t hd_input_capacity(const hd_input *input) {
    const uint64_t deflate_ratio = 1032;
    return input->gzipped ? input->size * deflate_ratio : input->size;
}

void hd_input_close(hd_input *input) {
    if (!input) return;
    if (input->gzipped) inflateEnd(&input->stream);
    if (input->descriptor >= 0) close(input->descriptor);
    free(input->path);
    free(input);
}
