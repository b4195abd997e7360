"""Wrong calls, hostile files and busy threads: tenon.text answers with typed errors and stays as it was."""

import json
import random
import threading

import pytest
from tenon.text import AddedToken, ByteLevelBPETokenizer, Encoding, Tokenizer


def trained():
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(["the cat sat on the mat 영화 정말"] * 3, vocab_size=270, special_tokens=["<s>"])
    return tokenizer


TOKENIZER = trained()


def test_files_that_are_none(tmp_path):
    for text in ("", "{", "[]", "7", '{"model": {}}', "nonsense", "\ufeff{}"):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises((RuntimeError, NotImplementedError)):
            Tokenizer.from_file(tmp_path / "a.json")
    (tmp_path / "a.json").write_bytes(b"\xff\xfe")
    with pytest.raises(RuntimeError, match=r"a\.json is no JSON"):
        Tokenizer.from_file(str(tmp_path / "a.json"))
    with pytest.raises(FileNotFoundError):
        Tokenizer.from_file("/nowhere/tokenizer.json")
    with pytest.raises(IsADirectoryError):
        Tokenizer.from_file(tmp_path)
    with pytest.raises(FileNotFoundError):
        TOKENIZER.save("/nowhere/tokenizer.json")
    with pytest.raises(FileNotFoundError):
        TOKENIZER.save_model("/nowhere")


def test_a_file_that_ends_early():
    text = TOKENIZER.to_str()
    for size in range(0, len(text), 7):
        with pytest.raises(RuntimeError):
            Tokenizer.from_str(text[:size])


PADDING = {"pad_id": 0, "pad_type_id": 0, "pad_token": ""}


def changed(**parts):
    file = json.loads(TOKENIZER.to_str())
    for path, value in parts.items():
        at, *rest = path.split("__")
        if rest:
            file[at][rest[0]] = value
        else:
            file[at] = value
    return json.dumps(file)


@pytest.mark.parametrize(
    "parts, error, match",
    [
        ({"normalizer": {"type": "NFKC"}}, NotImplementedError, "normalizer NFKC is not supported"),
        ({"model__type": "WordPiece"}, NotImplementedError, "model: type WordPiece"),
        ({"model__dropout": 0.5}, NotImplementedError, "model: dropout"),
        ({"pre_tokenizer": {"type": "Metaspace"}}, NotImplementedError, "pre_tokenizer: type Metaspace"),
        ({"pre_tokenizer": None}, NotImplementedError, "without a pre_tokenizer"),
        ({"decoder": {"type": "WordPiece"}}, NotImplementedError, "decoder: type WordPiece"),
        ({"post_processor": {"type": "Odd"}}, NotImplementedError, "post_processor: type Odd"),
        ({"model__merges": [["q", "z"]]}, RuntimeError, "'q' with 'z', of which 'qz' is not in the vocabulary"),
        ({"model__merges": [["q", "z", "y"]]}, RuntimeError, "model.merges: not of two tokens"),
        ({"model__vocab": {"a": 0, "b": 0}}, RuntimeError, "model.vocab.b: the token or its id is there twice"),
        ({"model__vocab": {"a": 2**40}}, RuntimeError, "model.vocab.a is not an integer from 0"),
        ({"model__vocab": {"a": 2**31}}, RuntimeError, "has the id 2147483648; ids below"),
        ({"model__vocab": {"a": True}}, RuntimeError, "model.vocab.a is not an integer"),
        ({"model__vocab": [1]}, RuntimeError, "model.vocab is not an object"),
        ({"added_tokens": [{"content": "x"}]}, RuntimeError, "added_tokens.id is missing"),
        ({"added_tokens": [{"id": 9999, "content": "x"}]}, RuntimeError, "its id is not the next one: x"),
        ({"truncation": {"max_length": 3, "stride": 3, "strategy": "LongestFirst"}}, RuntimeError, "a stride of 3"),
        ({"padding": {"strategy": {"Fixed": 2**31}} | PADDING}, RuntimeError, "padding: to more than"),
    ],
)
def test_a_file_is_refused_for_what_it_says(parts, error, match):
    with pytest.raises(error, match=match):
        Tokenizer.from_str(changed(**parts))


