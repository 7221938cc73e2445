// $title
// $about
#include "$prefix.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <new>

#pragma GCC diagnostic ignored "-Wpsabi"  // vectors are passed within this file only
#define EXPORTED extern "C" __attribute__((visibility("default")))

namespace $prefix {
namespace {

#include "$prefix.lanes.inc"

constexpr size_t SEQUENCES = $interleave;  // that are interleaved in a frame
constexpr bool ORDERED = $ordered;         // a sample's state goes on from the one before it
constexpr size_t BATCH = ORDERED ? 1 : LANES * SEQUENCES;

struct Frame {
$frame
};

#include "$prefix.network.inc"

enum Rounding { TRN, TRN_ZERO, RND, RND_ZERO, RND_INF, RND_MIN_INF, RND_CONV };
enum Overflow { WRAP, SAT, SAT_ZERO, SAT_SYM };
struct Mode {
    Rounding rounding;
    Overflow overflow;
};

const ${prefix}_port INPUTS[] = {$inputs};
const Mode MODES[] = {$modes};
const ${prefix}_port OUTPUTS[] = {$outputs};
constexpr size_t INPUT_COUNT = sizeof INPUTS / sizeof *INPUTS, OUTPUT_COUNT = sizeof OUTPUTS / sizeof *OUTPUTS;

int64_t low_bits(int64_t raw, const ${prefix}_port& port) {
    const int above = 64 - port.width;
    const uint64_t bits = static_cast<uint64_t>(raw) << above;
    return port.is_signed ? static_cast<int64_t>(bits) >> above : static_cast<int64_t>(bits >> above);
}

// As ap_fixed takes a double: round, then what is out of range.
int64_t assigned(double value, const ${prefix}_port& port, Mode mode) {
    const double scaled = std::ldexp(value, port.width - port.integer), below = std::floor(scaled), rest = scaled - below;
    const bool negative = scaled < 0, odd = std::fmod(below, 2.0) != 0.0;
    bool up = false;
    switch (mode.rounding) {
        case TRN: break;
        case TRN_ZERO: up = negative && rest > 0; break;
        case RND: up = rest >= 0.5; break;
        case RND_ZERO: up = rest > 0.5 || (rest == 0.5 && negative); break;
        case RND_INF: up = rest > 0.5 || (rest == 0.5 && !negative); break;
        case RND_MIN_INF: up = rest > 0.5; break;
        case RND_CONV: up = rest > 0.5 || (rest == 0.5 && odd); break;
    }
    const double whole = below + up, high = std::ldexp(1.0, port.width - port.is_signed);
    const double low = port.is_signed ? -high + (mode.overflow == SAT_SYM && port.width > 1) : 0.0;
    if (whole < low || whole >= high) {
        const int64_t last = static_cast<int64_t>((UINT64_C(1) << (port.width - port.is_signed)) - 1);
        switch (mode.overflow) {
            case WRAP: {
                const double turn = std::ldexp(1.0, port.width), within = std::fmod(whole, turn);
                const double positive = within < 0 ? within + turn : within;  // below 2^64, and a whole number
                return low_bits(static_cast<int64_t>(static_cast<uint64_t>(positive)), port);
            }
            case SAT_ZERO: return 0;
            case SAT: return whole < low ? (port.is_signed ? -last - 1 : 0) : last;
            case SAT_SYM: return whole < low ? (port.is_signed ? (port.width > 1 ? -last : -1) : 0) : last;
        }
    }
    return static_cast<int64_t>(whole);
}

// Element e of sample s of a batch is at token e / each, which the interleaved sequences take in turn.
template <class L, class Value>
void pack(L* channel, size_t tokens, size_t each, size_t samples, Value value) {
    for (size_t s = 0; s < LANES * SEQUENCES; ++s) {
        const size_t lane = s / SEQUENCES, turn = s % SEQUENCES;
        for (size_t t = 0; t < tokens; ++t)
            for (size_t k = 0; k < each; ++k)
                channel[(t * SEQUENCES + turn) * each + k][lane] =
                    s < samples ? static_cast<typename Of<L>::scalar>(value(s, t * each + k)) : 0;
    }
}

template <class L, class Keep>
void unpack(const L* channel, size_t tokens, size_t each, size_t samples, Keep keep) {
    for (size_t s = 0; s < samples; ++s) {
        const size_t lane = s / SEQUENCES, turn = s % SEQUENCES;
        for (size_t t = 0; t < tokens; ++t)
            for (size_t k = 0; k < each; ++k)
                keep(s, t * each + k, static_cast<int64_t>(channel[(t * SEQUENCES + turn) * each + k][lane]));
    }
}

// value(input, sample, element) -> raw; keep(output, sample, element, raw)
template <class Value, class Keep>
void predicted(Frame& f, size_t samples, Value value, Keep keep) {
    for (size_t first = 0; first < samples; first += BATCH) {
        const size_t count = std::min(BATCH, samples - first);
$packs
        run(f);
$unpacks
    }
}

}  // namespace
}  // namespace $prefix

struct ${prefix}_model {
    $prefix::Frame frame;
};

using namespace $prefix;

EXPORTED ${prefix}_model* ${prefix}_create(void) {
    ${prefix}_model* model = new (std::nothrow) ${prefix}_model();
    if (model) {
        Frame& f = model->frame;
        (void)f;
$constants
    }
    return model;
}

EXPORTED void ${prefix}_destroy(${prefix}_model* model) { delete model; }

EXPORTED void ${prefix}_reset(${prefix}_model* model) {
    Frame& f = model->frame;
    (void)f;
$resets
}

EXPORTED void ${prefix}_predict_raw(${prefix}_model* model, size_t samples, const int64_t* const* inputs,
                                     int64_t* const* outputs) {
    predicted(
        model->frame, samples,
        [&](size_t k, size_t s, size_t e) { return low_bits(inputs[k][s * INPUTS[k].elements + e], INPUTS[k]); },
        [&](size_t k, size_t s, size_t e, int64_t raw) { outputs[k][s * OUTPUTS[k].elements + e] = raw; });
}

EXPORTED int ${prefix}_predict(${prefix}_model* model, size_t samples, const double* const* inputs,
                                double* const* outputs) {
    for (size_t k = 0; k < INPUT_COUNT; ++k)
        for (size_t e = 0; e < samples * INPUTS[k].elements; ++e)
            if (!std::isfinite(inputs[k][e])) return 1;
    predicted(
        model->frame, samples,
        [&](size_t k, size_t s, size_t e) { return assigned(inputs[k][s * INPUTS[k].elements + e], INPUTS[k], MODES[k]); },
        [&](size_t k, size_t s, size_t e, int64_t raw) {
            outputs[k][s * OUTPUTS[k].elements + e] =
                std::ldexp(static_cast<double>(raw), OUTPUTS[k].integer - OUTPUTS[k].width);
        });
    return 0;
}

EXPORTED size_t ${prefix}_inputs(void) { return INPUT_COUNT; }
EXPORTED size_t ${prefix}_outputs(void) { return OUTPUT_COUNT; }
EXPORTED const ${prefix}_port* ${prefix}_input(size_t number) { return number < INPUT_COUNT ? INPUTS + number : nullptr; }
EXPORTED const ${prefix}_port* ${prefix}_output(size_t number) {
    return number < OUTPUT_COUNT ? OUTPUTS + number : nullptr;
}
EXPORTED const char* ${prefix}_about(void) { return "$about"; }

#include "$prefix.hls4ml.inc"
