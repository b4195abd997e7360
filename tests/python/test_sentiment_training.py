"""The sentiment example: the same on Tenon, on PyTorch and in C++, goes on from its checkpoints, and refuses bad files.

The program sentiment_train, which the C++ build makes, is that of C++; TENON_SENTIMENT_TRAIN names it if it is not in a
build folder of this checkout.
"""

import importlib.util
import io
import random
import re
import subprocess
import sys

import numpy as np
import pytest
import tenon
import tokenizers
import torch
from safetensors.numpy import load_file
from sentiment_files import ROOT, program

FOLDER = ROOT / "examples" / "sentiment"
sys.path.append(str(FOLDER))


def load(name, *arguments):
    """The example's module as it is where the program has these arguments."""
    spec = importlib.util.spec_from_file_location("_".join([name, *arguments]).replace("-", ""), FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    before, sys.argv = sys.argv, [name, *arguments]
    try:
        spec.loader.exec_module(module)
    finally:
        sys.argv = before
    return module


ON_TENON, ON_PYTORCH = load("train"), load("train", "--pytorch")
reviews = load("reviews")
HEAD = "id\tdocument\tlabel\n"


def run(capsys, *arguments, module=ON_TENON):
    """What the program prints."""
    module.train(module.parse_options([str(argument) for argument in arguments]))
    return capsys.readouterr().out


def run_native(*arguments):
    command = [program("sentiment_train", "TENON_SENTIMENT_TRAIN"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def numbers(text):
    return [float(found) for found in re.findall(r"\d+(?:\.\d+)?", text)]


def written(path, text):
    # What stands for a byte that is no UTF-8 is written as that byte.
    path.write_bytes(text.encode(errors="surrogateescape"))
    return path


def test_a_run_is_the_same_on_pytorch_and_in_cpp(tmp_path, capsys):
    short = ["--limit", 500, "--epochs", 2, "--out"]
    ours = run(capsys, *short, tmp_path / "a", "--predictions", tmp_path / "a.tsv")
    theirs = run(capsys, *short, tmp_path / "b", "--predictions", tmp_path / "b.tsv", module=ON_PYTORCH)
    assert "450 reviews to learn from, 50 held out" in ours
    assert re.sub(r"\d", "", ours.replace("/a/", "/b/")) == re.sub(r"\d", "", theirs)
    lines = [(line, other) for line, other in zip(ours.splitlines(), theirs.splitlines()) if "loss" in line]
    assert len(lines) == 2
    for line, other in lines:
        np.testing.assert_allclose(numbers(line), numbers(other), rtol=0, atol=2e-5)
    assert (tmp_path / "a/tokenizer.json").exists()
    left, right = (load_file(tmp_path / name / "model.safetensors") for name in "ab")
    assert sorted(left) == [
        "embedding.weight", "gru.bias_hh_l0", "gru.bias_ih_l0", "gru.weight_hh_l0", "gru.weight_ih_l0",
        "ln1.bias", "ln1.weight",
    ]  # fmt: skip
    for name, array in left.items():
        np.testing.assert_allclose(array, right[name], rtol=0, atol=2e-4)

    native = run_native(*short, tmp_path / "c", "--predictions", tmp_path / "c.tsv")
    assert native.returncode == 0, native.stderr
    assert native.stdout.replace("/c/", "/a/") == ours
    for file in ("tokenizer.json", "model.safetensors"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "c" / file).read_bytes()
    assert (tmp_path / "a.tsv").read_bytes() == (tmp_path / "c.tsv").read_bytes()


def test_weights_and_orders_begin_as_those_of_pytorch():
    states, orders = [], []
    for module, framework in ((ON_TENON, tenon), (ON_PYTORCH, torch)):
        framework.manual_seed(4)
        model = module.TextClassifier(300)
        states.append({name: value.numpy() for name, value in model.state_dict().items()})
        data = module.TensorDataset(framework.arange(100))
        loader = module.DataLoader(data, batch_size=32, shuffle=True, generator=framework.Generator().manual_seed(5))
        orders.append([batch.tolist() for (batch,) in loader])
    assert list(states[0]) == list(states[1]) and orders[0] == orders[1]
    for name, value in states[0].items():
        np.testing.assert_allclose(value, states[1][name], rtol=0, atol=1e-6)


@pytest.mark.parametrize("native", [False, True])
def test_training_goes_on_from_its_checkpoint(tmp_path, capsys, native):
    def trained(*arguments):
        if not native:
            return run(capsys, "--limit", 300, "--patience", 9, "--out", *arguments)
        done = run_native("--limit", 300, "--patience", 9, "--out", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    whole = trained(tmp_path / "whole", "--epochs", 3).splitlines()
    trained(tmp_path / "parts", "--epochs", 2)
    rest = trained(tmp_path / "parts", "--epochs", 3, "--resume").splitlines()
    assert rest[1] == "going on after epoch 2" and rest[2] == whole[3] and whole[3].startswith("epoch 3 ")
    for file in ("model.safetensors", "checkpoint.pt"):
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "parts" / file).read_bytes()
    again = trained(tmp_path / "parts", "--epochs", 3, "--resume").splitlines()
    assert again[1] == "going on after epoch 3" and again[2:] == rest[3:]


@pytest.mark.parametrize("other", [("--seed", 1), ("--limit", 290)])
def test_training_goes_on_with_nothing_else(tmp_path, capsys, other):
    short = ["--limit", 300, "--epochs", 1, "--out", tmp_path]
    run(capsys, *short)
    with pytest.raises(ValueError, match="goes on with"):
        run(capsys, *short, *other, "--resume")
    run_native(*short)
    refused = run_native(*short, *other, "--resume")
    assert refused.returncode == 1 and "goes on with" in refused.stderr


def damaged(whole):
    """Files that begin as checkpoints do, or are other pickles."""
    draw = random.Random(7)
    yield from (whole[:length] for length in (0, 10, len(whole) // 2, len(whole) - 1))
    for value in ([1.0], {"given": 3}, {"given": {"seed": 0, "reviews": 60}}):
        file = io.BytesIO()
        tenon.save(value, file)
        yield file.getvalue()
    for _ in range(10):
        # Of the pickle, which comes first.
        changed = bytearray(whole)
        changed[draw.randrange(60, 600)] ^= 1 << draw.randrange(8)
        yield bytes(changed)


def test_damaged_checkpoints_are_told_without_a_traceback(tmp_path, capsys):
    arguments = ["--limit", 60, "--epochs", 1, "--out", tmp_path]
    checkpoint = tmp_path / "checkpoint.pt"
    for native in (False, True):
        run_native(*arguments) if native else run(capsys, *arguments)
        whole, told = checkpoint.read_bytes(), 0
        for content in damaged(whole):
            checkpoint.write_bytes(content)
            if native:
                done = run_native(*arguments, "--resume")
                assert done.returncode == (done.stderr.count("sentiment_train: ") > 0), done
                told += done.returncode
                continue
            try:
                run(capsys, *arguments, "--resume")
            except (OSError, ValueError) as error:
                assert str(tmp_path) in str(error)
                told += 1
        assert told >= 7


def test_a_picture_that_cannot_be_written_is_told(tmp_path, capsys):
    arguments = ["--limit", 60, "--epochs", 1, "--out", tmp_path]
    (tmp_path / "losses.svg").symlink_to("/dev/full")
    with pytest.raises(OSError):
        run(capsys, *arguments)
    native = run_native(*arguments)
    assert native.returncode == 1 and "losses.svg" in native.stderr


@pytest.mark.parametrize("native", [False, True])
def test_training_ends_early_and_keeps_the_best(tmp_path, capsys, native):
    arguments = ["--limit", 400, "--patience", 2, "--epochs", 40, "--out", tmp_path]
    lines = (run_native(*arguments).stdout if native else run(capsys, *arguments)).splitlines()
    accuracies = [numbers(line)[3] for line in lines if line.startswith("epoch")]
    best = accuracies.index(max(accuracies))
    assert len(accuracies) == best + 3 < 40
    assert lines[len(accuracies) + 1] == "no better for 2 epochs"
    assert lines[len(accuracies) + 2].endswith(f"{accuracies[best]:.2f}% of the reviews held out are right")
    assert (tmp_path / "losses.svg").read_text().rstrip().endswith("</svg>")


def test_the_tokenizer_and_the_answers_are_those_of_the_files(tmp_path, capsys):
    out = run(capsys, "--limit", 600, "--epochs", 3, "--out", tmp_path, "--predictions", tmp_path / "said.tsv")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert theirs.token_to_id("<pad>") == 0 and theirs.truncation["max_length"] == 128 and theirs.padding is None
    state = {name: torch.from_numpy(value) for name, value in load_file(tmp_path / "model.safetensors").items()}
    model = ON_PYTORCH.TextClassifier(theirs.get_vocab_size())
    model.load_state_dict(state)
    head, *rows = (tmp_path / "said.tsv").read_text().splitlines()
    assert head == "id\tdocument\tlabel\tanswer" and len(rows) == 60
    counts = np.zeros((2, 2), int)
    for row in rows:
        _, document, label, answer = row.split("\t")
        said, probability = answer.split()
        ids = theirs.encode(document).ids
        with torch.no_grad():
            alone = model(torch.tensor([ids]), torch.tensor([len(ids)])).softmax(1)[0]
        index = ["negative", "positive"].index(said)
        assert abs(alone[index].item() - float(probability)) < 6e-4
        counts[int(label), index] += 1
    told = [numbers(line) for line in out.splitlines() if "ones," in line]
    np.testing.assert_array_equal(counts, told)


def test_made_up_reviews_have_a_known_answer_that_words_alone_do_not_give():
    corpus = ON_TENON.make_corpus(4000)
    assert corpus == ON_PYTORCH.make_corpus(4000)
    wrong = sum(review.label != review.meant for review in corpus)
    assert 0.035 < wrong / len(corpus) < 0.065
    words = sorted({word for review in corpus for word in review.document.split()})
    assert len(words) == len(set(words)) == 132
    place = {word: i for i, word in enumerate(words)}
    bags = np.zeros((len(corpus), len(words) + 1))
    bags[:, -1] = 1
    for row, review in zip(bags, corpus):
        for word in review.document.split():
            row[place[word]] += 1
    meant = np.array([review.meant for review in corpus])
    fitted = np.linalg.lstsq(bags[:3000], 2.0 * meant[:3000] - 1, rcond=None)[0]
    assert np.mean((bags[3000:] @ fitted > 0) == meant[3000:]) < 0.8


def test_files_are_read_whatever_ends_their_lines(tmp_path):
    text = HEAD + '1\tgood "film\t1\n2\t\t0\n3\t나쁜 😀 영화\t0\n'
    expected = [("1", 'good "film', 1), ("2", "", 0), ("3", "나쁜 😀 영화", 0)]
    for i, variant in enumerate([text, text.replace("\n", "\r\n"), "\ufeff" + text, text.rstrip("\n")]):
        found = reviews.read_reviews(written(tmp_path / f"{i}.tsv", variant))
        assert [(review.id, review.document, review.label) for review in found] == expected
    assert len(reviews.read_reviews(tmp_path / "0.tsv", 2)) == 2
    assert reviews.read_reviews(written(tmp_path / "none.tsv", HEAD)) == []


def test_reviews_that_are_empty_or_long_are_learned_from_alike(tmp_path, capsys):
    rows = ["\t\t0", "\tbad \x00\u200d\t0", "\tgood\t1", "\t \t1", "\tx" + " long" * 300 + "\t1"]
    file = written(tmp_path / "reviews.tsv", HEAD + "\r\n".join(f"{i}{rows[i % len(rows)]}" for i in range(60)))
    arguments = ["--data", file, "--epochs", 1, "--out"]
    ours = run(capsys, *arguments, tmp_path / "a", "--predictions", tmp_path / "a.tsv")
    native = run_native(*arguments, tmp_path / "c", "--predictions", tmp_path / "c.tsv")
    assert native.returncode == 0, native.stderr
    assert native.stdout.replace("/c/", "/a/") == ours and "no one can reach" not in ours
    assert (tmp_path / "a.tsv").read_bytes() == (tmp_path / "c.tsv").read_bytes()
    tokenizer = ON_TENON.Tokenizer.from_file(str(tmp_path / "a/tokenizer.json"))
    ids, lengths, labels = ON_TENON.encode(tokenizer, reviews.read_reviews(file, 5)).tensors
    assert ids.shape == (5, 128) and lengths.tolist()[0] == 1 and lengths.tolist()[4] == 128
    assert ids[0].tolist() == [0] * 128 and labels.tolist() == [0, 0, 1, 1, 1]


BAD = {
    HEAD + "1\tgood\t1\n2 bad 0\n": r":3: must be id, document and label, got 1 columns",
    HEAD + "1\tgood\tfilm\t1\n": r":2: must be id, document and label, got 4 columns",
    HEAD + "1\tgood\t1\n\n2\tbad\t0\n": r":3: must be id, document and label, got 1 columns",
    HEAD + "1\tgood\t1\n2\tbad\tno\n": r":3: the label must be 0 or 1, got 'no'",
    HEAD + "1\tgood\t1\n2\tb\udcffad\t0\n": r":3: must be UTF-8",
    HEAD + "1\tover\udcc0\udcaflong\t1\n": r":2: must be UTF-8",
    HEAD + "1\thalf \udced\udca0\udc80\t1\n": r":2: must be UTF-8",
    HEAD + "1\tbeyond \udcf4\udc90\udc80\udc80\t1\n": r":2: must be UTF-8",
    HEAD + "1\tcut \udce2\udc82\t1\n": r":2: must be UTF-8",
    "1\tgood\t1\n": r":1: the first line must be id, document and label, with tabs between",
    "": r":1: the first line must be id, document and label, with tabs between",
    HEAD + "1\tgood\t1\n": r"there are 1 reviews; at least 10 are needed",
}


@pytest.mark.parametrize("text", BAD)
def test_what_is_wrong_with_a_file_is_told_with_its_line(tmp_path, capsys, text):
    file = written(tmp_path / "bad.tsv", text)
    expected = str(file) * BAD[text].startswith(":") + BAD[text]
    arguments = ["--data", file, "--out", tmp_path / "out"]
    with pytest.raises(ValueError) as error:
        run(capsys, *arguments)
    assert str(error.value) == expected
    native = run_native(*arguments)
    assert native.returncode == 1 and native.stderr == f"sentiment_train: {expected}\n"


def test_what_is_missing_is_told_without_a_traceback(tmp_path):
    missing = tmp_path / "missing.tsv"
    command = [sys.executable, FOLDER / "train.py", "--data", missing, "--out", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1 and done.stderr == f"train.py: [Errno 2] No such file or directory: '{missing}'\n"
    native = run_native("--data", missing, "--out", tmp_path)
    assert native.returncode == 1 and native.stderr == f"sentiment_train: cannot read {missing}\n"
    beyond = [[name, "99999999999999999999"] for name in ("--epochs", "--threads", "--limit", "--seed")]
    for arguments in (["--epochs", "0"], ["--epochs", "six"], ["--speed", "9"], ["--limit"], *beyond):
        assert run_native(*arguments).returncode == 1
        with pytest.raises(SystemExit):
            ON_TENON.parse_options(arguments)
    assert run_native("--help").stdout.startswith("sentiment_train [--data FILE]")
