// Functions compiled for wide vectors as well, where the machine that runs them has these: the same operations on more
// numbers at once, hence the same results. GCC with glibc chooses when the module is loaded; others compile one version.
#pragma once

#include <cmath>  // tells of glibc

#if defined(__GLIBC__) && defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__)
#define DIRACS_WIDE __attribute__((target_clones("avx2", "default")))
#else
#define DIRACS_WIDE
#endif

// Pointers to memory that no other pointer of the function reaches.
#if defined(_MSC_VER)
#define DIRACS_RESTRICT __restrict
#else
#define DIRACS_RESTRICT __restrict__
#endif
