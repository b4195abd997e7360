"""Byte-level BPE tokenizers under the names of the `tokenizers` package, whose tokenizer.json files they read and write."""

from tenon.text._tokenizer import AddedToken, ByteLevelBPETokenizer, Encoding, Tokenizer

__all__ = ["AddedToken", "ByteLevelBPETokenizer", "Encoding", "Tokenizer"]
