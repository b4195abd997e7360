// How in-place edits and views change a tensor's history; used within the autograd layer.
#pragma once

#include "tenon/autograd/node.h"

namespace tenon {

// Remakes the grad_fn of a view whose memory was edited since it was made, from that of its base.
void refresh_view_history(const Tensor& view);

}  // namespace tenon
