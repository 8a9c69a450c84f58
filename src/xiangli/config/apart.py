"""Processes that do a part of this one's work."""

import importlib
import multiprocessing
import os
import pickle
import threading
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

import django


def start(function: Callable[..., object], *arguments: object) -> BaseProcess:
    """Have a module's function called in a new process, with Django set up there; its exit code is 0 if that
    went well. The process ends when this one does, however that ends."""
    # pickled here, because Django must be set up before the arguments' modules are imported there
    packed = pickle.dumps(arguments)
    process = multiprocessing.get_context("spawn").Process(
        target=_do, args=(function.__module__, function.__qualname__, packed)
    )
    process.start()
    return process


def _do(module: str, name: str, packed: bytes) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    django.setup()
    getattr(importlib.import_module(module), name)(*pickle.loads(packed))  # noqa: S301  # packed by `start`


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)  # its transaction is taken back by the database
