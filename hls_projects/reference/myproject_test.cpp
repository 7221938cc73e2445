// Written by fpga_ml. Runs tb_data/tb_input_features.dat through myproject and compares every output with
// tb_data/tb_output_predictions.dat, exactly; returns 1 if one differs, so that csim and cosim fail.
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "firmware/myproject.h"
#include "firmware/nnet_utils/nnet_helpers.h"

namespace nnet {
bool trace_enabled = false;
std::map<std::string, void *> *trace_outputs = NULL;
size_t trace_type_size = sizeof(double);
} // namespace nnet

static bool read_line(std::ifstream &file, std::vector<double> &values) {
    std::string line;
    if (!std::getline(file, line))
        return false;
    std::istringstream words(line);
    values.clear();
    for (double value; words >> value;)
        values.push_back(value);
    return true;
}

int main() {
#ifdef RTL_SIM
    std::ofstream log("tb_data/rtl_cosim_results.log");
#else
    std::ofstream log("tb_data/csim_results.log");
#endif
    std::ifstream inputs("tb_data/tb_input_features.dat"), outputs("tb_data/tb_output_predictions.dat");
    std::vector<double> in, expected;
    unsigned samples = 0, wrong = 0;
    log.precision(17);
    while (read_line(inputs, in) && read_line(outputs, expected)) {
        if (in.size() != 8 || expected.size() != 3) {
            std::cerr << "FAIL: sample " << samples << " has " << in.size() << " inputs and " << expected.size()
                      << " outputs, not 8 and 3" << std::endl;
            return 1;
        }
        double got[3];
        input_t features[8];
        nnet::convert_data<double, input_t, 8>(&in[0], features);
        result_t layer5_out[3];
        myproject(features, layer5_out);
        nnet::convert_data<result_t, double, 3>(layer5_out, &got[0]);
        for (unsigned i = 0; i < 3; i++) {
            log << got[i] << " ";
            if (got[i] != expected[i] && wrong++ < 10)
                std::cerr << "FAIL: sample " << samples << ", output " << i << ": expected " << expected[i] << ", got "
                          << got[i] << std::endl;
        }
        log << std::endl;
        samples++;
    }
    if (samples == 0)
        std::cerr << "FAIL: no vectors in tb_data/" << std::endl;
    std::cout << samples << " samples, " << wrong << " wrong values" << std::endl;
    return samples == 0 || wrong != 0;
}
