// Finds and opens cuBLASLt; see cublaslt.h.
#include "backend/cuda/cublaslt.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <vector>

#include "tenon/base/error.h"

namespace tenon::cuda::lt {
namespace {

namespace fs = std::filesystem;

constexpr const char* kNames[] = {"libcublasLt.so.13", "libcublasLt.so"};

std::vector<std::string> candidates() {
  std::vector<std::string> paths;
  const auto add_folder = [&](const fs::path& folder) {
    for (const char* name : kNames) paths.push_back((folder / name).string());
  };
  if (const char* folders = std::getenv("TENON_CUDA_LIBRARY_PATH")) {
    std::istringstream list(folders);
    for (std::string folder; std::getline(list, folder, ':');) {
      if (!folder.empty()) add_folder(folder);
    }
  }
  paths.insert(paths.end(), std::begin(kNames), std::end(kNames));
  // site-packages/tenon/.../libtenon_cuda.so has site-packages/nvidia/... beside one of its parents.
  Dl_info info;
  static const char here = 0;
  if (dladdr(&here, &info) != 0 && info.dli_fname != nullptr) {
    std::error_code error;
    const fs::path file = fs::absolute(info.dli_fname, error);
    for (fs::path folder = file.parent_path(); folder != folder.parent_path(); folder = folder.parent_path()) {
      const fs::path packages = folder / "nvidia";
      if (!fs::is_directory(packages, error)) continue;
      add_folder(packages / "cu13" / "lib");
      add_folder(packages / "cublas" / "lib");
    }
  }
  return paths;
}

Library open() {
  std::string tried;
  for (const std::string& path : candidates()) {
    void* file = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (file == nullptr) {
      const char* error = dlerror();
      tried.append("\n  ").append(error ? error : path);
      continue;
    }
    Library library;
#define TENON_FIND(member, symbol, parameters)                                       \
  library.member = reinterpret_cast<int(*) parameters>(dlsym(file, #symbol));        \
  TENON_CHECK_DEVICE(library.member != nullptr, "matmul: ", path, " has no " #symbol);
    TENON_CUBLASLT(TENON_FIND)
#undef TENON_FIND
    const int status = library.create(&library.handle);
    TENON_CHECK_DEVICE(status == 0, "matmul: cublasLtCreate failed with status ", status);
    return library;
  }
  detail::fail<DeviceError>(
      "matmul: cuBLASLt was not found; install it, or name its folder in TENON_CUDA_LIBRARY_PATH. Tried:", tried);
}

}  // namespace

const Library& library() {
  static const Library opened = open();
  return opened;
}

}  // namespace tenon::cuda::lt
