// Functions of whole tensors whose C++ is ours: the layer's configuration holds the function, here it meets arrays and streams.
#ifndef NNET_TENSORS_H_
#define NNET_TENSORS_H_

#include "hls_stream.h"
#include "nnet_common.h"
#include "nnet_framed.h"

namespace nnet {

template <class data_T, class res_T, typename CONFIG_T>
void tensor(data_T data[CONFIG_T::n_in], res_T res[CONFIG_T::n_out]) {
    #pragma HLS INLINE
    CONFIG_T::of(data, res);
}

template <class data_T, class res_T, typename CONFIG_T> void tensor(hls::stream<data_T> &data, hls::stream<res_T> &res) {
    typename data_T::value_type frame[CONFIG_T::n_in];
    typename res_T::value_type result[CONFIG_T::n_out];
    framed::read<data_T, CONFIG_T::n_in>(data, frame);
    CONFIG_T::of(frame, result);
    framed::write<res_T, CONFIG_T::n_out>(result, res);
}

template <class data1_T, class data2_T, class res_T, typename CONFIG_T>
void tensors(data1_T data1[CONFIG_T::n_in], data2_T data2[CONFIG_T::n_in2], res_T res[CONFIG_T::n_out]) {
    #pragma HLS INLINE
    CONFIG_T::of(data1, data2, res);
}

template <class data1_T, class data2_T, class res_T, typename CONFIG_T>
void tensors(hls::stream<data1_T> &data1, hls::stream<data2_T> &data2, hls::stream<res_T> &res) {
    typename data1_T::value_type frame1[CONFIG_T::n_in];
    typename data2_T::value_type frame2[CONFIG_T::n_in2];
    typename res_T::value_type result[CONFIG_T::n_out];
    framed::read<data1_T, CONFIG_T::n_in>(data1, frame1);
    framed::read<data2_T, CONFIG_T::n_in2>(data2, frame2);
    CONFIG_T::of(frame1, frame2, result);
    framed::write<res_T, CONFIG_T::n_out>(result, res);
}

} // namespace nnet

#endif
