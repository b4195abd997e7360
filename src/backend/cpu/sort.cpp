// Sorting along rows. Elements become unsigned keys that order as they do (NaN last, -0 equal to 0), paired with their
// places, so one radix sort serves every dtype and is stable. Depends on base and row_convert.
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "backend/cpu/kernels.h"
#include "backend/cpu/row_convert.h"
#include "backend/cpu/scratch.h"
#include "tenon/base/parallel.h"

namespace tenon::cpu {
namespace {

// --- keys

// The bits of a float as an unsigned integer that orders as the float does.
template <class U, class F>
U float_key(F x) {
  constexpr U sign = U(1) << (8 * sizeof(U) - 1);
  if (x != x) return ~U(0);
  const U bits = std::bit_cast<U>(x + F(0));  // -0 + 0 is 0
  return bits & sign ? ~bits : bits | sign;
}

template <class T>
auto key_of(T x) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>)
    return float_key<uint32_t>(static_cast<float>(x));
  else if constexpr (std::is_same_v<T, float>) return float_key<uint32_t>(x);
  else if constexpr (std::is_same_v<T, double>) return float_key<uint64_t>(x);
  else if constexpr (std::is_same_v<T, int64_t>) return static_cast<uint64_t>(x) ^ (uint64_t{1} << 63);
  else if constexpr (std::is_same_v<T, uint64_t>) return x;
  else if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, uint32_t>) return static_cast<uint32_t>(x);
  else return static_cast<uint32_t>(static_cast<int32_t>(x)) ^ 0x80000000u;
}

// A key of 32 bits with its place in one word; no two are equal.
struct Packed {
  uint64_t word;

  using Key = uint32_t;
  static Packed make(Key key, int64_t place) { return {uint64_t{key} << 32 | static_cast<uint32_t>(place)}; }
  Key key() const { return static_cast<Key>(word >> 32); }
  int64_t place() const { return static_cast<uint32_t>(word); }
  friend bool operator<(Packed a, Packed b) { return a.word < b.word; }
};

struct Wide {
  uint64_t bits;
  int64_t at;

  using Key = uint64_t;
  static Wide make(Key key, int64_t place) { return {key, place}; }
  Key key() const { return bits; }
  int64_t place() const { return at; }
  friend bool operator<(const Wide& a, const Wide& b) { return a.bits < b.bits || (a.bits == b.bits && a.at < b.at); }
};

template <class T>
using ItemOf = std::conditional_t<sizeof(decltype(key_of(T{}))) == 4, Packed, Wide>;

template <class T>
ItemOf<T> item_of(T x, int64_t place, bool descending) {
  using Item = ItemOf<T>;
  const typename Item::Key key = key_of(x);
  return Item::make(descending ? static_cast<typename Item::Key>(~key) : key, place);
}

// --- sorting

constexpr int64_t kBlock = 65536;
constexpr int64_t kSmall = 128;

// Sorts n items by key, kBits at a time, least significant first; `spare` has room for n. Large inputs go through
// in fixed blocks in parallel: each block's items of a digit land behind those of the blocks before it.
template <int kBits, class Item>
void radix_sort(Item* items, Item* spare, int64_t n) {
  constexpr int kDigits = 1 << kBits;
  constexpr int kPasses = (static_cast<int>(8 * sizeof(typename Item::Key)) + kBits - 1) / kBits;
  using Counts = std::array<uint32_t, kDigits>;
  using Totals = std::array<int64_t, kDigits>;
  const int64_t blocks = (n + kBlock - 1) / kBlock;
  const std::unique_ptr<Counts[]> counts(new Counts[static_cast<size_t>(blocks)]);
  const std::unique_ptr<Totals[]> starts(new Totals[static_cast<size_t>(blocks)]);
  Item *from = items, *to = spare;
  for (int pass = 0; pass < kPasses; ++pass) {
    const int shift = pass * kBits;
    auto digit = [shift](const Item& item) { return static_cast<size_t>((item.key() >> shift) & (kDigits - 1)); };
    parallel_for(0, n, kBlock, [&](int64_t begin, int64_t end) {
      Counts& count = counts[static_cast<size_t>(begin / kBlock)];
      count.fill(0);
      for (int64_t i = begin; i < end; ++i) ++count[digit(from[i])];
    });
    int64_t next = 0;
    bool one_digit = false;
    for (size_t d = 0; d < kDigits; ++d) {
      const int64_t first = next;
      for (size_t b = 0; b < static_cast<size_t>(blocks); ++b) {
        starts[b][d] = next;
        next += counts[b][d];
      }
      one_digit |= next - first == n;
    }
    if (one_digit) continue;
    parallel_for(0, n, kBlock, [&](int64_t begin, int64_t end) {
      Totals& place = starts[static_cast<size_t>(begin / kBlock)];
      for (int64_t i = begin; i < end; ++i) to[place[digit(from[i])]++] = from[i];
    });
    std::swap(from, to);
  }
  if (from != items) std::copy_n(from, n, items);
}

template <class Item>
void sort_items(Item* items, Item* spare, int64_t n) {
  if (n <= kSmall) std::sort(items, items + n);
  else if (n < 8192) radix_sort<8>(items, spare, n);
  else radix_sort<11>(items, spare, n);
}

