// Free lists by size class. A block freed on another thread simply joins that thread's list.
#include "base/free_list.h"

#include <new>

#include "base/sanitizer.h"

namespace tenon {
namespace {

constexpr size_t kStep = 64;
constexpr size_t kClasses = 16;
constexpr size_t kKept = kAddressSanitizer ? 0 : 512;  // blocks per class and thread

struct FreeBlock {
  FreeBlock* next;
};

class FreeLists {
 public:
  ~FreeLists() {
    for (List& list : lists_) {
      while (FreeBlock* block = list.head) {
        list.head = block->next;
        ::operator delete(block);
      }
      // What is freed later on this thread, by destructors of other thread-locals, is not kept.
      list.count = kKept;
    }
  }
  void* take(size_t index) {
    List& list = lists_[index];
    FreeBlock* block = list.head;
    if (!block) return ::operator new((index + 1) * kStep);
    list.head = block->next;
    --list.count;
    return block;
  }
  void give(void* memory, size_t index) {
    List& list = lists_[index];
    if (list.count >= kKept) {
      ::operator delete(memory);
      return;
    }
    list.head = new (memory) FreeBlock{list.head};
    ++list.count;
  }

 private:
  struct List {
    FreeBlock* head = nullptr;
    size_t count = 0;
  };
  List lists_[kClasses];
};

thread_local FreeLists free_lists;

}  // namespace

void* take_block(size_t bytes) {
  const size_t index = (bytes - 1) / kStep;
  return index < kClasses ? free_lists.take(index) : ::operator new(bytes);
}

void give_block(void* block, size_t bytes) {
  const size_t index = (bytes - 1) / kStep;
  if (index < kClasses) {
    free_lists.give(block, index);
  } else {
    ::operator delete(block);
  }
}

}  // namespace tenon
