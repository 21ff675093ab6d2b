import sys

from omegaconf import OmegaConf

if __name__ == "__main__":
    merged = OmegaConf.merge(*[OmegaConf.load(path) for path in sys.argv[1:]])
    print(OmegaConf.to_yaml(merged, resolve=True))
