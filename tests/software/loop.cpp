// An event loop as an experiment has it: libraries given as PREFIX LIBRARY SAMPLES triples, all loaded at once with all their symbols
// visible to one another, each run by two threads, in batches of uneven sizes, on the samples of a file:
//   samples, then of each input and each output samples * elements raw integers, all int64.
// Prints nothing, and ends with 0, where every value is that of the file.
#include <dlfcn.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

struct Port {
    const char* name;
    size_t elements;
    int width, integer, is_signed;
};

struct Library {
    std::string prefix;
    void* handle;
    void* (*create)();
    void (*destroy)(void*);
    void (*predict)(void*, size_t, const int64_t* const*, int64_t* const*);
    std::vector<size_t> inputs, outputs;
    size_t samples = 0;
    std::vector<std::vector<int64_t>> x, y;

    template <class F> F find(const char* name) {
        void* found = dlsym(handle, (prefix + name).c_str());
        if (!found) std::fprintf(stderr, "%s%s is missing\n", prefix.c_str(), name), std::exit(2);
        return reinterpret_cast<F>(found);
    }

    Library(const char* name, const char* path, const char* file) : prefix(name), handle(dlopen(path, RTLD_NOW | RTLD_GLOBAL)) {
        if (!handle) std::fprintf(stderr, "%s\n", dlerror()), std::exit(2);
        create = find<void* (*)()>("_create");
        destroy = find<void (*)(void*)>("_destroy");
        predict = find<void (*)(void*, size_t, const int64_t* const*, int64_t* const*)>("_predict_raw");
        const size_t in = find<size_t (*)()>("_inputs")(), out = find<size_t (*)()>("_outputs")();
        for (size_t k = 0; k < in; ++k) inputs.push_back(find<const Port* (*)(size_t)>("_input")(k)->elements);
        for (size_t k = 0; k < out; ++k) outputs.push_back(find<const Port* (*)(size_t)>("_output")(k)->elements);
        std::ifstream data(file, std::ios::binary);
        int64_t count = 0;
        data.read(reinterpret_cast<char*>(&count), sizeof count);
        samples = static_cast<size_t>(count);
        for (auto* side : {&inputs, &outputs})
            for (size_t elements : *side) {
                std::vector<int64_t> values(samples * elements);
                data.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(int64_t)));
                (side == &inputs ? x : y).push_back(values);
            }
        if (!data) std::fprintf(stderr, "%s is too short\n", file), std::exit(2);
    }
};

long wrong_of(Library& library, size_t step) {
    void* model = library.create();
    long wrong = 0;
    for (size_t first = 0, size = 1; first < library.samples; first += size, size = size % step + 1) {
        if (first + size > library.samples) size = library.samples - first;
        std::vector<const int64_t*> given;
        std::vector<std::vector<int64_t>> made;
        std::vector<int64_t*> targets;
        for (size_t k = 0; k < library.x.size(); ++k) given.push_back(library.x[k].data() + first * library.inputs[k]);
        for (size_t elements : library.outputs) made.emplace_back(size * elements);
        for (auto& one : made) targets.push_back(one.data());
        library.predict(model, size, given.data(), targets.data());
        for (size_t k = 0; k < made.size(); ++k)
            for (size_t e = 0; e < made[k].size(); ++e) wrong += made[k][e] != library.y[k][first * library.outputs[k] + e];
    }
    library.destroy(model);
    return wrong;
}

int main(int count, char** arguments) {
    std::vector<Library> libraries;
    for (int k = 1; k + 2 < count; k += 3) libraries.emplace_back(arguments[k], arguments[k + 1], arguments[k + 2]);
    std::atomic<long> wrong{0};
    std::vector<std::thread> threads;
    for (auto& library : libraries)
        for (size_t step : {37, 64}) threads.emplace_back([&library, &wrong, step] { wrong += wrong_of(library, step); });
    for (auto& thread : threads) thread.join();
    if (wrong) std::printf("%ld values differ\n", wrong.load());
    return wrong ? 1 : 0;
}
