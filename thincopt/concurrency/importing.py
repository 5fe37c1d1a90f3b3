"""What is imported late, at first use: a fork waits for it, since in the child nobody would end it.

Python's lock of a module that another thread imports stays taken in the child, for ever. The standard library alone.
"""

import os
from threading import RLock

late = RLock()
os.register_at_fork(before=late.acquire, after_in_parent=late.release, after_in_child=late.release)
