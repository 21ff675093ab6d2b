from ultralytics import YOLO

if __name__ == "__main__":
    YOLO("yolov8n.yaml").train(data="boats.yaml", epochs=80, imgsz=640, lr0=0.01)
