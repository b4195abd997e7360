// The public name of the CUDA header.
#pragma once

#include "tenon/backend/cuda.h"
