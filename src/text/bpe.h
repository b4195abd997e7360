// Bpe: merges the bytes of a word into tokens. Depends on base.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tenon::text {

// A token and how many bytes of the word it stands for.
struct Piece {
  uint32_t id, length;
};

struct Merge {
  uint32_t left, right, product;
};

// Words that were merged before; as many as fit, of which a new one takes the place of an old one.
class WordCache {
 public:
  static constexpr size_t kLongest = 64;

  WordCache() : slots_(kSlots) {}
  // Appends the pieces of a known word.
  bool find(std::string_view word, uint64_t hash, std::vector<Piece>& pieces) const;
  void keep(std::string_view word, uint64_t hash, const Piece* pieces, size_t count);

 private:
  static constexpr size_t kSlots = 1 << 15;
  struct Slot {
    uint64_t hash = 0;
    uint32_t word = 0, pieces = 0;
    uint16_t length = 0, count = 0;
  };
  std::vector<Slot> slots_;
  std::string words_;
  std::vector<Piece> pieces_;
};

// What a thread that encodes needs of its own.
struct Workspace {
  WordCache cache;
  std::vector<Piece> pieces;
  std::string prefixed;
  struct Symbol {
    uint32_t id, length;
    uint32_t before, after;
  };
  std::vector<Symbol> symbols;
  struct Candidate {
    uint32_t rank, place, product;
  };
  std::vector<Candidate> heap;
};

class Bpe {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  struct Parts {
    std::array<uint32_t, 256> byte_ids;      // kNone for a byte that is no token
    std::vector<Merge> merges;               // the first is done first
    std::optional<uint32_t> unknown;         // stands for such a byte, which is left out otherwise
    bool fuse_unknown = false;               // one for all that follow each other
    // The id of a whole word that needs no merges; empty where merges decide about all.
    std::function<std::optional<uint32_t>(std::string_view word)> whole_word;
  };
  explicit Bpe(Parts parts);
  ~Bpe();
  Bpe(const Bpe&) = delete;

  // Appends the tokens of a word, which is not empty.
  void encode_word(std::string_view word, Workspace& workspace, std::vector<Piece>& pieces) const;

  // A workspace for as long as this lives; it is kept for later, so that its cache serves again.
  class Lease {
   public:
    explicit Lease(const Bpe& bpe);
    ~Lease();
    Lease(const Lease&) = delete;
    Workspace& operator*() const { return *workspace_; }

   private:
    const Bpe& bpe_;
    std::unique_ptr<Workspace> workspace_;
  };

 private:
  struct Slot {
    uint64_t pair = UINT64_MAX;
    uint32_t rank = kNone, product = kNone;
  };
  const Slot& find(uint32_t left, uint32_t right) const;
  void split_bytes(std::string_view word, std::vector<Workspace::Symbol>& symbols) const;
  void merge_short(std::vector<Workspace::Symbol>& symbols) const;
  void merge_long(Workspace& workspace) const;
  void merge_word(std::string_view word, Workspace& workspace, std::vector<Piece>& pieces) const;

  Parts parts_;
  std::vector<Slot> slots_;
  int shift_ = 0;
  // Without a lock, which a forked child might find taken.
  mutable std::array<std::atomic<Workspace*>, 16> spare_{};
};

}  // namespace tenon::text
