import argparse

import torch
from vision.nets import resnet_small


def main():
    parser = argparse.ArgumentParser(description="Writes the model as ONNX")
    parser.add_argument("weights")
    parser.add_argument("--out", default="model.onnx")
    args = parser.parse_args()
    model = resnet_small()
    model.load_state_dict(torch.load(args.weights, map_location="cpu"))
    model.eval()
    torch.onnx.export(model, torch.randn(1, 3, 32, 32), args.out, input_names=["image"], output_names=["logits"], opset_version=17)


if __name__ == "__main__":
    main()
