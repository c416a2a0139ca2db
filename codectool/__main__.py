"""The `codec` command, also `python -m codectool`."""

from __future__ import annotations

import os
import sys

import click

from codectool.cli import cli
from codectool.errors import CodecError, FileError

INTERRUPTED = 130  # 128 and the number of SIGINT, as shells count it


def main() -> None:
    """Run the command line and exit with the code of what happened."""
    sys.exit(_run())


def _run() -> int:
    try:
        code = cli.main(prog_name="codec", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except CodecError as error:
        return _say(str(error), error.exit_code)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _say("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has all it wanted; nothing more may be flushed into the pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _say(f"{error.filename or 'a file or device'}: {error.strerror or error}", FileError.exit_code)


def _say(message: str, code: int) -> int:
    print(f"codec: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
