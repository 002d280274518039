"""A randomly initialised Llama of a few hundred thousand parameters: the test-suite's stand-in, ready in milliseconds.

It says nothing sensible, but all of it is real: tokenizer, chat template, attention, LoRA training, decoding.
"""

from __future__ import annotations

import hashlib
from importlib import import_module
from pathlib import Path
from typing import Any

from offline.models.hub import CHATML, END_OF_TURN, FORMAT, HubFolder, transformers_version, write_ref

SEED = 20261123
CONTEXT = 8192
VOCABULARY = 640
SPREAD = 0.3
"""Standard deviation of the weights; the usual 0.02 leaves so small a model without a say that LoRA could steer."""
PADDING = "<|endoftext|>"  # not the end of a turn: the row of the padding token starts as zeros
SPECIAL = (PADDING, "<|im_start|>", END_OF_TURN)
SAMPLE = """
The handbook lists products, sites, policies and services. Answer in the house style: the value and the page id in
square brackets, such as 24 months [PRD-01]. If the documents do not say, reply with the one refusal sentence.
Question: What is the warranty of the pump? The warranty is 36 months from delivery, the list price 1,250 euros and the
weight 18 kg. Which site keeps the spare valves, and who approves a transfer between two depots? The system, the user
and the assistant take turns; use only the pages, think in one short sentence, then write the answer.
"""
"""What the tokenizer learns its merges from; any text of the kind will do."""


def folder(root: Path) -> HubFolder:
    """Return the cache folder, named by all that decides its content."""
    key = f"tiny {SEED} {VOCABULARY} {SPREAD} {PADDING} {SAMPLE} transformers {transformers_version()} format {FORMAT}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    return HubFolder(home=root / f"tiny-{digest[:8]}", revision=digest[:40])


def create(target: HubFolder) -> None:
    """Write model and tokenizer below `target.snapshot`."""
    import torch

    transformers: Any = import_module("transformers")
    transformers.logging.disable_progress_bar()
    target.snapshot.mkdir(parents=True)
    tokenizer = _tokenizer()
    padding, _, end = (tokenizer.convert_tokens_to_ids(token) for token in SPECIAL)
    torch.manual_seed(SEED)
    model = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=CONTEXT,
            initializer_range=SPREAD,
            tie_word_embeddings=True,
            eos_token_id=end,
            pad_token_id=padding,
        )
    )
    model.generation_config = transformers.GenerationConfig(eos_token_id=end, pad_token_id=padding, do_sample=False)
    model.save_pretrained(target.snapshot)
    tokenizer.save_pretrained(target.snapshot)
    write_ref(target)


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    transformers: Any = import_module("transformers")

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.train_from_iterator(
        [SAMPLE],
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=list(SPECIAL),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    wrapped = transformers.PreTrainedTokenizerFast(tokenizer_object=raw, eos_token=END_OF_TURN, pad_token=PADDING)
    wrapped.chat_template = CHATML
    return wrapped
