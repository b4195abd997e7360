// See shared_memory.h; with the functions of tenon.multiprocessing and of the DataLoader's workers that Python lacks.
#include "shared_memory.h"

#include <nanobind/stl/string.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <utility>

#include "arguments.h"
#include "tenon/ops/ops.h"

namespace tenon::python {
namespace {

// The head of a block; what follows stays aligned as tensors are.
constexpr size_t kHeadBytes = 64;

std::atomic<uint32_t>& flag_of(const SharedMapping& mapping) {
  return *reinterpret_cast<std::atomic<uint32_t>*>(mapping.data());
}
static_assert(std::atomic<uint32_t>::is_always_lock_free);

[[noreturn]] void fail_of_system(const char* call, size_t nbytes) {
  const int code = errno;
  detail::fail<Error>("shared memory of ", nbytes, " bytes: ", call, ": ", std::strerror(code), " (", code, ")");
}

// Gives a storage's shared memory back; the storage is known by it.
struct LeaveMapping {
  std::shared_ptr<SharedMapping> mapping;
  void operator()() { mapping.reset(); }
};

const SharedMapping* mapping_of(const Tensor& tensor) {
  const auto* leave = tensor.storage()->releaser().target<LeaveMapping>();
  return leave ? leave->mapping.get() : nullptr;
}

void share(const Tensor& tensor) {
  const StoragePtr& storage = tensor.storage();
  if (mapping_of(tensor) || storage->nbytes() == 0) return;
  auto mapping = std::make_shared<SharedMapping>(storage->nbytes());
  char* const data = mapping->data();
  ReleaseGil gil;
  storage->move_to(data, LeaveMapping{std::move(mapping)});
}

Tensor tensor_over(char* data, size_t nbytes, std::function<void()> release) {
  auto storage = make_intrusive<Storage>(data, nbytes, Device(kCPU), std::move(release));
  return Tensor(make_intrusive<TensorImpl>(std::move(storage), DimVector{static_cast<int64_t>(nbytes)}, DimVector{1}, 0,
                                           kByte));
}

using FileId = std::pair<dev_t, ino_t>;

// A file that comes twice is mapped once. Used under the GIL alone.
std::map<FileId, std::weak_ptr<SharedMapping>>& received_files() {
  static auto* const files = new std::map<FileId, std::weak_ptr<SharedMapping>>;
  return *files;
}

Tensor received(int fd, size_t nbytes) {
  struct stat info {};
  if (fstat(fd, &info) < 0) fail_of_system("fstat", nbytes);
  TENON_CHECK_VALUE(info.st_size >= 0 && static_cast<size_t>(info.st_size) >= nbytes, "shared memory of ", nbytes,
                    " bytes: the file has ", info.st_size);
  auto& files = received_files();
  std::shared_ptr<SharedMapping> mapping = files[{info.st_dev, info.st_ino}].lock();
  if (!mapping || mapping->nbytes() < nbytes) {
    std::erase_if(files, [](const auto& file) { return file.second.expired(); });
    mapping = std::make_shared<SharedMapping>(fd, nbytes);
    files[{info.st_dev, info.st_ino}] = mapping;
  }
  char* const data = mapping->data();
  return tensor_over(data, nbytes, LeaveMapping{std::move(mapping)});
}

// Ends this process as soon as process `pid` has ended, whatever its other threads are doing.
void end_with(pid_t pid) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread([pid] {
    pollfd ended = {static_cast<int>(syscall(SYS_pidfd_open, pid, 0)), POLLIN, 0};
    if (ended.fd >= 0) {
      while (poll(&ended, 1, -1) < 0 && errno == EINTR) {
      }
    } else if (errno != ESRCH) {
      while (::kill(pid, 0) == 0 || errno != ESRCH) std::this_thread::sleep_for(std::chrono::seconds(1));
    }
    ::kill(getpid(), SIGKILL);
  }).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace

SharedMapping::SharedMapping(size_t nbytes) {
  fd_ = static_cast<int>(syscall(SYS_memfd_create, "tenon", MFD_CLOEXEC));
  if (fd_ < 0) fail_of_system("memfd_create", nbytes);
  if (ftruncate(fd_, static_cast<off_t>(nbytes)) < 0) {
    close_fd();
    fail_of_system("ftruncate", nbytes);
  }
  map(nbytes);
}

SharedMapping::SharedMapping(int fd, size_t nbytes) {
  fd_ = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (fd_ < 0) fail_of_system("dup", nbytes);
  map(nbytes);
}

void SharedMapping::map(size_t nbytes) {
  void* const data = mmap(nullptr, nbytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  if (data == MAP_FAILED) {
    const int code = errno;
    close_fd();
    errno = code;
    fail_of_system("mmap", nbytes);
  }
  data_ = static_cast<char*>(data);
  nbytes_ = nbytes;
}

SharedMapping::~SharedMapping() {
  munmap(data_, nbytes_);
  close_fd();
}

void SharedMapping::close_fd() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

struct SharedBlock::State {
  template <class... Args>
  explicit State(bool reads, Args... args) : mapping(args...), is_reader(reads) {}

  void drop() {
    // A forked child has copies of the reader's tensors, and drops them without saying so.
    if (--uses == 0 && is_reader && getpid() == owner) flag_of(mapping).store(0, std::memory_order_release);
  }

  SharedMapping mapping;
  const bool is_reader;
  const pid_t owner = getpid();
  std::atomic<uint32_t> uses{0};
};

SharedBlock::SharedBlock(size_t nbytes) : state_(std::make_shared<State>(false, nbytes + kHeadBytes)) {}
SharedBlock::SharedBlock(int fd, size_t nbytes) : state_(std::make_shared<State>(true, fd, nbytes + kHeadBytes)) {
  state_->mapping.close_fd();
}

size_t SharedBlock::nbytes() const { return state_->mapping.nbytes() - kHeadBytes; }
int SharedBlock::fd() const { return state_->mapping.fd(); }
void SharedBlock::close_fd() { state_->mapping.close_fd(); }
bool SharedBlock::is_free() const {
  return state_->uses == 0 && flag_of(state_->mapping).load(std::memory_order_acquire) == 0;
}
void SharedBlock::hand_over() { flag_of(state_->mapping).store(1, std::memory_order_release); }

Tensor SharedBlock::bytes(size_t offset, size_t nbytes) const {
  TENON_CHECK_VALUE(offset <= this->nbytes() && nbytes <= this->nbytes() - offset, "a shared block of ",
                    this->nbytes(), " bytes has no ", nbytes, " at ", offset);
  hold();
  return tensor_over(state_->mapping.data() + kHeadBytes + offset, nbytes, [state = state_] { state->drop(); });
}

void SharedBlock::hold() const { ++state_->uses; }
void SharedBlock::drop() const { state_->drop(); }

void init_shared_memory(nb::module_& module) {
  module.def("_share_storage", share, nb::arg("tensor"));
  module.def("_is_shared", [](const Tensor& tensor) { return mapping_of(tensor) != nullptr; }, nb::arg("tensor"));
  module.def("_shared_fd", [](const Tensor& tensor) {
    const SharedMapping* mapping = mapping_of(tensor);
    return mapping ? mapping->fd() : -1;
  }, nb::arg("tensor"));
  module.def("_received_storage", received, nb::arg("fd"), nb::arg("nbytes"));
  module.def("_end_with", end_with, nb::arg("pid"));
  module.def("_end_signal", [](int signal) { prctl(PR_SET_PDEATHSIG, signal); }, nb::arg("signal"));
  module.def("_set_thread_name", [](const std::string& name) { prctl(PR_SET_NAME, name.c_str()); }, nb::arg("name"));
  module.def("_get_thread_name", [] {
    char name[16] = {};
    prctl(PR_GET_NAME, name);
    return std::string(name);
  });
  nb::class_<SharedBlock>(module, "_SharedBlock", "Memory that one process fills again and again for another.")
      .def(nb::init<size_t>(), nb::arg("nbytes"))
      .def_static("open", [](int fd, size_t nbytes) { return SharedBlock(fd, nbytes); }, nb::arg("fd"),
                  nb::arg("nbytes"))
      .def_prop_ro("nbytes", &SharedBlock::nbytes)
      .def_prop_ro("fd", &SharedBlock::fd)
      .def("close_fd", &SharedBlock::close_fd)
      .def("is_free", &SharedBlock::is_free)
      .def("hand_over", &SharedBlock::hand_over)
      .def("hold", &SharedBlock::hold)
      .def("drop", &SharedBlock::drop)
      .def("bytes", &SharedBlock::bytes, nb::arg("offset"), nb::arg("nbytes"));
}

}  // namespace tenon::python
