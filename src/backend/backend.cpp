// Finds the backend of a device; the CUDA plug-in is opened on first use.
#include "backend/backend.h"

#include <dlfcn.h>

#include <string>
#include <vector>

#include "backend/cuda_plugin.h"
#include "backend/kernels_of.h"
#include "base/config.h"
#include "tenon/backend/cuda.h"

namespace tenon {
namespace {

constexpr const char* kPluginName = "libtenon_cuda.so";

// Beside the file that holds this function, then what TENON_CUDA_PLUGIN names.
std::vector<std::string> plugin_paths() {
  std::vector<std::string> paths;
  static const char here = 0;
  Dl_info info;
  if (dladdr(&here, &info) != 0 && info.dli_fname != nullptr) {
    const std::string file = info.dli_fname;
    const size_t slash = file.rfind('/');
    paths.push_back((slash == std::string::npos ? "./" : file.substr(0, slash + 1)) + kPluginName);
  }
  if (const auto named = config::cuda_plugin()) paths.push_back(*named);
  return paths;
}

// The outcome of looking for the plug-in, once per process: a backend, or why there is none.
struct CudaSearch {
  const Backend* backend = nullptr;
  std::string reason;

  CudaSearch() {
    std::string tried;
    for (const std::string& path : plugin_paths()) {
      // It stays open: storages may be released until the process ends.
      void* plugin = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
      if (plugin == nullptr) {
        const char* error = dlerror();
        tried.append("\n  ").append(error ? error : path.c_str());
        continue;
      }
      auto* entry = reinterpret_cast<CudaBackendFunction*>(dlsym(plugin, "tenon_cuda_backend"));
      if (entry == nullptr) {
        tried.append("\n  ").append(path).append(": not a CUDA plug-in of Tenon");
        continue;
      }
      const char* why = "";
      backend = entry(kCudaPluginLayout, &why);
      reason = why;
      return;
    }
    reason = "the CUDA plug-in could not be loaded; TENON_CUDA_PLUGIN may name its file. Tried:" + tried;
  }
};

const CudaSearch& cuda_search() {
  static const CudaSearch search;
  return search;
}

const Backend& cuda_backend() {
  const CudaSearch& search = cuda_search();
  TENON_CHECK_DEVICE(search.backend != nullptr, search.reason);
  return *search.backend;
}

}  // namespace

const Backend& backend_of(Device device) {
  return device.is_cpu() ? cpu_backend() : plugged_backend(device);
}

const Backend& plugged_backend(Device device) {
  if (device.is_cuda()) {
    const CudaSearch& search = cuda_search();
    TENON_CHECK_DEVICE(search.backend != nullptr, "device ", device, " is not available: ", search.reason);
    return *search.backend;
  }
  detail::fail<DeviceError>("device ", device, " is not available: no backend for it was loaded");
}

namespace cuda {

bool is_available() { return cuda_search().backend != nullptr; }
std::string unavailable_reason() { return cuda_search().reason; }
int device_count() { return is_available() ? 1 : 0; }
void synchronize() { cuda_backend().memory->synchronize(-1); }
void empty_cache() {
  if (is_available()) cuda_backend().memory->empty_cache();
}

}  // namespace cuda

}  // namespace tenon