// Moves the k smallest items to the front of `items`, which receives them from make(i) for i in [0, n) and has room for
// `room` >= min(n, 2 * k) items. Most items fail one comparison with the k-th best so far.
template <class Item, class Make>
void select_items(Item* items, int64_t room, int64_t n, int64_t k, const Make& make) {
  int64_t count = std::min(n, room);
  for (int64_t i = 0; i < count; ++i) items[i] = make(i);
  auto shrink = [&] {
    if (count > k) std::nth_element(items, items + (k - 1), items + count);
    count = std::min(count, k);
  };
  int64_t i = count;
  shrink();
  if (i == n) return;
  Item bound = items[k - 1];
  for (; i < n; ++i) {
    const Item item = make(i);
    if (!(item < bound)) continue;
    items[count++] = item;
    if (count == room) {
      shrink();
      bound = items[k - 1];
    }
  }
  shrink();
}

// --- rows

template <class Item>
class Items {
 public:
  explicit Items(int64_t n) : memory_(static_cast<size_t>(n) * sizeof(Item)) {}
  Item* get() { return memory_.template as<Item>(); }

 private:
  Scratch memory_;
};

// Writes the elements of a row and their places in the order of `items`.
template <class T, class Item>
void store_row(const TensorView& values, const TensorView& indices, int64_t row, const T* in, const Item* items,
               int64_t n) {
  T* value = values.as<T>() + row * n;
  int64_t* index = indices.as<int64_t>() + row * n;
  parallel_for(0, n, kBlock, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t place = items[i].place();
      value[i] = in[place];
      index[i] = place;
    }
  });
}

template <class Visit>
void visit_real(const char* op, const TensorView& in, const Visit& visit) {
  visit_dtype(in.dtype, [&](auto tag) {
    using T = decltype(tag);
    if constexpr (std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>) {
      detail::fail<TensorError>(op, ": not defined for dtype ", in.dtype, "; expected a real dtype");
    } else {
      TENON_CHECK(sizeof(ItemOf<T>) > 8 || in.sizes[1] <= int64_t{UINT32_MAX}, op, ": a row of ", in.sizes[1],
                  " elements is too long; at most ", UINT32_MAX, " are supported");
      visit(tag);
    }
  });
}

// Rows one after the other where each is large enough to be split itself.
template <class Body>
void for_sort_rows(int64_t rows, int64_t n, const Body& body) {
  if (n >= 4 * kBlock) body(int64_t{0}, rows);
  else if (n > 0) parallel_for(0, rows, std::max<int64_t>(1, 8192 / n), body);
}

void sort(const TensorView& values, const TensorView& indices, const TensorView& in, bool descending) {
  const int64_t rows = in.sizes[0], n = in.sizes[1];
  visit_real("sort", in, [&](auto tag) {
    using T = decltype(tag);
    for_sort_rows(rows, n, [&](int64_t begin, int64_t end) {
      Items<ItemOf<T>> items(n), spare(n > kSmall ? n : 0);
      for (int64_t r = begin; r < end; ++r) {
        const T* x = in.as<const T>() + r * n;
        parallel_for(0, n, kBlock, [&](int64_t b, int64_t e) {
          for (int64_t i = b; i < e; ++i) items.get()[i] = item_of(x[i], i, descending);
        });
        sort_items(items.get(), spare.get(), n);
        store_row(values, indices, r, x, items.get(), n);
      }
    });
  });
}

void topk(const TensorView& values, const TensorView& indices, const TensorView& in, bool largest, bool sorted) {
  const int64_t rows = in.sizes[0], n = in.sizes[1], k = values.sizes[1];
  if (k == 0) return;
  const int64_t room = std::min(n, std::max<int64_t>(2 * k, 64));
  visit_real("topk", in, [&](auto tag) {
    using T = decltype(tag);
    parallel_for(0, rows, std::max<int64_t>(1, 32768 / n), [&](int64_t begin, int64_t end) {
      Items<ItemOf<T>> items(room);
      for (int64_t r = begin; r < end; ++r) {
        const T* x = in.as<const T>() + r * n;
        select_items(items.get(), room, n, k, [&](int64_t i) { return item_of(x[i], i, largest); });
        // Selection loses the order of places that a radix sort relies on.
        if (sorted) std::sort(items.get(), items.get() + k);
        store_row(values, indices, r, x, items.get(), k);
      }
    });
  });
}

void kthvalue(const TensorView& values, const TensorView& indices, const TensorView& in, int64_t k) {
  const int64_t rows = in.sizes[0], n = in.sizes[1];
  const int64_t room = std::min(n, std::max<int64_t>(2 * k, 64));
  visit_real("kthvalue", in, [&](auto tag) {
    using T = decltype(tag);
    parallel_for(0, rows, std::max<int64_t>(1, 32768 / n), [&](int64_t begin, int64_t end) {
      Items<ItemOf<T>> items(room);
      for (int64_t r = begin; r < end; ++r) {
        const T* x = in.as<const T>() + r * n;
        select_items(items.get(), room, n, k, [&](int64_t i) { return item_of(x[i], i, false); });
        const auto kth = std::max_element(items.get(), items.get() + k);
        store_row(values, indices, r, x, kth, 1);
      }
    });
  });
}

}  // namespace

const SortKernels& sort_table() {
  static constexpr SortKernels table = {sort, topk, kthvalue};
  return table;
}

}  // namespace tenon::cpu
