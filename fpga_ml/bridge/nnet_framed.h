// hls4ml's io_parallel functions on streams: what hls4ml 1.3.0's io_stream has no function for, or one that stops. A frame is read
// into an array, computed as io_parallel computes it, and written.
#ifndef NNET_FRAMED_H_
#define NNET_FRAMED_H_

#include "hls_stream.h"
#include "nnet_activation.h"
#include "nnet_merge.h"
#include "nnet_pooling.h"

namespace nnet {
namespace framed {

template <class data_T, unsigned N> void read(hls::stream<data_T> &data, typename data_T::value_type frame[N]) {
    for (unsigned i = 0; i < N; i += data_T::size) {
        #pragma HLS PIPELINE
        data_T beat = data.read();
        for (unsigned j = 0; j < data_T::size; j++) {
            #pragma HLS UNROLL
            frame[i + j] = beat[j];
        }
    }
}

template <class res_T, unsigned N> void write(typename res_T::value_type frame[N], hls::stream<res_T> &res) {
    for (unsigned i = 0; i < N; i += res_T::size) {
        #pragma HLS PIPELINE
        res_T beat;
        for (unsigned j = 0; j < res_T::size; j++) {
            #pragma HLS UNROLL
            beat[j] = frame[i + j];
        }
        res.write(beat);
    }
}

template <class data_T, class res_T, typename CONFIG_T>
void pooling1d_cl(hls::stream<data_T> &data, hls::stream<res_T> &res) {
    typename data_T::value_type image[CONFIG_T::n_in * CONFIG_T::n_filt];
    typename res_T::value_type pooled[CONFIG_T::n_out * CONFIG_T::n_filt];
    read<data_T, CONFIG_T::n_in * CONFIG_T::n_filt>(data, image);
    nnet::pooling1d_cl<typename data_T::value_type, typename res_T::value_type, CONFIG_T>(image, pooled);
    write<res_T, CONFIG_T::n_out * CONFIG_T::n_filt>(pooled, res);
}

template <class data_T, class res_T, typename CONFIG_T>
void pooling2d_cl(hls::stream<data_T> &data, hls::stream<res_T> &res) {
    typename data_T::value_type image[CONFIG_T::in_height * CONFIG_T::in_width * CONFIG_T::n_filt];
    typename res_T::value_type pooled[CONFIG_T::out_height * CONFIG_T::out_width * CONFIG_T::n_filt];
    read<data_T, CONFIG_T::in_height * CONFIG_T::in_width * CONFIG_T::n_filt>(data, image);
    nnet::pooling2d_cl<typename data_T::value_type, typename res_T::value_type, CONFIG_T>(image, pooled);
    write<res_T, CONFIG_T::out_height * CONFIG_T::out_width * CONFIG_T::n_filt>(pooled, res);
}

template <class data_T, class res_T, typename CONFIG_T> void relu6(hls::stream<data_T> &data, hls::stream<res_T> &res) {
    typename data_T::value_type frame[CONFIG_T::n_in];
    typename res_T::value_type result[CONFIG_T::n_in];
    read<data_T, CONFIG_T::n_in>(data, frame);
    nnet::relu6<typename data_T::value_type, typename res_T::value_type, CONFIG_T>(frame, result);
    write<res_T, CONFIG_T::n_in>(result, res);
}

// Along an axis that is not the last.
template <class data_T, class res_T, typename CONFIG_T> void softmax(hls::stream<data_T> &data, hls::stream<res_T> &res) {
    typename data_T::value_type frame[CONFIG_T::n_in];
    typename res_T::value_type result[CONFIG_T::n_in];
    read<data_T, CONFIG_T::n_in>(data, frame);
    nnet::softmax_multidim<typename data_T::value_type, typename res_T::value_type, CONFIG_T>(frame, result);
    write<res_T, CONFIG_T::n_in>(result, res);
}

template <class input1_T, class input2_T, class res_T, typename CONFIG_T>
void dot1d(hls::stream<input1_T> &data1, hls::stream<input2_T> &data2, hls::stream<res_T> &res) {
    typename input1_T::value_type frame1[CONFIG_T::n_in];
    typename input2_T::value_type frame2[CONFIG_T::n_in];
    typename res_T::value_type result[CONFIG_T::n_out];
    read<input1_T, CONFIG_T::n_in>(data1, frame1);
    read<input2_T, CONFIG_T::n_in>(data2, frame2);
    nnet::dot1d<typename input1_T::value_type, typename input2_T::value_type, typename res_T::value_type, CONFIG_T>(
        frame1, frame2, result);
    write<res_T, CONFIG_T::n_out>(result, res);
}

} // namespace framed
} // namespace nnet

#endif
