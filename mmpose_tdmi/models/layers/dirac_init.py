"""An initialisation with which a convolution passes its input on.

Deformable convolutions whose offsets start at zero are then the identity (or,
with a modulation that starts at 1/2, with a gain of 2), and what comes before
and after them is connected from the first iteration on. In the paper's recipe
they start at random; that costs little in a long training and much in a short
one.

Shape shorthand: none.
"""
from mmengine.model.weight_init import (BaseInit, _get_bases_name,
                                        update_init_info)
from mmpose.registry import WEIGHT_INITIALIZERS
from torch import nn


@WEIGHT_INITIALIZERS.register_module(name='Dirac')
class DiracInit(BaseInit):
    """Each output channel is the input channel of the same number.

    Args:
        gain (float): What the channels are multiplied by. Defaults to 1.
        **kwargs: ``layer``, the names of the layers' classes, and ``bias``,
            as :class:`mmengine.model.ConstantInit` has them.
    """

    def __init__(self, gain: float = 1., **kwargs) -> None:
        super().__init__(**kwargs)
        self.gain = gain

    def __call__(self, module: nn.Module) -> None:
        """Initialise a module's layers."""

        def init(part: nn.Module) -> None:
            names = {type(part).__name__, *_get_bases_name(part)}
            if self.wholemodule or names & set(self.layer):
                nn.init.dirac_(part.weight)
                part.weight.data.mul_(self.gain)
                if getattr(part, 'bias', None) is not None:
                    nn.init.constant_(part.bias, self.bias)

        module.apply(init)
        if hasattr(module, '_params_init_info'):
            update_init_info(module, init_info=self._get_init_info())

    def _get_init_info(self) -> str:
        return f'{type(self).__name__}: gain={self.gain}, bias={self.bias}'
