"""The line-mode conversation: `mltui --plain`."""
