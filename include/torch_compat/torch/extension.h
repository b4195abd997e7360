// The part of libtorch that Tenon has no answer to.
#pragma once

#error "Tenon has no modules for PyTorch's Python: <torch/torch.h> is for programs of their own"
