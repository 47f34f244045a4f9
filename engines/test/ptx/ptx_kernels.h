/* nvcc's PTX as functions on the host, and what they ask of the emulated CUDA runtime. */
#ifndef HD_TEST_PTX_KERNELS_H
#define HD_TEST_PTX_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { HD_PTX_PARAMETERS = 20, HD_PTX_SHARED = 48 << 10 };

typedef struct hd_ptx_kernel {
    const char *name; /* mangled */
    /* Runs one thread. parameters: as the kernel's .param space has them. */
    void (*run)(const char *parameters);
    unsigned parameter_bytes, shared_bytes;
    unsigned count; /* of parameters */
    struct {
        unsigned at, bytes;
    } parameter[HD_PTX_PARAMETERS];
} hd_ptx_kernel;

/* All kernels; the last one's name is NULL. Printed by ptx_translator. */
extern const hd_ptx_kernel hd_ptx_kernels[];
extern const char hd_ptx_target[]; /* "sm_80" */
extern const unsigned hd_ptx_barriers;

/* --- the emulated runtime's --- */

/* %tid.x, %ntid.x, %ctaid.x and .y, %nctaid.x and .y of the thread that runs. */
unsigned hd_ptx_tid(void), hd_ptx_ntid(void), hd_ptx_ctaid_x(void), hd_ptx_ctaid_y(void),
    hd_ptx_nctaid_x(void), hd_ptx_nctaid_y(void);

/* bar.sync 0, the number-th in the file. */
void hd_ptx_barrier(unsigned number);
/* shfl.sync.down.b32: value of the lane `down` further on; *inside: there is one. Ends the program if mask is not
 * all lanes. */
uint32_t hd_ptx_shuffle_down(uint32_t value, uint32_t down, uint32_t clamp, uint32_t mask, bool *inside);

/* The shared memory of the block that runs, and how many bytes of it its kernel has. */
extern char hd_ptx_shared[HD_PTX_SHARED];
extern unsigned hd_ptx_shared_bytes;

/* Ends the program: `what` is wrong with the instruction `text`. */
void hd_ptx_stop(const char *what, const char *text) __attribute__((noreturn));

#ifdef __cplusplus
}
#endif

#endif
