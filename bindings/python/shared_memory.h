// Memory that several processes map: anonymous files that end with their last user, however that one ends.
// Depends on Linux's memfd_create().
#pragma once

#include <sys/types.h>

#include <atomic>
#include <memory>

#include "python.h"
#include "tenon/tensor/tensor.h"

namespace tenon::python {

// This process's map of an anonymous file, and the file's descriptor while it is open.
class SharedMapping {
 public:
  // A new file of `nbytes` zeros.
  explicit SharedMapping(size_t nbytes);
  // The file behind `fd`, which stays the caller's.
  SharedMapping(int fd, size_t nbytes);
  ~SharedMapping();
  SharedMapping(const SharedMapping&) = delete;

  char* data() const { return data_; }
  size_t nbytes() const { return nbytes_; }
  // -1 when it is closed.
  int fd() const { return fd_; }
  void close_fd();

 private:
  void map(size_t nbytes);

  char* data_ = nullptr;
  size_t nbytes_ = 0;
  int fd_ = -1;
};

// A piece of memory that one process, the writer, fills again and again for another, the reader. The reader maps it
// once; a flag at its head tells the writer when the reader's tensors have left it.
class SharedBlock {
 public:
  explicit SharedBlock(size_t nbytes);
  SharedBlock(int fd, size_t nbytes);

  size_t nbytes() const;
  int fd() const;
  void close_fd();
  // Whether neither side has tensors in it.
  bool is_free() const;
  // Makes it the reader's, until the last of its tensors is gone.
  void hand_over();
  // A storage over the bytes from `offset` on.
  Tensor bytes(size_t offset, size_t nbytes) const;
  // The reader keeps it between these, as it does while it has tensors in it.
  void hold() const;
  void drop() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tenon::python
