import argparse

from huggingface_hub import snapshot_download

parser = argparse.ArgumentParser()
parser.add_argument("--repo", default="HuggingFaceTB/SmolLM2-135M")
parser.add_argument("--to", default="weights")
args = parser.parse_args()
print(snapshot_download(args.repo, local_dir=args.to, allow_patterns=["*.json", "*.safetensors"]))
