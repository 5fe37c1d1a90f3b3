/* Printed functions alone, for ONLY one level of instructions: the compiled module enrols them. */
#include "printed.h"

extern const struct printed thincopt_printed;
const struct printed thincopt_printed = PRINTED(ONLY);
