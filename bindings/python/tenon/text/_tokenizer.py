"""The classes of tenon.text over those of the extension."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from tenon import _C

Encoding = _C.text.Encoding

_Progress = Callable[[str, int, int], None]


class AddedToken:
    """A token that is looked for in a text before the text is split into words."""

    def __init__(
        self,
        content: str = "",
        single_word: bool = False,
        lstrip: bool = False,
        rstrip: bool = False,
        normalized: bool | None = None,
        special: bool = False,
    ) -> None:
        self.content = content
        self.single_word = single_word
        self.lstrip = lstrip
        self.rstrip = rstrip
        self.special = special
        self._normalized = normalized

    @property
    def normalized(self) -> bool:
        """Whether it is looked for after those that are not; special tokens are not unless told to be."""
        return not self.special if self._normalized is None else self._normalized

    def __repr__(self) -> str:
        flags = f"rstrip={self.rstrip}, lstrip={self.lstrip}, single_word={self.single_word}"
        return f'AddedToken("{self.content}", {flags}, normalized={self.normalized}, special={self.special})'

    def __str__(self) -> str:
        return self.content

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AddedToken) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(self.content)


def _fields(token: str | AddedToken, special: bool) -> tuple[str, bool, bool, bool, bool, bool]:
    """A token as the extension takes it."""
    token = AddedToken(token) if isinstance(token, str) else token
    special = token.special or special
    normalized = not special if token._normalized is None else token._normalized
    return token.content, token.single_word, token.lstrip, token.rstrip, normalized, special


def _progress_of(show: bool, progress: _Progress | None) -> _Progress | None:
    return progress if progress is not None else _Bar() if show and sys.stderr.isatty() else None


class _Bar:
    """A line of stderr that tells how far training is."""

    _shown = ""

    def __call__(self, stage: str, done: int, total: int) -> None:
        line = f"{stage} {done * 100 // total}%" if total else f"{stage} {done}"
        if line != self._shown:
            sys.stderr.write(f"\r{line:<24}" + "\n" * (stage == "merging" and done == total))
            sys.stderr.flush()
            self._shown = line


def _texts(iterator: Iterable[str] | Iterable[Iterable[str]]) -> Iterator[str]:
    for item in iterator:
        if isinstance(item, str):
            yield item
        else:
            yield from item


class Tokenizer:
    """A byte-level BPE tokenizer: text to ids and back."""

    def __init__(self, add_prefix_space: bool = False, trim_offsets: bool = False) -> None:
        self._native = _C.text.Tokenizer(add_prefix_space, trim_offsets)

    @staticmethod
    def from_file(path: str | os.PathLike[str]) -> Tokenizer:
        """The tokenizer of a tokenizer.json file."""
        tokenizer = Tokenizer()
        tokenizer._native.load_file(os.fsdecode(path))
        return tokenizer

    @staticmethod
    def from_str(json: str) -> Tokenizer:
        """The tokenizer of the text of a tokenizer.json file."""
        tokenizer = Tokenizer()
        tokenizer._native.load_str(json)
        return tokenizer

    @staticmethod
    def from_buffer(buffer: bytes) -> Tokenizer:
        """The tokenizer of the bytes of a tokenizer.json file."""
        return Tokenizer.from_str(bytes(buffer).decode())

    def save(self, path: str | os.PathLike[str], pretty: bool = True) -> None:
        """Writes a tokenizer.json file, which appears whole or not at all."""
        self._native.save(os.fsdecode(path), pretty)

    def to_str(self, pretty: bool = False) -> str:
        """The text that save() writes."""
        return self._native.to_str(pretty)

    def save_model(self, directory: str | os.PathLike[str], prefix: str | None = None) -> list[str]:
        """Writes vocab.json and merges.txt into a folder and gives their paths."""
        return self._native.save_model(os.fsdecode(directory), prefix or "")

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (type(self), self.to_str())

    def __repr__(self) -> str:
        return f"{type(self).__name__}(vocabulary_size={self.get_vocab_size()})"

    # --- training

    def train(
        self,
        files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        vocab_size: int = 30000,
        min_frequency: int = 2,
        show_progress: bool = True,
        special_tokens: Sequence[str | AddedToken] = (),
        progress: _Progress | None = None,
    ) -> None:
        """Learns a vocabulary from text files on all cores; `progress` hears of (stage, done, total)."""
        paths = [files] if isinstance(files, (str, os.PathLike)) else files
        self._native.train(
            [os.fsdecode(path) for path in paths],
            vocab_size,
            min_frequency,
            [_fields(token, True) for token in special_tokens],
            _progress_of(show_progress, progress),
        )

    def train_from_iterator(
        self,
        iterator: Iterable[str] | Iterable[Iterable[str]],
        vocab_size: int = 30000,
        min_frequency: int = 2,
        show_progress: bool = True,
        special_tokens: Sequence[str | AddedToken] = (),
        length: int | None = None,
        progress: _Progress | None = None,
    ) -> None:
        """Learns a vocabulary from texts, or lists of texts, on all cores; `length` is how many texts will come."""
        self._native.train_from_iterator(
            _texts(iterator),
            vocab_size,
            min_frequency,
            [_fields(token, True) for token in special_tokens],
            _progress_of(show_progress, progress),
            length or 0,
        )

    # --- encoding and decoding

    def encode(
        self,
        sequence: str,
        pair: str | None = None,
        is_pretokenized: bool = False,
        add_special_tokens: bool = True,
    ) -> Encoding:
        """The tokens of a text, or of a pair of texts."""
        _check_whole(is_pretokenized)
        return self._native.encode(sequence, pair, add_special_tokens)

    def encode_batch(
        self,
        input: Sequence[str] | Sequence[tuple[str, str]],
        is_pretokenized: bool = False,
        add_special_tokens: bool = True,
    ) -> list[Encoding]:
        """The tokens of each text, or pair of texts, on all cores."""
        _check_whole(is_pretokenized)
        return self._native.encode_batch(input, add_special_tokens)

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        """The text of ids."""
        return self._native.decode(ids, skip_special_tokens)

    def decode_batch(self, sequences: Sequence[Sequence[int]], skip_special_tokens: bool = True) -> list[str]:
        """The texts of several lists of ids, on all cores."""
        return self._native.decode_batch(sequences, skip_special_tokens)

    # --- the vocabulary

    def token_to_id(self, token: str) -> int | None:
        """The id of a token, or None."""
        return self._native.token_to_id(token)

    def id_to_token(self, id: int) -> str | None:
        """The token of an id, or None."""
        return self._native.id_to_token(id)

    def get_vocab(self, with_added_tokens: bool = True) -> dict[str, int]:
        """The ids of all tokens."""
        return dict(self._native.get_vocab(with_added_tokens))

    def get_vocab_size(self, with_added_tokens: bool = True) -> int:
        """How many tokens there are."""
        return self._native.get_vocab_size(with_added_tokens)

    def add_tokens(self, tokens: Sequence[str | AddedToken]) -> int:
        """Adds tokens that are looked for in texts; tells how many are new."""
        return self._native.add_tokens([_fields(token, False) for token in tokens])

    def add_special_tokens(self, special_tokens: Sequence[str | AddedToken]) -> int:
        """Adds tokens that decode() leaves out; tells how many are new."""
        return self._native.add_tokens([_fields(token, True) for token in special_tokens])

    def get_added_tokens_decoder(self) -> dict[int, AddedToken]:
        """The added tokens by id."""
        return {id: AddedToken(*fields) for id, *fields in self._native.added_tokens()}

    def num_special_tokens_to_add(self, is_pair: bool = False) -> int:
        """How many tokens are put around a text or a pair of texts."""
        return self._native.num_special_tokens_to_add(is_pair)

    # --- padding and truncation

    def enable_padding(
        self,
        direction: str = "right",
        pad_id: int = 0,
        pad_type_id: int = 0,
        pad_token: str = "[PAD]",
        length: int | None = None,
        pad_to_multiple_of: int | None = None,
    ) -> None:
        """Lets encodings be padded to `length`, or to the longest of their batch."""
        self._native.set_padding(direction, pad_id, pad_type_id, pad_token, length, pad_to_multiple_of)

    def no_padding(self) -> None:
        """Ends padding."""
        self._native.no_padding()

    @property
    def padding(self) -> dict[str, Any] | None:
        """What enable_padding() was given, or None."""
        return self._native.padding()

    def enable_truncation(
        self, max_length: int, stride: int = 0, strategy: str = "longest_first", direction: str = "right"
    ) -> None:
        """Lets encodings be cut to `max_length` tokens, special ones included."""
        self._native.set_truncation(max_length, stride, strategy, direction)

    def no_truncation(self) -> None:
        """Ends truncation."""
        self._native.no_truncation()

    @property
    def truncation(self) -> dict[str, Any] | None:
        """What enable_truncation() was given, or None."""
        return self._native.truncation()


class ByteLevelBPETokenizer(Tokenizer):
    """A byte-level BPE tokenizer from a vocabulary and merges, of files or as a dict and a list, or to be trained."""

    def __init__(
        self,
        vocab: str | dict[str, int] | None = None,
        merges: str | Sequence[tuple[str, str]] | None = None,
        add_prefix_space: bool = False,
        lowercase: bool = False,
        dropout: float | None = None,
        unicode_normalizer: str | None = None,
        continuing_subword_prefix: str | None = None,
        end_of_word_suffix: str | None = None,
        trim_offsets: bool = False,
    ) -> None:
        super().__init__(add_prefix_space, trim_offsets)
        for name in ("lowercase", "dropout", "unicode_normalizer", "continuing_subword_prefix", "end_of_word_suffix"):
            if locals()[name]:
                raise NotImplementedError(f"ByteLevelBPETokenizer: {name}={locals()[name]!r} is not supported")
        if vocab is None or merges is None:
            return
        if isinstance(vocab, str) and isinstance(merges, str):
            self._native.load_files(vocab, merges, add_prefix_space, trim_offsets)
        elif isinstance(vocab, dict) and not isinstance(merges, str):
            self._native.set_model(list(vocab.items()), list(merges), add_prefix_space, trim_offsets)
        else:
            raise TypeError("ByteLevelBPETokenizer: vocab and merges must both be files, or a dict and a list of pairs")

    @staticmethod
    def from_file(  # pyright: ignore[reportIncompatibleMethodOverride]
        vocab_filename: str | os.PathLike[str], merges_filename: str | os.PathLike[str], **kwargs: Any
    ) -> ByteLevelBPETokenizer:
        """The tokenizer of vocab.json and merges.txt."""
        return ByteLevelBPETokenizer(os.fsdecode(vocab_filename), os.fsdecode(merges_filename), **kwargs)


def _check_whole(is_pretokenized: bool) -> None:
    if is_pretokenized:
        raise NotImplementedError("texts that are split into words already are not supported")


def _unpickled(cls: type[Tokenizer], json: str) -> Tokenizer:
    tokenizer = cls()
    tokenizer._native.load_str(json)
    return tokenizer
