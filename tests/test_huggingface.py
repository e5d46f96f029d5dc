"""Hugging Face's ways in and out: Auto classes, folders, the processor, and ``generate`` under our grammar."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
)

from generalist.faults import Fault
from generalist.model import GeneralistConfig, GeneralistModel, GeneralistProcessor
from generalist.model.build import load_model, save_model
from generalist.model.decode import decode, on_device
from generalist.model.generation import GrammarLogitsProcessor
from generalist.sequence.picture import letterbox, normalise
from generalist.sequence.sample import Sample
from generalist.sequence.task import load_tasks
from generalist.sequence.vocabulary import Vocabulary

VOCABULARY = Vocabulary.load("tiny")
TASKS = load_tasks(VOCABULARY)
QUESTIONS = ["how many?", "what colour is the largest thing behind the ball?", "is there a cube?"]


@pytest.fixture(scope="module")
def model() -> GeneralistModel:
    """A small model with random weights, lively enough that its answers differ from one request to another."""
    torch.manual_seed(0)
    made = GeneralistModel(
        GeneralistConfig(
            vocab_size=len(VOCABULARY),
            width=48,
            depth=2,
            heads=2,
            image_size=32,
            patch_size=8,
            class_token=True,
            registers=2,
            layer_scale=True,
            fingerprint=VOCABULARY.fingerprint,
            bos_token_id=VOCABULARY.bos,
            eos_token_id=VOCABULARY.eos,
            pad_token_id=VOCABULARY.pad,
        )
    )
    with torch.no_grad():
        for parameter in made.parameters():
            spread = 0.5 if parameter.ndim < 2 else 1.5 * parameter.shape[-1] ** -0.5
            parameter.copy_(torch.randn_like(parameter) * spread)
        # Ends of answers have to be common, or every answer is as long as the grammar lets it be.
        made.token_embed.weight[VOCABULARY.eos] *= 2.5
    return made.eval()


@pytest.fixture(scope="module")
def folder(model: GeneralistModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "little"
    save_model(model, path, VOCABULARY)
    return path


@pytest.fixture(scope="module")
def processor(folder: Path) -> GeneralistProcessor:
    found = AutoProcessor.from_pretrained(folder)
    assert isinstance(found, GeneralistProcessor)
    return found


def picture(seed: int, size: tuple[int, int] = (40, 30)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)


# ---- folders ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("auto", [AutoModel, AutoModelForCausalLM, AutoModelForImageTextToText])
def test_a_model_comes_back_as_it_was_saved(auto: type[AutoModel], model: GeneralistModel, folder: Path) -> None:
    back, notes = auto.from_pretrained(folder, output_loading_info=True)
    assert isinstance(back, GeneralistModel) and not any(notes.values()), notes
    state = back.state_dict()
    assert state.keys() == model.state_dict().keys()
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())


def test_a_configuration_comes_back_as_it_was_saved(model: GeneralistModel, folder: Path, tmp_path: Path) -> None:
    config = AutoConfig.from_pretrained(folder)
    assert isinstance(config, GeneralistConfig)
    odd = GeneralistConfig(mlp_ratio=2.5, rope=False, norm_eps=1e-5, activation="quick_gelu", vocabulary="mine")
    odd.save_pretrained(tmp_path)
    back = AutoConfig.from_pretrained(tmp_path)
    for one, other in ((model.config, config), (odd, back)):
        ours, theirs = one.to_dict(), other.to_dict()
        free = {"architectures", "dtype", "_name_or_path", "transformers_version"}
        assert {k: v for k, v in ours.items() if k not in free} == {k: v for k, v in theirs.items() if k not in free}


def test_our_loader_gives_the_same_model(model: GeneralistModel, folder: Path) -> None:
    back, vocabulary = load_model(folder)
    assert vocabulary.fingerprint == VOCABULARY.fingerprint and not back.training
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), back.parameters(), strict=True))


def test_weights_are_safetensors_and_nothing_else(folder: Path) -> None:
    suffixes = {path.suffix for path in folder.iterdir()}
    assert ".safetensors" in suffixes and suffixes <= {".safetensors", ".json", ".npy", ".txt"}


@pytest.mark.parametrize("cut", [0, 7, 100, -1])
def test_weights_cut_short_are_a_fault(cut: int, folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in folder.iterdir():
        whole = path.read_bytes()
        (broken / path.name).write_bytes(whole[:cut] if path.suffix == ".safetensors" else whole)
    with pytest.raises(Fault, match="weights cannot be read"):
        load_model(broken)


def test_weights_that_lack_a_parameter_are_a_fault(model: GeneralistModel, folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in folder.iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    state = {k: v for k, v in model.state_dict().items() if k != "blocks.1.attn.qkv.weight"}
    save_file(state, broken / "model.safetensors", {"format": "pt"})
    with pytest.raises(Fault, match="blocks.1.attn.qkv.weight"):
        load_model(broken)


def test_pickled_weights_are_not_read(model: GeneralistModel, folder: Path, tmp_path: Path) -> None:
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    for path in folder.iterdir():
        if path.suffix != ".safetensors":
            (pickled / path.name).write_bytes(path.read_bytes())
    torch.save(model.state_dict(), pickled / "pytorch_model.bin")
    with pytest.raises(Fault, match="weights cannot be read"):
        load_model(pickled)


def test_weights_of_another_vocabulary_are_a_fault(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for path in folder.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**config, "fingerprint": "0" * 16}))
    with pytest.raises(Fault, match="vocabulary"):
        load_model(other)


# ---- the processor ---------------------------------------------------------------------------------------------------


def test_the_processor_comes_back_as_it_was_saved(processor: GeneralistProcessor, tmp_path: Path) -> None:
    processor.save_pretrained(tmp_path)
    back = GeneralistProcessor.from_pretrained(tmp_path)
    assert back.image_size == processor.image_size == 32
    one, other = (p(text=QUESTIONS, images=[picture(i) for i in range(3)]) for p in (processor, back))
    assert one.keys() == other.keys() == {"input_ids", "attention_mask", "pixel_values"}
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_instructions_are_the_vocabularys_tokens_then_the_start_token(processor: GeneralistProcessor) -> None:
    inputs = processor(text=[*QUESTIONS, "<loc_0012> détecte 漢字"])
    for text, ids, there in zip(
        [*QUESTIONS, "<loc_0012> détecte 漢字"], inputs["input_ids"], inputs["attention_mask"], strict=True
    ):
        assert ids[there == 1].tolist() == [*VOCABULARY.encode(text), VOCABULARY.bos]
        assert there.tolist() == sorted(there.tolist()), "padding stands on the left"
        assert (ids[there == 0] == VOCABULARY.pad).all()


def test_pictures_are_what_training_sees(processor: GeneralistProcessor, tmp_path: Path) -> None:
    image = picture(0)
    expected = torch.from_numpy(normalise(letterbox(image, 32)[None]))
    Image.fromarray(image).save(tmp_path / "a.png")
    for way in (image, Image.fromarray(image), tmp_path / "a.png", str(tmp_path / "a.png"), [image]):
        assert torch.equal(processor(images=way)["pixel_values"], expected)


def test_what_cannot_be_processed_is_a_fault(processor: GeneralistProcessor, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    for wrong in (
        {},
        {"text": ["a", "b"], "images": picture(0)},
        {"images": tmp_path / "a.png"},
        {"images": np.zeros((3, 4), np.uint8)},
        {"images": str(tmp_path / "none.png")},
    ):
        with pytest.raises(Fault):
            processor(**wrong)


def test_the_tokenizer_of_the_folder_is_the_vocabulary(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert len(tokenizer) == len(VOCABULARY)
    assert tokenizer("<loc_0003>", add_special_tokens=False)["input_ids"] == [VOCABULARY["loc"][3]]


# ---- generate --------------------------------------------------------------------------------------------------------


def generated(
    model: GeneralistModel,
    processor: GeneralistProcessor,
    task: str,
    texts: list[str],
    images: list[np.ndarray] | None,
    **settings: object,
) -> list[list[int]]:
    """Answers by ``generate``, up to their end token."""
    inputs = processor(text=texts, images=images)
    begin = inputs["input_ids"].shape[1]
    constraint = TASKS[task].constraint(Sample())
    grammar = GrammarLogitsProcessor(constraint, begin, VOCABULARY.eos)
    out = model.generate(**inputs, logits_processor=[grammar], max_new_tokens=constraint.bound, **settings)
    assert torch.equal(out[:, :begin], inputs["input_ids"])
    return [ended(row[begin:].tolist()) for row in out]


def ended(ids: list[int]) -> list[int]:
    return ids[: ids.index(VOCABULARY.eos) + 1] if VOCABULARY.eos in ids else ids


def decoded(model: GeneralistModel, task: str, texts: list[str], images: list[np.ndarray] | None) -> list[list[int]]:
    """Answers by our own decoder, from prefixes padded on the right."""
    cache = None
    if images is not None:
        cache = model.encode_images(torch.from_numpy(normalise(np.stack([letterbox(i, 32) for i in images]))))
    rows = [torch.tensor(VOCABULARY.encode(text)) for text in texts]
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-1)
    with torch.inference_mode():
        prefix = model.prefill(cache, ids, torch.full_like(ids, -1))
    constraint = on_device(TASKS[task].constraint(Sample()), torch.device("cpu"))
    return [written.ids(0) for written in decode(model, prefix, constraint, VOCABULARY)]


@pytest.mark.parametrize("seen", [True, False], ids=["image", "no image"])
@pytest.mark.parametrize(
    ("task", "texts"), [("caption", ["caption", "what is in the picture", "describe it"]), ("ask", QUESTIONS)]
)
def test_generate_writes_what_our_decoder_writes(
    model: GeneralistModel, processor: GeneralistProcessor, task: str, texts: list[str], seen: bool
) -> None:
    images = [picture(i) for i in range(3)] if seen else None
    ours = decoded(model, task, texts, images)
    assert generated(model, processor, task, texts, images, do_sample=False) == ours
    assert len({tuple(ids) for ids in ours}) > 1, "answers that are all alike would prove little"
    automaton = TASKS[task].constraint(Sample())
    assert all(automaton.accepts(ids) for ids in ours)
    for text, ids, image in zip(texts, ours, images or [None] * 3, strict=True):
        alone = generated(model, processor, task, [text], None if image is None else [image], do_sample=False)
        assert alone == [ids], "a request answered alone and in a batch is answered alike"


@pytest.mark.parametrize(
    "settings",
    [{"do_sample": True, "temperature": 2.0}, {"num_beams": 3, "do_sample": False}],
    ids=["sampled", "beams"],
)
def test_generate_stays_inside_the_grammar_however_it_chooses(
    model: GeneralistModel, processor: GeneralistProcessor, settings: dict[str, object]
) -> None:
    torch.manual_seed(1)
    automaton = TASKS["ask"].constraint(Sample())
    for ids in generated(model, processor, "ask", QUESTIONS, None, **settings):
        assert automaton.accepts(ids)


def test_generate_without_a_grammar_is_plain_greedy(model: GeneralistModel, processor: GeneralistProcessor) -> None:
    inputs = processor(text=QUESTIONS[0], images=picture(0))
    out = model.generate(**inputs, max_new_tokens=4, do_sample=False)
    ids = inputs["input_ids"]
    for _ in range(out.shape[1] - ids.shape[1]):
        with torch.no_grad():
            logits = model(input_ids=ids, pixel_values=inputs["pixel_values"]).logits[:, -1]
        ids = torch.cat([ids, logits.argmax(-1, keepdim=True)], 1)
    assert torch.equal(out, ids)
