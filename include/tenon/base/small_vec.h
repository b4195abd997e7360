// SmallVec<T, N>: a vector whose first N elements live inside it, for the short lists on every op's path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <new>
#include <utility>

namespace tenon {

template <class T, size_t N>
class SmallVec {
 public:
  SmallVec() = default;
  explicit SmallVec(size_t size) { resize(size); }
  SmallVec(std::initializer_list<T> values) {
    reserve(values.size());
    for (const T& value : values) push_back(value);
  }
  SmallVec(const SmallVec& other) {
    reserve(other.size_);
    for (const T& value : other) push_back(value);
  }
  SmallVec(SmallVec&& other) noexcept { steal(other); }
  SmallVec& operator=(SmallVec other) noexcept {
    destroy();
    steal(other);
    return *this;
  }
  ~SmallVec() { destroy(); }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }
  T& back() { return data_[size_ - 1]; }
  const T& back() const { return data_[size_ - 1]; }

  void push_back(T value) { emplace_back(std::move(value)); }
  template <class... Args>
  T& emplace_back(Args&&... args) {
    if (size_ == capacity_) reserve(2 * static_cast<size_t>(capacity_));
    return *new (data_ + size_++) T(std::forward<Args>(args)...);
  }
  void resize(size_t size) {
    reserve(size);
    while (size_ < size) new (data_ + size_++) T();
    while (size_ > size) data_[--size_].~T();
  }
  void clear() { resize(0); }
  void reserve(size_t capacity) {
    if (capacity <= capacity_) return;
    T* grown = static_cast<T*>(::operator new(capacity * sizeof(T), std::align_val_t{alignof(T)}));
    std::uninitialized_move(begin(), end(), grown);
    std::destroy(begin(), end());
    free_heap();
    data_ = grown;
    capacity_ = static_cast<uint32_t>(capacity);
  }

 private:
  T* inside() { return reinterpret_cast<T*>(inline_); }
  void free_heap() {
    if (data_ != inside()) ::operator delete(data_, std::align_val_t{alignof(T)});
  }
  void destroy() {
    std::destroy(begin(), end());
    free_heap();
  }
  // Takes over other's elements; this vector's own storage has been given up before.
  void steal(SmallVec& other) noexcept {
    size_ = other.size_;
    if (other.data_ == other.inside()) {
      data_ = inside();
      capacity_ = N;
      std::uninitialized_move(other.begin(), other.end(), data_);
      std::destroy(other.begin(), other.end());
    } else {
      data_ = other.data_;
      capacity_ = other.capacity_;
      other.data_ = other.inside();
      other.capacity_ = N;
    }
    other.size_ = 0;
  }

  alignas(T) std::byte inline_[N * sizeof(T)];
  T* data_ = inside();
  uint32_t size_ = 0;
  uint32_t capacity_ = N;
};

}  // namespace tenon
