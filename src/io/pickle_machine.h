// PickleMachine: runs the instructions of a pickle over the objects of a Builder, and never more than those: what a
// global, a call or a persistent id means is for the builder to say or to refuse. The binary protocols 2 to 5.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "io/bytes.h"
#include "tenon/io/error.h"

namespace tenon::io {

// A Builder has a type Object and these functions, each returning an Object unless noted:
//   none() boolean(bool) integer(int64_t) big_integer(bytes) real(double) text(bytes) bytes(bytes) old_string(bytes)
//   byte_array(bytes) list() dict() set() frozen_set(span) tuple(span) global(module, name) reduce(function, arguments)
//   new_object(cls, arguments, keywords or null) persistent(id), without a result append(list, span)
//   set_items(dict, span) add_items(set, span) build(object&, state) protocol(int), and as_text(object), a string.
template <class Builder>
class PickleMachine {
 public:
  using Object = typename Builder::Object;

  PickleMachine(std::string_view bytes, Builder& builder) : bytes_(bytes), builder_(builder) {}

  // The object of the first pickle in the bytes.
  Object run() {
    while (true) {
      const uint8_t code = number<uint8_t>();
      if (code == '.') return pop();
      step(code);
    }
  }
  // How many bytes were read.
  size_t position() const { return position_; }

 private:
  using Items = std::span<Object>;

  void step(uint8_t code) {
    switch (code) {
      case 0x80: return builder_.protocol(number<uint8_t>());
      case 0x95: number<uint64_t>(); return;  // the length of a frame
      case '(': marks_.push_back(stack_.size()); return;
      case '0': pop(); return;
      case '1': cut(marked_start()); return;
      case 'N': return push(builder_.none());
      case 0x88: return push(builder_.boolean(true));
      case 0x89: return push(builder_.boolean(false));
      case 'K': return push(builder_.integer(number<uint8_t>()));
      case 'M': return push(builder_.integer(number<uint16_t>()));
      case 'J': return push(builder_.integer(number<int32_t>()));
      case 0x8a: return push_integer(take(number<uint8_t>()));
      case 0x8b: return push_integer(take(number<uint32_t>()));
      case 'G': return push(builder_.real(big_endian_double()));
      case 0x8c: return push(builder_.text(take(number<uint8_t>())));
      case 'X': return push(builder_.text(take(number<uint32_t>())));
      case 0x8d: return push(builder_.text(take(number<uint64_t>())));
      case 'C': return push(builder_.bytes(take(number<uint8_t>())));
      case 'B': return push(builder_.bytes(take(number<uint32_t>())));
      case 0x8e: return push(builder_.bytes(take(number<uint64_t>())));
      case 0x96: return push(builder_.byte_array(take(number<uint64_t>())));
      case 'U': return push(builder_.old_string(take(number<uint8_t>())));
      case 'T': return push(builder_.old_string(take(number<uint32_t>())));
      case ']': return push(builder_.list());
      case '}': return push(builder_.dict());
      case 0x8f: return push(builder_.set());
      case 0x91: {
        const size_t start = marked_start();
        Object set = builder_.frozen_set(from(start));
        cut(start);
        return push(std::move(set));
      }
      case ')': return push(builder_.tuple(Items()));
      case 0x85: return make_tuple(last(1));
      case 0x86: return make_tuple(last(2));
      case 0x87: return make_tuple(last(3));
      case 't': return make_tuple(marked_start());
      case 'a': return extend(last(1), [&](Object& list, Items items) { builder_.append(list, items); });
      case 'e': return extend(marked_start(), [&](Object& list, Items items) { builder_.append(list, items); });
      case 's': return set_items(last(2));
      case 'u': return set_items(marked_start());
      case 0x90: return extend(marked_start(), [&](Object& set, Items items) { builder_.add_items(set, items); });
      case 'c': {
        const std::string_view module = line(), name = line();
        return push(builder_.global(module, name));
      }
      case 0x93: {
        const Object name = pop(), module = pop();
        return push(builder_.global(builder_.as_text(module), builder_.as_text(name)));
      }
      case 'R': {
        const Object arguments = pop(), function = pop();
        return push(builder_.reduce(function, arguments));
      }
      case 0x81: {
        const Object arguments = pop(), cls = pop();
        return push(builder_.new_object(cls, arguments, nullptr));
      }
      case 0x92: {
        const Object keywords = pop(), arguments = pop(), cls = pop();
        return push(builder_.new_object(cls, arguments, &keywords));
      }
      case 'b': {
        const Object state = pop();
        return builder_.build(top(), state);
      }
      case 'Q': return push(builder_.persistent(pop()));
      case 'q': memo_.insert_or_assign(number<uint8_t>(), top()); return;
      case 'r': memo_.insert_or_assign(number<uint32_t>(), top()); return;
      case 0x94: memo_.insert_or_assign(static_cast<uint32_t>(memo_.size()), top()); return;
      case 'h': return recall(number<uint8_t>());
      case 'j': return recall(number<uint32_t>());
      default: detail::fail<UnpicklingError>("Unsupported operand ", static_cast<int>(code));
    }
  }

