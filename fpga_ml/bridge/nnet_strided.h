// Convolutions of hls4ml's streams whose kernel is one row high and which leave rows out: hls4ml takes its function of a series
// for them, which counts columns only and computes every row.
#ifndef NNET_STRIDED_H_
#define NNET_STRIDED_H_

#include "nnet_conv2d_stream.h"
#include "nnet_sepconv2d_stream.h"

namespace nnet {
namespace strided {

template <class data_T, class res_T, typename CONFIG_T>
void conv_2d_cl(
    hls::stream<data_T> &data, hls::stream<res_T> &res,
    typename CONFIG_T::weight_t weights[CONFIG_T::filt_height * CONFIG_T::filt_width * CONFIG_T::n_chan * CONFIG_T::n_filt],
    typename CONFIG_T::bias_t biases[CONFIG_T::n_filt]) {
    for (unsigned row = 0; row < CONFIG_T::in_height; row++) {
        for (unsigned column = 0; column < CONFIG_T::in_width; column++) {
            #pragma HLS LOOP_FLATTEN
            #pragma HLS PIPELINE II=CONFIG_T::reuse_factor
            if (row % CONFIG_T::stride_height == 0 && row / CONFIG_T::stride_height < CONFIG_T::out_height)
                compute_output_buffer_1d<data_T, res_T, CONFIG_T>(data.read(), res, weights, biases);
            else
                data.read();
        }
    }
}

template <class data_T, class res_T, typename CONFIG_T>
void depthwise_conv_2d_cl(
    hls::stream<data_T> &data, hls::stream<res_T> &res,
    typename CONFIG_T::weight_t weights[CONFIG_T::filt_height * CONFIG_T::filt_width * CONFIG_T::n_chan],
    typename CONFIG_T::bias_t biases[CONFIG_T::n_chan]) {
    for (unsigned row = 0; row < CONFIG_T::in_height; row++) {
        for (unsigned column = 0; column < CONFIG_T::in_width; column++) {
            #pragma HLS LOOP_FLATTEN
            #pragma HLS PIPELINE II=CONFIG_T::reuse_factor
            if (row % CONFIG_T::stride_height == 0 && row / CONFIG_T::stride_height < CONFIG_T::out_height)
                compute_depthwise_output_buffer_1d<data_T, res_T, CONFIG_T>(data.read(), res, weights, biases);
            else
                data.read();
        }
    }
}

} // namespace strided
} // namespace nnet

#endif
