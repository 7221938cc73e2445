// Loads each library that is named as ModelLoader of hls4ml's emulators does, by create_model and destroy_model.
#include <ap_fixed.h>
#include <dlfcn.h>

#include <any>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <vector>

namespace hls4mlEmulator {
class Model {
  public:
    virtual void prepare_input(std::any input) = 0;
    virtual void predict() = 0;
    virtual void read_result(std::any result) = 0;
    virtual ~Model() = default;
};
}  // namespace hls4mlEmulator

int main(int count, char** paths) {
    std::vector<void*> libraries;
    for (int k = 1; k < count; ++k) libraries.push_back(dlopen(paths[k], RTLD_LAZY | RTLD_LOCAL));
    for (void* library : libraries) {
        if (!library) return std::fprintf(stderr, "%s\n", dlerror()), 2;
        auto* create = reinterpret_cast<hls4mlEmulator::Model* (*)()>(dlsym(library, "create_model"));
        auto* destroy = reinterpret_cast<void (*)(hls4mlEmulator::Model*)>(dlsym(library, "destroy_model"));
        hls4mlEmulator::Model* model = create();
        ap_fixed<6, 6> x[] = {1, 2, 3};
        ap_fixed<20, 20> y[3];
        model->prepare_input(static_cast<ap_fixed<6, 6>*>(x));
        model->predict();
        model->read_result(static_cast<ap_fixed<20, 20>*>(y));
        std::printf("%g %g %g\n", y[0].to_double(), y[1].to_double(), y[2].to_double());
        double real[] = {1.5, 3, 4}, shown[3];
        model->prepare_input(static_cast<const double*>(real));
        model->predict();
        model->read_result(static_cast<double*>(shown));
        std::printf("%g %g %g\n", shown[0], shown[1], shown[2]);
        int64_t raw[] = {1, 1, 1}, found[3];
        model->prepare_input(static_cast<int64_t*>(raw));
        model->predict();
        model->read_result(static_cast<int64_t*>(found));
        std::printf("%d %d %d\n", int(found[0]), int(found[1]), int(found[2]));
        try {
            model->prepare_input(std::any(3));
        } catch (const std::exception&) {
            std::printf("an input is refused\n");
        }
        destroy(model);
    }
    for (void* library : libraries) dlclose(library);
}
