/* The printed functions: scalars once, walks for float and for double, and both by name. */
#ifndef THINCOPT_PRINTED_H
#define THINCOPT_PRINTED_H

#include "arithmetic.h"
#include "scalars.h"

#define real float
#define TYPED(name) name##_float
#define SQRT sqrtf
#define ABS fabsf
#define EXP expf
#define LOG logf
#define TANH tanhf
#define SCALED(x) ((double)(x)) /* squares of floats cannot overflow a double */
#include "walks.h"
#undef real
#undef TYPED
#undef SQRT
#undef ABS
#undef EXP
#undef LOG
#undef TANH
#undef SCALED
#define real double
#define TYPED(name) name##_double
#define SQRT sqrt
#define ABS fabs
#define EXP exp
#define LOG log
#define TANH tanh
#define SCALED(x) ((x) * walk->scale)
#include "walks.h"

typedef void scalar_function(const double *, double *);
typedef void walk_function(const struct walk *);
static const struct { const char *name; scalar_function *function; } scalar_table[] = {
#define ENTRY(name) {#name, name},
    SCALARS(ENTRY)
#undef ENTRY
};

static const struct { const char *name; walk_function *typed[2]; } walk_table[] = {
#define ENTRY(name) {#name, {name##_float, name##_double}},
    WALKS(ENTRY)
#undef ENTRY
};

#endif
