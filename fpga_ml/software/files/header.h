/* $title
 * $about
 *
 * Every value is exact: a raw integer is a value times 2^(width - integer) of its port. Handles are independent of one another, and
 * each may be used by one thread at a time. No call but ${prefix}_create takes memory. */
#ifndef $guard
#define $guard

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An input or an output. elements: of a sample, in row-major order; integer: bits above the binary point, the sign included. */
typedef struct {
    const char *name;
    size_t elements;
    int width;
    int integer;
    int is_signed;
} ${prefix}_port;

typedef struct ${prefix}_model ${prefix}_model;

/* A model, NULL where memory is short; ${prefix}_destroy takes NULL too. */
${prefix}_model *${prefix}_create(void);
void ${prefix}_destroy(${prefix}_model *model);

/* State that lasts from sample to sample, where the model has some, begins anew. */
void ${prefix}_reset(${prefix}_model *model);

/* Raw integers: inputs[k] has samples * elements of input k, outputs[k] likewise. Bits beyond an input's width are cut off. */
void ${prefix}_predict_raw(${prefix}_model *model, size_t samples, const int64_t *const *inputs, int64_t *const *outputs);

/* Real values. Inputs are rounded to their types as the hardware's are; returns 1, and computes nothing, where one is not finite.
 * Outputs of more than 53 bits are the doubles next to them. */
int ${prefix}_predict(${prefix}_model *model, size_t samples, const double *const *inputs, double *const *outputs);

size_t ${prefix}_inputs(void);
size_t ${prefix}_outputs(void);
const ${prefix}_port *${prefix}_input(size_t number);
const ${prefix}_port *${prefix}_output(size_t number);

/* Model, version, and the network's hash. */
const char *${prefix}_about(void);

#ifdef __cplusplus
}
#endif

#endif
