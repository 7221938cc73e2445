// Recurrent layers that hls4ml 1.3.0's nnet_recurrent.h lacks: SimpleRNN, GRU whose reset gate acts before the product,
// linear as an activation inside a cell; states that are given, shown or kept between calls. Casts, accumulators and tables
// are where nnet_recurrent.h has them.
#ifndef NNET_RECURRENT_MORE_H_
#define NNET_RECURRENT_MORE_H_

#include "nnet_recurrent.h"
#include "nnet_table.h"

namespace nnet {

namespace activation {
template <class data_T, class res_T, typename CONFIG_T> class linear : public Activation<data_T, res_T, CONFIG_T> {
  public:
    static void activation(data_T data[CONFIG_T::n_in], res_T res[CONFIG_T::n_in]) {
        nnet::linear<data_T, res_T, CONFIG_T>(data, res);
    }
};
} // namespace activation

// A cell's step makes the next state of the one before; a state is `parts` times n_state elements, h first.

// One time step of h = act(W x + b + U h).
struct simple_rnn_cell {
    static const unsigned parts = 1;
    template <class data_T, class res_T, typename CONFIG_T>
    static void step(data_T data[CONFIG_T::n_in], res_T h[CONFIG_T::n_state], typename CONFIG_T::weight_t *param,
                     typename CONFIG_T::recurrent_weight_t *param_r, typename CONFIG_T::bias_t *param_b,
                     typename CONFIG_T::recurrent_bias_t *param_br) {
        typename CONFIG_T::accum_t sums[CONFIG_T::n_state];
        typename CONFIG_T::accum_t sums_state[CONFIG_T::n_state];
        typename CONFIG_T::accum_t activated[CONFIG_T::n_state];
        #pragma HLS ARRAY_PARTITION variable=sums       complete
        #pragma HLS ARRAY_PARTITION variable=sums_state complete
        #pragma HLS ARRAY_PARTITION variable=activated  complete

        nnet::dense<data_T, typename CONFIG_T::accum_t, typename CONFIG_T::mult_config1>(data, sums, param, param_b);
        nnet::dense<res_T, typename CONFIG_T::accum_t, typename CONFIG_T::mult_config2>(h, sums_state, param_r, param_br);
        for (int i = 0; i < CONFIG_T::n_state; i++) {
            #pragma HLS UNROLL
            sums[i] = sums[i] + sums_state[i];
        }
        CONFIG_T::template activation<typename CONFIG_T::accum_t, typename CONFIG_T::accum_t,
                                      typename CONFIG_T::ACT_CONFIG_T>::activation(sums, activated);
        for (int i = 0; i < CONFIG_T::n_state; i++) {
            #pragma HLS UNROLL
            h[i] = activated[i];
        }
    }
};

// One time step of a GRU whose candidate is act(W x + b + U (r h)): Keras's reset_after=False.
struct gru_before_cell {
    static const unsigned parts = 1;
    template <class data_T, class res_T, typename CONFIG_T>
    static void step(data_T data[CONFIG_T::n_in], res_T h[CONFIG_T::n_state], typename CONFIG_T::weight_t *param,
                     typename CONFIG_T::recurrent_weight_t *param_r, typename CONFIG_T::bias_t *param_b,
                     typename CONFIG_T::recurrent_bias_t *param_br) {
        typename CONFIG_T::accum_t sums[CONFIG_T::n_state * 3];
        typename CONFIG_T::accum_t sums_state[CONFIG_T::n_state * 3];
        typename CONFIG_T::accum_t gates_in[CONFIG_T::n_state * 2];
        typename CONFIG_T::accum_t gates[CONFIG_T::n_state * 2];
        typename CONFIG_T::accum_t candidate_in[CONFIG_T::n_state];
        typename CONFIG_T::accum_t candidate[CONFIG_T::n_state];
        res_T kept[CONFIG_T::n_state];
        #pragma HLS ARRAY_PARTITION variable=sums         complete
        #pragma HLS ARRAY_PARTITION variable=sums_state   complete
        #pragma HLS ARRAY_PARTITION variable=gates_in     complete
        #pragma HLS ARRAY_PARTITION variable=gates        complete
        #pragma HLS ARRAY_PARTITION variable=candidate_in complete
        #pragma HLS ARRAY_PARTITION variable=candidate    complete
        #pragma HLS ARRAY_PARTITION variable=kept         complete

        nnet::dense<data_T, typename CONFIG_T::accum_t, typename CONFIG_T::mult_config1>(data, sums, param, param_b);
        nnet::dense<res_T, typename CONFIG_T::accum_t, typename CONFIG_T::mult_config2>(h, sums_state, param_r, param_br);
        for (int i = 0; i < 2 * CONFIG_T::n_state; i++) {
            #pragma HLS UNROLL
            gates_in[i] = sums[i] + sums_state[i];
        }
        CONFIG_T::template activation_recr<typename CONFIG_T::accum_t, typename CONFIG_T::accum_t,
                                           typename CONFIG_T::ACT_CONFIG_GRU>::activation(gates_in, gates);
        for (int i = 0; i < CONFIG_T::n_state; i++) {
            #pragma HLS UNROLL
            kept[i] = gates[i + CONFIG_T::n_state] * h[i];
        }
        nnet::dense<res_T, typename CONFIG_T::accum_t, typename CONFIG_T::mult_config2>(kept, sums_state, param_r, param_br);
        for (int i = 0; i < CONFIG_T::n_state; i++) {
            #pragma HLS UNROLL
            candidate_in[i] = sums[i + 2 * CONFIG_T::n_state] + sums_state[i + 2 * CONFIG_T::n_state];
        }
        CONFIG_T::template activation<typename CONFIG_T::accum_t, typename CONFIG_T::accum_t,
                                      typename CONFIG_T::ACT_CONFIG_T>::activation(candidate_in, candidate);
        for (int i = 0; i < CONFIG_T::n_state; i++) {
            #pragma HLS UNROLL
            h[i] = (res_T)(candidate[i] * (1 - gates[i]) + h[i] * gates[i]);
        }
    }
};

// One time step of hls4ml's own GRU.
struct gru_cell {
    static const unsigned parts = 1;
    template <class data_T, class res_T, typename CONFIG_T>
    static void step(data_T data[CONFIG_T::n_in], res_T h[CONFIG_T::n_state], typename CONFIG_T::weight_t *param,
                     typename CONFIG_T::recurrent_weight_t *param_r, typename CONFIG_T::bias_t *param_b,
                     typename CONFIG_T::recurrent_bias_t *param_br) {
        nnet::gru<data_T, res_T, CONFIG_T>(false, data, h, param, param_r, param_b, param_br);
    }
};

// One time step of hls4ml's own LSTM: h, and behind it c.
struct lstm_cell {
    static const unsigned parts = 2;
    template <class data_T, class res_T, typename CONFIG_T>
    static void step(data_T data[CONFIG_T::n_in], res_T h[2 * CONFIG_T::n_state], typename CONFIG_T::weight_t *param,
                     typename CONFIG_T::recurrent_weight_t *param_r, typename CONFIG_T::bias_t *param_b,
                     typename CONFIG_T::recurrent_bias_t *param_br) {
        nnet::lstm<data_T, res_T, CONFIG_T>(false, data, h, h + CONFIG_T::n_state, param, param_r, param_b, param_br);
    }
};

// All time steps from the state h, which is the last one in the end; `shown` elements of it are written.
template <class cell, unsigned shown, class data_T, class res_T, typename CONFIG_T>
void recurrent_walk(data_T data[CONFIG_T::n_sequence * CONFIG_T::n_in], res_T h[cell::parts * CONFIG_T::n_state],
                    res_T res[CONFIG_T::n_sequence_out * shown], typename CONFIG_T::weight_t *param,
                    typename CONFIG_T::recurrent_weight_t *param_r, typename CONFIG_T::bias_t *param_b,
                    typename CONFIG_T::recurrent_bias_t *param_br) {
    data_T now[CONFIG_T::n_in];
    #pragma HLS ARRAY_PARTITION variable=now complete
    for (int t = 0; t < CONFIG_T::n_sequence; t++) {
        for (int i = 0; i < CONFIG_T::n_in; i++) {
            #pragma HLS UNROLL
            now[i] = data[t * CONFIG_T::n_in + i];
        }
        cell::template step<data_T, res_T, CONFIG_T>(now, h, param, param_r, param_b, param_br);
        for (int i = 0; i < shown; i++) {
            #pragma HLS UNROLL
            res[(CONFIG_T::n_sequence_out > 1 ? t * shown : 0) + i] = h[i];
        }
    }
}

template <class cell, unsigned shown, class data_T, class res_T, typename CONFIG_T>
void recurrent_walk(hls::stream<data_T> &data, typename res_T::value_type h[cell::parts * CONFIG_T::n_state],
                    hls::stream<res_T> &res, typename CONFIG_T::weight_t *param,
                    typename CONFIG_T::recurrent_weight_t *param_r, typename CONFIG_T::bias_t *param_b,
                    typename CONFIG_T::recurrent_bias_t *param_br) {
    typename data_T::value_type now[CONFIG_T::n_in];
    #pragma HLS ARRAY_PARTITION variable=now complete
    for (int t = 0; t < CONFIG_T::n_sequence; t++) {
        data_T given = data.read();
        for (int i = 0; i < CONFIG_T::n_in; i++) {
            #pragma HLS UNROLL
            now[i] = given[i];
        }
        cell::template step<typename data_T::value_type, typename res_T::value_type, CONFIG_T>(now, h, param, param_r,
                                                                                             param_b, param_br);
        if (CONFIG_T::n_sequence_out > 1 || t == CONFIG_T::n_sequence - 1) {
            res_T made;
            PRAGMA_DATA_PACK(made)
            for (int i = 0; i < shown; i++) {
                #pragma HLS UNROLL
                made[i] = h[i];
            }
            res.write(made);
        }
    }
}

template <unsigned size, class state_T> void recurrent_clear(state_T h[size]) {
    #pragma HLS INLINE
    for (int i = 0; i < size; i++) {
        #pragma HLS UNROLL
        h[i] = 0;
    }
}

// From zero.
template <class cell, unsigned shown, class data_T, class res_T, typename CONFIG_T>
void recurrent_stack(data_T data[CONFIG_T::n_sequence * CONFIG_T::n_in], res_T res[CONFIG_T::n_sequence_out * shown],
                     typename CONFIG_T::weight_t *param, typename CONFIG_T::recurrent_weight_t *param_r,
                     typename CONFIG_T::bias_t *param_b, typename CONFIG_T::recurrent_bias_t *param_br) {
    res_T h[cell::parts * CONFIG_T::n_state];
    #pragma HLS ARRAY_PARTITION variable=h complete
    recurrent_clear<cell::parts * CONFIG_T::n_state>(h);
    recurrent_walk<cell, shown, data_T, res_T, CONFIG_T>(data, h, res, param, param_r, param_b, param_br);
}

template <class cell, unsigned shown, class data_T, class res_T, typename CONFIG_T>
void recurrent_stack(hls::stream<data_T> &data, hls::stream<res_T> &res, typename CONFIG_T::weight_t *param,
                     typename CONFIG_T::recurrent_weight_t *param_r, typename CONFIG_T::bias_t *param_b,
                     typename CONFIG_T::recurrent_bias_t *param_br) {
    typename res_T::value_type h[cell::parts * CONFIG_T::n_state];
    #pragma HLS ARRAY_PARTITION variable=h complete
    recurrent_clear<cell::parts * CONFIG_T::n_state>(h);
    recurrent_walk<cell, shown, data_T, res_T, CONFIG_T>(data, h, res, param, param_r, param_b, param_br);
}

// From where the call before ended, at first from zero.
template <class cell, unsigned shown, class data_T, class res_T, typename CONFIG_T>
void recurrent_stack_kept(data_T data[CONFIG_T::n_sequence * CONFIG_T::n_in], res_T res[CONFIG_T::n_sequence_out * shown],
                          typename CONFIG_T::weight_t *param, typename CONFIG_T::recurrent_weight_t *param_r,
                          typename CONFIG_T::bias_t *param_b, typename CONFIG_T::recurrent_bias_t *param_br) {
    static res_T h[cell::parts * CONFIG_T::n_state] = {};
    #pragma HLS ARRAY_PARTITION variable=h complete
    #pragma HLS RESET variable=h
    recurrent_walk<cell, shown, data_T, res_T, CONFIG_T>(data, h, res, param, param_r, param_b, param_br);
}

template <class cell, unsigned shown, class data_T, class res_T, typename CONFIG_T>
void recurrent_stack_kept(hls::stream<data_T> &data, hls::stream<res_T> &res, typename CONFIG_T::weight_t *param,
                          typename CONFIG_T::recurrent_weight_t *param_r, typename CONFIG_T::bias_t *param_b,
                          typename CONFIG_T::recurrent_bias_t *param_br) {
    static typename res_T::value_type h[cell::parts * CONFIG_T::n_state] = {};
    #pragma HLS ARRAY_PARTITION variable=h complete
    #pragma HLS RESET variable=h
    recurrent_walk<cell, shown, data_T, res_T, CONFIG_T>(data, h, res, param, param_r, param_b, param_br);
}

// From a state that is given.
template <class cell, unsigned shown, class data_T, class first_T, class res_T, typename CONFIG_T>
void recurrent_stack_from(data_T data[CONFIG_T::n_sequence * CONFIG_T::n_in], first_T first[cell::parts * CONFIG_T::n_state],
                          res_T res[CONFIG_T::n_sequence_out * shown], typename CONFIG_T::weight_t *param,
                          typename CONFIG_T::recurrent_weight_t *param_r, typename CONFIG_T::bias_t *param_b,
                          typename CONFIG_T::recurrent_bias_t *param_br) {
    res_T h[cell::parts * CONFIG_T::n_state];
    #pragma HLS ARRAY_PARTITION variable=h complete
    for (int i = 0; i < cell::parts * CONFIG_T::n_state; i++) {
        #pragma HLS UNROLL
        h[i] = first[i];
    }
    recurrent_walk<cell, shown, data_T, res_T, CONFIG_T>(data, h, res, param, param_r, param_b, param_br);
}

template <class cell, unsigned shown, class data_T, class first_T, class res_T, typename CONFIG_T>
void recurrent_stack_from(hls::stream<data_T> &data, hls::stream<first_T> &first, hls::stream<res_T> &res,
                          typename CONFIG_T::weight_t *param, typename CONFIG_T::recurrent_weight_t *param_r,
                          typename CONFIG_T::bias_t *param_b, typename CONFIG_T::recurrent_bias_t *param_br) {
    typename res_T::value_type h[cell::parts * CONFIG_T::n_state];
    #pragma HLS ARRAY_PARTITION variable=h complete
    first_T given = first.read();
    for (int i = 0; i < cell::parts * CONFIG_T::n_state; i++) {
        #pragma HLS UNROLL
        h[i] = given[i];
    }
    recurrent_walk<cell, shown, data_T, res_T, CONFIG_T>(data, h, res, param, param_r, param_b, param_br);
}

// Elements `first` to before first + n_out of each of n_steps time steps: of all, of the last one, of all in reversed order.
template <class data_T, class res_T, typename CONFIG_T>
void pick(data_T data[CONFIG_T::n_steps * CONFIG_T::n_in], res_T res[CONFIG_T::n_steps_out * CONFIG_T::n_out]) {
    for (int t = 0; t < CONFIG_T::n_steps_out; t++) {
        for (int i = 0; i < CONFIG_T::n_out; i++) {
            #pragma HLS UNROLL
            int from = CONFIG_T::reversed || CONFIG_T::n_steps_out == 1 ? CONFIG_T::n_steps - 1 - t : t;
            res[t * CONFIG_T::n_out + i] = data[from * CONFIG_T::n_in + CONFIG_T::first + i];
        }
    }
}

template <class data_T, class res_T, typename CONFIG_T> void pick(hls::stream<data_T> &data, hls::stream<res_T> &res) {
    res_T kept[CONFIG_T::reversed ? CONFIG_T::n_steps : 1];
    for (int t = 0; t < CONFIG_T::n_steps; t++) {
        data_T given = data.read();
        res_T made;
        PRAGMA_DATA_PACK(made)
        for (int i = 0; i < CONFIG_T::n_out; i++) {
            #pragma HLS UNROLL
            made[i] = given[CONFIG_T::first + i];
        }
        if (CONFIG_T::reversed)
            kept[t] = made;
        else if (CONFIG_T::n_steps_out > 1 || t == CONFIG_T::n_steps - 1)
            res.write(made);
    }
    for (int t = CONFIG_T::n_steps - 1; CONFIG_T::reversed && t >= 0; t--) {
        #pragma HLS PIPELINE
        res.write(kept[t]);
    }
}

} // namespace nnet

#endif
