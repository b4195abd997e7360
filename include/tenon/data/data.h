// Everything of data: datasets, transforms, samplers and loaders.
#pragma once

#include "tenon/data/datasets.h"
#include "tenon/data/loader.h"
#include "tenon/data/samplers.h"
#include "tenon/data/transforms.h"
