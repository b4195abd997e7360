// The part of libtorch that Tenon has no answer to.
#pragma once

#error "Tenon has no TorchScript: save the parameters with torch.save() in Python, and torch::load() them into a module"
