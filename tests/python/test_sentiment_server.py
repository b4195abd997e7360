"""tenon-sentiment on pipes, files and terminals: PyTorch's answers, hostile input, and files that are none of its own.

The program is the newest in a build folder of this checkout, or the one that TENON_SENTIMENT names.
"""

import json
import os
import pty
import random
import resource
import select
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from sentiment_files import Reference, program, reviews


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    return Reference(tmp_path_factory.mktemp("sentiment"))


def run(reference, *options, text=b"", threads=2, **more):
    environment = {**os.environ, "TENON_NUM_THREADS": str(threads)}
    command = [program(), *reference.options(), *map(str, options)]
    return subprocess.run(command, input=text, capture_output=True, timeout=120, env=environment, **more)


def answers(reference, *options, text=b"", **more):
    done = run(reference, *options, text=text, **more)
    assert done.returncode == 0 and done.stderr == b"", done.stderr
    return done.stdout.decode().splitlines()


def lines_of(texts):
    return "".join(f"{text}\n" for text in texts).encode()


def started(reference, *options, **more):
    return subprocess.Popen([program(), *reference.options(), *options], **more)


def no_constant(name):
    raise AssertionError(f"{name} is no JSON")


def test_answers_are_those_of_pytorch(reference):
    texts = reviews(500)
    wanted = reference.probabilities(texts)
    assert 0.2 < sum(value > 0.5 for value in wanted) / len(wanted) < 0.8
    plain = answers(reference, text=lines_of(texts))
    strict = answers(reference, "--json", text=lines_of(texts))
    assert len(plain) == len(strict) == len(texts)
    for line, record, positive in zip(plain, strict, wanted, strict=True):
        said = json.loads(record, parse_constant=no_constant)
        assert list(said) == ["label", "probability"]
        label, probability = line.split(" ")
        assert label == said["label"] == ("positive" if positive > 0.5 else "negative")
        assert said["probability"] == pytest.approx(max(positive, 1 - positive), abs=3e-6)
        assert float(probability) == pytest.approx(said["probability"], abs=0.0005001) and len(probability) == 5


