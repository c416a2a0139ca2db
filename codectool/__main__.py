"""The `codec` command, also `python -m codectool`."""

from __future__ import annotations

import os
import sys

import click
from click.exceptions import Exit

from codectool.cli import cli
from codectool.errors import CodecError, FileError

INTERRUPTED = 130  # 128 and the number of SIGINT, as shells count it


def main() -> None:
    """Run the command line and exit with the code of what happened."""
    sys.exit(run(sys.argv[1:]))


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
    except KeyboardInterrupt:
        return _say("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has all it wanted; nothing more may be flushed into the pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _say(f"{error.filename or 'a file or device'}: {error.strerror or error}", FileError.exit_code)


def _refuse(error: click.UsageError) -> int:
    message, command = error.format_message(), error.ctx.command_path if error.ctx else "codec"
    if "\n" in message:  # the whole help, for a command without any arguments
        print(message, file=sys.stderr)
        return error.exit_code
    return _say(f"{message.rstrip('.')} (see {command} --help)", error.exit_code)


def _say(message: str, code: int) -> int:
    print(f"codec: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
