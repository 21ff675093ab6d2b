import subprocess


def text_of(path):
    """The text of a scanned page."""
    done = subprocess.run(["tesseract", path, "-", "-l", "hun"], capture_output=True, text=True, check=True)
    return done.stdout
