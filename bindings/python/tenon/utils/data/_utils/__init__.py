"""The parts that loaders are made of."""

from tenon._utils import ExceptionWrapper

MP_STATUS_CHECK_INTERVAL = 5.0
"""How many seconds workers have to end by themselves."""

from tenon.utils.data._utils import collate, fetch, pin_memory, states, worker  # noqa: E402
