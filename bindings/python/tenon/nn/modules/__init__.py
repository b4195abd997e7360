"""The classes of modules, in the submodules in which PyTorch has them."""

from tenon.nn.modules.activation import *
from tenon.nn.modules.adaptive import *
from tenon.nn.modules.batchnorm import *
from tenon.nn.modules.channelshuffle import *
from tenon.nn.modules.container import Container, ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from tenon.nn.modules.conv import *
from tenon.nn.modules.distance import *
from tenon.nn.modules.dropout import *
from tenon.nn.modules.flatten import *
from tenon.nn.modules.fold import *
from tenon.nn.modules.instancenorm import *
from tenon.nn.modules.linear import *
from tenon.nn.modules.linear_cross_entropy_options import *
from tenon.nn.modules.loss import *
from tenon.nn.modules.module import Module
from tenon.nn.modules.normalization import *
from tenon.nn.modules.padding import *
from tenon.nn.modules.pixelshuffle import *
from tenon.nn.modules.pooling import *
from tenon.nn.modules.rnn import *
from tenon.nn.modules.sparse import *
from tenon.nn.modules.transformer import *
from tenon.nn.modules.upsampling import *
