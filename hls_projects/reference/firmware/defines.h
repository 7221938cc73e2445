#ifndef DEFINES_H_
#define DEFINES_H_

#include "ap_fixed.h"
#include "ap_int.h"
#include "nnet_utils/nnet_types.h"
#include <array>
#include <cstddef>
#include <cstdio>
#include <tuple>
#include <tuple>


// hls-fpga-machine-learning insert numbers

// hls-fpga-machine-learning insert layer-precision
typedef ap_fixed<16,3,AP_RND_CONV,AP_SAT,0> input_t;
typedef ap_fixed<26,8> fc1_accum_t;
typedef ap_fixed<26,8> fc1_result_t;
typedef ap_fixed<6,1> weight2_t;
typedef ap_fixed<6,1> bias2_t;
typedef ap_uint<1> layer2_index;
typedef ap_ufixed<6,2,AP_RND_CONV,AP_SAT,0> layer3_t;
typedef ap_fixed<18,8> relu1_table_t;
typedef ap_fixed<16,7> fc2_accum_t;
typedef ap_fixed<16,7> fc2_result_t;
typedef ap_fixed<6,1> weight4_t;
typedef ap_fixed<6,1> bias4_t;
typedef ap_uint<1> layer4_index;
typedef ap_ufixed<20,3,AP_RND,AP_SAT,0> softmax_accum_t;
typedef ap_ufixed<7,3,AP_RND,AP_SAT,0> softmax_inp_norm_t;
typedef ap_ufixed<18,1,AP_RND,AP_SAT,0> softmax_exp_table_t;
typedef ap_ufixed<18,1,AP_RND,AP_SAT,0> softmax_inv_table_t;
typedef ap_ufixed<20,3,AP_RND,AP_SAT,0> softmax_inv_inp_t;
typedef ap_ufixed<18,1,AP_RND,AP_SAT,0> result_t;
typedef ap_fixed<18,8> softmax_table_t;

// hls-fpga-machine-learning insert emulator-defines


#endif
