#include <iostream>

#include "myproject.h"
#include "parameters.h"


void myproject(
    input_t features[8],
    result_t layer5_out[3]
) {

    // hls-fpga-machine-learning insert IO
    #pragma HLS ARRAY_RESHAPE variable=features complete dim=0
    #pragma HLS ARRAY_PARTITION variable=layer5_out complete dim=0
    #pragma HLS INTERFACE ap_vld port=features,layer5_out 
    #pragma HLS PIPELINE

    // hls-fpga-machine-learning insert load weights
#ifndef __SYNTHESIS__
    static bool loaded_weights = false;
    if (!loaded_weights) {
        nnet::load_weights_from_txt<weight2_t, 48>(w2, "w2.txt");
        nnet::load_weights_from_txt<bias2_t, 6>(b2, "b2.txt");
        nnet::load_weights_from_txt<weight4_t, 18>(w4, "w4.txt");
        nnet::load_weights_from_txt<bias4_t, 3>(b4, "b4.txt");
        loaded_weights = true;    }
#endif
    // ****************************************
    // NETWORK INSTANTIATION
    // ****************************************

    // hls-fpga-machine-learning insert layers

    fc1_result_t layer2_out[6];
    #pragma HLS ARRAY_PARTITION variable=layer2_out complete dim=0

    layer3_t layer3_out[6];
    #pragma HLS ARRAY_PARTITION variable=layer3_out complete dim=0

    fc2_result_t layer4_out[3];
    #pragma HLS ARRAY_PARTITION variable=layer4_out complete dim=0

    nnet::dense<input_t, fc1_result_t, config2>(features, layer2_out, w2, b2); // fc1
#ifndef __SYNTHESIS__
    nnet::save_layer_output<fc1_result_t>(layer2_out, "fc1", 6);
#endif

    nnet::relu<fc1_result_t, layer3_t, relu_config3>(layer2_out, layer3_out); // relu1
#ifndef __SYNTHESIS__
    nnet::save_layer_output<layer3_t>(layer3_out, "relu1", 6);
#endif

    nnet::dense<layer3_t, fc2_result_t, config4>(layer3_out, layer4_out, w4, b4); // fc2
#ifndef __SYNTHESIS__
    nnet::save_layer_output<fc2_result_t>(layer4_out, "fc2", 3);
#endif

    nnet::softmax<fc2_result_t, result_t, softmax_config5>(layer4_out, layer5_out); // softmax
#ifndef __SYNTHESIS__
    nnet::save_layer_output<result_t>(layer5_out, "softmax", 3);
#endif

}

