"""After the cancel: what is still running, and which clean-up ran?

Nothing is imported here: the executor, which starts once for every worker, imports this package
and pays for whatever stands in this file.
"""

__version__ = "0.1.0"
