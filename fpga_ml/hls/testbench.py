"""A C++ testbench that checks.

hls4ml's own prints results and passes whatever they are (hls4ml issue 459). Ours runs the same vectors through the
same top function, in the vendor's csim and cosim alike, compares every output with the expected one exactly, and
returns non-zero if any differs. It keeps hls4ml's result logs, which the vendor's scripts compare.
"""

from __future__ import annotations

from typing import Any

from fpga_ml.hls.words_cpp import WORDS, doubles, is_wide, reading, writing

_TEXT = """\
// Written by fpga_ml. Runs tb_data/tb_input_features.dat through {top} and compares every output with
// tb_data/tb_output_predictions.dat, exactly; returns 1 if one differs, so that csim and cosim fail.
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "firmware/{top}.h"
#include "firmware/nnet_utils/nnet_helpers.h"
{weights}
namespace nnet {{
bool trace_enabled = false;
std::map<std::string, void *> *trace_outputs = NULL;
size_t trace_type_size = sizeof(double);
}} // namespace nnet
{words}
static bool read_line(std::ifstream &file, std::vector<double> &values) {{
    std::string line;
    if (!std::getline(file, line))
        return false;
    std::istringstream words(line);
    values.clear();
    for (double value; words >> value;)
        values.push_back(value);
    return true;
}}

int main() {{
#ifdef RTL_SIM
    std::ofstream log("tb_data/rtl_cosim_results.log");
#else
    std::ofstream log("tb_data/csim_results.log");
#endif
    std::ifstream inputs("tb_data/tb_input_features.dat"), outputs("tb_data/tb_output_predictions.dat");
    std::vector<double> in, expected;
    unsigned samples = 0, wrong = 0;
    log.precision(17);
    while (read_line(inputs, in) && read_line(outputs, expected)) {{
        if (in.size() != {n_in} || expected.size() != {n_out}) {{
            std::cerr << "FAIL: sample " << samples << " has " << in.size() << " inputs and " << expected.size()
                      << " outputs, not {n_in} and {n_out}" << std::endl;
            return 1;
        }}
        double got[{n_out}];
{body}
        for (unsigned i = 0; i < {n_out}; i++) {{
            log << got[i] << " ";
            if (got[i] != expected[i] && wrong++ < 10)
                std::cerr << "FAIL: sample " << samples << ", output " << i << ": expected " << expected[i] << ", got "
                          << got[i] << std::endl;
        }}
        log << std::endl;
        samples++;
    }}
    if (samples == 0)
        std::cerr << "FAIL: no vectors in tb_data/" << std::endl;
    std::cout << samples << " samples, " << wrong << " wrong values" << std::endl;
    return samples == 0 || wrong != 0;
}}
"""


def testbench(graph: Any) -> str:
    """The text of NAME_test.cpp for an hls4ml graph of the Vivado or Vitis backend."""
    top = graph.config.get_project_name()
    body, offset = [], 0
    inputs, outputs = graph.get_input_variables(), graph.get_output_variables()
    brams = [w for w in graph.get_weight_variables() if w.storage.lower() == "bram"]
    for v in inputs:
        body.append(f"{v.definition_cpp()};")
        body.append(reading(v, f"&in[{offset}]", v.name))
        offset += doubles(v)
    n_in, offset = offset, 0
    body += [f"{v.definition_cpp()};" for v in outputs]
    body.append(f"{top}({', '.join(v.name for v in [*inputs, *outputs, *brams])});")
    for v in outputs:
        body.append(writing(v, v.name, f"&got[{offset}]"))
        offset += doubles(v)
    return _TEXT.format(
        top=top,
        weights="".join(f'#include "firmware/weights/{w.name}.h"\n' for w in brams),
        words=f"\n{WORDS}" if is_wide(graph) else "",
        n_in=n_in,
        n_out=offset,
        body="\n".join(f"        {line}" for line in body),
    )
