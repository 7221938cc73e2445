/* The pixel-likelihood kernel for a CPU, as fast as plain C goes: the baseline that hardware has to beat.
 *
 * REAL: float or double. OWN_EXP2: a polynomial instead of the library's exp2 (float only). Rows are padded to STRIDE pixels, so that
 * every inner loop runs over whole vectors; padding has counts of 0 and a weight of 0. */
#include <math.h>
#include <string.h>

#define STRIDE 64
#define MOST_COMPONENTS 256

#ifdef OWN_EXP2
/* 2^x for float: integer part into the exponent, 2^f for f in [-1/2, 1/2] by its Taylor series, relative error 2e-7. */
static inline float exp2_of(float x) {
    x = x < -126.0f ? -126.0f : x;
    float whole = floorf(x + 0.5f);
    float f = (x - whole) * 0.69314718056f;
    float p = 1.0f / 720.0f;
    p = p * f + 1.0f / 120.0f;
    p = p * f + 1.0f / 24.0f;
    p = p * f + 1.0f / 6.0f;
    p = p * f + 0.5f;
    p = p * f + 1.0f;
    p = p * f + 1.0f;
    int bits;
    memcpy(&bits, &p, 4);
    bits += (int)whole << 23;
    memcpy(&p, &bits, 4);
    return p;
}
#define EXP2 exp2_of
#elif defined(SINGLE)
#define EXP2 exp2f
#else
#define EXP2 exp2
#endif

#ifdef SINGLE
typedef float REAL;
#define LOG logf
#else
typedef double REAL;
#define LOG log
#endif

/* counts, inverse (1 / count, 1 for 0), background, weight (1, or 0 where a pixel does not count): (rows, STRIDE); table: (components, 6);
 * moments: (components, 6), or 0 for none. Returns the value. */
double evaluate(int rows, int columns, int components, const REAL *restrict counts, const REAL *restrict inverse,
                const REAL *restrict background, const REAL *restrict weight, const REAL *restrict table,
                double *restrict moments) {
    static REAL light[MOST_COMPONENTS][STRIDE];
    REAL x[STRIDE], rate[STRIDE], t[STRIDE];
    double value = 0;
    for (int i = 0; i < STRIDE; i++) x[i] = i - columns / 2;
    if (moments) memset(moments, 0, sizeof(double) * 6 * components);
    for (int row = 0; row < rows; row++) {
        const REAL y = row - rows / 2;
        const REAL *count = counts + row * STRIDE, *inv = inverse + row * STRIDE, *used = weight + row * STRIDE;
        memcpy(rate, background + row * STRIDE, sizeof(rate));
        for (int k = 0; k < components; k++) {
            const REAL *c = table + 6 * k;
            const REAL c0 = c[0] + (c[2] + c[5] * y) * y, c1 = c[1] + c[4] * y, c2 = c[3];
            for (int i = 0; i < STRIDE; i++) {
                const REAL g = EXP2(c0 + (c1 + c2 * x[i]) * x[i]);
                light[k][i] = g;
                rate[i] += g;
            }
        }
        REAL sum = 0;
        for (int i = 0; i < STRIDE; i++) sum += used[i] * (count[i] * LOG(rate[i] * inv[i]) - rate[i] + count[i]);
        value += sum;
        if (!moments) continue;
        for (int i = 0; i < STRIDE; i++) t[i] = used[i] * (count[i] - rate[i]) / rate[i];
        for (int k = 0; k < components; k++) {
            REAL s0 = 0, s1 = 0, s2 = 0;
            for (int i = 0; i < STRIDE; i++) {
                const REAL w = t[i] * light[k][i];
                s0 += w;
                s1 += w * x[i];
                s2 += w * x[i] * x[i];
            }
            double *m = moments + 6 * k;
            m[0] += s0, m[1] += s1, m[2] += y * s0, m[3] += s2, m[4] += y * s1, m[5] += y * y * s0;
        }
    }
    return value;
}
