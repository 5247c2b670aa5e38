"""A decoder of pictures that takes the process it is in with it."""

import os
import signal

from psyche_kedro.pipelines.cedar.isolation.pictures import _opened


def ends_at_the_second(params, file):
    if file.name == "2.png":
        os.kill(os.getpid(), signal.SIGSEGV)
    return _opened(params, file)
