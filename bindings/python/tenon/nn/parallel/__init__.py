"""Modules run on several devices."""

from tenon.nn.parallel.data_parallel import DataParallel, data_parallel
from tenon.nn.parallel.distributed import DistributedDataParallel
