// Functions of one value by tables whose entries are written, not computed: as they are, or with straight lines in between.
// hls4ml's own tables (nnet_activation.h) have fixed ranges. CONFIG_T is an activ_config with
//   place_t     the type that an argument is first assigned to; of its place_bits bits the lowest `fine` say where in a step
//               it lies, the others are the number of the step
//   least, most the places of the first and of the last entry; what lies outside has the value of the nearest
//   entry, rise an entry, and how much higher the next one is, as whole numbers
//   value_t     of a value, value_bits wide, before it is rounded to result_t
#ifndef NNET_TABLE_H_
#define NNET_TABLE_H_

#include "hls_stream.h"
#include "nnet_common.h"
#include "nnet_recr_activations.h"

namespace nnet {

template <class data_T, typename CONFIG_T> typename CONFIG_T::result_t table_value(data_T data) {
    #pragma HLS INLINE
    typename CONFIG_T::place_t argument = data;
    ap_int<CONFIG_T::place_bits> place = argument.range(CONFIG_T::place_bits - 1, 0);
    if (place < CONFIG_T::least)
        place = CONFIG_T::least;
    if (place > CONFIG_T::most)
        place = CONFIG_T::most;
    ap_int<CONFIG_T::place_bits + 1> beyond = place - ap_int<CONFIG_T::place_bits>(CONFIG_T::least);
    const unsigned step = (beyond >> CONFIG_T::fine).to_uint();
    ap_int<CONFIG_T::value_bits> raw = CONFIG_T::entry(step);
    raw = raw << CONFIG_T::fine;
    if (CONFIG_T::fine > 0) {
        ap_uint<CONFIG_T::fine + 1> part = place & ((ap_int<CONFIG_T::fine + 2>(1) << CONFIG_T::fine) - 1);
        raw += ap_int<CONFIG_T::rise_bits>(CONFIG_T::rise(step)) * part;
    }
    typename CONFIG_T::value_t value;
    value.range(CONFIG_T::value_bits - 1, 0) = raw.range(CONFIG_T::value_bits - 1, 0);
    return value;
}

template <class data_T, class res_T, typename CONFIG_T>
void table(data_T data[CONFIG_T::n_in], res_T res[CONFIG_T::n_in]) {
    #pragma HLS PIPELINE
    for (int i = 0; i < CONFIG_T::n_in; i++) {
        #pragma HLS UNROLL
        res[i] = nnet::table_value<data_T, CONFIG_T>(data[i]);
    }
}

template <class data_T, class res_T, typename CONFIG_T> void table(hls::stream<data_T> &data, hls::stream<res_T> &res) {
    for (int i = 0; i < CONFIG_T::n_in / res_T::size; i++) {
        #pragma HLS PIPELINE
        data_T given = data.read();
        res_T made;
        PRAGMA_DATA_PACK(made)
        for (int j = 0; j < res_T::size; j++) {
            #pragma HLS UNROLL
            made[j] = nnet::table_value<typename data_T::value_type, CONFIG_T>(given[j]);
        }
        res.write(made);
    }
}

namespace activation {

// Inside a recurrent cell.
template <class data_T, class res_T, typename CONFIG_T> class table : public Activation<data_T, res_T, CONFIG_T> {
  public:
    static void activation(data_T data[CONFIG_T::n_in], res_T res[CONFIG_T::n_in]) {
        nnet::table<data_T, res_T, CONFIG_T>(data, res);
    }
};

} // namespace activation

} // namespace nnet

#endif
