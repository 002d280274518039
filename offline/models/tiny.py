"""A very small model with random weights, for tests: same hub id, same chat format, knows nothing, starts at once."""

from __future__ import annotations

from pathlib import Path

from offline.models.hub import CHATML, FORMAT, HubFolder, transformers_version, write_ref

WORDS = ["<unk>", "<|im_start|>", "<|im_end|>"]
SEED = 20261123


def folder(root: Path) -> HubFolder:
    """Where the tiny model lies below `root`."""
    return HubFolder(home=root / f"tiny-transformers-{transformers_version()}-{FORMAT}", revision="0" * 40)


def build(target: HubFolder) -> None:
    """Writes model and tokenizer: one token a byte, two layers of width 32, 8,192 positions."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {word: number for number, word in enumerate([*WORDS, *alphabet])}
    raw = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens(WORDS[1:])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, unk_token="<unk>", eos_token="<|im_end|>", pad_token="<|im_end|>"
    )
    tokenizer.chat_template = CHATML
    end = vocabulary["<|im_end|>"]
    torch.manual_seed(SEED)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(vocabulary),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=8192,
            eos_token_id=end,
            pad_token_id=end,
            bos_token_id=None,
            tie_word_embeddings=True,
        )
    )
    model.generation_config = GenerationConfig(eos_token_id=end, pad_token_id=end, do_sample=False)
    target.snapshot.mkdir(parents=True)
    model.save_pretrained(target.snapshot)
    tokenizer.save_pretrained(target.snapshot)
    write_ref(target)
