// The pixel-likelihood kernel of Celeste for hls4ml's io_stream; what it computes is in fpga_ml's docs/celeste_kernel.md.
// Written by fpga_ml beside hls4ml's own headers. Types, tables and sizes are those of a design, in CONFIG_T.
#ifndef NNET_CELESTE_H_
#define NNET_CELESTE_H_

#include "hls_stream.h"
#include "nnet_common.h"

namespace nnet {

// value of a table at an address with REST bits below the index; half-way cases are rounded up
template <class TABLE_T, unsigned REST> int celeste_entry(unsigned address) {
    #pragma HLS INLINE
    const unsigned index = address >> REST;
    if (!TABLE_T::interpolated || REST == 0)
        return TABLE_T::value(index);
    const ap_int<32> rest = address & ((1u << REST) - 1);
    ap_int<56> product = ap_int<24>(TABLE_T::slope(index)) * rest;
    product = (product + (ap_int<56>(1) << (REST > 0 ? REST - 1 : 0))) >> REST;
    return TABLE_T::value(index) + product.to_int();
}

// coefficients of a component a beat, and then the exponents of all components at each pixel, by forward differences
template <class coefficient_T, class exponent_T, typename CONFIG_T>
void celeste_exponents(hls::stream<coefficient_T> &coefficients, hls::stream<exponent_T> &exponents) {
    typedef typename exponent_T::value_type value_T;
    static const int X = -int(CONFIG_T::columns / 2), Y = -int(CONFIG_T::rows / 2);
    value_T at[exponent_T::size], dx[exponent_T::size], row[exponent_T::size], row_dx[exponent_T::size],
        row_dy[exponent_T::size], xx[exponent_T::size], xy[exponent_T::size], yy[exponent_T::size];
    #pragma HLS ARRAY_PARTITION variable=at complete
    #pragma HLS ARRAY_PARTITION variable=dx complete
    #pragma HLS ARRAY_PARTITION variable=row complete
    #pragma HLS ARRAY_PARTITION variable=row_dx complete
    #pragma HLS ARRAY_PARTITION variable=row_dy complete
    #pragma HLS ARRAY_PARTITION variable=xx complete
    #pragma HLS ARRAY_PARTITION variable=xy complete
    #pragma HLS ARRAY_PARTITION variable=yy complete

CornerLoop:
    for (unsigned k = 0; k < exponent_T::size; k++) {
        #pragma HLS PIPELINE
        coefficient_T c = coefficients.read();
        bool outside = false;
        value_T v[6];
    RangeLoop:
        for (unsigned j = 0; j < 6; j++) {
            #pragma HLS UNROLL
            const typename CONFIG_T::bound_t bound = CONFIG_T::bound(j);
            if (c[j] >= bound || c[j] <= -bound)
                outside = true;
            v[j] = outside ? value_T(0) : value_T(c[j]);
        }
        row[k] = v[0] + X * v[1] + Y * v[2] + (X * X) * v[3] + (X * Y) * v[4] + (Y * Y) * v[5];
        row_dx[k] = v[1] + (2 * X + 1) * v[3] + Y * v[4];
        row_dy[k] = v[2] + X * v[4] + (2 * Y + 1) * v[5];
        xx[k] = 2 * v[3];
        xy[k] = v[4];
        yy[k] = 2 * v[5];
        if (outside) {
            ap_uint<value_T::width> largest = ~ap_uint<value_T::width>(0);
            largest[value_T::width - 1] = 0;
            row[k].range(value_T::width - 1, 0) = largest;
            row_dx[k] = row_dy[k] = xx[k] = xy[k] = yy[k] = 0;
        }
    }

RowLoop:
    for (unsigned y = 0; y < CONFIG_T::rows; y++) {
    PixelLoop:
        for (unsigned x = 0; x < CONFIG_T::columns; x++) {
            #pragma HLS PIPELINE II=1
            exponent_T pixel;
            PRAGMA_DATA_PACK(pixel)
        FormLoop:
            for (unsigned k = 0; k < exponent_T::size; k++) {
                #pragma HLS UNROLL
                const value_T q = x == 0 ? row[k] : at[k], d = x == 0 ? row_dx[k] : dx[k];
                pixel[k] = q;
                at[k] = q + d;
                dx[k] = d + xx[k];
                if (x == CONFIG_T::columns - 1) {
                    row[k] += row_dy[k];
                    row_dy[k] += yy[k];
                    row_dx[k] += xy[k];
                }
            }
            exponents.write(pixel);
        }
    }
}

// 1 + t of a pixel: (count - rate) / rate + 1
template <typename CONFIG_T>
typename CONFIG_T::ratio_t celeste_ratio(ap_int<CONFIG_T::rate_bits + 1> difference, ap_uint<CONFIG_T::rate_bits> rate) {
    #pragma HLS INLINE
    static const unsigned N = CONFIG_T::rate_bits;
    ap_int<2 * N + 1> wide = difference;
NormaliseLoop:
    for (int step = 16; step > 0; step /= 2) {
        #pragma HLS UNROLL
        if (step < int(N) && (rate >> (N - step)) == 0) {
            rate <<= step;
            wide <<= step;
        }
    }
    const ap_uint<CONFIG_T::mantissa_bits> address = rate.range(N - 2, N - 1 - CONFIG_T::mantissa_bits);
    ap_ufixed<CONFIG_T::reciprocal::fraction + 1, 1> inverse;
    const int entry = celeste_entry<typename CONFIG_T::reciprocal, CONFIG_T::reciprocal_rest>(address.to_uint());
    inverse.range(CONFIG_T::reciprocal::fraction, 0) = ap_uint<CONFIG_T::reciprocal::fraction + 1>(entry);
    ap_fixed<2 * N + 1, N + 2> exact;
    exact.range(2 * N, 0) = wide.range(2 * N, 0);
    const typename CONFIG_T::shifted_t scaled = exact;
    const typename CONFIG_T::ratio_t ratio = scaled * inverse + 1;
    return ratio;
}

// chi of 1 + t, of which octaves from 4 on are brought to [2, 4)
template <typename CONFIG_T> typename CONFIG_T::chi_t celeste_chi(ap_uint<CONFIG_T::ratio_bits> ratio) {
    #pragma HLS INLINE
    unsigned octave = 0;
OctaveLoop:
    for (unsigned k = 1; k + 2 <= CONFIG_T::residual_integer; k++) {
        #pragma HLS UNROLL
        if ((ratio >> (CONFIG_T::residual_fraction + 1 + k)) != 0)
            octave = k;
    }
    const unsigned address = (ratio >> octave).to_uint() + (octave << (CONFIG_T::residual_fraction + 1));
    typename CONFIG_T::chi_t found;
    found.range(CONFIG_T::chi_t::width - 1, 0) =
        ap_uint<CONFIG_T::chi_t::width>(celeste_entry<typename CONFIG_T::chi, CONFIG_T::chi_rest>(address));
    return found;
}

// of each pixel: t G_k, -(count - E) t chi(t), and 1 where something was out of its range; zeros where the units bit of the
// mask is 1
template <class exponent_T, class pixel_T, class term_T, typename CONFIG_T>
void celeste_terms(hls::stream<exponent_T> &exponents, hls::stream<pixel_T> &pixels, hls::stream<term_T> &terms) {
    typedef typename CONFIG_T::rate_t rate_t;
    static const unsigned K = exponent_T::size;

PixelLoop:
    for (unsigned i = 0; i < CONFIG_T::pixels; i++) {
        #pragma HLS PIPELINE II=1
        exponent_T q = exponents.read();
        pixel_T pixel = pixels.read();
        const rate_t count = pixel[0], background = pixel[1];
        const ap_uint<CONFIG_T::rate_bits> full = ~ap_uint<CONFIG_T::rate_bits>(0);
        const ap_uint<CONFIG_T::rate_bits> count_raw = count.range(CONFIG_T::rate_bits - 1, 0);
        const ap_uint<CONFIG_T::rate_bits> background_raw = background.range(CONFIG_T::rate_bits - 1, 0);
        const rate_t mask = pixel[2];
        const ap_uint<CONFIG_T::rate_bits> mask_raw = mask.range(CONFIG_T::rate_bits - 1, 0);
        const bool masked = mask_raw[CONFIG_T::rate_bits - CONFIG_T::rate_integer];
        bool outside = count_raw == full || background_raw == full;
        rate_t component[K];
        #pragma HLS ARRAY_PARTITION variable=component complete
        typename CONFIG_T::total_t total = background;
    ComponentLoop:
        for (unsigned k = 0; k < K; k++) {
            #pragma HLS UNROLL
            const typename CONFIG_T::above_t above = q[k] - CONFIG_T::lowest_exponent;
            if (above >= int(CONFIG_T::rate_integer) - CONFIG_T::lowest_exponent)
                outside = true;
            const ap_uint<CONFIG_T::exponent_fraction> part = above.range(CONFIG_T::exponent_fraction - 1, 0);
            const ap_uint<CONFIG_T::exponent_bits> whole =
                above.range(CONFIG_T::exponent_bits + CONFIG_T::exponent_fraction - 1, CONFIG_T::exponent_fraction);
            ap_uint<CONFIG_T::power_bits> shifted = celeste_entry<typename CONFIG_T::exp, CONFIG_T::exp_rest>(part.to_uint());
            shifted <<= whole.to_uint();
            typename CONFIG_T::power_t power;
            power.range(CONFIG_T::power_bits - 1, 0) = shifted;
            const typename CONFIG_T::rounded_rate_t rounded = power;
            component[k] = rounded;
            total += component[k];
        }
        typename CONFIG_T::total_t smallest = 0, largest = 0;
        smallest[0] = 1;
        largest.range(CONFIG_T::rate_bits - 1, 0) = full;
        if (total < smallest) {
            outside = true;
            total = smallest;
        }
        if (total > largest) {
            outside = true;
            total = largest;
        }
        const rate_t rate = total;
        const ap_fixed<CONFIG_T::rate_bits + 1, CONFIG_T::rate_integer + 1> difference = count - rate;
        const typename CONFIG_T::ratio_t ratio =
            celeste_ratio<CONFIG_T>(ap_int<CONFIG_T::rate_bits + 1>(difference.range(CONFIG_T::rate_bits, 0)),
                                    ap_uint<CONFIG_T::rate_bits>(rate.range(CONFIG_T::rate_bits - 1, 0)));
        const ap_uint<CONFIG_T::ratio_bits> ratio_raw = ratio.range(CONFIG_T::ratio_bits - 1, 0);
        if (ratio_raw == ap_uint<CONFIG_T::ratio_bits>(~ap_uint<CONFIG_T::ratio_bits>(0)))
            outside = true;
        typename CONFIG_T::residual_t residual = ratio - 1;
        if (masked)
            residual = 0;
        const typename CONFIG_T::weighed_t weighed = difference * residual;

        term_T result;
        PRAGMA_DATA_PACK(result)
    ProductLoop:
        for (unsigned k = 0; k < K; k++) {
            #pragma HLS UNROLL
            const typename CONFIG_T::product_t product = residual * component[k];
            result[k] = product;
        }
        const typename CONFIG_T::deviance_t deviance = weighed * celeste_chi<CONFIG_T>(ratio_raw);
        result[K] = -deviance;
        result[K + 1] = outside && !masked ? 1 : 0;
        terms.write(result);
    }
}

// plain sums of an element over a patch, one beat
template <class term_T, class res_T, typename CONFIG_T>
void celeste_sum(hls::stream<term_T> &terms, hls::stream<res_T> &sums) {
    typename CONFIG_T::accum_t total = 0;
PixelLoop:
    for (unsigned i = 0; i < CONFIG_T::rows * CONFIG_T::columns; i++) {
        #pragma HLS PIPELINE II=1
        term_T term = terms.read();
        const typename CONFIG_T::element_t element = term[CONFIG_T::first];
        total += element;
    }
    res_T result;
    PRAGMA_DATA_PACK(result)
    result[0] = total;
    sums.write(result);
}

// sums times 1, x, y, x^2, xy, y^2 of the pixel's offsets from the middle; an element a beat. Along a row by accumulators,
// each of which adds up the one before it.
template <class term_T, class res_T, typename CONFIG_T>
void celeste_moments(hls::stream<term_T> &terms, hls::stream<res_T> &sums) {
    static const int RIGHT = CONFIG_T::columns - 1 - CONFIG_T::columns / 2, Y = -int(CONFIG_T::rows / 2);
    typedef typename CONFIG_T::accum_t accum_t;
    accum_t one[CONFIG_T::count], behind[CONFIG_T::count], twice[CONFIG_T::count], total[CONFIG_T::count][6];
    #pragma HLS ARRAY_PARTITION variable=one complete
    #pragma HLS ARRAY_PARTITION variable=behind complete
    #pragma HLS ARRAY_PARTITION variable=twice complete
    #pragma HLS ARRAY_PARTITION variable=total complete dim=0

RowLoop:
    for (unsigned row = 0; row < CONFIG_T::rows; row++) {
    PixelLoop:
        for (unsigned x = 0; x < CONFIG_T::columns; x++) {
            #pragma HLS PIPELINE II=1
            term_T term = terms.read();
        ElementLoop:
            for (unsigned k = 0; k < CONFIG_T::count; k++) {
                #pragma HLS UNROLL
                const typename CONFIG_T::element_t element = term[CONFIG_T::first + k];
                twice[k] = x == 0 ? accum_t(0) : accum_t(twice[k] + behind[k]);
                behind[k] = x == 0 ? accum_t(0) : accum_t(behind[k] + one[k]);
                one[k] = x == 0 ? accum_t(element) : accum_t(one[k] + element);
            }
        }
        const int y = Y + int(row);
    SumLoop:
        for (unsigned k = 0; k < CONFIG_T::count; k++) {
            #pragma HLS PIPELINE II=1
            const accum_t s = one[k], sx = RIGHT * one[k] - behind[k];
            const accum_t sxx = (RIGHT * RIGHT) * one[k] + (1 - 2 * RIGHT) * behind[k] + 2 * twice[k];
            const accum_t added[6] = {s, sx, accum_t(y * s), sxx, accum_t(y * sx), accum_t(y * y * s)};
            for (unsigned j = 0; j < 6; j++) {
                #pragma HLS UNROLL
                total[k][j] = row == 0 ? added[j] : accum_t(total[k][j] + added[j]);
            }
        }
    }

OutputLoop:
    for (unsigned k = 0; k < CONFIG_T::count; k++) {
        #pragma HLS PIPELINE II=1
        res_T result;
        PRAGMA_DATA_PACK(result)
        for (unsigned j = 0; j < 6; j++) {
            #pragma HLS UNROLL
            result[j] = total[k][j];
        }
        sums.write(result);
    }
}

} // namespace nnet

#endif
