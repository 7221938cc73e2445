// Layer, RMS and group normalisation in whole numbers: fpga_ml/normalisation.py says what is computed. CONFIG_T has
//   n_in, n_once, n_groups   elements of the tensor, of what is normalised at once, and the groups in that
//   group, parameter         of an element of what is normalised at once: its group, and where its scale and bias are
//   given_t, raw_t           the type that a value is first assigned to, and its bits as a whole number
//   total_t, w_t, distance_t, product_t, scaled_t, sum_t    types of what is computed on the way
#ifndef NNET_NORMALISE_H_
#define NNET_NORMALISE_H_

#include "hls_stream.h"
#include "nnet_common.h"

namespace nnet {

// 1 / sqrt(w) as a whole number; `shifted`: by how many pairs of bits w was shifted to the left.
template <typename CONFIG_T> ap_uint<CONFIG_T::inverse_bits> inverse_root(typename CONFIG_T::w_t w, unsigned &shifted) {
    #pragma HLS INLINE
    shifted = 0;
    for (int k = CONFIG_T::stages - 1; k >= 0; k--) {
        #pragma HLS UNROLL
        const typename CONFIG_T::w_t one = 1;
        if (w < (one << (CONFIG_T::w_bits - (2 << k)))) {
            w = w << (2 << k);
            shifted += 1 << k;
        }
    }
    ap_uint<CONFIG_T::place_bits> place = (w >> CONFIG_T::cut) << CONFIG_T::fill;
    const ap_uint<CONFIG_T::place_bits> least = ap_uint<CONFIG_T::place_bits>(CONFIG_T::first) << CONFIG_T::fine;
    if (place < least)
        place = least;
    const unsigned step = (place >> CONFIG_T::fine).to_uint() - CONFIG_T::first;
    ap_uint<CONFIG_T::fine> part = place.range(CONFIG_T::fine - 1, 0);
    ap_int<CONFIG_T::line_bits> line = CONFIG_T::entry(step);
    line = line << CONFIG_T::fine;
    line += ap_int<CONFIG_T::line_bits>(CONFIG_T::rise(step)) * part;
    line += ap_int<CONFIG_T::line_bits>(1) << (CONFIG_T::inverse_cut - 1);
    return line >> CONFIG_T::inverse_cut;
}

template <class data_T, class res_T, typename CONFIG_T>
void normalise_once(data_T data[CONFIG_T::n_once], res_T res[CONFIG_T::n_once],
                    typename CONFIG_T::scale_t scale[CONFIG_T::n_scale], typename CONFIG_T::bias_t bias[CONFIG_T::n_bias]) {
    #pragma HLS INLINE
    typename CONFIG_T::raw_t x[CONFIG_T::n_once];
    typename CONFIG_T::total_t total[CONFIG_T::n_groups];
    typename CONFIG_T::w_t squares[CONFIG_T::n_groups];
    ap_uint<CONFIG_T::inverse_bits> inverse[CONFIG_T::n_groups];
    unsigned shifted[CONFIG_T::n_groups];
    #pragma HLS ARRAY_PARTITION variable=x complete
    #pragma HLS ARRAY_PARTITION variable=total complete
    #pragma HLS ARRAY_PARTITION variable=squares complete
    #pragma HLS ARRAY_PARTITION variable=inverse complete
    #pragma HLS ARRAY_PARTITION variable=shifted complete
    for (unsigned g = 0; g < CONFIG_T::n_groups; g++) {
        #pragma HLS UNROLL
        total[g] = 0;
        squares[g] = 0;
    }
    for (unsigned i = 0; i < CONFIG_T::n_once; i++) {
        #pragma HLS UNROLL
        typename CONFIG_T::given_t given = data[i];
        x[i] = given.range(CONFIG_T::raw_bits - 1, 0);
        total[CONFIG_T::group(i)] += x[i];
        squares[CONFIG_T::group(i)] += x[i] * x[i];
    }
    for (unsigned g = 0; g < CONFIG_T::n_groups; g++) {
        #pragma HLS UNROLL
        typename CONFIG_T::w_t w = squares[g] * CONFIG_T::members;
        if (CONFIG_T::variance)
            w -= total[g] * total[g];
        w = (w << CONFIG_T::guard) + typename CONFIG_T::w_t(CONFIG_T::epsilon);
        inverse[g] = inverse_root<CONFIG_T>(w, shifted[g]);
    }
    for (unsigned i = 0; i < CONFIG_T::n_once; i++) {
        #pragma HLS UNROLL
        const unsigned g = CONFIG_T::group(i), k = CONFIG_T::parameter(i);
        typename CONFIG_T::distance_t distance = x[i] * ap_uint<32>(CONFIG_T::members);
        if (CONFIG_T::mean)
            distance -= total[g];
        typename CONFIG_T::product_t product = distance * inverse[g];
        product = (product << CONFIG_T::up) >> (CONFIG_T::down - shifted[g]);
        typename CONFIG_T::scaled_t scaled;
        scaled.range(CONFIG_T::scaled_bits - 1, 0) = product.range(CONFIG_T::scaled_bits - 1, 0);
        typename CONFIG_T::sum_t sum = scaled * scale[k];
        sum += bias[k];
        res[i] = sum;
    }
}

template <class data_T, class res_T, typename CONFIG_T>
void normalise(data_T data[CONFIG_T::n_in], res_T res[CONFIG_T::n_in], typename CONFIG_T::scale_t scale[CONFIG_T::n_scale],
               typename CONFIG_T::bias_t bias[CONFIG_T::n_bias]) {
    #pragma HLS PIPELINE
    normalise_once<data_T, res_T, CONFIG_T>(data, res, scale, bias);
}

template <class data_T, class res_T, typename CONFIG_T>
void normalise(hls::stream<data_T> &data, hls::stream<res_T> &res, typename CONFIG_T::scale_t scale[CONFIG_T::n_scale],
               typename CONFIG_T::bias_t bias[CONFIG_T::n_bias]) {
    for (unsigned n = 0; n < CONFIG_T::n_in / CONFIG_T::n_once; n++) {
        typename data_T::value_type given[CONFIG_T::n_once];
        typename res_T::value_type made[CONFIG_T::n_once];
        #pragma HLS ARRAY_PARTITION variable=given complete
        #pragma HLS ARRAY_PARTITION variable=made complete
        for (unsigned i = 0; i < CONFIG_T::n_once / data_T::size; i++) {
            #pragma HLS PIPELINE
            data_T pack = data.read();
            for (unsigned j = 0; j < data_T::size; j++) {
                #pragma HLS UNROLL
                given[i * data_T::size + j] = pack[j];
            }
        }
        normalise_once<typename data_T::value_type, typename res_T::value_type, CONFIG_T>(given, made, scale, bias);
        for (unsigned i = 0; i < CONFIG_T::n_once / res_T::size; i++) {
            #pragma HLS PIPELINE
            res_T pack;
            PRAGMA_DATA_PACK(pack)
            for (unsigned j = 0; j < res_T::size; j++) {
                #pragma HLS UNROLL
                pack[j] = made[i * res_T::size + j];
            }
            res.write(pack);
        }
    }
}

} // namespace nnet

#endif
