import cv2
from ultralytics import YOLO

model = YOLO("best.pt")
camera = cv2.VideoCapture(0)
while True:
    ok, frame = camera.read()
    if not ok:
        break
    cv2.imshow("boats", model(frame, verbose=False)[0].plot())
    if cv2.waitKey(1) == 27:
        break
