from rich.layout import Layout
from rich.panel import Panel


class Board:
    def __init__(self, console):
        self.layout = Layout()
        self.layout.split_column(Layout(name="head", size=3), Layout(name="rows"))
        self.console = console

    def fit(self, width, height):
        self.layout["rows"].update(Panel("", width=width, height=height - 3))
        return self.layout

    def draw(self):
        self.fit(*self.console.size)
        self.console.print(self.layout)
