import hydra
import lightning as L
from omegaconf import DictConfig, OmegaConf


@hydra.main(version_base=None, config_path="settings", config_name="base")
def main(cfg: DictConfig) -> None:
    L.seed_everything(cfg.seed)
    data = hydra.utils.instantiate(cfg.data)
    model = hydra.utils.instantiate(cfg.model)
    trainer = L.Trainer(**OmegaConf.to_container(cfg.trainer))
    trainer.fit(model, datamodule=data)
    trainer.test(model, datamodule=data)


if __name__ == "__main__":
    main()