  // --- the bytes

  std::string_view take(uint64_t count) {
    TENON_CHECK_AS(UnpicklingError, count <= bytes_.size() - position_, "pickle data was truncated");
    const std::string_view taken = bytes_.substr(position_, count);
    position_ += count;
    return taken;
  }
  template <class T>
  T number() {
    return load_number<T>(take(sizeof(T)).data());
  }
  double big_endian_double() {
    const auto bits = __builtin_bswap64(number<uint64_t>());
    double value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  std::string_view line() {
    const size_t end = bytes_.find('\n', position_);
    TENON_CHECK_AS(UnpicklingError, end != std::string_view::npos, "pickle data was truncated");
    const std::string_view text = bytes_.substr(position_, end - position_);
    position_ = end + 1;
    return text;
  }

  // --- the stack; nothing below the last mark is touched

  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  size_t last(size_t count) const {
    TENON_CHECK_AS(UnpicklingError, stack_.size() - floor() >= count, "unpickling stack underflow");
    return stack_.size() - count;
  }
  size_t marked_start() {
    TENON_CHECK_AS(UnpicklingError, !marks_.empty(), "could not find MARK");
    const size_t start = marks_.back();
    marks_.pop_back();
    return start;
  }
  void push(Object object) { stack_.push_back(std::move(object)); }
  Object& top() { return stack_[last(1)]; }
  Object pop() {
    last(1);
    Object object = std::move(stack_.back());
    stack_.pop_back();
    return object;
  }
  void cut(size_t start) { stack_.erase(stack_.begin() + static_cast<std::ptrdiff_t>(start), stack_.end()); }
  Items from(size_t start) { return Items(stack_).subspan(start); }

  void push_integer(std::string_view bytes) {
    if (bytes.size() > 8) return push(builder_.big_integer(bytes));
    int64_t value = !bytes.empty() && (bytes.back() & 0x80) ? -1 : 0;
    std::memcpy(&value, bytes.data(), bytes.size());
    push(builder_.integer(value));
  }
  void make_tuple(size_t start) {
    Object tuple = builder_.tuple(from(start));
    cut(start);
    push(std::move(tuple));
  }
  // Gives the items from `start` on to the container below them.
  template <class Give>
  void extend(size_t start, Give&& give) {
    TENON_CHECK_AS(UnpicklingError, start > floor(), "unpickling stack underflow");
    give(stack_[start - 1], from(start));
    cut(start);
  }
  void set_items(size_t start) {
    TENON_CHECK_AS(UnpicklingError, (stack_.size() - start) % 2 == 0, "odd number of items for SET_ITEMS");
    extend(start, [&](Object& dict, Items items) { builder_.set_items(dict, items); });
  }
  void recall(uint32_t index) {
    const auto found = memo_.find(index);
    TENON_CHECK_AS(UnpicklingError, found != memo_.end(), "Memo value not found at index ", index);
    push(found->second);
  }

  std::string_view bytes_;
  size_t position_ = 0;
  Builder& builder_;
  std::vector<Object> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint32_t, Object> memo_;
};

}  // namespace tenon::io
