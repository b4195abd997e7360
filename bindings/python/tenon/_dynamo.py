"""What programs say to PyTorch's compiler below torch._dynamo; it changes nothing."""

from types import SimpleNamespace

from tenon.compiler import allow_in_graph, disable, is_compiling, list_backends, reset

__all__ = ["allow_in_graph", "config", "disable", "is_compiling", "list_backends", "reset"]

# Settings are kept for whoever reads them back.
config = SimpleNamespace(suppress_errors=False, verbose=False)
