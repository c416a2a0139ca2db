"""codec tag"""

from __future__ import annotations

import click

from codectool.cli.options import say, show
from codectool.errors import UsageError


@click.command()
@click.argument("source", metavar="FILE", type=click.Path())
@click.argument("changes", metavar="[KEY=VALUE]...", nargs=-1)
@click.option("--clear", is_flag=True, help="Drop all others.")
@click.option("-o", "--output", metavar="OUT", type=click.Path(), help="Write there, and leave FILE.")
@click.option("-f", "--force", is_flag=True, help="Overwrite OUT.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def tag(
    source: str, changes: tuple[str, ...], clear: bool, output: str | None, force: bool, quiet: bool
) -> None:
    """Show the tags of an .ecdc file, or change them without encoding anew; KEY= drops one."""
    from codectool.audio.tags import tag_name
    from codectool.container import editing

    if not changes and not clear:
        if output is not None:
            raise UsageError("-o needs tags to change")
        for name, text in sorted(editing.verify(source).tags.items()):
            show(f"{name}={text}")
        return
    if not all("=" in change for change in changes):
        raise UsageError(f"{' '.join(changes)}: tags are KEY=VALUE")
    wanted: dict[str, str] = {}
    for change in changes:
        name, text = change.split("=", 1)
        wanted |= {name: "", tag_name(name): text}  # a name that means another does not stand beside it
    job = editing.TagJob(source, output or source, wanted, clear, overwrite=force or output is None)
    tags = editing.tag_file(job)
    say(f"{job.target}: {len(tags)} tags", quiet)
