// What anomaly mode notes about a node when its forward op is recorded.
#pragma once

#include <string>

#include "tenon/autograd/node.h"

namespace tenon {

// Where the program is now, as the tracer of AnomalyMode tells it; "" without one.
std::string current_trace();

// Gives `node` its note.
void note_origin(Node& node);

}  // namespace tenon
