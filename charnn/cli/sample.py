"""`charnn sample`: new text from a run."""

import dataclasses
import json
import secrets
import sys
from pathlib import Path
from typing import Any, BinaryIO, Literal

import click

from charnn.cli.options import (
    GroupedCommand,
    GroupedOption,
    cache_option,
    checkpoints_option,
    compute_on,
    config_option,
    device_option,
)
from charnn.cli.voices import Loaded, checkpoint_option, load_voices, voice_option
from charnn.config import SampleConfig
from charnn.errors import ConfigError

WHAT, HOW = "What is written", "How characters are drawn"


@click.command(cls=GroupedCommand)
@click.argument("run", required=False)
@voice_option
@checkpoint_option
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
    help="Texts to write, up to 256 at once; each is shown when those are complete.",
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
@checkpoints_option
@device_option
@cache_option
@click.pass_context
def sample(
    ctx: click.Context,
    /,
    run: str | None,
    voice: tuple[str, ...],
    checkpoint: Literal["best", "last"],
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
    checkpoints: Path,
    device: str | None,
    cache: bool,
) -> None:
    """Write new text with RUN (a name or a folder; the newest run if left out), or with several by `--voice`."""
    if greedy and ctx.get_parameter_source("temperature") is click.core.ParameterSource.COMMANDLINE:
        raise ConfigError("--greedy is temperature 0, so no other temperature can be given; leave one out.", "greedy")
    config = SampleConfig(0.0 if greedy else temperature, top_k, top_p, min_p)

    from charnn.text.corpus import decode_bytes, examples
    from charnn.ui.writing import TextWriter
    from charnn.writing.sampling import sample as write
    from charnn.writing.sampling import sample_texts

    def tell(line: str) -> None:
        if not quiet:
            click.echo(line, err=True)

    compute_on(device, cache=cache)
    loaded = load_voices(checkpoints, run, voice, checkpoint)
    prompt = decode_bytes(sys.stdin.buffer.read() if prompt == "-" else prompt.encode("utf-8", "surrogateescape"))
    if unseen := loaded.voices.vocabulary.unknown_characters(prompt):
        reader = "The run" if len(loaded.steps) == 1 else "None of the runs"
        saw = "never saw" if len(loaded.steps) == 1 else "ever saw"
        tell(f"{reader} {saw} {examples(unseen)} of the prompt; such characters are read as unknown.")
    if seed is None:
        seed = secrets.randbits(32)
    tell(f"{loaded}, seed {seed}")

    writer = TextWriter(out)
    shown_prompt = "" if hide_prompt else prompt
    if num == 1 and not as_json:
        writer.write(shown_prompt)
        for (piece,) in write(loaded.voices, prompt, config, length=length, seed=seed, stop=stop):
            writer.write(piece)
        if writer.is_terminal:
            writer.write("\n")
        return
    texts = sample_texts(loaded.voices, prompt, config, length=length, seed=seed, num=num, stop=stop)
    for n, text in enumerate(texts):
        if as_json:
            line = _writer(loaded, checkpoint, several=bool(voice)) | {"seed": seed, "stream": n}
            line |= {"prompt": prompt, "text": text, "length": length, "stop": stop}
            writer.write(json.dumps(line | dataclasses.asdict(config)) + "\n")
        else:
            writer.write(f"{shown_prompt}{text}\n" + ("\n" if n < num - 1 else ""))


def _writer(loaded: Loaded, checkpoint: str, *, several: bool) -> dict[str, Any]:
    """Who wrote, as a line of JSON tells it."""
    names, weights = loaded.voices.names, loaded.voices.weights
    if not several:
        return {"run": names[0], "checkpoint": checkpoint, "step": loaded.steps[0]}
    voices = zip(names, loaded.steps, weights, strict=True)
    return {
        "voices": [{"run": name, "step": step, "weight": weight} for name, step, weight in voices],
        "checkpoint": checkpoint,
    }
