"""The classes of modules, in the submodules in which PyTorch has them."""

from tenon.nn.modules.activation import ReLU
from tenon.nn.modules.container import Container, ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from tenon.nn.modules.linear import Identity, Linear
from tenon.nn.modules.module import Module