def test_a_review_has_one_answer_alone_and_among_others(reference, tmp_path):
    texts = reviews(150, seed=2)
    (tmp_path / "reviews.txt").write_bytes(lines_of(texts))
    together = answers(reference, "--json", "--batch", tmp_path / "reviews.txt")
    alone = []
    with started(reference, "--json", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        for text in texts:
            # Whoever waits for an answer gets it.
            server.stdin.write(f"{text}\n".encode())
            server.stdin.flush()
            alone.append(server.stdout.readline().decode().rstrip("\n"))
    assert alone == together
    assert together == answers(reference, "--json", "--batch", "-", text=lines_of(texts), threads=1)
    shuffled = random.Random(0).sample(range(len(texts)), len(texts))
    mixed = answers(reference, "--json", "--batch", "-", text=lines_of(texts[i] for i in shuffled))
    assert mixed == [together[i] for i in shuffled]


HOSTILE = [
    b"", b"\0", b"\xff\xfe\x80", b"a\0b\xc3", b"\xed\xa0\x80 lone", b"\xf4\x90\x80\x80", b"<pad>", b"\r", b" ",
    b"x" * (1 << 20), b"ab " * (1 << 19), "최고".encode() * 200_000, b"Q", b"quit now",
    bytes(range(256)).replace(b"\n", b""),
]  # fmt: skip


def test_hostile_lines_are_answered(reference):
    draw = random.Random(3)
    noise = [draw.randbytes(draw.randrange(200)).replace(b"\n", b"") for _ in range(300)]
    stream = b"\n".join(HOSTILE + noise + [b"without an end"])
    for options in ([], ["--batch", "-"]):
        assert len(answers(reference, *options, text=stream)) == len(HOSTILE) + len(noise) + 1
    assert answers(reference, text=b"") == []
    # CR LF ends a line as LF does.
    assert answers(reference, text=b"good film\r\n\r\n") == answers(reference, text=b"good film\n\n")


@pytest.mark.parametrize("word", [b"q", b"exit", b"quit"])
def test_a_word_ends_it(reference, word):
    for end in (b"\n", b"\r\n", b""):
        assert len(answers(reference, text=b"good\n" + word + end + (b"bad\n" if end else b""))) == 1
    assert len(answers(reference, "--batch", "-", text=word + b"\nbad\n")) == 2


def test_a_line_of_any_length_is_read_in_bounded_memory(reference):
    script = 'ulimit -v 600000; head -c 300000000 /dev/zero | tr "\\0" x | "$@"'
    done = subprocess.run(
        ["bash", "-c", script, "-", program(), *reference.options()], capture_output=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().splitlines() == answers(reference, text=b"x" * (1 << 20))


def test_too_little_memory_is_said(reference):
    needed = program().stat().st_size >> 10
    said = []
    for limit in range(needed, needed + 8000, 500):
        script = f'ulimit -v {limit}; TENON_NUM_THREADS=1 exec "$@"'
        done = subprocess.run(
            ["bash", "-c", script, "-", program(), *reference.options()],
            input=b"good\n",
            capture_output=True,
            timeout=60,
        )
        if b"tenon-sentiment: " in done.stderr:
            said.append(limit)
        # Where the program itself has no room, the system ends it.
        assert not said or done.returncode == done.stderr.count(b"\n") in (0, 1), (limit, done)
    assert said and done.returncode == 0


def test_memory_does_not_grow(reference):
    texts = lines_of(reviews(2000, seed=4))
    with started(reference, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        sizes = []
        for _ in range(12):
            server.stdin.write(texts[: 1 << 14].rsplit(b"\n", 1)[0] + b"\n")
            server.stdin.flush()
            for _ in range(texts[: 1 << 14].count(b"\n")):
                server.stdout.readline()
            status = Path(f"/proc/{server.pid}/status").read_text()
            sizes.append(int(status.split("VmRSS:")[1].split()[0]))
    assert sizes[-1] - sizes[5] < 2000, sizes


def test_a_terminal_gets_a_prompt(reference):
    ours, theirs = pty.openpty()
    with started(reference, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as server:
        os.close(theirs)
        shown = b""

        def read():
            assert select.select([ours], [], [], 30)[0], shown
            return os.read(ours, 1000)

        while not shown.endswith(b"> "):
            shown += read()
        os.write(ours, b"good film\n")
        while shown.count(b"> ") < 2:
            shown += read()
        os.write(ours, b"q\n")
        assert server.wait(30) == 0
    os.close(ours)
    assert answers(reference, text=b"good film\n")[0].encode() in shown


def test_interrupts_and_readers_that_leave_end_it(reference):
    # What a shell starts in the background ignores interrupts, and so does what that starts.
    with started(
        reference,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as server:
        server.stdin.write(b"good\n")
        server.stdin.flush()
        server.stdout.readline()
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == -signal.SIGINT
    text = lines_of(["good"] * 100_000)
    for ignored, status, error in ((False, -signal.SIGPIPE, b""), (True, 1, b"Broken pipe")):
        handler = (lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN)) if ignored else None
        with started(
            reference, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=handler
        ) as server:
            server.stdout.close()
            try:
                server.stdin.write(text)
                server.stdin.close()
            except BrokenPipeError:
                pass
            assert server.wait(30) == status and error in server.stderr.read()
            server.stdin = None


def test_pipes_that_do_not_wait_are_waited_for(reference):
    count = 20_000
    theirs, ours = os.pipe(), os.pipe()
    for end in (theirs[0], ours[1]):
        os.set_blocking(end, False)
    with started(reference, stdin=theirs[0], stdout=ours[1]) as server:
        os.close(theirs[0])
        os.close(ours[1])
        # What it reads is not there yet, and what it writes has more than there is room for.
        time.sleep(0.2)
        writer = threading.Thread(target=lambda: (os.write(theirs[1], b"good\n" * count), os.close(theirs[1])))
        writer.start()
        time.sleep(0.2)
        with os.fdopen(ours[0]) as file:
            assert len(file.readlines()) == count
        writer.join()
        assert server.wait(30) == 0


def refused(done, part):
    assert done.returncode == 1 and done.stdout == b"", done
    error = done.stderr.decode()
    assert error.startswith("tenon-sentiment: ") and error.count("\n") == 1 and part in error, error


WRONG_MODELS = {
    "is missing": (lambda state: state.pop("gru.bias_hh_l0"), "has no tensor 'gru.bias_hh_l0'"),
    "is of two layers": (lambda state: state.update({"gru.weight_ih_l1": torch.ones(3)}), "none of this model"),
    "is of doubles": (lambda state: state.update({"ln1.bias": torch.zeros(2).double()}), "float32 is expected"),
    "has three labels": (lambda state: state.update({"ln1.weight": torch.zeros(3, 128)}), "[2, 128] is expected"),
    "is an LSTM's": (lambda state: state.update({"gru.weight_hh_l0": torch.zeros(512, 128)}), "[384, 128] is expected"),
    "has no words": (lambda state: state.update({"embedding.weight": torch.zeros(0, 128)}), "embedding.weight"),
    "has few words": (lambda state: state.update({"embedding.weight": torch.zeros(9, 128)}), "beyond the 9 rows"),
    "is a scalar": (lambda state: state.update({"embedding.weight": torch.tensor(1.0)}), "2 dims"),
    "is no number": (lambda state: state["ln1.bias"].fill_(float("nan")), "infinite or no numbers"),
}


@pytest.mark.parametrize("what", WRONG_MODELS)
def test_models_of_another_kind_are_refused(reference, tmp_path, what):
    change, message = WRONG_MODELS[what]
    state = {key: value.clone() for key, value in reference.state.items()}
    change(state)
    save_file(state, tmp_path / "model.safetensors")
    refused(run(reference, "--model", tmp_path / "model.safetensors"), message)


def test_numbers_that_overflow_are_said(reference, tmp_path):
    state = {**reference.state, "ln1.weight": torch.full((2, 128), 3e38)}
    save_file(state, tmp_path / "model.safetensors")
    refused(run(reference, "--model", tmp_path / "model.safetensors", text=b"good\n"), "no number")


def test_answers_before_one_that_overflows_are_given(reference, tmp_path):
    texts = reviews(60, seed=9)
    with torch.no_grad():
        rows = [reference.bpe.encode(text).ids or [0] for text in texts]
        firsts = [reference.gru(reference.embedding(torch.tensor([ids])))[1][0, 0, 0].item() for ids in rows]
    good = [text for text, first in zip(texts, firsts) if first < 0.05]
    bad = next(text for text, first in zip(texts, firsts) if first > 0.2)
    weight = torch.zeros(2, 128)
    weight[1, 0] = 3.4e38
    state = {**reference.state, "ln1.weight": weight, "ln1.bias": torch.tensor([0.0, 3e38])}
    save_file(state, tmp_path / "model.safetensors")
    wanted = answers(reference, "--model", tmp_path / "model.safetensors", text=lines_of(good))
    assert len(wanted) == len(good) > 10
    for options in ([], ["--batch", "-"]):
        done = run(reference, "--model", tmp_path / "model.safetensors", *options, text=lines_of([*good, bad, *good]))
        assert done.returncode == 1 and b"no number" in done.stderr
        assert done.stdout.decode().splitlines() == wanted


def test_damaged_models_are_refused(reference, tmp_path):
    whole, path = reference.model.read_bytes(), tmp_path / "model.safetensors"
    refused(run(reference, "--model", tmp_path / "none"), "none")
    refused(run(reference, "--model", tmp_path), str(tmp_path))
    for length in (0, 7, 8, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        refused(run(reference, "--model", path), "model.safetensors")
    draw = random.Random(5)
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(draw.randrange(1, 4)):
            damaged[draw.randrange(600)] = draw.randrange(256)
        path.write_bytes(damaged)
        done = run(reference, "--model", path, text=b"good\n")
        assert done.returncode in (0, 1), done


def test_damaged_tokenizers_are_refused(reference, tmp_path):
    whole, path = reference.tokenizer.read_text(), tmp_path / "tokenizer.json"
    content = json.loads(whole)
    refused(run(reference, "--tokenizer", tmp_path / "none"), "none")
    changes = [
        ({"model": {**content["model"], "type": "WordPiece"}}, "WordPiece"),
        ({"truncation": {**content["truncation"], "max_length": 0}}, "after 0 tokens"),
        ({"truncation": {**content["truncation"], "max_length": 1 << 20}}, "4096 are allowed"),
    ]
    for change, message in changes:
        path.write_text(json.dumps({**content, **change}))
        refused(run(reference, "--tokenizer", path), message)
    path.write_text(whole.replace("<pad>", "<void>"))
    refused(run(reference, "--tokenizer", path), "no token <pad>")
    draw = random.Random(6)
    for _ in range(60):
        damaged = bytearray(whole.encode())
        damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        path.write_bytes(damaged[: draw.choice([len(damaged), draw.randrange(len(damaged))])])
        done = run(reference, "--tokenizer", path, text=b"good\n")
        assert done.returncode in (0, 1) and done.stderr.count(b"\n") == done.returncode, done


def test_a_tokenizer_says_where_texts_are_cut(reference, tmp_path):
    content = json.loads(reference.tokenizer.read_text())
    text = lines_of([" ".join(["good bad"] * 200)])
    seen = {}
    for length in (None, 128, 5):
        content["truncation"] = length and {**content["truncation"], "max_length": length}
        path = tmp_path / "tokenizer.json"
        path.write_text(json.dumps(content)) if length else path.write_text(json.dumps({**content, "truncation": None}))
        content["truncation"] = json.loads(reference.tokenizer.read_text())["truncation"]
        seen[length] = answers(reference, "--json", "--tokenizer", path, text=text)
    assert seen[None] == seen[128] != seen[5]


@pytest.mark.parametrize("change", [{"stride": 127}, {"strategy": "OnlySecond"}])
def test_what_is_cut_off_does_not_matter(reference, tmp_path, change):
    content = json.loads(reference.tokenizer.read_text())
    content["truncation"].update(change)
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    text = b"? " * (1 << 18)
    script = 'ulimit -v 600000; "$@"'
    done = subprocess.run(
        ["bash", "-c", script, "-", program(), *reference.options(), "--tokenizer", tmp_path / "tokenizer.json"],
        input=text,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().splitlines() == answers(reference, text=text)


@pytest.mark.parametrize(
    "options",
    [
        ["--model"], ["--nothing"], ["--batch", "a", "--http", "0"], ["--json", "--http", "0"],
        ["--http", "nowhere:1"], ["--http", "99999"],
    ],  # fmt: skip
)
def test_a_wrong_command_line_is_told(reference, options):
    done = run(reference, *options)
    assert done.returncode == 2 and done.stdout == b"" and done.stderr.count(b"\n") == 1
    assert b"--help" in done.stderr


def test_help_names_every_option():
    done = subprocess.run([program(), "--help"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and done.stderr == ""
    for option in ("--model", "--tokenizer", "--json", "--batch", "--http", "--help"):
        assert option in done.stdout


def test_it_stands_alone_and_is_small():
    # A build with the shared library has its own file.
    needed = subprocess.run(["readelf", "--dynamic", program()], capture_output=True, text=True, check=True).stdout
    assert "NEEDED" not in needed, needed
    assert program().stat().st_size < 8_000_000


def test_it_answers_soon(reference):
    times = []
    for _ in range(7):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run(reference, text=b"good\n")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(times) < 0.05, times
    start = time.perf_counter()
    assert len(answers(reference, "--batch", "-", text=lines_of(reviews(100)))) == 100
    assert time.perf_counter() - start < 20
