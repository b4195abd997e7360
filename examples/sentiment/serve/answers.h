// Answers as text, and the loop that writes them.
#pragma once

#include <string>

#include "serve/judge.h"
#include "serve/lines.h"

namespace sentiment {

// {"label": "positive", "probability": 0.973052}
std::string as_json(const Answer& answer);

// Answers the standard input until its end or a line that says so, each line once it is there.
void answer_lines(const Judge& judge, bool json);
// Answers all lines of a file, in order.
void answer_file(const Judge& judge, const std::string& path, bool json);

}  // namespace sentiment
