/* The arithmetic of printed code, for C and for CUDA alike: float64 scalars, and arrays of `real`, which is float or
   double. language/arithmetic.py states the same for Python; the bits are equal. */
#ifndef THINCOPT_EXACT_H
#define THINCOPT_EXACT_H

#ifdef __CUDACC__
#define FUNCTION static __device__ inline
#define WITHIN FUNCTION
#else
#define FUNCTION static inline
#define WITHIN __attribute__((always_inline)) static inline /* so that the loops that call it vectorize */
#endif

#ifdef __CUDACC_RTC__ /* the device's compiler brings its functions, but no headers */
typedef long long int64_t;
typedef unsigned int uint32_t;
typedef unsigned long long uint64_t;
#define INFINITY __longlong_as_double(0x7ff0000000000000)
#define NAN __longlong_as_double(0x7ff8000000000000)
#else
#include <math.h>
#include <stdint.h>
#include <string.h>
#endif

#define LANES 64
#define CHUNK 4096
#define SHRINK 0x1p-600 /* see ops/numpy/plain.py */
#define MACHINE_EPSILON(is_double) ((is_double) ? 0x1p-52 : 0x1p-23)
#define SUPPLIED 3 /* scalars between settings and state: t, the size, the machine epsilon */

#define MINIMUM(a, b) ((a) < (b) || (a) != (a) ? (a) : (b))
#define MAXIMUM(a, b) ((a) > (b) || (a) != (a) ? (a) : (b))
#define SIGN(x) ((x) > 0 ? 1 : (x) < 0 ? -1 : (x) == 0 ? 0 : (x))
#define SQRT(x) MATH(sqrt)(x) /* MATH gives the function of the type: sqrtf or sqrt */
#define ABS(x) MATH(fabs)(x)

/* What the functions of language/elementary.py are made of. */
#ifdef __CUDACC__
FUNCTION uint64_t bits_of(double x) { return (uint64_t)__double_as_longlong(x); }
FUNCTION double of_bits(uint64_t bits) { return __longlong_as_double((int64_t)bits); }
#else
FUNCTION uint64_t bits_of(double x) { uint64_t bits; memcpy(&bits, &x, sizeof bits); return bits; }
FUNCTION double of_bits(uint64_t bits) { double x; memcpy(&x, &bits, sizeof x); return x; }
#endif
#define SHIFTED 0x00195f6200000000 /* added to the bits of m·2ᵉ, m from √½ to √2, has e + 1024 in the exponent's place */
#define EXPONENT 0xfff0000000000000

FUNCTION double two_to(double k) { return of_bits(bits_of(k + (0x1.8p52 + 1023)) << 52); }

FUNCTION double exponent_of(double x)
{
    return of_bits((bits_of(x) + SHIFTED) >> 52 | bits_of(0x1p52)) - (0x1p52 + 1024);
}

FUNCTION double significand_of(double x)
{
    return of_bits(bits_of(x) - ((bits_of(x) + SHIFTED) & EXPONENT) + bits_of(2.0));
}

/* a - b * floor(a / b), exactly; it has the sign of b. */
FUNCTION double modulo(double a, double b)
{
    const double rest = fmod(a, b);
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

/* A whole number modulo 2^32; 0 of NaN. */
FUNCTION double as_word(double x)
{
    const double rest = modulo(x, 0x1p32);
    return rest == rest ? rest : 0;
}

FUNCTION double square(double x) { return x * x; }

/* A number and what it lost. */
struct pair {
    double value, lost;
};

FUNCTION struct pair pair_product(struct pair a, struct pair b)
{
    struct pair result = {a.value * b.value, 0.0};
    const double product = result.value;
    if (!(1e-290 < fabs(product) && fabs(product) < 1e290 && fabs(a.value) < 1e290 && fabs(b.value) < 1e290))
        return result;
    const double a_scaled = 134217729.0 * a.value, b_scaled = 134217729.0 * b.value;
    const double a_high = a_scaled - (a_scaled - a.value), b_high = b_scaled - (b_scaled - b.value);
    const double a_low = a.value - a_high, b_low = b.value - b_high;
    double lost = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
    lost = lost + (a.value * b.lost + a.lost * b.value);
    result.value = product + lost;
    result.lost = lost - (result.value - product);
    return result;
}

/* x to a whole power, by repeated squaring that carries each rounding along. */
FUNCTION double whole_power(double x, double n)
{
    struct pair result = {1.0, 0.0}, base = {x, 0.0};
    for (uint64_t rest = (uint64_t)fabs(n); rest; rest >>= 1) {
        if (rest & 1)
            result = pair_product(result, base);
        if (rest > 1)
            base = pair_product(base, base);
    }
    return n >= 0 ? result.value : 1.0 / result.value;
}

#endif
