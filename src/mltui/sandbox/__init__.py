"""Where the agent's commands and training runs are confined by the operating system: bubblewrap, else Landlock, else nothing.

`choose` says which of them works here; `Sandbox.start` takes the place of `subprocess.Popen`.
"""

from mltui.sandbox.choice import choose
from mltui.sandbox.confinement import Confinement
from mltui.sandbox.process import Sandbox, SandboxedProcess

__all__ = ["Confinement", "Sandbox", "SandboxedProcess", "choose"]
