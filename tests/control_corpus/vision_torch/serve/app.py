import io

import torch
from fastapi import FastAPI, UploadFile
from PIL import Image
from torchvision import transforms

app = FastAPI()
model = torch.jit.load("model.ts").eval()
prepare = transforms.Compose([transforms.Resize(32), transforms.ToTensor()])


@app.get("/health")
def health():
    return {"status": "ok"}


@app.post("/classify")
async def classify(file: UploadFile):
    image = Image.open(io.BytesIO(await file.read())).convert("RGB")
    with torch.inference_mode():
        scores = model(prepare(image)[None]).softmax(-1)[0]
    top = scores.topk(3)
    return {"labels": top.indices.tolist(), "scores": top.values.tolist()}
