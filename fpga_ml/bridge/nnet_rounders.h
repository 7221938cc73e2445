// Quantized activations that hls4ml has no function for, or another one: staircases, and roundings that end inside their type.
#ifndef NNET_ROUNDERS_H_
#define NNET_ROUNDERS_H_

#include "hls_stream.h"
#include "nnet_common.h"

namespace nnet {

// value(k) of what has reached k of the rising thresholds.
struct steps_of {
    template <class data_T, class res_T, typename CONFIG_T> static res_T of(data_T x) {
        #pragma HLS INLINE
        res_T found = CONFIG_T::value(0);
        for (unsigned k = 0; k < CONFIG_T::n_steps; k++) {
            #pragma HLS UNROLL
            if (x >= typename CONFIG_T::threshold_t(CONFIG_T::threshold(k)))
                found = CONFIG_T::value(k + 1);
        }
        return found;
    }
};

// x above zero, slope * x elsewhere, rounded to the result's type and held between low and high.
struct bounded_of {
    template <class data_T, class res_T, typename CONFIG_T> static res_T of(data_T x) {
        #pragma HLS INLINE
        res_T low = CONFIG_T::low(), high = CONFIG_T::high(), found;
        if (x > 0)
            found = x;
        else
            found = x * typename CONFIG_T::slope_t(CONFIG_T::slope());
        if (found < low)
            found = low;
        if (found > high)
            found = high;
        return found;
    }
};

template <class function, class data_T, class res_T, typename CONFIG_T>
void rounder(data_T data[CONFIG_T::n_in], res_T res[CONFIG_T::n_in]) {
    #pragma HLS PIPELINE
    for (unsigned i = 0; i < CONFIG_T::n_in; i++) {
        #pragma HLS UNROLL
        res[i] = function::template of<data_T, res_T, CONFIG_T>(data[i]);
    }
}

template <class function, class data_T, class res_T, typename CONFIG_T>
void rounder(hls::stream<data_T> &data, hls::stream<res_T> &res) {
    for (unsigned i = 0; i < CONFIG_T::n_in / data_T::size; i++) {
        #pragma HLS PIPELINE
        data_T given = data.read();
        res_T made;
        PRAGMA_DATA_PACK(made)
        for (unsigned j = 0; j < data_T::size; j++) {
            #pragma HLS UNROLL
            made[j] = function::template of<typename data_T::value_type, typename res_T::value_type, CONFIG_T>(given[j]);
        }
        res.write(made);
    }
}

} // namespace nnet

#endif
