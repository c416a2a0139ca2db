"""The `codec` command, also `python -m codectool`."""

from __future__ import annotations

import atexit
import io
import os
import signal
import sys
from types import FrameType

import click
from click.exceptions import Exit

from codectool.cli import cli
from codectool.cli.completion import answer_shell
from codectool.cli.options import SIGNALLED, say
from codectool.engines.kernel_caches import bound_kernel_caches
from codectool.errors import CodecError, FileError, WeightsError, message_of
from codectool.files.streams import fill_closed_streams

EXTRAS = {
    "torch": ("PyTorch", "torch"),
    "onnx": ("onnx", "onnx"),
    "onnxscript": ("onnxscript", "onnx"),
    "ai_edge_litert": ("LiteRT", "lyra"),
}


class Terminated(KeyboardInterrupt):
    """A signal that asks the process to end, as Ctrl-C does."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def main() -> None:
    """Run the command line and exit with the code of what happened."""
    # NumPy's threads for products would be started with it, and nothing here needs them.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if __name__ != "__main__":  # as `python -m` it may itself lie in the current folder
        # Else Python looks there first for what a process of ours imports, and the folder may be anybody's.
        os.environ.setdefault("PYTHONSAFEPATH", "1")
    codes: list[int] = []
    atexit.register(_leave, codes)  # the first to be registered is the last to be called
    fill_closed_streams()
    end_in_order()
    bound_kernel_caches()
    if isinstance(sys.stdout, io.TextIOWrapper):  # names and tags may be of letters that a terminal lacks
        sys.stdout.reconfigure(errors="backslashreplace")
    answered = answer_shell(cli)
    code = run(sys.argv[1:]) if answered is None else answered
    try:
        sys.stdout.flush()
    except OSError:  # told already; Python would try again at its end, and have the last word
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    codes.append(code)
    sys.exit(code)


def _leave(codes: list[int]) -> None:
    """End the process at once, with the code if there is one.

    Python would first take its objects apart, for 50 ms. And it would die of an interrupt that came while
    eval() ran in an import, and lose the code.
    """
    if codes:
        sys.stderr.flush()
        os._exit(codes[0])


def end_in_order() -> None:
    """Make SIGTERM and SIGHUP end the process as Ctrl-C does, so that nothing unfinished is left behind."""

    def terminate(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise Terminated(number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # nohup has it ignored
            signal.signal(number, terminate)


def run(arguments: list[str]) -> int:
    """Run one command; give the exit code of what happened, after saying it on stderr."""
    try:
        # Not cli.main(): it answers a reader that left with exit code 1, and an interrupt with an empty line.
        with cli.make_context("codec", arguments) as context:
            code = cli.invoke(context)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except Exit as done:  # after --help and --version
        return done.exit_code
    except CodecError as error:
        return _say(str(error), error.exit_code)
    except click.UsageError as error:
        return _refuse(error)
    except Terminated as error:
        return _say(f"ended by {signal.Signals(error.number).name}", SIGNALLED + error.number)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        what, extra = EXTRAS[package]
        return _say(f"this needs {what}: pip install 'codectool[{extra}]'", WeightsError.exit_code)
    except KeyboardInterrupt:
        return _say("interrupted", SIGNALLED + signal.SIGINT)
    except BrokenPipeError:  # the reader of our output has all it wanted
        return 0
    except OSError as error:
        return _say(message_of(error, "a file or device"), FileError.exit_code)


def _refuse(error: click.UsageError) -> int:
    message, command = error.format_message(), error.ctx.command_path if error.ctx else "codec"
    if "\n" in message:  # the whole help, for a command without any arguments
        print(message, file=sys.stderr)
        return error.exit_code
    return _say(f"{message.rstrip('.')} (see {command} --help)", error.exit_code)


def _say(message: str, code: int) -> int:
    say(message)
    return code


if __name__ == "__main__":
    main()