def test_damaged_files_raise_or_serve():
    text, draw, served = TOKENIZER.to_str(), random.Random(0), 0
    for _ in range(500):
        damaged = list(text)
        for _ in range(draw.randint(1, 3)):
            damaged[draw.randrange(len(damaged))] = draw.choice('0123456789{}[]",:\\ aé\0')
        try:
            tokenizer = Tokenizer.from_str("".join(damaged))
        except (RuntimeError, NotImplementedError):
            continue
        served += 1
        tokenizer.decode(tokenizer.encode("the cat 영화").ids)
    assert 0 < served < 500


def test_wrong_arguments():
    with pytest.raises(TypeError, match="encode: the text must be a str, got bytes"):
        TOKENIZER.encode(b"a")
    with pytest.raises(TypeError, match="encode_batch: a text must be a str, got int"):
        TOKENIZER.encode_batch(["a", 1])
    with pytest.raises(TypeError):
        TOKENIZER.encode_batch(7)
    with pytest.raises(TypeError, match="encode_batch: expected a sequence of texts, got one str"):
        TOKENIZER.encode_batch("a text")
    with pytest.raises(TypeError, match="pairs of texts, got list"):
        TOKENIZER.encode_batch([("a", "b"), ["a", "b"]])
    with pytest.raises(UnicodeEncodeError):
        TOKENIZER.encode("\ud800")
    with pytest.raises(NotImplementedError, match="split into words"):
        TOKENIZER.encode(["a", "b"], is_pretokenized=True)
    with pytest.raises(OverflowError):
        TOKENIZER.decode([2**40])
    with pytest.raises(OverflowError):
        TOKENIZER.decode([-1])
    with pytest.raises(TypeError):
        TOKENIZER.decode(["a"])
    with pytest.raises(ValueError, match="direction must be 'left' or 'right', got 'up'"):
        TOKENIZER.enable_padding(direction="up")
    with pytest.raises(ValueError, match="strategy must be"):
        TOKENIZER.enable_truncation(3, strategy="none")
    with pytest.raises(ValueError, match="a stride of 4 must be less than max_length, 3"):
        TOKENIZER.enable_truncation(3, stride=4)
    with pytest.raises(ValueError, match="vocab_size"):
        TOKENIZER.train_from_iterator([], vocab_size=2**40)
    for option in ({"lowercase": True}, {"dropout": 0.1}, {"unicode_normalizer": "nfc"}, {"end_of_word_suffix": "x"}):
        with pytest.raises(NotImplementedError, match=next(iter(option))):
            ByteLevelBPETokenizer(**option)
    with pytest.raises(ValueError, match="comes twice"):
        ByteLevelBPETokenizer({"a": 0, "b": 0}, [])
    with pytest.raises(TypeError, match="must both be files"):
        ByteLevelBPETokenizer({"a": 0}, "merges.txt")
    assert TOKENIZER.padding is None
    assert TOKENIZER.truncation is None
    assert TOKENIZER.decode([5, 10**6, 2**32 - 1]) == TOKENIZER.decode([5])
    assert TOKENIZER.id_to_token(10**6) is None
    assert TOKENIZER.token_to_id("nothing") is None
    assert isinstance(TOKENIZER.encode(""), Encoding)


def test_threads_share_a_tokenizer_that_changes():
    tokenizer, failures = trained(), []

    def encode():
        try:
            for _ in range(150):
                for encoding in tokenizer.encode_batch(["the cat sat <x> 영화"] * 20):
                    ids = [one for one, is_text in zip(encoding.ids, encoding.attention_mask) if is_text]
                    assert tokenizer.decode(ids, skip_special_tokens=False) == "the cat sat <x> 영화"
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=encode) for _ in range(3)]
    for thread in threads:
        thread.start()
    for i in range(100):
        tokenizer.add_tokens([AddedToken("<x>", normalized=i % 2 == 0), f"<{i}>"])
        if i % 10 == 0:
            tokenizer.enable_padding(length=i)
            tokenizer.no_padding()
    for thread in threads:
        thread.join()
    assert not failures
