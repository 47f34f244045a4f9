/* Emulated dlopen: it finds one library, the emulated cuBLAS, under the second name that we try. */
#ifndef HD_TEST_EMULATED_DLFCN_H
#define HD_TEST_EMULATED_DLFCN_H

#include <cublas_v2.h>

enum { RTLD_NOW, RTLD_LOCAL = 0 };

inline void *dlopen(const char *name, int) {
    static char library;
    return strcmp(name, "libcublas.so.12") || emulated::cublas_is("absent") ? nullptr : &library;
}
inline const char *dlerror() {
    return "absent";
}
inline void *dlsym(void *, const char *name) {
    for (const emulated::Function &function : emulated::cublas_functions)
        if (!strcmp(name, function.name)) return function.at;
    return nullptr;
}

#endif
