"""What a child that comes of a fork does with the signals that are as Ctrl-C in its parent."""

from __future__ import annotations

import os
import signal
from multiprocessing import get_context

from bezoar_data.config.signals import signals_as_ctrl_c


def test_a_forked_child_takes_them_as_any_process() -> None:
    with signals_as_ctrl_c():
        child = os.fork()
        if child == 0:
            taken = signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
            os._exit(taken or signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        assert os.waitpid(child, 0)[1] == 0
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_pool_that_is_ended_at_once_ends() -> None:
    with signals_as_ctrl_c():
        for _ in range(20):
            with get_context("fork").Pool(2) as pool:
                pool.terminate()
                pool.join()
