from fastai.vision.all import ImageDataLoaders, Resize, accuracy, resnet34, vision_learner

loaders = ImageDataLoaders.from_folder("pets", valid_pct=0.2, seed=1, item_tfms=Resize(224))
learn = vision_learner(loaders, resnet34, metrics=accuracy)
learn.fine_tune(3, 2e-3)
learn.export("pets.pkl")
