// How a text is split into words before its bytes are merged: the pattern of GPT-2,
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// Depends on unicode.h only.
#pragma once

#include <cstddef>
#include <string_view>

namespace tenon::text {

// The end of the word that begins at `at`, where the text must have a byte.
size_t word_end(std::string_view text, size_t at);

}  // namespace tenon::text
