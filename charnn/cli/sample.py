"""`charnn sample`: new text from a run."""

import dataclasses
import json
import secrets
import sys
from pathlib import Path
from typing import BinaryIO, Literal

import click

from charnn.cli.options import GroupedCommand, GroupedOption, checkpoints_option, config_option, device_option, find_run
from charnn.config import SampleConfig
from charnn.errors import ConfigError

WHAT, HOW = "What is written", "How characters are drawn"


@click.command(cls=GroupedCommand)
@click.argument("run", required=False)
@click.option("--prompt", cls=GroupedOption, group=WHAT, default="", help="Text to continue; - reads it from stdin.")
@click.option(
    "--length",
    cls=GroupedOption,
    group=WHAT,
    type=click.IntRange(min=0),
    default=500,
    show_default=True,
    help="Characters to write, not counting the prompt.",
)
@click.option(
    "--stop", cls=GroupedOption, group=WHAT, default="", help="End before the first STRING.", metavar="STRING"
)
@click.option(
    "--num",
    cls=GroupedOption,
    group=WHAT,
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Texts to write at once; more than one are shown when all are complete.",
)
@config_option(SampleConfig, "temperature", HOW, "Below 1 is careful, above 1 is wild, 0 always takes the likeliest.")
@config_option(SampleConfig, "top_k", HOW, "Only among the K likeliest; 0: all.", metavar="K")
@config_option(SampleConfig, "top_p", HOW, "Only among the likeliest that have this probability together.", metavar="P")
@config_option(SampleConfig, "min_p", HOW, "Only those at least this times as likely as the likeliest.", metavar="P")
@click.option("--greedy", cls=GroupedOption, group=HOW, is_flag=True, help="Short for --temperature 0.")
@click.option(
    "--seed",
    cls=GroupedOption,
    group=HOW,
    type=click.IntRange(0, 2**32 - 1),
    help="The same seed writes the same text.  [default: a random one, which is told]",
)
@click.option("--out", type=click.File("wb", lazy=True), default="-", metavar="FILE", help="Write to FILE, not stdout.")
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object a line and text, with prompt, seed and settings."
)
@click.option("--hide-prompt", is_flag=True, help="Write only what is new.")
@click.option("--quiet", is_flag=True, help="Nothing on stderr but errors.")
@click.option(
    "--checkpoint",
    type=click.Choice(["best", "last"]),
    default="best",
    show_default=True,
    help="The weights of the lowest validation score, or the newest.",
)
@checkpoints_option
@device_option
@click.pass_context
def sample(
    ctx: click.Context,
    /,
    run: str | None,
    prompt: str,
    length: int,
    stop: str,
    num: int,
    temperature: float,
    top_k: int,
    top_p: float,
    min_p: float,
    greedy: bool,
    seed: int | None,
    out: BinaryIO,
    as_json: bool,
    hide_prompt: bool,
    quiet: bool,
    checkpoint: Literal["best", "last"],
    checkpoints: Path,
    device: str | None,
) -> None:
    """Write new text with RUN (a name or a folder; the newest run if left out)."""
    if greedy and ctx.get_parameter_source("temperature") is click.core.ParameterSource.COMMANDLINE:
        raise ConfigError("--greedy is temperature 0, so no other temperature can be given; leave one out.", "greedy")
    config = SampleConfig(0.0 if greedy else temperature, top_k, top_p, min_p)

    from charnn.nn.device import select_device
    from charnn.nn.model import Model
    from charnn.text.corpus import decode_bytes, examples
    from charnn.training.checkpoint import load_params
    from charnn.training.record import read_run
    from charnn.ui.writing import TextWriter
    from charnn.writing.sampling import sample as write

    def tell(line: str) -> None:
        if not quiet:
            click.echo(line, err=True)

    select_device(device)
    folder = find_run(checkpoints, run)
    record = read_run(folder)
    params, step = load_params(folder, checkpoint, record.model, len(record.vocabulary))
    model = Model(record.model, record.vocabulary, params)

    prompt = decode_bytes(sys.stdin.buffer.read() if prompt == "-" else prompt.encode("utf-8", "surrogateescape"))
    if unseen := record.vocabulary.unknown_characters(prompt):
        tell(f"The run never saw {examples(unseen)} of the prompt; such characters are read as unknown.")
    if seed is None:
        seed = secrets.randbits(32)
    tell(f"{folder.name}, step {step:,}, seed {seed}")

    pieces = write(model, prompt, config, length=length, seed=seed, num=num, stop=stop)
    writer = TextWriter(out)
    shown_prompt = "" if hide_prompt else prompt
    if num == 1 and not as_json:
        writer.write(shown_prompt)
        for (piece,) in pieces:
            writer.write(piece)
        if writer.is_terminal:
            writer.write("\n")
        return
    texts = ["".join(parts) for parts in zip(*pieces, strict=True)] or [""] * num
    for n, text in enumerate(texts):
        if as_json:
            line = {"run": folder.name, "checkpoint": checkpoint, "step": step, "seed": seed, "stream": n}
            line |= {"prompt": prompt, "text": text, "length": length, "stop": stop}
            writer.write(json.dumps(line | dataclasses.asdict(config)) + "\n")
        else:
            writer.write(f"{shown_prompt}{text}\n" + ("\n" if n < num - 1 else ""))
