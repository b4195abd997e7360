// Learning the merges of a vocabulary from counted words. Depends on word_counts.h and vocabulary.h.
#pragma once

#include <vector>

#include "text/bpe.h"
#include "text/vocabulary.h"
#include "text/word_counts.h"

namespace tenon::text {

struct Learned {
  std::unique_ptr<Vocabulary> vocabulary;  // special tokens, the alphabet, then a token for each merge
  std::vector<Merge> merges;
};

Learned learn_merges(const WordCounts& words, const TrainingOptions& options);

}  // namespace tenon::text
