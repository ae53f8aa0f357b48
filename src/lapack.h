/* Routines of the LAPACK that NumPy's linear algebra is linked to, by their names.
 *
 * Knows how such names are formed, and nothing of matrices.  Integers are passed as pointers to
 * int64_t: on a little-endian machine a routine with 32-bit integers finds the same numbers there.
 */
#ifndef CDIFF_LAPACK_H
#define CDIFF_LAPACK_H

#include <stdint.h>
#include <stdio.h>

#if defined(__unix__) || defined(__APPLE__)
#include <dlfcn.h>

/* Finds all of them with names of one kind, or none; `library` is a file that is loaded already. */
static int cdiff_find_routines(const char *library, const char *const *names, int count,
                               void **found)
{
    /* NumPy's wheels (prefix, 64-bit integers), other builds with 64-bit integers, usual ones */
    static const char *const forms[] = {"scipy_%s_64_", "%s_64_", "scipy_%s_", "%s_"};
    void *handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
    char name[32];
    int form, i;
    for (form = 0; handle && form < 4; form++) {
        for (i = 0; i < count; i++) {
            snprintf(name, sizeof name, forms[form], names[i]);
            found[i] = dlsym(handle, name);
            if (!found[i])
                break;
        }
        if (i == count)
            return 1;
    }
    return 0;
}
#else
static int cdiff_find_routines(const char *library, const char *const *names, int count,
                               void **found)
{
    return 0;
}
#endif

#endif
