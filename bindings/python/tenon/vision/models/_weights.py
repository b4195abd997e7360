"""The names of the trained weights that torchvision offers. Tenon has none of them, which models say that are asked."""

from enum import Enum

_V1, _V2 = "IMAGENET1K_V1", "IMAGENET1K_V2"
_SWAG = ("IMAGENET1K_SWAG_E2E_V1", "IMAGENET1K_SWAG_LINEAR_V1")

# The last column is what DEFAULT means.
_OFFERED = {
    **dict.fromkeys(("AlexNet", "ResNet18", "ResNet34", "ViT_B_32", "ViT_L_32"), ((_V1,), _V1)),
    **dict.fromkeys(("VGG11", "VGG11_BN", "VGG13", "VGG13_BN", "VGG16_BN", "VGG19", "VGG19_BN"), ((_V1,), _V1)),
    **dict.fromkeys(("MobileNet_V2", "ResNet50", "ResNet101", "ResNet152"), ((_V1, _V2), _V2)),
    **dict.fromkeys(("ResNeXt50_32X4D", "ResNeXt101_32X8D", "Wide_ResNet50_2", "Wide_ResNet101_2"), ((_V1, _V2), _V2)),
    **dict.fromkeys(("ViT_B_16", "ViT_L_16"), ((_V1, *_SWAG), _V1)),
    "VGG16": ((_V1, "IMAGENET1K_FEATURES"), _V1),
}


class WeightsEnum(Enum):
    """What the names of one model's weights have in common."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"


WEIGHTS = {
    f"{model}_Weights": WeightsEnum(
        f"{model}_Weights", {**{name: name for name in names}, "DEFAULT": default}, module="tenon.vision.models"
    )
    for model, (names, default) in _OFFERED.items()
}
