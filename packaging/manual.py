"""Writes the commands and their options into a manual page, from the program itself.

usage: manual.py PAGE. A line `@COMMANDS@` of the page (in scdoc) becomes one section per command, and
`@OPTIONS name@` the options of one command.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from splynx_stripe.cli.main import main

PROGRAM = "splynx-stripe"
_MEANS_SOMETHING = re.compile(r"([\\*_#|~<>])")
"""Signs that scdoc would read as its own."""


def commands(group: click.Group, words: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    """Gives every command that does something, with its full name, in the order of `--help`."""
    context = click.Context(group, info_name=words[-1])
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield " ".join((*words, name)), command


def options(command: click.Command) -> Iterator[str]:
    """Gives the options of a command as lines of scdoc."""
    context = click.Context(command)
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is None or isinstance(parameter, click.Argument):  # the text explains that
            continue
        names, text = record
        yield f"*{_plain(names)}*"
        if text:
            yield f"\t{_plain(' '.join(text.split()))}"
        yield ""


def section(name: str, command: click.Command) -> Iterator[str]:
    """Gives the section of one command as lines of scdoc."""
    pieces = command.collect_usage_pieces(click.Context(command))
    words = [name, *(piece for piece in pieces if piece != "[OPTIONS]")]
    yield f"## {_plain(' '.join(words))}"
    yield ""
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        yield _plain(" ".join(paragraph.split()))
        yield ""
    yield from options(command)


def page(text: str) -> str:
    """Fills the places of a page."""
    lines: list[str] = []
    for line in text.splitlines():
        wanted = re.fullmatch(r"@OPTIONS (\S+)@", line)
        if line == "@COMMANDS@":
            for name, command in commands(main, (PROGRAM,)):
                lines += section(name, command)
        elif wanted:
            lines += options(_named(wanted[1]))
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def _named(name: str) -> click.Command:
    command = main.get_command(click.Context(main), name)
    if command is None:
        raise SystemExit(f"There is no command {name}.")
    return command


def _plain(text: str) -> str:
    return _MEANS_SOMETHING.sub(r"\\\1", text)


if __name__ == "__main__":
    sys.stdout.write(page(Path(sys.argv[1]).read_text(encoding="utf-8")))
